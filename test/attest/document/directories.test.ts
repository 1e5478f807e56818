import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requireInputs } from '../../../src/attest/document/find.ts';
import { formatPublicKey } from '../../../src/base/keys.ts';
import { checkSchema } from '../../../src/base/schema.ts';
import { collectAttestations } from '../../../src/producer/collect.ts';
import { formatTrustedRoot } from '../../../src/trust/trusted-root.ts';
import { stella } from '../../support/cli.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { makeSite, NOW } from '../signed.ts';

async function workplace() {
  const site = await makeSite();
  const cwd = temporaryDirectory();
  writeFileSync(join(cwd, 'root.json'), formatTrustedRoot(site.trustedRoot));
  writeFileSync(join(cwd, 'a.pub'), formatPublicKey(site.key.publicKey));
  const good = Buffer.from((await site.sign()).bytes).toString();
  const write = (name: string, content: string | Buffer) => {
    mkdirSync(join(cwd, name, '..'), { recursive: true });
    writeFileSync(join(cwd, name), content);
  };
  const verify = (...args: string[]) =>
    stella(['attest', 'verify', ...args, '--trusted-root', 'root.json', '--key', 'a.pub'], { cwd, now: NOW });
  return { cwd, good, write, verify };
}

const SCHEMA = JSON.stringify({ properties: { payloadType: { const: 'x' }, payload: {}, signatures: {} } });
const IMAGE_INDEX = JSON.stringify({
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.index.v1+json',
  manifests: [{ artifactType: 'application/vnd.dev.sigstore.bundle.v0.3+json', digest: 'sha256:aa' }],
});

describe('a directory', () => {
  test('contributes what is an attestation by its structure, and says what it passed over', async () => {
    const { write, verify, good } = await workplace();
    write('in/good.json', good);
    const others: Record<string, string | Buffer> = {
      'webpack.json': '{"name":"x","bundle":"main.js"}',
      'schema.json': SCHEMA,
      'index.json': IMAGE_INDEX,
      'oci-layout': '{"imageLayoutVersion":"1.0.0"}',
      'program.bin': Buffer.from('\u007fELF "payloadType" application/vnd.dev.sigstore.bundle.v0.3+json'),
      'archive.tar': `a.json\0\0${good}`,
      'notes.txt': 'speaks of "verificationMaterial" and "base64Signature"',
      'empty.json': '',
      'braces.json': '{}',
      'list.json': '[]',
      'app.log': '{"level":"info"}\n{"level":"payloadType"}\n',
      'jws.json': '{"payload":"AA","signatures":[{"protected":"AA","signature":"AA"}]}',
    };
    for (const [name, content] of Object.entries(others)) write(`in/${name}`, content);
    const result = await verify('in');
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.stdout).toContain('verified  in/good.json');
    expect(result.stdout).toContain(`skipped ${Object.keys(others).length} files that are no attestations`);
    expect(result.stdout).toContain('in/empty.json: empty');
    expect(result.stdout).toContain('in/list.json: an empty list');
    const [verdict, last, ...more] = (await verify('in', '--json')).stdout.trimEnd().split('\n');
    expect(JSON.parse(verdict!)).toMatchObject({ source: 'in/good.json', verified: true });
    expect(checkSchema('skipped', JSON.parse(last!), 'the last line')).toMatchObject({
      skipped: { count: Object.keys(others).length },
    });
    expect(more).toEqual([]);
    expect(await verify('in', '--strict')).toMatchObject({
      status: 4,
      stderr: expect.stringContaining('[INPUT_SKIPPED]'),
    });
    write('in/again.json', good);
    const lines = (await verify('in', '--json')).stdout.trimEnd().split('\n');
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({ skipped: { inputs: expect.any(Array) } });
  });

  test('with nothing but other files is an error that names them', async () => {
    const { write, verify } = await workplace();
    write('in/empty.json', '');
    write('in/braces.json', '{}');
    const refused = await verify('in');
    expect(refused).toMatchObject({ status: 4, stderr: expect.stringContaining('[NOTHING_VERIFIED]') });
    expect(refused.stderr).toContain('in/braces.json: no attestation');
  });

  test('with a file over 32 MiB does not fail, be it an image, zeroes or a log', async () => {
    const { cwd, write, verify, good } = await workplace();
    write('in/good.json', good);
    write('in/image.jpg', Buffer.alloc(34 << 20, '\u00ff\u00d8\n'));
    write('in/zeroes', '');
    truncateSync(join(cwd, 'in/zeroes'), 200 << 20);
    write('in/app.jsonl', '{"level":"info","message":"nothing at all"}\n'.repeat(800_000));
    const result = await verify('in');
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.stdout).toContain('skipped 3 files');
  });

  test('links inside of it stand for their files, others are named and skipped', async () => {
    const { cwd, write, verify, good } = await workplace();
    write('in/..data/good.json', good);
    write('outside.json', good);
    symlinkSync('..data/good.json', join(cwd, 'in/link.json'));
    symlinkSync('../outside.json', join(cwd, 'in/out.json'));
    symlinkSync('../missing.json', join(cwd, 'in/out-missing.json'));
    symlinkSync('nowhere.json', join(cwd, 'in/dangling.json'));
    symlinkSync('.', join(cwd, 'in/circle'));
    symlinkSync('loop', join(cwd, 'in/loop'));
    const { stdout, status } = await verify('in');
    expect(status).toBe(0);
    expect(stdout).toContain('verified  in/link.json');
    expect(stdout).toContain('2 attestations verified, 0 not\nskipped 4 files');
    for (const name of ['out', 'out-missing'])
      expect(stdout).toContain(`in/${name}.json: a link that leads outside`);
    expect(stdout).toContain('in/dangling.json: a link to nothing');
  });

  test('with a pipe in it is not waited for', async () => {
    const { cwd, write, verify, good } = await workplace();
    write('in/good.json', good);
    execFileSync('mkfifo', [join(cwd, 'in/pipe')]);
    expect((await verify('in')).stdout).toContain('in/pipe: no regular file');
    expect((await verify('in/*')).stdout).toContain('in/pipe: no regular file');
  });

  test('is carried as it is verified: attestations only', async () => {
    const { cwd, write, good } = await workplace();
    write('in/good.json', good);
    write('in/index.json', IMAGE_INDEX);
    write('in/README', 'read me');
    const { carried, skipped } = collectAttestations(requireInputs(['in'], cwd));
    expect(carried.map(({ name }) => name)).toEqual(['in/good.json']);
    expect(skipped).toEqual([
      { name: 'in/README', skipped: 'not JSON' },
      { name: 'in/index.json', skipped: 'no attestation' },
    ]);
  });
});

describe('the others are judged all the same', () => {
  test('where a pattern meets a dangling link', async () => {
    const { cwd, write, verify, good } = await workplace();
    write('in/good.json', good);
    symlinkSync('nowhere', join(cwd, 'in/a.json'));
    const result = await verify('in/*.json');
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.stdout).toContain('verified  in/good.json');
    expect(result.stdout).toContain('in/a.json: a link to nothing');
  });

  test('where one path is not there, and where a line is too long', async () => {
    const { write, verify, good } = await workplace();
    write('good.json', good);
    write('long.jsonl', `${JSON.stringify(JSON.parse(good))}\n{"payloadType":"${'x'.repeat(40 << 20)}`);
    const result = await verify('missing.json', 'missing-*.json', 'long.jsonl', 'good.json');
    expect(result.status).toBe(4);
    for (const line of ['verified  good.json', 'verified  long.jsonl#0', 'NOT VERIFIED  missing-*.json'])
      expect(result.stdout).toContain(line);
    expect(result.stdout).toMatch(/NOT VERIFIED {2}long\.jsonl#1 .*the rest was not read \[FILE_TOO_LARGE\]/);
    expect(result.stdout).toMatch(/NOT VERIFIED {2}missing\.json .*\[FILE_NOT_FOUND\]/);
  });
});
