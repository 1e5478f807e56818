import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { temporaryTree } from '../support/temp.ts';
import { ok, PythonPeer, present } from './peers.ts';

const hasPython = present('attestations of `stella attest sign` with in-toto', {
  packages: ['securesystemslib', 'in-toto-attestation'],
});

interface Envelope {
  dsseEnvelope: { payload: string; payloadType: string; signatures: { sig: string }[] };
}

const KEYS: Readonly<Record<string, () => { privateKey: KeyObject; publicKey: KeyObject }>> = {
  ed25519: () => generateKeyPairSync('ed25519'),
  'P-256': () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  'P-384': () => generateKeyPairSync('ec', { namedCurve: 'secp384r1' }),
  RSA: () => generateKeyPairSync('rsa', { modulusLength: 3072 }),
};
const SLSA = 'https://slsa.dev/provenance/v1';

describe.skipIf(!hasPython)("securesystemslib and in-toto's library", () => {
  let home: string;
  let python: PythonPeer<
    { readonly bundle: string; readonly key: string },
    { readonly type: string; readonly subjects: Record<string, string> } | { readonly refused: string }
  >;
  const at = (name: string) => join(home, name);

  beforeAll(async () => {
    home = temporaryTree();
    python = new PythonPeer('dsse_verifier.py');
    writeFileSync(at('app.bin'), 'the artifact\n');
    writeFileSync(at('predicate.json'), '{"buildDefinition":{"text":"Grüße"}}');
    await ok(home, ['log', 'init', 'log', '--origin', 'log.example.com/test', '--key', 'log.key']);
    for (const [name, generate] of Object.entries(KEYS)) {
      const { privateKey, publicKey } = generate();
      writeFileSync(at(`${name}.key`), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
      writeFileSync(at(`${name}.pub`), publicKey.export({ type: 'spki', format: 'pem' }));
    }
  });

  async function sign(key: string): Promise<string> {
    const out = `${key}.json`;
    const what = ['--predicate', 'predicate.json', '--type', SLSA, '--out', out];
    await ok(home, ['attest', 'sign', 'app.bin', '--key', `${key}.key`, '--log', 'log', ...what]);
    return at(out);
  }

  test.each(Object.keys(KEYS))(
    'read what `stella attest sign` signs with a key of %s, and refuse it altered',
    async (name) => {
      const bundle = await sign(name);
      const key = at(`${name}.pub`);
      expect(await python.ask({ bundle, key })).toEqual({
        type: SLSA,
        subjects: { 'app.bin': createHash('sha256').update('the artifact\n').digest('hex') },
      });
      const alter = async (change: (envelope: Envelope['dsseEnvelope']) => void) => {
        const document = JSON.parse(readFileSync(bundle, 'utf8')) as Envelope;
        change(document.dsseEnvelope);
        writeFileSync(at('altered.json'), JSON.stringify(document));
        return python.ask({ bundle: at('altered.json'), key });
      };
      const refused = { refused: 'VerificationError' };
      expect(
        await alter((envelope) => {
          const payload = Buffer.from(envelope.payload, 'base64').toString().replace('app.bin', 'ape.bin');
          envelope.payload = Buffer.from(payload).toString('base64');
        }),
      ).toEqual(refused);
      expect(
        await alter((envelope) => {
          envelope.payloadType = 'text/plain';
        }),
      ).toEqual(refused);
      const other = Object.keys(KEYS).find((each) => each !== name)!;
      expect(await python.ask({ bundle, key: at(`${other}.pub`) })).toEqual(refused);
    },
  );
});
