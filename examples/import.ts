/**
 * Imports a sealed bundle into the trust store of this home directory.
 * Usage: node examples/import.ts BUNDLE ROOT_SHA256
 */
import { importBundle, isStellaError, loadConfig, openStore, storePathOf } from 'stella';

const [bundle, fingerprint] = process.argv.slice(2);
if (bundle === undefined) throw new Error('which bundle?');

const config = loadConfig({ env: process.env, cwd: process.cwd() });
const store = openStore(storePathOf(config));
try {
  const { generation, acceptance } = await importBundle(
    store,
    bundle,
    bundle,
    {
      now: Date.now(),
      config,
      bundleKeys: [],
      vouchers: fingerprint === undefined ? {} : { fingerprint },
      rejectAfter: undefined,
      maxAge: undefined,
    },
    ({ check, status }) => console.log(`${status}: ${check}`),
  );
  console.log(`generation ${generation.number}, ${acceptance.freshness.state}`);
} catch (error) {
  if (!isStellaError(error)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = error.exit;
}
