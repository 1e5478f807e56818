import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { stella } from '../support/cli.ts';
import { real, realIsPresent } from '../support/real.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { PythonPeer, present } from './peers.ts';

const isPresent = present('PEP 740 attestations', { packages: ['pypi-attestations'] });

interface Question {
  readonly attestation: string;
  readonly name: string;
  readonly digest: string;
  readonly identity: string;
  readonly issuer: string;
}
type Answer =
  | { readonly verified: true }
  | { readonly refused: string; readonly because: string }
  | { readonly converted: string };

const NAME = 'pypi_attestations-0.0.19.tar.gz';
const DIGEST = '9bb1add04b1b4e182be6b0b80931593f7a291eb49d69b4fd728a5d4cbcdc4bd3';
const IDENTITY =
  'https://github.com/trailofbits/pypi-attestations/.github/workflows/release.yml@refs/tags/v0.0.19';
const ISSUER = 'https://token.actions.githubusercontent.com';

interface Pep740 {
  version: number;
  verification_material: { certificate: string; transparency_entries: Record<string, unknown>[] };
  envelope: { statement: string; signature: string };
}

/** Another character in the middle of base64. */
const altered = (text: string) => {
  const at = text.length >> 1;
  return `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;
};

describe.skipIf(!isPresent || !realIsPresent)('pypi-attestations and stella', () => {
  const python = isPresent
    ? new PythonPeer<Question | { readonly bundle: string }, Answer>('pep740_peer.py')
    : undefined;
  const folder = join(real, 'forms', '06-pep740');

  async function judge(file: string, digest = DIGEST, identity = IDENTITY) {
    const { status } = await stella(
      [
        ...['attest', 'verify', file, '--digest', `sha256:${digest}`],
        ...['--certificate-identity', identity, '--certificate-oidc-issuer', ISSUER],
        ...['--trusted-root', join(folder, 'trusted_root.json')],
      ],
      { cwd: folder },
    );
    const question = { attestation: file, name: NAME, digest, identity, issuer: ISSUER };
    return { stella: status === 0, python: 'verified' in (await python!.ask(question)) };
  }

  test('both accept what PyPI serves', async () => {
    const file = join(folder, 'publish.attestation');
    expect(await judge(file)).toEqual({ stella: true, python: true });
    expect(await judge(file, '00'.repeat(32))).toEqual({ stella: false, python: false });
    expect(await judge(file, DIGEST, IDENTITY.replace('v0.0.19', 'v0.0.18'))).toEqual({
      stella: false,
      python: false,
    });
  });

  test.each<[string, (document: Pep740) => void]>([
    ['version', (document) => (document.version = 2)],
    ['statement', ({ envelope }) => (envelope.statement = altered(envelope.statement))],
    ['signature', ({ envelope }) => (envelope.signature = altered(envelope.signature))],
    [
      'certificate',
      ({ verification_material: material }) => (material.certificate = altered(material.certificate)),
    ],
    ['log entries', ({ verification_material: material }) => (material.transparency_entries = [])],
    [
      'inclusion proof',
      ({ verification_material: material }) => {
        delete material.transparency_entries[0]!['inclusionProof'];
      },
    ],
  ])('both refuse another %s', async (_, change) => {
    const document = JSON.parse(readFileSync(join(folder, 'publish.attestation'), 'utf8')) as Pep740;
    change(document);
    const file = join(temporaryDirectory(), 'changed.attestation');
    writeFileSync(file, JSON.stringify(document));
    expect(await judge(file)).toEqual({ stella: false, python: false });
  });

  test('what it makes of a Sigstore bundle holds here', async () => {
    const said = await python!.ask({ bundle: join(folder, 'converted.sigstore.json') });
    if (!('converted' in said)) throw new Error(JSON.stringify(said));
    const file = join(temporaryDirectory(), 'made.attestation');
    writeFileSync(file, said.converted);
    expect(await judge(file)).toEqual({ stella: true, python: true });
  });
});
