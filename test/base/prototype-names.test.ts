import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseTimestamp } from '../../src/attest/authority/timestamp.ts';
import { loadTrust } from '../../src/attest/authority/verifier-trust.ts';
import { parseDigest } from '../../src/attest/document/load-artifact.ts';
import { parseStatement } from '../../src/attest/document/statement.ts';
import { parseEntryBody } from '../../src/attest/evidence/log-entry.ts';
import { parsePolicy } from '../../src/attest/policy/policy-file.ts';
import { DerReader, oidOf } from '../../src/attest/x509/der.ts';
import { signatureAlgorithmIn } from '../../src/attest/x509/signature-algorithm.ts';
import { coseAlgorithmName } from '../../src/base/cose.ts';
import { table } from '../../src/base/table.ts';
import { parseConfigFile } from '../../src/config/config-file.ts';
import { variable } from '../../src/config/locations.ts';
import { parseServiceMap, resolveServices } from '../../src/config/service-map.ts';
import { parseTufKey } from '../../src/tuf/key.ts';
import { verifyBytes } from '../attest/samples.ts';
import { ARTIFACT, makeSite } from '../attest/signed.ts';
import { stella } from '../support/cli.ts';
import { refusal } from '../support/errors.ts';
import { openLookups, sourceFiles } from '../support/open-lookups.ts';
import { temporaryDirectory } from '../support/temp.ts';

/** Every name that an ordinary object seems to have. */
const NAMES = Object.getOwnPropertyNames(Object.prototype);

/** What is looked up here is an own name, or asked for because it is a name of every object. */
const CHECKED_BEFORE = /^src\/tuf\/(?:canonical-json|second-opinion)\.ts:/;

describe('in the source', () => {
  test('names from outside are looked up in Maps and tables only', () => {
    expect(openLookups(sourceFiles()).filter(({ at }) => !CHECKED_BEFORE.test(at))).toEqual([]);
  }, 120_000);

  test('a lookup of an open name is found, and only that', () => {
    const file = join(temporaryDirectory(), 'sample.ts');
    const sample = `
      type Table<V> = Readonly<Record<string, V>> & { readonly brand: true };
      const TABLE = {} as Table<number>;
      const PLAIN: Record<string, number> = { a: 1 };
      const CLOSED = { a: 1, b: 2 } as const;
      declare const open: string;
      declare const closed: 'a' | 'b';
      declare const source: object;
      const fine = [TABLE[open], CLOSED[closed], PLAIN['a'], [1, 2][0], closed in CLOSED];
      const pick = <K extends 'a' | 'b'>(name: K) => CLOSED[name];
      const guarded = (name: string) => (Object.hasOwn(PLAIN, name) ? PLAIN[name] : 0);
      for (const name of Object.keys(PLAIN)) fine.push(PLAIN[name]!);
      const bad = [
        PLAIN[open],
        CLOSED[open as 'a'],
        open in PLAIN,
      ];
      const unguarded = (name: string) => (Object.hasOwn(PLAIN, open) ? PLAIN[name] : 0);
      for (const name of Object.keys(CLOSED)) PLAIN[name] = 1;
      const { [open]: taken } = PLAIN;
      Object.assign(PLAIN, source);
      Reflect.get(PLAIN, open);
      PLAIN[\`\${open}_url\`] = 1;
      export { bad, fine, guarded, pick, taken, unguarded };
    `;
    writeFileSync(file, sample);
    expect(openLookups([file]).map(({ code }) => code)).toEqual([
      'PLAIN[open]',
      "CLOSED[open as 'a']",
      'open in PLAIN',
      'PLAIN[name]',
      'PLAIN[name]',
      '[open]: taken',
      'Object.assign(PLAIN, source)',
      'Reflect.get(PLAIN, open)',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is code
      'PLAIN[`${open}_url`]',
    ]);
  }, 120_000);
});

/** DER of a tag with contents of less than 128 bytes, or less than 64 KiB. */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const length = content.length < 128 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}
const oid = (content: string) => der(0x06, Buffer.from(content, 'latin1'));

/** A time-stamp response, as far as the hash of its imprint. */
function timestampWith(imprintHash: string): Buffer {
  const integer = (value: number) => der(0x02, Buffer.from([value]));
  const imprint = der(0x30, der(0x30, oid(imprintHash)), der(0x04, Buffer.alloc(32)));
  const tstInfo = der(0x30, integer(1), oid(oidOf('1.2.3.4')), imprint);
  const signedData = der(
    0x30,
    integer(3),
    der(0x31),
    der(0x30, oid(oidOf('1.2.840.113549.1.9.16.1.4')), der(0xa0, der(0x04, tstInfo))),
    der(0x31, der(0x30)),
  );
  return der(
    0x30,
    der(0x30, integer(0)),
    der(0x30, oid(oidOf('1.2.840.113549.1.7.2')), der(0xa0, signedData)),
  );
}

test('there are such names', () => {
  expect(NAMES).toEqual(expect.arrayContaining(['__proto__', 'constructor', 'toString', 'hasOwnProperty']));
});

describe.each(NAMES)('%s', (name) => {
  test('is nothing in a table, unless it was put there', () => {
    expect(table({ a: 1 })[name]).toBeUndefined();
    const own = table(JSON.parse(`{${JSON.stringify(name)}:1}`) as Record<string, number>);
    expect([own[name], Object.keys(own)]).toEqual([1, [name]]);
  });

  test('is no hash or signature algorithm', async () => {
    const error = await refusal('TIMESTAMP_INVALID', () => parseTimestamp(timestampWith(name)));
    expect(error.message).toContain('hash algorithm not supported');
    expect(signatureAlgorithmIn(new DerReader(oid(name), 'CERTIFICATE_INVALID'))).toBeUndefined();
    expect(coseAlgorithmName(name)).toBe(`alg ${name}`);
    await refusal('USAGE', () => parseDigest(`${name}:00`));
    const hash = { algorithm: name, value: '00' };
    const body = { kind: 'dsse', apiVersion: '0.0.1', spec: { payloadHash: hash, signatures: [{}] } };
    await refusal('LOG_ENTRY_INVALID', () =>
      parseEntryBody({ body: Buffer.from(JSON.stringify(body)), kind: 'dsse', version: '0.0.1' }),
    );
  });

  test('is no type or scheme of a key', async () => {
    for (const [keytype, scheme] of [
      [name, name],
      [name, 'ed25519'],
      ['ecdsa', name],
    ] as const)
      await refusal('KEY_INVALID', () => parseTufKey({ keytype, scheme, keyval: { public: '' } }));
  });

  test('is a digest of a subject like any unknown one', () => {
    const statement = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"a","digest":{${JSON.stringify(name)}:"00"}}],"predicateType":"x","predicate":{}}`;
    const { digest } = parseStatement(Buffer.from(statement)).subjects[0]!;
    expect([Object.keys(digest), digest[name], digest['sha256']]).toEqual([[name], '00', undefined]);
  });

  test('is a predicate type like any other', async () => {
    const site = await makeSite();
    const { bytes } = await site.sign({ predicateType: name, predicate: {} });
    const ruleOf = (type: string) =>
      parsePolicy(
        Buffer.from(JSON.stringify({ version: 1, rules: [{ predicate_types: [type] }] })),
        'policy.json',
      ).rules[0]!;
    const judge = (type: string) =>
      verifyBytes(bytes, {
        trust: loadTrust(site.trust),
        options: { artifact: ARTIFACT, rule: ruleOf(type) },
      });
    expect((await judge(name)).verified).toBe(true);
    expect((await judge('https://example.com/other')).error?.code).toBe('POLICY_UNSATISFIED');
  });

  test('is no key of a configuration, and no variable that is not set', async () => {
    for (const [before, indent] of [
      ['', ''],
      ['attestor:\n', '  '],
      ['attestor:\n  trust_repo:\n', '    '],
      ['attestor:\n  trust_repo:\n    network:\n', '      '],
    ] as const) {
      const text = Buffer.from(`${before}${indent}${name}:\n${indent}  enabled: true\n`);
      const error = await refusal('CONFIG_INVALID', () => parseConfigFile(text, 'stella.yaml'));
      expect(error.message).toContain(`unknown key "${name}"`);
    }
    expect(variable({}, name)).toBeUndefined();
  });

  test('is an environment of a service map only where it has one, and no service', async () => {
    const parse = (more: string) =>
      parseServiceMap(
        Buffer.from(`{"version":1,"rekor":{"url":"https://rekor.example"}${more}}`),
        'services.json',
      );
    await refusal('ENVIRONMENT_UNKNOWN', () => resolveServices(parse(''), name));
    await refusal('ENVIRONMENT_UNKNOWN', () => resolveServices(parse(',"overrides":{"staging":{}}'), name));
    await refusal('SERVICE_MAP_INVALID', () => parse(`,${JSON.stringify(name)}:{"url":"https://x.example"}`));
    const own = parse(`,"overrides":{${JSON.stringify(name)}:{"rekor_url":"https://other.example"}}`);
    expect(resolveServices(own, name).logs[0]!.url).toBe('https://other.example');
  });

  test('is no command', async () => {
    for (const args of [[name], ['trust', name], ['help', name]]) expect((await stella(args)).status).toBe(4);
  });
});
