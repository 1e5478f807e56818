import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import {
  instancesOfTrustedRoot,
  loadTrust,
  type VerifierTrust,
} from '../../src/attest/authority/verifier-trust.ts';
import { verifyPiece } from '../../src/attest/batch/batch.ts';
import { parseDigest } from '../../src/attest/document/load-artifact.ts';
import { sha256Hex } from '../../src/base/bytes.ts';
import { parseInstant } from '../../src/base/clock.ts';
import { parsePublicKey } from '../../src/base/keys.ts';
import { addSignerOptions, type SignerOptions } from '../../src/cli/commands/attest/signer-options.ts';
import { signerRulesOf } from '../../src/cli/commands/attest/signer-rules.ts';
import { parseTrustedRoots } from '../../src/trust/trusted-root.ts';
import { refusal } from '../support/errors.ts';
import { real } from '../support/real.ts';
import { temporaryDirectory } from '../support/temp.ts';

const FOLDER = `${real}instances/`;
const isPresent = existsSync(`${FOLDER}README.md`);
if (!isPresent) console.warn('skipping tests of public instances: ../shared/real/instances is not here');

const NOW = parseInstant('2026-09-01T00:00:00Z');
const ISSUER = 'https://token.actions.githubusercontent.com';
const bytes = (name: string) => readFileSync(`${FOLDER}${name}`);
const json = (name: string) => JSON.parse(bytes(name).toString()) as Record<string, unknown>;

const trusts = new Map<string, VerifierTrust>();
function trustOf(root: string): VerifierTrust {
  let trust = trusts.get(root);
  if (!trust) {
    const instances = instancesOfTrustedRoot(readFileSync(root), 'file');
    trust = loadTrust({ origin: { kind: 'trusted-root', name: 'test' }, instances });
    trusts.set(root, trust);
  }
  return trust;
}

/** What the command answers, with the flags as its own parser reads them. */
async function verify(name: string, root: string, ...args: string[]) {
  const command = new Command().exitOverride().option('--digest <digest>');
  addSignerOptions(command);
  const options = command.parse(args, { from: 'user' }).opts<SignerOptions & { digest?: string }>();
  const artifact = options.digest === undefined ? undefined : parseDigest(options.digest);
  const piece = { file: { name, found: false, size: bytes(name).length }, document: bytes(name) };
  const rules = { options: { artifact, ...(await signerRulesOf(options)) }, now: NOW };
  const { documents } = await verifyPiece(piece, trustOf(root), rules);
  expect(documents).toHaveLength(1);
  const [answer] = documents;
  return { verified: answer!.verified, code: answer!.error?.code, error: answer!.error, answer: answer! };
}

describe.skipIf(!isPresent)('public instances', () => {
  const both = `${FOLDER}both.trusted_root.jsonl`;
  const github = `${FOLDER}github.trusted_root.json`;
  const publicGood = () => {
    const file = join(temporaryDirectory(), 'public-good.json');
    writeFileSync(file, bytes('both.trusted_root.jsonl').toString().split('\n')[0]!);
    return file;
  };

  test('github.9.root.json is root 9, and expires when it should', () => {
    expect(sha256Hex(bytes('github.9.root.json'))).toBe(
      'eb303461e0109458144b6ebcbfd62aaa6f6d7481e9ca77504b85f17761661462',
    );
    expect(json('github.9.root.json')['signed']).toMatchObject({
      version: 9,
      expires: '2027-01-28T20:18:53Z',
    });
  });

  test("github.trusted_root.json is GitHub's: authorities, and no logs", () => {
    const [root] = parseTrustedRoots(bytes('github.trusted_root.json'));
    expect([root!.tlogs.length, root!.ctlogs.length]).toEqual([0, 0]);
    expect([root!.certificateAuthorities.length, root!.timestampAuthorities.length]).toEqual([6, 6]);
  });

  test('both.trusted_root.jsonl is one instance a line, each known by what is in it', () => {
    const instances = instancesOfTrustedRoot(bytes('both.trusted_root.jsonl'), 'file');
    const trust = loadTrust({ origin: { kind: 'trusted-root', name: 'both' }, instances });
    expect(trust.problems).toEqual([]);
    expect(trust.instances.map(({ name, hasLog, builtIn }) => [name, hasLog, builtIn])).toEqual([
      ['Sigstore public-good', true, undefined],
      ["GitHub's instance", false, undefined],
    ]);
  });

  test('github-provenance-demo.jsonl holds by its timestamp, with GitHub’s trusted root and with both', async () => {
    const digest = 'sha256:ae57936def59bc4c75edd3a837d89bcefc6d3a5e31d55a6fa7a71624f92c3c3b';
    for (const root of [github, both]) {
      const { verified, answer } = await verify('github-provenance-demo.jsonl', root, '--digest', digest);
      expect(verified).toBe(true);
      expect(answer).toMatchObject({
        artifact_checked: true,
        instance: { name: "GitHub's instance", shows: 'timestamp' },
        logs: [],
        signed_at: '2024-04-22T17:33:26Z',
      });
    }
    const { code, error } = await verify('github-provenance-demo.jsonl', publicGood(), '--digest', digest);
    expect(code).toBe('CERTIFICATE_UNTRUSTED');
    expect(error?.hints.join()).toContain("from GitHub's instance, which this trust does not know");
  });

  test('github-release.sigstore.json holds, and its tag says nothing about a file', async () => {
    const file = 'sha256:76f1fe8593bf227cca2c089e3c16dc95014a8d3e89c5dd220530469ca043c428';
    const { verified, answer } = await verify('github-release.sigstore.json', both, '--digest', file);
    expect(verified).toBe(true);
    expect(answer.statement).toMatchObject({
      predicate_type: 'https://in-toto.io/attestation/release/v0.2',
      subjects: [{ digest: { sha1: '43d0bd191f16d1fe3484a4b58aa69118f7692442' } }, {}, {}, {}, {}, {}],
    });
    const tag = 'sha1:43d0bd191f16d1fe3484a4b58aa69118f7692442';
    await refusal('USAGE', () => verify('github-release.sigstore.json', both, '--digest', tag));
    const other = `sha256:${'0'.repeat(64)}`;
    expect((await verify('github-release.sigstore.json', both, '--digest', other)).code).toBe(
      'ARTIFACT_MISMATCH',
    );
  });

  test('reusable-workflow.sigstore.json: only claims tell the callers of a shared workflow apart', async () => {
    const name = 'reusable-workflow.sigstore.json';
    const digest = ['--digest', 'sha256:49a3aa6075e0f49f82843e74b5baa614ad2a588e6675612bf108a0a008c5ac25'];
    const workflow = 'github/artifact-attestations-workflows/.github/workflows/attest.yml';
    const signer = ['--signer-workflow', workflow];
    // Whoever calls it, this is the signer: the rule alone holds for all of them.
    const alone = await verify(name, both, ...digest, ...signer);
    expect(alone).toMatchObject({ verified: true, answer: { identity_checked: true } });
    expect(alone.answer.instance).toEqual({ name: 'Sigstore public-good', shows: 'log entry' });
    const answers = async (...more: string[]) =>
      (await verify(name, both, ...digest, ...more)).code ?? 'holds';
    expect(await answers(...signer, '--repo', 'malancas/attest-demo')).toBe('holds');
    expect(await answers(...signer, '--repo', 'malancas/other')).toBe('CLAIM_MISMATCH');
    expect(await answers('--repo', 'github/artifact-attestations-workflows')).toBe('CLAIM_MISMATCH');
    expect(await answers('--owner', 'malancas', '--source-ref', 'refs/heads/main')).toBe('holds');
    expect(await answers('--signer-repo', 'malancas/attest-demo')).toBe('IDENTITY_MISMATCH');
    expect(await answers('--repo', 'malancas/attest-demo', '--issuer', `${ISSUER}/`)).toBe(
      'IDENTITY_MISMATCH',
    );
  });

  test("conda-rekor2.sigstore.json is of Sigstore's staging instance, and holds with that one’s trusted root", async () => {
    const digest = ['--digest', 'sha256:54303491a8418fbed24344b513546182c29b43bf282ceb433af65e2299f9271f'];
    const staging = `${real}attestations/rekor2-dsse-happy-path/trusted_root.json`;
    const { verified, answer } = await verify('conda-rekor2.sigstore.json', staging, ...digest);
    expect(verified).toBe(true);
    expect(answer.instance).toEqual({ name: 'Sigstore staging', shows: 'log entry' });
    const refused = await verify('conda-rekor2.sigstore.json', both, ...digest);
    expect(refused.code).toBe('CERTIFICATE_UNTRUSTED');
    expect(refused.error?.hints.join()).toContain('Sigstore staging');
  });

  test("npm-keys.json has the registry's keys with their periods and usages", () => {
    const { keys } = json('npm-keys.json') as {
      keys: { keyUsage: string; publicKey: { rawBytes: string; validFor: { start: string } } }[];
    };
    expect(new Set(keys.map(({ keyUsage }) => keyUsage))).toEqual(
      new Set(['npm:signatures', 'npm:attestations']),
    );
    for (const { publicKey } of keys) {
      expect(parsePublicKey(Buffer.from(publicKey.rawBytes, 'base64')).algorithm).toBe('ecdsa-p256');
      expect(publicKey.validFor.start).toMatch(/^\d{4}-/);
    }
  });

  test('signing_config_rekor_v2.v0.2.json says where Rekor v2 is', () => {
    expect(json('signing_config_rekor_v2.v0.2.json')['rekorTlogUrls']).toContainEqual(
      expect.objectContaining({ url: 'https://log2025-1.rekor.sigstore.dev', majorApiVersion: 2 }),
    );
  });
});
