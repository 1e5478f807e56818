import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { stella } from '../support/cli.ts';
import { real, realIsPresent } from '../support/real.ts';
import { keyOf } from '../support/sigstore/certificates.ts';
import { base64 } from '../support/sigstore/edit.ts';
import { logOf } from '../support/sigstore/log.ts';
import {
  ARTIFACT, authorityOf, DAY, EXPIRES, IDENTITY, ISSUED, ISSUER, make, type Scenario, SIGNED, tsaOf,
} from '../support/sigstore/scenario.ts';
import { temporaryTree } from '../support/temp.ts';
import { commandPath, PythonPeer, present, run } from './peers.ts';

const hasPython = present('attestations with sigstore-python', { packages: ['sigstore'] });
const hasCosign = present('attestations with cosign', { commands: ['cosign'] });

interface Question {
  readonly bundle: string;
  readonly trusted_root: string;
  readonly artifact: string;
  readonly identity: string;
  readonly issuer: string;
}
type Answer = { readonly verified: true } | { readonly refused: string; readonly because: string };

const v1 = logOf(1), v2 = logOf(2), other = keyOf('other');
const stamped: Scenario = { entries: [{ log: v2 }], timestamps: [{}] };
const S: Record<string, Scenario> = {
  'v0.1 promise': { version: '0.1', entries: [{ log: v1, proved: false }] },
  'v0.1': { version: '0.1' },
  'v0.2': { version: '0.2' },
  'v0.3': {},
  'v0.3 old media': { version: '0.3 as 0.2 wrote it' },
  'v0.3 proof and timestamp': { entries: [{ log: v1, promised: false }], timestamps: [{}] },
  'v0.3 all': { timestamps: [{}] },
  'rekor2': stamped,
  'rekor2 p256': { entries: [{ log: logOf(2, 'p256') }], timestamps: [{}] },
  'two logs': { entries: [{ log: v1 }, { log: v2 }], timestamps: [{}] },
  'two timestamps': { ...stamped, timestamps: [{}, { tsa: tsaOf('second'), time: SIGNED + 1000 }] },
  dsse: { content: 'dsse' },
  'dsse rekor2': { ...stamped, content: 'dsse' },
  'intoto': { content: 'dsse', entries: [{ log: v1, kind: 'intoto' }] },
  'dsse intoto v1 entry kind dsse': { content: 'dsse', entries: [{ log: v1, kind: 'dsse' }] },
  p384: { kind: 'p384' }, p521: { kind: 'p521' }, ed25519: { kind: 'ed25519' }, rsa: { kind: 'rsa2048' },
  'p384 dsse': { kind: 'p384', content: 'dsse' }, 
  'x signed by other': { signedBy: other },
  'x expired cert': { entries: [{ log: v1, time: EXPIRES + 1000 }] },
  'x before cert': { entries: [{ log: v1, time: ISSUED - 1000 }] },
  'x no log': { entries: [], timestamps: [{}] },
  'x other ca': { root: [], authority: authorityOf('stranger'), leaf: { by: other } },
  'x no sct': { leaf: { scts: [] } },
  'x sct other': { leaf: { scts: [{ log: other }] } },
  'x no code signing': { leaf: { purposes: ['1.3.6.1.5.5.7.3.8'] } },
  'x wrong identity': { leaf: { names: [{ uri: 'https://example.com/other' }] } },
  'x wrong issuer': { leaf: { issuer: 'https://other.example.com' } },
  'x promise by other': { entries: [{ log: v1, promiseBy: other }] },
  'x checkpoint by other': { entries: [{ log: v1, checkpointBy: other }] },
  'x v2 checkpoint by other': { ...stamped, entries: [{ log: v2, checkpointBy: other }] },
  'x unknown log': { logs: [logOf(1, 'p256', 'another')] },
  'x timestamp by other': { ...stamped, timestamps: [{ by: other }] },
  'x timestamp over other': { ...stamped, timestamps: [{ over: Buffer.from('x') }] },
  'x timestamp late': { ...stamped, timestamps: [{ time: EXPIRES + 1000 }] },
  'x no timestamp v2': { entries: [{ log: v2 }] },
  'x v3 promise only': { entries: [{ log: v1, proved: false }] },
  'x body other sig': { entries: [{ log: v1, body: [['spec.signature.content', base64(other.spki)]] }] },
  'x body other digest': { entries: [{ log: v1, body: [['spec.data.hash.value', '00'.repeat(32)]] }] },
  'x digest in bundle': { bundle: [['messageSignature.messageDigest.digest', base64(Buffer.alloc(32))]] },
  'x subject': { content: 'dsse', statement: [['subject.0.digest.sha256', '00'.repeat(32)]] },
  'x payloadtype': { content: 'dsse', payloadType: 'text/plain' },
  'x dsse by other': { content: 'dsse', signedBy: other },
  'x log key expired': { root: [['tlogs.0.publicKey.validFor', { start: new Date(ISSUED - 700 * DAY).toISOString(), end: new Date(ISSUED - DAY).toISOString() }]] },
  'x ca expired': { root: [['certificateAuthorities.0.validFor', { start: new Date(ISSUED - 700 * DAY).toISOString(), end: new Date(ISSUED - DAY).toISOString() }]] },
  'x tsa expired': { ...stamped, root: [['timestampAuthorities.0.validFor', { start: new Date(ISSUED - 700 * DAY).toISOString(), end: new Date(ISSUED - DAY).toISOString() }]] },
  'x ctlog gone': { root: [['ctlogs', []]] },
};

describe('explore', () => {
  test('all', async () => {
    const python = new PythonPeer<Question, Answer>('sigstore_verifier.py');
    const base = temporaryTree();
    for (const [name, scenario] of Object.entries(S)) {
      const made = make(scenario);
      const [bundle, root, artifact] = ['b.json', 'r.json', 'a.txt'].map((n) => join(base, n)) as [string, string, string];
      writeFileSync(bundle, JSON.stringify(made.bundle));
      writeFileSync(root, JSON.stringify(made.root));
      writeFileSync(artifact, ARTIFACT);
      const s = await stella(['attest', 'verify', bundle, '--artifact', artifact, '--trusted-root', root, '--certificate-identity', IDENTITY, '--certificate-oidc-issuer', ISSUER, '--offline'], { env: { HOME: base }, cwd: base });
      const p = await python.ask({ bundle, trusted_root: root, artifact, identity: IDENTITY, issuer: ISSUER });
      const isDsse = scenario.content === 'dsse';
      const c = await run(commandPath('cosign'), [isDsse ? 'verify-blob-attestation' : 'verify-blob', '--bundle', bundle, '--trusted-root', root, '--certificate-identity', IDENTITY, '--certificate-oidc-issuer', ISSUER, ...(scenario.timestamps ? ['--use-signed-timestamps'] : []), ...(isDsse ? ['--type', 'https://slsa.dev/provenance/v1'] : []), artifact], { env: { HOME: base, PATH: process.env['PATH']! } });
      console.log(`${name} | ${s.status} ${/\[([A-Z_]+)\]$/m.exec(s.stderr)?.[1] ?? ''} | ${JSON.stringify(p).slice(0, 200)} | ${c.status} ${c.stderr.split('\n')[0]!.slice(0, 200)}`);
    }
  }, 300_000);
});
