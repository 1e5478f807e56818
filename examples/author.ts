/** Makes a TUF repository, publishes a target, and puts a new timestamp key in the place of the old one. Usage: node examples/author.ts DIRECTORY */

import { join } from 'node:path';
import {
  editRepository,
  formatPublicKey,
  generateKey,
  initRepository,
  type KeySource,
  type RoleKeys,
  type SessionOptions,
  verifyRepository,
} from '@stella-airgap/stella';
import { instant } from '../src/base/clock.ts';

const repository = join(process.argv[2] ?? '.', 'repository');
const passphrase = 'correct horse battery staple';
const session: SessionOptions = {
  now: instant(Date.now()),
  passphrase: async () => passphrase,
  stage: false,
};
const newKey: KeySource = { type: 'ed25519', passphrase };
const one: RoleKeys = { make: 1, given: [], threshold: 1 };

await initRepository(
  repository,
  {
    keyType: 'ed25519',
    keys: { root: { make: 3, given: [], threshold: 2 }, targets: one, snapshot: one, timestamp: one },
    passphrase,
    expires: { timestamp: '7d' },
    targets: [],
  },
  session,
);

const { value: key, publication } = await editRepository(repository, session, (edit) => {
  const bytes = Buffer.from(formatPublicKey(generateKey().publicKey));
  edit.addTarget({ name: 'bundle-signer-v1.pub', bytes, facts: { usage: 'bundle-signer' } });
  return edit.rotateKey('timestamp', newKey);
});
console.log(`the timestamp is signed by ${key.name} now; published ${JSON.stringify(publication?.versions)}`);

const { roles, targets } = verifyRepository(join(repository, 'public'), session);
console.log(`verified ${roles.length} roles and ${targets} target`);
