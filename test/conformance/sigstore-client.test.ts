import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { FOLDER, IDENTITY, ISSUER, loadSamples, type Sample } from '../attest/samples.ts';
import { realIsPresent } from '../support/real.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { client } from './sigstore-client.ts';

const CLIENT = fileURLToPath(new URL('./sigstore-client', import.meta.url));

function verify(sample: Sample, subject: string, trustedRoot?: string, run = client): Promise<number> {
  const bundle = `${FOLDER}${sample.name}/bundle.sigstore.json`;
  const args = ['verify-bundle', '--bundle', bundle];
  if (sample.keyFile === undefined)
    args.push('--certificate-identity', IDENTITY, '--certificate-oidc-issuer', ISSUER);
  else args.push('--key', sample.keyFile);
  if (trustedRoot !== undefined) args.push('--trusted-root', trustedRoot);
  return run([...args, subject]);
}

/** The executable itself; a process each is slow, so that one sample has to do. */
function execute(args: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    execFile(CLIENT, args, (error) => resolve(error ? Number(error.code) : 0));
  });
}

interface RootJson {
  tlogs: { publicKey: { validFor: { start?: string; end?: string } } }[];
}

describe.skipIf(!realIsPresent)('the Sigstore conformance client', () => {
  beforeEach(() => {
    vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    vi.spyOn(console, 'error').mockReturnValue();
    onTestFinished(() => void vi.restoreAllMocks());
  });

  const samples = loadSamples();
  const artifact = `${FOLDER}a.txt`;
  const digest = realIsPresent
    ? `sha256:${createHash('sha256').update(readFileSync(artifact)).digest('hex')}`
    : '';
  const byName = (name: string) => samples.find((sample) => sample.name === name)!;

  test.each(samples)('$name, as path and as digest', async (sample) => {
    const isStaging = sample.trustedRootFile !== `${FOLDER}trusted_root.json`;
    // The public-good instance is built in; staging is not.
    const trustedRoot = isStaging ? sample.trustedRootFile : undefined;
    const [path, hash] = await Promise.all([
      verify(sample, artifact, trustedRoot),
      verify(sample, digest, trustedRoot),
    ]);
    if (sample.isGood) expect([path, hash]).toEqual([0, 0]);
    else expect([path, hash]).not.toContain(0);
  });

  test('is an executable', async () => {
    const good = byName('happy-path-v0.3-new-mediaType');
    expect(
      await Promise.all([
        verify(good, artifact, undefined, execute),
        verify(good, `sha256:${'0'.repeat(64)}`, undefined, execute),
      ]),
    ).toEqual([0, 2]);
  });

  test('refuses another artifact, and Sigstore staging without its trusted root', async () => {
    const good = byName('happy-path-v0.3-new-mediaType');
    expect(await verify(good, `sha256:${'0'.repeat(64)}`)).toBe(2);
    expect(await verify(good, `sha256:${digest.slice(7).toUpperCase()}`)).toBe(0);
    expect(await verify(good, digest.slice(0, -1))).toBe(4);
    expect(await verify(byName('rekor2-happy-path'), artifact)).toBe(2);
    expect(await client(['verify-bundle', '--staging', '--bundle', 'x', 'y'])).toBe(1);
    expect(await client(['sign-bundle'])).toBe(1);
  });

  test('a log key without a validity start is refused; the end of its validity belongs to it', async () => {
    const good = byName('happy-path-v0.3-new-mediaType');
    const integrated = '2024-03-19T17:26:26Z';
    const withWindow = (window: { start?: string; end?: string }) => {
      const root = JSON.parse(readFileSync(good.trustedRootFile, 'utf8')) as RootJson;
      root.tlogs[0]!.publicKey.validFor = window;
      const file = join(temporaryDirectory(), 'trusted_root.json');
      writeFileSync(file, JSON.stringify(root));
      return verify(good, artifact, file);
    };
    const start = '2021-01-12T11:53:27Z';
    expect(
      await Promise.all([
        withWindow({}),
        withWindow({ end: integrated }),
        withWindow({ start, end: integrated }),
        withWindow({ start: integrated }),
        withWindow({ start, end: '2024-03-19T17:26:25Z' }),
      ]),
    ).toEqual([2, 2, 0, 0, 2]);
  });
});
