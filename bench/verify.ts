/**
 * Verifications per second of processor time in one process with trust loaded: stella, @sigstore/verify, and the floor – the same signature
 * verifications and key imports through node:crypto, with nothing around them.
 *
 *   node bench/verify.ts [ROUNDS]
 */

import crypto from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { fileURLToPath } from 'node:url';
import { bundleFromJSON } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';
import { CertificateJudge } from '../src/attest/authority/chain.ts';
import { loadTrust, type VerifierTrust } from '../src/attest/authority/verifier-trust.ts';
import { artifactOf } from '../src/attest/document/artifact.ts';
import { parseSigstoreBundle } from '../src/attest/document/sigstore-bundle.ts';
import { verifyAttestation } from '../src/attest/verify.ts';
import { instant } from '../src/base/clock.ts';
import { parseStrictJson } from '../src/base/json.ts';
import { parseTrustedRoot } from '../src/trust/trusted-root.ts';

const folder = fileURLToPath(new URL('../../shared/real/attestations/', import.meta.url));
if (!existsSync(folder)) {
  console.log('skipped: the published samples (../shared/real) are not here');
  process.exit();
}
const rounds = Number(process.argv[2] ?? 2);
const now = instant(Date.UTC(2026, 7, 22));
const content = readFileSync(`${folder}a.txt`);
const artifact = artifactOf('a.txt', content);

const CASES = [
  ['v0.3, message signature', 'happy-path-v0.3-new-mediaType', 'trusted_root.json'],
  ['v0.3, DSSE', 'happy-path-intoto-in-dsse-v3', 'trusted_root.json'],
  ['Rekor v2, DSSE', 'rekor2-dsse-happy-path', 'rekor2-dsse-happy-path/trusted_root.json'],
] as const;

/** What a verification asks of node:crypto, recorded so that it can be repeated bare: imports, and verifications with what they gave. */
async function record(act: () => Promise<void>): Promise<{ count: number; replay: () => void }> {
  const imports: Parameters<typeof crypto.createPublicKey>[0][] = [];
  const imported = new Map<unknown, number>();
  const verifications: { args: Parameters<typeof crypto.verify>; imported: number | undefined }[] = [];
  const { verify, createPublicKey } = crypto;
  const verifyNow: (...args: Parameters<typeof verify>) => unknown = verify;
  crypto.verify = ((...args: Parameters<typeof verify>) => {
    verifications.push({ args, imported: imported.get((args[2] as { key: unknown }).key) });
    return verifyNow(...args);
  }) as typeof verify;
  crypto.createPublicKey = (key: Parameters<typeof createPublicKey>[0]) => {
    const made = createPublicKey(key);
    imported.set(made, imports.length);
    imports.push(key);
    return made;
  };
  syncBuiltinESMExports();
  try {
    await act();
  } finally {
    crypto.verify = verify;
    crypto.createPublicKey = createPublicKey;
    syncBuiltinESMExports();
  }
  return {
    count: imports.length + verifications.length,
    replay: () => {
      const keys = imports.map((key) => createPublicKey(key));
      for (const { args, imported: index } of verifications) {
        const [algorithm, data, key, signature] = args;
        const fresh = index === undefined ? key : { ...(key as object), key: keys[index]! };
        verify(algorithm, data, fresh, signature);
      }
    },
  };
}

interface Contender {
  readonly name: string;
  readonly run: () => unknown;
}

async function runFor(milliseconds: number, run: () => unknown): Promise<number> {
  let runs = 0;
  for (const end = performance.now() + milliseconds; performance.now() < end; runs += 1) await run();
  return runs;
}

/** Runs the contenders in turns, so that whatever else the machine does slows all of them alike. */
async function race(contenders: readonly Contender[]): Promise<number[]> {
  const done = contenders.map(() => ({ runs: 0, time: 0 }));
  for (let round = 0; round < rounds; round += 1) {
    for (const [i, { run }] of contenders.entries()) {
      // What the one before has thrown away, and the caches that it has filled, are not this one's affair.
      await runFor(500, run);
      const began = process.cpuUsage();
      done[i]!.runs += await runFor(2000, run);
      // Processor time, not the clock's: the machine may have other work.
      const { user, system } = process.cpuUsage(began);
      done[i]!.time += user + system;
    }
  }
  return done.map(({ runs, time }) => (1_000_000 * runs) / time);
}

console.log(`| Sigstore bundle | @sigstore/verify | stella | floor | stella / library | stella / floor | one certificate for all |
|---|---|---|---|---|---|---|`);
for (const [label, name, rootName] of CASES) {
  const root = readFileSync(`${folder}${rootName}`);
  const parsedRoot = parseTrustedRoot(root);
  const raw = readFileSync(`${folder}${name}/bundle.sigstore.json`);
  const trust = loadTrust({
    origin: { kind: 'trusted-root', name: 'bench' },
    instances: [{ name: 'bench', trustedRoot: parsedRoot }],
  });
  const verify = async (used: VerifierTrust) => {
    const value = parseStrictJson(raw, 'bundle', { code: 'SIGSTORE_BUNDLE_INVALID' });
    const verdict = await verifyAttestation(parseSigstoreBundle(value), used, { artifact }, now);
    if (!verdict.verified) throw verdict.error ?? new Error(`${name} is not verified`);
  };
  // Without a memory of certificates, each verification checks chain and SCT anew, as the library does.
  const forgetful = () => verify({ ...trust, certificates: new CertificateJudge(trust.instances) });
  const material = toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(root.toString())));
  const isMessage = name === 'happy-path-v0.3-new-mediaType';
  const library = new Verifier(material);
  const floorOf = await record(forgetful);
  const [theirs, ours, floor, remembered] = (await race([
    {
      name: '@sigstore/verify',
      run: () =>
        library.verify(
          toSignedEntity(bundleFromJSON(JSON.parse(raw.toString())), isMessage ? content : undefined),
        ),
    },
    { name: 'stella', run: forgetful },
    { name: 'floor', run: floorOf.replay },
    { name: 'stella, certificate remembered', run: () => verify(trust) },
  ])) as [number, number, number, number];
  const n = (value: number) => Math.round(value).toLocaleString('en-US');
  console.log(
    `| ${label} (${floorOf.count} calls) | ${n(theirs)}/s | ${n(ours)}/s | ${n(floor)}/s | ${(ours / theirs).toFixed(1)} × | ${Math.round((100 * ours) / floor)} % | ${n(remembered)}/s |`,
  );
}
