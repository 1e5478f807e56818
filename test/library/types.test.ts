import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { expect, expectTypeOf, test } from 'vitest';
import * as stella from '../../src/index.ts';

// `tsc --noEmit` checks the types; what vitest runs says that the functions are there.

test('a trust store is made, followed and opened with one object each, which has the present once', () => {
  expectTypeOf(stella.initTrust).parameters.toEqualTypeOf<[stella.InitTrustOptions]>();
  expectTypeOf(stella.syncTrust).parameters.toEqualTypeOf<[stella.SyncTrustOptions]>();
  expectTypeOf(stella.openTrust).parameters.toEqualTypeOf<[stella.TrustPlace]>();
  expectTypeOf(stella.initTrust).returns.resolves.toEqualTypeOf<stella.SyncedTrust>();
  expectTypeOf(stella.syncTrust).returns.resolves.toEqualTypeOf<stella.SyncedTrust>();
  expectTypeOf<stella.InitTrustOptions>().toExtend<stella.TrustPlace & { readonly now: stella.Instant }>();
  expectTypeOf<stella.SyncTrustOptions>().toExtend<stella.TrustPlace & { readonly now: stella.Instant }>();
  expectTypeOf<stella.TrustPlace>().not.toHaveProperty('now');
  expect(typeof stella.initTrust).toBe('function');
  expect(typeof stella.syncTrust).toBe('function');
});

test('what a sync returns is in one style, with instants instead of texts', () => {
  expectTypeOf<keyof stella.SyncedTrust>().toEqualTypeOf<
    | 'store'
    | 'generation'
    | 'changed'
    | 'skipped'
    | 'checkedAt'
    | 'url'
    | 'asOf'
    | 'pin'
    | 'roles'
    | 'instances'
  >();
  expectTypeOf<stella.SyncedTrust['asOf']>().toEqualTypeOf<stella.Instant>();
  expectTypeOf<stella.SyncedTrust['pin']>().toEqualTypeOf<stella.RootPin>();
  expectTypeOf<stella.RootPin['how']>().toEqualTypeOf<
    'root-file' | 'fingerprint' | 'first-use' | 'sigstore' | 'built-in' | 'bundle'
  >();
});

test('bundles are checked and imported with the rules in one object', () => {
  type Bundle = string | Readable;
  expectTypeOf<stella.Trust['check']>().parameters.toEqualTypeOf<[Bundle, stella.BundleRules]>();
  expectTypeOf<stella.Trust['import']>().parameters.toEqualTypeOf<[Bundle, stella.ImportOptions]>();
  expectTypeOf<stella.Trust['seal']>().parameters.toEqualTypeOf<[stella.SealTrustOptions]>();
  expectTypeOf<stella.ImportOptions['name']>().toEqualTypeOf<string | undefined>();
  expectTypeOf<stella.ImportedBundle>().toExtend<stella.CheckedBundle>();
  expectTypeOf<stella.BundleCheck['check']>().toEqualTypeOf<(typeof stella.BUNDLE_CHECKS)[number]>();
  expectTypeOf<stella.BundleCheck['code']>().toEqualTypeOf<stella.ErrorCode | undefined>();
  expect(stella.BUNDLE_CHECKS[0]).toBe('container');
});

test('a verifier is told the present when it is made, and not again', () => {
  expectTypeOf<stella.Trust['verifier']>().parameters.toEqualTypeOf<[stella.VerifierOptions]>();
  expectTypeOf(stella.trustedRootVerifier).parameters.toEqualTypeOf<
    [Uint8Array, stella.TrustedRootOptions]
  >();
  expectTypeOf<stella.Verifier['now']>().toEqualTypeOf<stella.Instant>();
  expectTypeOf<stella.Verifier['verify']>()
    .parameter(0)
    .toEqualTypeOf<stella.AttestationDocument | readonly stella.AttestationDocument[]>();
  expectTypeOf<stella.VerifyRules>().not.toHaveProperty('now');
  expectTypeOf<stella.Verifier['verify']>().returns.resolves.toEqualTypeOf<stella.Judgement>();
  expectTypeOf<stella.Judgement['error']>().toEqualTypeOf<stella.StellaError | undefined>();
  expectTypeOf<stella.Judgement['verdicts']>().toEqualTypeOf<readonly stella.VerdictDocument[]>();
  expect(typeof stella.trustedRootVerifier).toBe('function');
});

test('a policy is what parsePolicyFile makes', () => {
  expectTypeOf(stella.parsePolicyFile).returns.toEqualTypeOf<stella.PolicyFile>();
  expectTypeOf<stella.VerifyRules['policy']>().toEqualTypeOf<stella.PolicyFile | undefined>();
  expect(typeof stella.parsePolicyFile).toBe('function');
});

test('repositories are edited, judged and shown with options in objects', () => {
  expectTypeOf(stella.verifyRepository).parameters.toEqualTypeOf<[string, stella.VerifyRepositoryOptions]>();
  expectTypeOf(stella.repositoryStatus).parameter(1).toEqualTypeOf<{ readonly now: stella.Instant }>();
  expectTypeOf(stella.publishStaged).parameters.toEqualTypeOf<[string, stella.PublishStagedOptions]>();
  expectTypeOf<stella.RepositoryEdit['addKey']>()
    .parameter(2)
    .toEqualTypeOf<stella.ThresholdOptions | undefined>();
  expectTypeOf<stella.RepositoryEdit['rotateKey']>()
    .parameter(2)
    .toEqualTypeOf<stella.RotateKeyOptions | undefined>();
  expectTypeOf<stella.OpenedBundle['checkSignature']>().parameters.toEqualTypeOf<[stella.SignatureOptions]>();
  expect(typeof stella.verifyRepository).toBe('function');
});

test('documents that are files keep their names', () => {
  expectTypeOf<stella.VerdictDocument>().toHaveProperty('identity_checked').toEqualTypeOf<boolean>();
  expectTypeOf<stella.Manifest>().toHaveProperty('sealed_at').toEqualTypeOf<string>();
  expectTypeOf<stella.ManifestEntry['sha256']>().toEqualTypeOf<stella.Sha256Hex>();
  expect(stella.EXIT.refused).toBe(2);
});

const report = readFileSync('docs/api-report.md', 'utf8');

test('nothing else in the public interface has names like those of a file', () => {
  const others = report.replaceAll(
    /^export interface (?:Manifest|VerdictDocument)\w* \{\n[\s\S]*?\n\}\n/gm,
    '',
  );
  expect(report.length - others.length).toBeGreaterThan(1000);
  expect([...others.matchAll(/^\s+(?:readonly )?([a-z]+_\w+)\??[:(]/gm)].map(([, name]) => name)).toEqual([]);
});

test('no name stands for a mere text or number, but instants and durations', () => {
  const aliases = [...report.matchAll(/^export type (\w+) = (?:string|number|boolean);$/gm)];
  expect(aliases.map(([, name]) => name).filter((name) => name !== 'Instant' && name !== 'Duration')).toEqual(
    [],
  );
});
