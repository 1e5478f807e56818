import type { HelpTable } from '../../frame/command-help.ts';

export const KEY: HelpTable = {
  'key generate': {
    purpose:
      'Makes a key pair: the private half as PKCS#8 in PEM, readable by its owner alone, the public half next to it, and prints the fingerprint as the sheet of a kit has it. The private half is encrypted unless --no-passphrase is given; keys that programs sign with by themselves (signing_key, attest sign, log append) have to be plain files.',
    examples: [
      ['stella key generate alice.pem', "a root holder's key, encrypted; alice.pub is its public half"],
      ['stella key generate bundle-signer.pem --no-passphrase', 'a key that seals bundles'],
      ['stella key generate attestor.pem --type ecdsa-p256 --no-passphrase', 'a key of another kind'],
    ],
    exits: [],
    related: ['key show', 'repo init', 'attest sign'],
  },
  'key show': {
    purpose:
      'Shows kind and fingerprint of keys, private or public, and the id that TUF metadata names each by. Of a private key it can write the public half.',
    examples: [
      ['stella key show bundle-signer.pub', 'the fingerprint to compare over another channel'],
      ['stella key show log.key --public-out log.pub', 'the public half of a key that is there already'],
    ],
    exits: [],
    related: ['key generate', 'trust init', 'kit'],
  },
};
