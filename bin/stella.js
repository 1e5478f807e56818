#!/usr/bin/env node
// Plain old syntax: this file must still be able to say so on a Node that is too old for the rest.
const [major, minor, patch] = process.versions.node.split('.').map(Number);
const least = { 22: [22, 2], 24: [15, 0] }[major];
const fits =
  major >= 26 || (least !== undefined && (minor > least[0] || (minor === least[0] && patch >= least[1])));
if (fits) {
  // node:sqlite and zlib's zstd are announced as experimental on Node 22; that is no news for the user.
  const emitWarning = process.emitWarning;
  process.emitWarning = (warning, ...rest) => {
    if (rest[0] !== 'ExperimentalWarning' && rest[0]?.type !== 'ExperimentalWarning')
      emitWarning.call(process, warning, ...rest);
  };
  require('../dist/cli/stella.cjs');
} else {
  console.error(
    `error: stella needs Node 22.22.2, 24.15.0, 26 or newer; this is Node ${process.versions.node} [USAGE]`,
  );
  process.exitCode = 4;
}
