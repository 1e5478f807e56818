import { describe, expect, test } from 'vitest';
import { realIsPresent } from '../support/real.ts';
import { loadSamples, type Sample, verifyBytes } from './samples.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Path = readonly (string | number)[];

function* pathsIn(value: Json, path: Path = []): Generator<{ path: Path; value: Json }> {
  if (path.length > 0) yield { path, value };
  if (Array.isArray(value)) for (const [i, item] of value.entries()) yield* pathsIn(item, [...path, i]);
  else if (value !== null && typeof value === 'object')
    for (const [key, item] of Object.entries(value)) yield* pathsIn(item, [...path, key]);
}

function at(value: Json, path: Path): Json | undefined {
  let here: Json | undefined = value;
  for (const step of path) here = (here as Record<string | number, Json> | undefined | null)?.[step];
  return here;
}

/** The document with the value at `path` replaced, or removed. */
function withValue(document: Json, path: Path, replacement: Json | undefined): string {
  const copy = structuredClone(document);
  const parent = at(copy, path.slice(0, -1)) as Record<string | number, Json>;
  const last = path.at(-1)!;
  if (replacement !== undefined) parent[last] = replacement;
  else if (Array.isArray(parent)) parent.splice(last as number, 1);
  else delete parent[last];
  return JSON.stringify(copy);
}

/** The text with one field written twice, the second time with another value. */
function withFieldTwice(document: Json, path: Path): string | undefined {
  const parent = at(document, path.slice(0, -1));
  if (Array.isArray(parent)) return undefined;
  const marker = 'field written twice';
  const name = JSON.stringify(path.at(-1));
  const marked = withValue(document, path, marker);
  return marked.replace(JSON.stringify(marker), `${JSON.stringify(at(document, path))},${name}:"x"`);
}

function* mutations(
  document: Json,
  others: readonly Json[],
): Generator<{ what: string; path: Path; text: string }> {
  for (const { path, value } of pathsIn(document)) {
    const change = (what: string, replacement: Json | undefined) => ({
      what,
      path,
      text: withValue(document, path, replacement),
    });
    yield change('removed', undefined);
    const twice = withFieldTwice(document, path);
    if (twice !== undefined) yield { what: 'duplicated', path, text: twice };
    for (const other of [7, -1, 'x', true, [], {}, [[]], { x: 1 }] as Json[])
      if (JSON.stringify(other) !== JSON.stringify(value))
        yield change(`now ${JSON.stringify(other)}`, other);
    if (Array.isArray(value) && value.length > 0) {
      yield change('emptied', []);
      yield change('first element twice', [value[0]!, ...value]);
      yield change('last element missing', value.slice(0, -1));
    }
    if (typeof value === 'string') {
      yield change('emptied', '');
      yield change('truncated', value.slice(0, value.length >> 1));
      yield change('without its last character', value.slice(0, -1));
      yield change('with something after it', `${value}AAAA`);
      yield change('with another first character', `${value.startsWith('Z') ? 'Y' : 'Z'}${value.slice(1)}`);
    }
    for (const [i, other] of others.entries()) {
      const theirs = at(other, path);
      if (theirs !== undefined && JSON.stringify(theirs) !== JSON.stringify(value))
        yield change(`swapped with that of bundle ${i}`, theirs);
    }
  }
}

/** What may be left out or changed without making a bundle wrong, and why. */
function isHarmless(sample: Sample, what: string, path: Path): boolean {
  const name = path.join('.');
  // A hint only helps to find the key, which is given here.
  if (/publicKey\.hint$/.test(name)) return true;
  if (/publicKey$/.test(name) && (what === 'now {}' || what.startsWith('swapped'))) return true;
  // An inclusion proof is optional in version 0.1, which has the log's promise.
  if (sample.name === 'happy-path-v0.1' && /inclusionProof$/.test(name) && what === 'removed') return true;
  // The digest is a hint, and the artifact is given; of a chain, what version 0.3 does not want is more than one.
  if (/messageSignature\.messageDigest$/.test(name) && what === 'removed') return true;
  if (sample.name === 'happy-path-v0.1' && name === 'mediaType' && what.startsWith('swapped')) return true;
  // With both a log's promise and a timestamp, either gives the signing time; without its promise, the time is not read.
  if (sample.name === 'managed-key-happy-path') {
    if (/timestampVerificationData$/.test(name) && ['removed', 'now {}'].includes(what)) return true;
    if (
      /rfc3161Timestamps$/.test(name) &&
      ['removed', 'emptied', 'now []', 'last element missing'].includes(what)
    )
      return true;
    if (/inclusionPromise$/.test(name) && what === 'removed') return true;
    // Nothing in it is of a later version.
    if (name === 'mediaType' && what.startsWith('swapped')) return true;
    if (/rfc3161Timestamps\.0$/.test(name) && what === 'removed') return true;
  }
  // These two are the same bundle, once with and once without a witness's cosignature.
  return (
    /^rekor2-(?:happy-path|checkpoint-cosigned)$/.test(sample.name) &&
    what.startsWith('swapped') &&
    /(?:checkpoint(?:\.envelope)?|inclusionProof|tlogEntries(?:\.0)?|verificationMaterial)$/.test(name)
  );
}

describe.skipIf(!realIsPresent)('every field of a good Sigstore bundle', () => {
  const samples = loadSamples();
  const documents = samples.map(({ bytes }) => JSON.parse(bytes.toString('utf8')) as Json);

  test.each(samples.filter(({ isGood }) => isGood))(
    '$name: removed, emptied, duplicated, truncated, of another type, swapped: refused with a code',
    async (sample) => {
      const own = documents[samples.indexOf(sample)]!;
      const others = documents.filter((document) => document !== own);
      const accepted: string[] = [];
      let tried = 0;
      for (const { what, path, text } of mutations(own, others)) {
        tried += 1;
        const verdict = await verifyBytes(Buffer.from(text), sample);
        if (verdict.verified && !isHarmless(sample, what, path)) accepted.push(`${path.join('.')} ${what}`);
        if (!verdict.verified) expect(verdict.error?.code).not.toBe('INTERNAL');
      }
      expect(accepted).toEqual([]);
      expect(tried).toBeGreaterThan(300);
    },
  );
});
