/**
 * Imports a sealed bundle into the trust store of this home directory.
 * Usage: node examples/import.ts BUNDLE ROOT_SHA256
 */
import { instant, isStellaError, openTrust } from '@stella-airgap/stella';

const [bundle, fingerprint] = process.argv.slice(2);
if (bundle === undefined) throw new Error('which bundle?');

const trust = openTrust({ env: process.env, cwd: process.cwd() });
try {
  const { generation, freshness } = await trust.import(bundle, {
    now: instant(Date.now()),
    ...(fingerprint === undefined ? {} : { rootFingerprint: `sha256:${fingerprint}` }),
    onCheck: ({ check, status, detail }) => console.log(`${status}: ${check}, ${detail}`),
  });
  console.log(`generation ${generation} of ${trust.store}, ${freshness}`);
} catch (error) {
  if (!isStellaError(error)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = error.exit;
}
