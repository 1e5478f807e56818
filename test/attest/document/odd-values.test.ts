import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  instancesOfTrustedRoot,
  loadTrust,
  type VerifierTrust,
} from '../../../src/attest/authority/verifier-trust.ts';
import { verifyPiece } from '../../../src/attest/batch/batch.ts';
import { mergeShards } from '../../../src/attest/batch/merge.ts';
import { ruleFor } from '../../../src/attest/policy/policy.ts';
import { parsePolicy } from '../../../src/attest/policy/policy-file.ts';
import { formatCanonicalJson } from '../../../src/base/canonical-json.ts';
import { isStellaError } from '../../../src/base/errors.ts';
import { generateKey } from '../../../src/base/keys.ts';
import { entriesRoot, formatManifest, parseManifest } from '../../../src/bundle/manifest.ts';
import { parseServiceMap, resolveServices } from '../../../src/config/service-map.ts';
import { parseReceipt, receiptSigners } from '../../../src/trust/receipt.ts';
import { formatTrustedRoot } from '../../../src/trust/trusted-root.ts';
import { manifestFacts } from '../../support/bundle.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { loadSamples } from '../samples.ts';
import { ARTIFACT, makeSite, NOW, type Site } from '../signed.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Names of members that every object has, and what is easily taken for something else. */
const PROTOTYPE_NAMES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
const ODD: readonly Json[] = [
  ...PROTOTYPE_NAMES,
  null,
  true,
  -1,
  1e308,
  2 ** 53,
  '',
  '\u0000\ud800',
  'x'.repeat(5000),
  [],
  {},
  [[null]],
  { length: 1, valueOf: 'x', toJSON: 'x' },
  JSON.parse('{"__proto__":{"bundle":1},"constructor":1}') as Json,
];

/** The text of a document with each of its nodes replaced, renamed or given company, one at a time. */
function* oddTexts(document: Json): Generator<string> {
  const marker = '\u0001here\u0001';
  const marked = JSON.stringify(marker);
  for (const odd of ODD) yield JSON.stringify(odd);
  function* below(value: Json, put: (replacement: Json) => string): Generator<string> {
    const text = put(marker);
    for (const odd of ODD) yield text.replace(marked, () => JSON.stringify(odd));
    if (value === null || typeof value !== 'object') return;
    if (Array.isArray(value)) {
      for (const [i, item] of value.slice(0, 4).entries())
        yield* below(item, (replacement) => put(value.with(i, replacement)));
      return;
    }
    for (const name of PROTOTYPE_NAMES)
      yield put(value).replace(JSON.stringify(value), () => `{"${name}":1,${JSON.stringify(value).slice(1)}`);
    for (const [name, item] of Object.entries(value)) {
      for (const other of PROTOTYPE_NAMES)
        yield put(
          Object.fromEntries(Object.entries(value).map(([key, each]) => [key === name ? other : key, each])),
        );
      yield* below(item, (replacement) => put({ ...value, [name]: replacement }));
    }
  }
  yield* below(document, (replacement) => JSON.stringify(replacement));
}

/** Whatever comes out is a value or a refusal with a code. */
function isHandled(act: () => unknown): void {
  try {
    act();
  } catch (error) {
    if (!isStellaError(error)) throw error;
    expect(error.code).not.toBe('INTERNAL');
  }
}

let site: Site;
let trust: VerifierTrust;
let good: string;
let bundle: Record<string, Json> & { dsseEnvelope: Record<string, Json> };
let inputs = 0;

beforeEach(async () => {
  site = await makeSite();
  trust = loadTrust(site.trust);
  bundle = JSON.parse(Buffer.from((await site.sign()).bytes).toString()) as typeof bundle;
  good = JSON.stringify(bundle);
});

const base64 = (value: string) => Buffer.from(value).toString('base64');

/** Judges texts in one batch, a good attestation after every few: nothing may keep it from being verified. */
async function judge(texts: Iterable<string>, with_: VerifierTrust = trust): Promise<void> {
  let lines: Buffer[] = [];
  const flush = async () => {
    lines.push(Buffer.from(good));
    const block = { file: { name: 'in', found: false, size: 0 }, first: 0, lines };
    const { documents } = await verifyPiece({ lines: block }, with_, {
      options: { artifact: ARTIFACT },
      now: NOW,
    });
    for (const { error, source } of documents)
      expect(error?.code, lines[Number(source.slice(3))]?.toString()).not.toBe('INTERNAL');
    if (with_ === trust) expect(documents.at(-1)!.verified).toBe(true);
    lines = [];
  };
  for (const text of texts) {
    inputs += 1;
    lines.push(Buffer.from(text));
    if (lines.length === 256) await flush();
  }
  await flush();
}

function cosignBundle(): Json {
  const entry = (bundle as unknown as { verificationMaterial: { tlogEntries: Record<string, string>[] } })
    .verificationMaterial.tlogEntries[0]!;
  return {
    base64Signature: base64(JSON.stringify(bundle.dsseEnvelope)),
    cert: base64('-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n'),
    rekorBundle: {
      SignedEntryTimestamp: 'AAAA',
      Payload: { body: entry['canonicalizedBody']!, integratedTime: 1, logIndex: 1, logID: 'a'.repeat(64) },
    },
  };
}

describe('an odd value at any node ends nothing, and is refused with a code or judged', () => {
  test('attestations in every form, and what wraps them', async () => {
    await judge(oddTexts(bundle));
    await judge(oddTexts(bundle.dsseEnvelope));
    await judge(oddTexts(cosignBundle()));
    const version = (mediaType: string): Json => ({ ...bundle, mediaType });
    for (const number of ['0.1', '0.2'])
      await judge(oddTexts(version(`application/vnd.dev.sigstore.bundle+json;version=${number}`)));
    const inner: Json = { mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json' };
    for (const wrapped of [
      { attestations: [{ bundle: inner, repository_id: 1, bundle_url: 'https://x' }] },
      { attestations: [{ predicateType: 'x', bundle: inner }] },
      [{ attestation: { bundle: inner }, verificationResult: {} }],
      { bundle: inner },
      { attestation: { bundle: inner } },
      { name: 'x', bundle: 'main.js' },
      {
        version: 1,
        verification_material: { certificate: 'AAAA', transparency_entries: [{}] },
        envelope: { statement: 'AAAA', signature: 'AAAA' },
      },
    ] as Json[])
      await judge(oddTexts(wrapped));
  });

  test('statements and log entries inside of them', async () => {
    const payload = JSON.parse(
      Buffer.from(bundle.dsseEnvelope['payload'] as string, 'base64').toString(),
    ) as Json;
    const texts = function* () {
      for (const text of oddTexts(payload))
        yield JSON.stringify({ ...bundle, dsseEnvelope: { ...bundle.dsseEnvelope, payload: base64(text) } });
      const material = bundle['verificationMaterial'] as { tlogEntries: Record<string, Json>[] };
      const [entry] = material.tlogEntries;
      const body = JSON.parse(
        Buffer.from(entry!['canonicalizedBody'] as string, 'base64').toString(),
      ) as Json;
      for (const text of oddTexts(body))
        yield JSON.stringify({
          ...bundle,
          verificationMaterial: { ...material, tlogEntries: [{ ...entry, canonicalizedBody: base64(text) }] },
        });
    };
    await judge(texts());
  });

  test('published samples', async () => {
    for (const { isGood, bytes, trust: own } of loadSamples())
      if (isGood) await judge(oddTexts(JSON.parse(bytes.toString()) as Json), own);
  });

  test('trusted roots', () => {
    const root = JSON.parse(Buffer.from(formatTrustedRoot(site.trustedRoot)).toString()) as Json;
    for (const text of oddTexts(root)) {
      inputs += 1;
      isHandled(() =>
        loadTrust({ ...site.trust, instances: instancesOfTrustedRoot(Buffer.from(text), 'test') }),
      );
    }
  });

  test('policies, service maps, receipts and manifests', () => {
    const policy: Json = {
      version: 1,
      rules: [
        {
          artifacts: ['a*'],
          identities: [{ subject: 'a', issuer_pattern: 'b' }],
          attestors: ['attestor.pub'],
          predicate_types: ['x'],
          required: 1,
          signatures: 1,
          max_age: '1d',
        },
      ],
    };
    const map: Json = {
      version: 1,
      rekor: { url: 'https://r.example', log_id: 'a'.repeat(64), public_key_target: 'rekor-key-v1' },
      fulcio: { url: 'https://f.example', root_cert_target: 'f.pem' },
      overrides: { staging: { rekor_url: 'https://s.example' } },
    };
    const key = generateKey('ed25519');
    const receipt: Json = {
      signed: {
        format: 'stella-receipt/v1',
        site: 'a',
        accepted_at: '2026-01-01T00:00:00Z',
        generation: 1,
        manifest_sha256: 'a'.repeat(64),
        sequence: 1,
        sealed_at: '2026-01-01T00:00:00Z',
        producer: 'x',
        root: { version: 1, sha256: 'a'.repeat(64) },
        logs: [{ origin: 'o', tree_size: 1, root_hash: 'a'.repeat(64) }],
        keys: [{ key_id: 'a'.repeat(64), target: 't', usage: 'Rekor' }],
      },
      signatures: [{ keyid: 'b'.repeat(64), sig: 'AAAA' }],
    };
    expect(parseReceipt(Buffer.from(JSON.stringify(receipt)), 'it').signed.site).toBe('a');
    const manifest = JSON.parse(
      Buffer.from(
        formatManifest({
          format: 'stella-bundle/v1',
          ...manifestFacts,
          entries: [],
          entries_root: entriesRoot([]),
        }),
      ).toString(),
    ) as Json;
    // The rest of the reader sees only what is in canonical form.
    const canonical = (text: string) => {
      try {
        return `${formatCanonicalJson(JSON.parse(text))}\n`;
      } catch {
        return text;
      }
    };
    expect(parseManifest(Buffer.from(canonical(JSON.stringify(manifest)))).entries).toEqual([]);
    const each = (document: Json, act: (bytes: Buffer) => unknown) => {
      for (const text of oddTexts(document)) {
        inputs += 1;
        isHandled(() => act(Buffer.from(text)));
      }
    };
    for (const environment of [undefined, ...PROTOTYPE_NAMES])
      each(map, (bytes) => resolveServices(parseServiceMap(bytes, 'it'), environment));
    each(policy, (bytes) => ruleFor(parsePolicy(bytes, 'it'), { given: 'app', cwd: '/' }));
    each(receipt, (bytes) => receiptSigners(parseReceipt(bytes, 'it'), [key.publicKey], 'it'));
    each(manifest, (bytes) => parseManifest(Buffer.from(canonical(bytes.toString()))));
  });

  test('what shards printed', () => {
    const file = join(temporaryDirectory(), 'shard.jsonl');
    const trailer: Json = {
      shard: { index: 1, count: 1, inputs: 1, inputs_sha256: 'a'.repeat(64), verdicts: 0, verified: 0 },
    };
    const verdict: Json = {
      source: 'a',
      verified: false,
      error: { code: 'PARSE_FAILED', message: 'x', hints: [], exit: 4 },
      identity_checked: false,
      artifact_checked: false,
      logs: [],
      trust: { kind: 'store', name: 'x' },
      checks: [],
    };
    const lines = [
      ...oddTexts(trailer),
      ...[...oddTexts(verdict)].map((text) => `${text}\n${JSON.stringify(trailer)}`),
    ];
    for (const text of lines) {
      inputs += 1;
      writeFileSync(file, `${text}\n`);
      isHandled(() => mergeShards([file]));
    }
  });

  test('they are many', () => {
    console.info(`${inputs} odd inputs`);
    expect(inputs).toBeGreaterThan(6000);
  });
});
