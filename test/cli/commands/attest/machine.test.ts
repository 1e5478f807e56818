import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { formatPublicKey, generateKey } from '../../../../src/base/keys.ts';
import { checkSchema } from '../../../../src/base/schema.ts';
import { JsonResults } from '../../../../src/cli/frame/json-forms.ts';
import { formatTrustedRoot } from '../../../../src/trust/trusted-root.ts';
import { ARTIFACT, makeSite, NOW, type Site } from '../../../attest/signed.ts';
import { type CliResult, stella } from '../../../support/cli.ts';
import { temporaryDirectory, temporaryTree } from '../../../support/temp.ts';

const PREDICATE = { buildDefinition: { buildType: 'urn:x:y' }, __proto__: null, hostile: '\u001b[2J\u200b' };

let cwd: string;
let site: Site;

beforeAll(async () => {
  cwd = temporaryTree();
  site = await makeSite('ed25519', 'ed25519', temporaryTree());
  writeFileSync(join(cwd, 'root.json'), formatTrustedRoot(site.trust.instances![0]!.trustedRoot));
  writeFileSync(join(cwd, 'a.pub'), formatPublicKey(site.key.publicKey));
  writeFileSync(join(cwd, 'other.pub'), formatPublicKey(generateKey().publicKey));
  writeFileSync(join(cwd, 'app.bin'), 'content');
  const { bytes } = await site.sign({ predicateType: 'urn:x:type', predicate: PREDICATE });
  const text = Buffer.from(bytes).toString();
  writeFileSync(join(cwd, 'good.json'), text);
  writeFileSync(join(cwd, 'forged.json'), text.replace(/("sig": ?")..../, '$1AAAA'));
});

const verify = (...args: string[]): Promise<CliResult> =>
  stella(['attest', 'verify', ...args, '--trusted-root', 'root.json'], { cwd, now: NOW });
const withKey = (...args: string[]) => verify(...args, '--key', 'a.pub');

/** A line feed ends each line, and each is a JSON document. */
function linesOf({ stdout }: CliResult): object[] {
  expect(stdout.endsWith('\n')).toBe(true);
  return stdout
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line) as object);
}

const VERIFIED = { source: 'good.json', verified: true };
const REFUSED = { source: 'forged.json', verified: false, error: { code: 'SIGNATURE_INVALID' } };

describe('--json of attest verify', () => {
  test.each(['--json', '--json=lines'])(
    '%s is a line for each verdict, however many there are',
    async (json) => {
      expect(linesOf(await withKey('good.json', json))).toMatchObject([VERIFIED]);
      expect(linesOf(await withKey('good.json', 'forged.json', json))).toMatchObject([VERIFIED, REFUSED]);
      expect(linesOf(await withKey('forged.json', json))).toMatchObject([REFUSED]);
    },
  );

  test('--json=document is one document of one form, however many there are', async () => {
    const one = await withKey('good.json', '--json=document');
    expect(one).toMatchObject({ status: 0, stderr: '' });
    expect(one.json()).toMatchObject({ verdicts: [VERIFIED] });
    const two = await withKey('good.json', 'forged.json', '--json=document');
    expect(two).toMatchObject({ status: 2, stderr: expect.stringContaining('[SIGNATURE_INVALID]') });
    expect(two.json()).toMatchObject({ verdicts: [VERIFIED, REFUSED] });
    for (const verdict of (two.json() as { verdicts: object[] }).verdicts)
      checkSchema('verdict', verdict, 'a verdict');
  });

  test('what directories hold besides attestations is a last line, or a member of the document', async () => {
    writeFileSync(join(cwd, 'notes.txt'), 'none');
    const last = linesOf(await withKey('.', '--json')).at(-1);
    expect(checkSchema('skipped', last, 'the last line')).toMatchObject({ skipped: { count: 5 } });
    const document = (await withKey('.', '--json=document')).json();
    expect(document).toMatchObject({ verdicts: [REFUSED, VERIFIED], skipped: { count: 5 } });
  });

  test('a refusal of the run is on one line, too, and closes a document that was begun', async () => {
    const [refusal] = linesOf(await verify('good.json', '--key', 'missing.pub', '--json'));
    expect(refusal).toMatchObject({ error: { code: 'FILE_NOT_FOUND' } });
    expect(linesOf(await withKey('--json=document'))).toMatchObject([{ error: { code: 'USAGE' } }]);
    expect(linesOf(await withKey('good.json', '--json=xml'))).toMatchObject([{ error: { code: 'USAGE' } }]);
    const begun: string[] = [];
    const results = new JsonResults('verdicts', true, (text) => void begun.push(text));
    results.add(VERIFIED);
    expect(results.isOpen).toBe(true);
    results.end({ error: { code: 'INTERNAL' } });
    expect(JSON.parse(begun.join(''))).toEqual({ verdicts: [VERIFIED], error: { code: 'INTERNAL' } });
    const nothing = await withKey('notes.txt', '--json=document');
    expect(nothing.json()).toMatchObject({
      verdicts: [{ source: 'notes.txt', error: { code: 'PARSE_FAILED' } }],
    });
  });

  test('the word after --json is a path, not its form', async () => {
    expect(
      linesOf(
        await stella(
          ['attest', 'verify', '--json', 'good.json', '--key', 'a.pub', '--trusted-root', 'root.json'],
          { cwd, now: NOW },
        ),
      ),
    ).toMatchObject([VERIFIED]);
  });

  test('a shard is lines: a document of one cannot be merged', async () => {
    const refused = await withKey('good.json', '--shard', '1/1', '--json=document');
    expect(refused).toMatchObject({ status: 4, stderr: expect.stringContaining('[USAGE]') });
    expect(refused.stderr).toContain('--json=document');
    const shard = await withKey('good.json', 'forged.json', '--shard', '1/1', '--json');
    writeFileSync(join(cwd, 'shard.jsonl'), shard.stdout);
    const merged = await stella(['attest', 'merge', 'shard.jsonl', '--json'], { cwd });
    expect(linesOf(merged)).toMatchObject([VERIFIED, REFUSED]);
    const document = await stella(['attest', 'merge', 'shard.jsonl', '--json=document'], { cwd });
    expect(document.json()).toMatchObject({ verdicts: [VERIFIED, REFUSED] });
  });
});

describe('the statement in a verdict', () => {
  test('is the one that was signed, with its predicate, as an engine takes it', async () => {
    const [verdict] = linesOf(await withKey('good.json', '--artifact', 'app.bin', '--json'));
    expect(checkSchema('verdict', verdict, 'the verdict').signed_statement).toEqual({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: 'app.bin', digest: { sha256: ARTIFACT.digests.sha256 } }],
      predicateType: 'urn:x:type',
      predicate: PREDICATE,
    });
  });

  test('is not there where the signature holds and anything else does not', async () => {
    const [verdict] = linesOf(await withKey('good.json', '--type', 'urn:x:other', '--json'));
    expect(verdict).toMatchObject({ verified: false, statement: { predicate_type: 'urn:x:type' } });
    expect(verdict).not.toHaveProperty('signed_statement');
    expect(JSON.stringify(verdict)).not.toContain('buildDefinition');
  });

  test('is not there at all, nor in brief, where the signature does not hold', async () => {
    const [verdict] = linesOf(await withKey('forged.json', '--json'));
    for (const member of ['statement', 'signed_statement', 'signer'])
      expect(verdict).not.toHaveProperty(member);
    expect((await withKey('forged.json', '--explain')).stdout).not.toContain('urn:x:type');
  });
});

describe('--log-file of attest verify', () => {
  interface Line {
    readonly msg: string;
    readonly level: string;
  }

  async function logged(...args: string[]): Promise<Line[]> {
    const file = join(temporaryDirectory(), 'run.log');
    await withKey(...args, '--log-file', file);
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line) as Line).filter(({ msg }) => msg === 'verdict');
  }

  test('records subject, signer and answer for each attestation', async () => {
    const lines = await logged('good.json', 'forged.json', '--artifact', 'app.bin');
    expect(lines).toMatchObject([
      {
        level: 'info',
        command: 'attest verify',
        source: 'good.json',
        verified: true,
        signer: { kind: 'key', name: 'a.pub', key_id: site.key.publicKey.id },
        predicate_type: 'urn:x:type',
        subject_count: 1,
        subjects: [{ name: 'app.bin', digests: [`sha256:${ARTIFACT.digests.sha256}`] }],
        artifact: { name: 'app.bin', digest: `sha256:${ARTIFACT.digests.sha256}` },
        artifact_checked: true,
      },
      { level: 'warn', source: 'forged.json', verified: false, code: 'SIGNATURE_INVALID' },
    ]);
    // What nobody is known to have signed is no subject.
    expect(lines[1]).not.toHaveProperty('subjects');
    expect(lines[1]).not.toHaveProperty('signer');
  });

  test('one line stays short, and holds nothing that a terminal acts on', async () => {
    const { bytes } = await site.sign({ name: `\u202e${'x'.repeat(3000)}` });
    writeFileSync(join(cwd, 'long.json'), bytes);
    const [line] = await logged('long.json', '--json', '--quiet');
    const text = JSON.stringify(line);
    expect(text).toContain('\\\\u202exxx');
    expect(text).not.toContain('\u202e');
    expect(text.length).toBeLessThan(2500);
  });
});
