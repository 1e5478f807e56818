import { describe, expect, test } from 'vitest';
import { parseRegistryKeys } from '../../../src/attest/authority/registry-keys.ts';
import { instancesOfTrustedRoot, loadTrust } from '../../../src/attest/authority/verifier-trust.ts';
import { parseAttestations } from '../../../src/attest/document/parse.ts';
import { judgeLockfile, type PackageRow } from '../../../src/attest/packages/judge-lockfile.ts';
import {
  parseRegistryRecord,
  parseVersionInPackument,
} from '../../../src/attest/packages/registry-record.ts';
import { meets } from '../../../src/attest/packages/requirement.ts';
import type { VerifyOptions } from '../../../src/attest/verify.ts';
import { instant } from '../../../src/base/clock.ts';
import type { LockedPackage } from '../../../src/lockfile/locked-package.ts';
import { refusal } from '../../support/errors.ts';
import { DAY, IDENTITY, ISSUER, SIGNED } from '../../support/sigstore/scenario.ts';
import { attestationsOf, keysJson, PROVENANCE, PUBLISH, packumentOf, trustedRoot } from './npm.ts';

const HEX = 'ab'.repeat(64);
const app: LockedPackage = {
  ecosystem: 'npm',
  name: '@s/app',
  version: '1.0.0',
  entry: 'node_modules/@s/app',
  digests: [{ algorithm: 'sha512', hex: HEX }],
};
const PURL_NAME = '%40s/app';
const trust = loadTrust({
  origin: { kind: 'trusted-root', name: 'test' },
  instances: instancesOfTrustedRoot(Buffer.from(JSON.stringify(trustedRoot)), 'test'),
});
const ANY: VerifyOptions = {};
const IDENTIFIED: VerifyOptions = {
  identity: { subject: { exactly: IDENTITY }, issuer: { exactly: ISSUER } },
};

interface Material {
  readonly documents?: readonly object[];
  readonly packuments?: readonly object[];
  readonly keys?: string;
}

async function judge(locked: LockedPackage, given: Material, options = ANY): Promise<PackageRow> {
  const { documents = [], packuments = [], keys = keysJson() } = given;
  const attestations = documents.flatMap((document) =>
    parseAttestations(Buffer.from(JSON.stringify(document)), 'it').map((parsed) => {
      if ('error' in parsed) throw parsed.error;
      return parsed.attestation;
    }),
  );
  const records = packuments.map((packument) => {
    const { record, published } = parseVersionInPackument(Buffer.from(JSON.stringify(packument)), '1.0.0');
    const dist = {
      integrity: record.integrity,
      signatures: record.signatures.map(({ keyId, signature }) => ({
        keyid: keyId,
        sig: Buffer.from(signature).toString('base64'),
      })),
    };
    return parseRegistryRecord({ name: record.name, version: record.version, dist, published });
  });
  const registryKeys = keys === '' ? [] : parseRegistryKeys(Buffer.from(keys), 'keys.json');
  const rules = { trust, options, now: instant(SIGNED + DAY) };
  for await (const row of judgeLockfile([locked], { attestations, records, registryKeys }, rules)) return row;
  throw new Error('no row');
}

const both = attestationsOf(PURL_NAME, '1.0.0', HEX);
const published = attestationsOf(PURL_NAME, '1.0.0', HEX, [PUBLISH]);
const provenance = attestationsOf(PURL_NAME, '1.0.0', HEX, [PROVENANCE]);
const packument = packumentOf('@s/app', '1.0.0', HEX);

describe('one package', () => {
  test.each<[string, Material, VerifyOptions, string, string?]>([
    ['what npm and the maker attest', { documents: [both] }, ANY, 'verified'],
    ['only what npm attests', { documents: [published] }, ANY, 'signed'],
    ['only what npm signed', { packuments: [packument] }, ANY, 'signed'],
    ['all of it', { documents: [both], packuments: [packument] }, ANY, 'verified'],
    ['nothing', {}, ANY, 'unattested'],
    ['provenance alone, by anyone', { documents: [provenance] }, ANY, 'refused', 'IDENTITY_REQUIRED'],
    ['provenance alone, by whom the rule names', { documents: [provenance] }, IDENTIFIED, 'verified'],
    [
      'provenance alone, where any signer will do',
      { documents: [provenance] },
      { anyIdentity: true },
      'verified',
    ],
    [
      'provenance by another one than the rule names',
      { documents: [provenance] },
      { identity: { subject: { exactly: 'x' }, issuer: { exactly: ISSUER } } },
      'refused',
      'IDENTITY_MISMATCH',
    ],
    [
      'without the keys of the registry',
      { documents: [published], packuments: [packument], keys: '' },
      ANY,
      'unattested',
    ],
    [
      'of another version',
      { documents: [attestationsOf(PURL_NAME, '2.0.0', HEX)] },
      ANY,
      'refused',
      'ARTIFACT_MISMATCH',
    ],
    [
      'of another package',
      { documents: [attestationsOf('other', '1.0.0', HEX)] },
      ANY,
      'refused',
      'ARTIFACT_MISMATCH',
    ],
    [
      'of another digest',
      { documents: [attestationsOf(PURL_NAME, '1.0.0', 'cd'.repeat(64))] },
      ANY,
      'unattested',
    ],
    [
      'a signature for another digest',
      { packuments: [packumentOf('@s/app', '1.0.0', 'cd'.repeat(64))] },
      ANY,
      'refused',
      'REGISTRY_SIGNATURE_INVALID',
    ],
    [
      'a key that was retired later',
      { packuments: [packument], keys: keysJson(new Date(SIGNED + 1000).toISOString()) },
      ANY,
      'signed',
    ],
    [
      'a key that was retired before',
      { packuments: [packument], keys: keysJson(new Date(SIGNED - 1000).toISOString()) },
      ANY,
      'refused',
      'KEY_RETIRED',
    ],
    [
      'an attestation by a key that was retired before',
      { documents: [published], keys: keysJson(new Date(SIGNED - 1000).toISOString()) },
      ANY,
      'refused',
      'KEY_RETIRED',
    ],
  ])('%s', async (_, material, options, state, code) => {
    const row = await judge(app, material, options);
    expect([row.state, row.error?.code, row.detail]).toEqual([state, code, expect.any(String)]);
  });

  test('a signature that was altered is refused, whatever else vouches for the package', async () => {
    const altered = JSON.parse(JSON.stringify(packument)) as {
      versions: Record<string, { dist: { signatures: { sig: string }[] } }>;
    };
    const [signature] = altered.versions['1.0.0']!.dist.signatures;
    signature!.sig = Buffer.from(signature!.sig, 'base64').reverse().toString('base64');
    const row = await judge(app, { documents: [both], packuments: [altered] });
    expect([row.state, row.error?.code]).toEqual(['refused', 'REGISTRY_SIGNATURE_INVALID']);
  });

  test.each<[LockedPackage['gap'], string]>([
    ['git', 'not comparable'],
    ['no digest', 'not comparable'],
    ['SHA-1 only', 'not comparable'],
    ['several digests', 'not comparable'],
    ['link', 'own'],
    ['bundled', 'own'],
  ])('a gap: %s', async (gap, state) => {
    const row = await judge({ ...app, digests: [], gap: gap! }, { documents: [both] });
    expect(row.state).toBe(state);
  });

  test('an attestation for npm says nothing of a Python package with the same digest', async () => {
    const [one, other] = ['ab'.repeat(64), 'cd'.repeat(64)];
    const python: LockedPackage = {
      ...app,
      ecosystem: 'pypi',
      name: 'app',
      digests: [one, other].map((hex) => ({ algorithm: 'sha512', hex })),
    };
    // PyPI's attestations name files; those of npm in their place would name other packages.
    const row = await judge(python, { documents: [attestationsOf('x', '1', one, [PROVENANCE])] }, IDENTIFIED);
    expect(row).toMatchObject({ state: 'refused', error: { code: 'ARTIFACT_MISMATCH' } });
  });
});

test.each([
  ['verified', true, true, [true, true, true]],
  ['verified', true, false, [true, true, false]],
  ['signed', false, true, [true, false, false]],
  ['unattested', false, false, [false, false, false]],
  ['refused', false, false, [false, false, false]],
  ['not comparable', false, false, [false, false, false]],
  ['own', false, false, [true, true, true]],
] as const)(
  'what is required of %s (provenance %s, signed %s)',
  (state, hasProvenance, isSigned, [a, b, c]) => {
    const row: PackageRow = { package: app, state, hasProvenance, isSigned, detail: '' };
    expect([meets(row, 'signature'), meets(row, 'provenance'), meets(row, 'all')]).toEqual([a, b, c]);
  },
);

describe("a registry's keys", () => {
  test('of other usages are passed over', () => {
    expect(parseRegistryKeys(Buffer.from(keysJson()), 'it').map(({ usage }) => usage)).toEqual([
      'npm:signatures',
      'npm:attestations',
    ]);
  });

  test.each([
    ['{}', 'TARGET_INVALID'],
    ['{"keys":[{"keyUsage":"npm:signatures"}]}', 'TARGET_INVALID'],
    ['{"keys":[{"keyUsage":"npm:signatures","keyId":"x","publicKey":{"rawBytes":"AAAA"}}]}', 'KEY_INVALID'],
  ] as const)('%s', async (text, code) => {
    await refusal(code, () => parseRegistryKeys(Buffer.from(text), 'it'));
  });
});
