/**
 * Makes the trust store of this home directory from a TUF repository, or brings it up to date.
 * Usage: node examples/follow.ts URL ROOT_FILE
 */
import { readFileSync } from 'node:fs';
import { initTrust, instant, isStellaError, syncTrust } from '@stella-airgap/stella';

const [url, rootFile] = process.argv.slice(2);
if (url === undefined || rootFile === undefined) throw new Error('which repository, and from which root?');

const place = { env: process.env, cwd: process.cwd(), now: instant(Date.now()) };
const onWarning = (text: string) => console.error(`warning: ${text}`);
try {
  const made = await initTrust({ ...place, tufUrls: [url], root: readFileSync(rootFile), onWarning });
  console.log(`made generation ${made.generation}, pinned to root ${made.pin.version}`);
} catch (error) {
  if (!isStellaError(error, 'STORE_EXISTS')) throw error;
  const { changed, generation } = await syncTrust({ ...place, force: true, onWarning });
  console.log(`${changed ? 'new' : 'unchanged'}: generation ${generation}`);
}
