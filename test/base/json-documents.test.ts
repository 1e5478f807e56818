import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAttestations } from '../../src/attest/document/parse.ts';
import { parsePolicy } from '../../src/attest/policy/policy-file.ts';
import { parseManifest } from '../../src/bundle/manifest.ts';
import { parseServiceMap } from '../../src/config/service-map.ts';
import { parseAnnotations } from '../../src/oci/annotations.ts';
import { appendAudit, loadAudit } from '../../src/store/audit.ts';
import { openStore } from '../../src/store/store.ts';
import { pinRoot } from '../../src/trust/pin.ts';
import { formatTrustedRoot, parseTrustedRoot } from '../../src/trust/trusted-root.ts';
import { makeSite, NOW } from '../attest/signed.ts';
import { refusal } from '../support/errors.ts';
import { temporaryDirectory } from '../support/temp.ts';

const attestation = async () =>
  Buffer.from((await (await makeSite()).sign()).bytes)
    .toString('utf8')
    .trim();
const trustedRoot = async () =>
  Buffer.from(formatTrustedRoot((await makeSite()).trustedRoot)).toString('utf8');
const oneLine = async () => JSON.stringify(JSON.parse(await trustedRoot()));
const lines = async (line: () => Promise<string>) => `${await line()}\n${await line()}\n`;
const policy = async () => '{"version":1,"rules":[{}]}';
const serviceMap = async () => '{"version":1,"rekor":{"url":"https://rekor.example"}}';
const BOM = '\ufeff';
const PREFIX = 'vnd.stella.bundle.';

const attestations = (bytes: Uint8Array) => {
  const parsed = parseAttestations(bytes, 'it');
  for (const each of parsed) if ('error' in each) throw each.error;
  return parsed;
};
const HANDED_OVER = [
  ['an attestation', attestation, attestations, 'PARSE_FAILED'],
  [
    'attestations as JSON lines',
    () => lines(async () => JSON.stringify(JSON.parse(await attestation()))),
    attestations,
    'PARSE_FAILED',
  ],
  ['a trusted root', trustedRoot, parseTrustedRoot, 'TRUSTED_ROOT_INVALID'],
  ['trusted roots as JSON lines', () => lines(oneLine), parseTrustedRoot, 'TRUSTED_ROOT_INVALID'],
  ['a policy', policy, (bytes: Uint8Array) => parsePolicy(bytes, 'it'), 'POLICY_INVALID'],
  ['a service map', serviceMap, (bytes: Uint8Array) => parseServiceMap(bytes, 'it'), 'SERVICE_MAP_INVALID'],
] as const;

describe.each(HANDED_OVER)('%s', (_name, write, parse, code) => {
  test('may begin with a byte order mark, which changes nothing', async () => {
    const text = await write();
    expect(parse(Buffer.from(BOM + text))).toEqual(parse(Buffer.from(text)));
  });

  test('with a name that appears twice is refused', async () => {
    const twice = Buffer.from((await write()).replace('{', '{"x":1,"\\u0078":2,'));
    const error = await refusal(code, () => parse(twice));
    expect(error.message).toContain('has a field name twice');
  });

  test('in UTF-16, or with bytes that are no UTF-8, is refused as such', async () => {
    const text = await write();
    const bytes = Buffer.from(text);
    const error = await refusal(code, () => parse(Buffer.from(BOM + text, 'utf16le')));
    expect(error.message).toContain('is not valid UTF-8 but UTF-16');
    await refusal(code, () =>
      parse(Buffer.concat([bytes.subarray(0, 2), Buffer.from([0xff]), bytes.subarray(2)])),
    );
  });
});

test('of several trusted roots, the line that is wrong is named', async () => {
  const document = Buffer.from(`${await oneLine()}\n{"a":\n`);
  const error = await refusal('TRUSTED_ROOT_INVALID', () => parseTrustedRoot(document));
  expect(error.message).toBe('trusted root: line 2 is not JSON');
});

test('a trusted root has at most 16 MiB, wherever it comes from', async () => {
  const large = Buffer.from(`${' '.repeat(16 * 1024 * 1024)}${await trustedRoot()}`);
  const error = await refusal('TRUSTED_ROOT_INVALID', () => parseTrustedRoot(large));
  expect(error.message).toBe('trusted root: the document is larger than 16777216 bytes');
});

describe('documents of our own have one form', () => {
  test('a manifest', async () => {
    await refusal('MANIFEST_INVALID', () => parseManifest(Buffer.from(`${BOM}{}\n`)));
    const error = await refusal('MANIFEST_INVALID', () =>
      parseManifest(Buffer.from('{"format":1,"format":1}\n')),
    );
    expect(error.message).toBe('manifest.json has a field name twice');
  });

  test('a state', async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'generations', '1'), { recursive: true });
    writeFileSync(join(directory, 'generations', '1', 'state.json'), `${BOM}{}`);
    await refusal('STORE_CORRUPT', () => openStore(directory).generation(1));
  });

  test.each([
    ['a name twice', '{"event":"sync","event":"import"}', 'it has a field name twice'],
    ['a byte order mark', `${BOM}{}`, 'it is not JSON: it begins with a byte order mark'],
    ['something else', 'nonsense', 'it is not JSON'],
  ])('a line of the audit log with %s', async (_name, line, why) => {
    const directory = temporaryDirectory();
    appendAudit(directory, NOW, 'sync', {});
    appendFileSync(join(directory, 'audit.jsonl'), `${line}\n`);
    const error = await refusal('AUDIT_BROKEN', () => loadAudit(directory));
    expect(error.message).toBe(`the audit log is broken at line 2: ${why}`);
  });

  test('an audit log with bytes that are no UTF-8', async () => {
    const directory = temporaryDirectory();
    appendAudit(directory, NOW, 'sync', {});
    const path = join(directory, 'audit.jsonl');
    const bytes = readFileSync(path);
    bytes[10] = 0xff;
    writeFileSync(path, bytes);
    await refusal('AUDIT_BROKEN', () => loadAudit(directory));
  });

  test('the sizes of trees in an annotation', async () => {
    const facts = {
      'sealed-at': '2026-01-01T00:00:00Z',
      sequence: '1',
      'root-version': '1',
      'manifest-sha256': '0'.repeat(64),
    };
    const withTrees = (trees: string) =>
      Object.fromEntries(
        Object.entries({ ...facts, 'tree-sizes': trees }).map(([name, text]) => [`${PREFIX}${name}`, text]),
      );
    expect(parseAnnotations(withTrees('{"__proto__":1}')).trees).toEqual(JSON.parse('{"__proto__":1}'));
    for (const trees of ['{"a":1,"a":2}', '{"a":{}}', `${BOM}{}`])
      await refusal('OCI_MANIFEST', () => parseAnnotations(withTrees(trees)));
  });
});

test('of TUF metadata the last member of a name counts, as it does for every client', async () => {
  const pin = (text: string) =>
    pinRoot(
      { how: 'root-file', bytes: Buffer.from(text) },
      'https://tuf.example/',
      'https://tuf.example/',
      { fetch: () => Promise.reject(new Error('not asked')) },
      NOW,
    );
  const pinned = await pin('{"signed":{"_type":"root","version":1,"version":7}}');
  expect(pinned.pin.version).toBe(7);
  for (const text of ['{"signed":null}', '[]', 'null', `${BOM}{"signed":{"_type":"root","version":1}}`, '{'])
    await refusal('TUF_INVALID', () => pin(text));
});
