#!/usr/bin/env node
// Plain old syntax: this file must still be able to say so on a Node that is too old for the rest.
const [major, minor, patch] = process.versions.node.split('.').map(Number);
const least = { 22: [22, 2], 24: [15, 0] }[major];
const fits =
  major >= 26 || (least !== undefined && (minor > least[0] || (minor === least[0] && patch >= least[1])));

function refuse(...lines) {
  console.error(lines.join('\n'));
  process.exitCode = 4;
}

if (!fits)
  refuse(
    `error: stella needs Node 22.22.2, 24.15.0, 26 or newer; this is Node ${process.versions.node} [USAGE]`,
  );
else if (!require('node:fs').existsSync(`${__dirname}/../dist/cli/stella.cjs`))
  refuse(
    'error: this checkout of stella is not built: dist/cli/stella.cjs is missing [USAGE]',
    `hint: run \`npm ci && npm run build\` in ${require('node:path').dirname(__dirname)}`,
  );
else require('../dist/cli/stella.cjs');
