import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadArtifact, parseDigest } from '../../../src/attest/document/load-artifact.ts';
import { parseAttestations } from '../../../src/attest/document/parse.ts';
import { sha256Hex } from '../../../src/base/bytes.ts';
import { formatPublicKey } from '../../../src/base/keys.ts';
import { formatTrustedRoot } from '../../../src/trust/trusted-root.ts';
import { stella } from '../../support/cli.ts';
import { refusal } from '../../support/errors.ts';
import { realIsPresent } from '../../support/real.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { FOLDER, IDENTITY, ISSUER } from '../samples.ts';
import { makeSite, NOW } from '../signed.ts';

/** A directory with a trusted root, a key, an artifact, and as many attestations about it as wanted. */
async function workplace(count = 1) {
  const site = await makeSite();
  const cwd = temporaryDirectory();
  writeFileSync(join(cwd, 'root.json'), formatTrustedRoot(site.trustedRoot));
  writeFileSync(join(cwd, 'a.pub'), formatPublicKey(site.key.publicKey));
  writeFileSync(join(cwd, 'app.bin'), 'content');
  const made: string[] = [];
  for (let i = 0; i < count; i += 1)
    made.push(Buffer.from((await site.sign({ predicate: { number: i } })).bytes).toString());
  const verify = (paths: readonly string[], more: readonly string[] = [], stdin?: string) =>
    stella(
      ['attest', 'verify', ...paths, '--trusted-root', 'root.json', '--key', 'a.pub', '--offline', ...more],
      { cwd, now: NOW, ...(stdin === undefined ? {} : { stdin }) },
    );
  const write = (name: string, text: string) => {
    mkdirSync(join(cwd, name, '..'), { recursive: true });
    writeFileSync(join(cwd, name), text);
  };
  return { site, cwd, made, verify, write };
}

const line = (json: string) => JSON.stringify(JSON.parse(json));

describe('the form of the input is told by its content', () => {
  test.each([
    ['a Sigstore bundle', ([a]: string[]) => a!, 1],
    ['JSON lines', (all: string[]) => `${all.map(line).join('\n')}\n`, 3],
    ['an array', (all: string[]) => `[${all.join(',')}]`, 3],
    [
      "GitHub's list",
      (all: string[]) =>
        `{"attestations":[${all.map((each) => `{"bundle":${each},"repository_id":1,"bundle_url":"https://x"}`).join(',')}]}`,
      3,
    ],
    [
      "npm's list",
      (all: string[]) =>
        `{"attestations":[${all.map((each) => `{"predicateType":"x","bundle":${each}}`).join(',')}]}`,
      3,
    ],
    [
      'what gh attestation verify prints',
      (all: string[]) =>
        `[${all.map((each) => `{"attestation":{"bundle":${each}},"verificationResult":{}}`).join(',')}]`,
      3,
    ],
  ])('%s', async (_name, form, count) => {
    const { verify, write, made } = await workplace(3);
    write('input', form(made));
    const result = await verify(['input'], ['--json']);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    const documents =
      count === 1
        ? [result.json()]
        : result.stdout
            .trimEnd()
            .split('\n')
            .map((each) => JSON.parse(each) as unknown);
    expect(documents).toHaveLength(count);
    for (const document of documents) expect(document).toMatchObject({ verified: true });
  });

  test('directories, patterns and stdin', async () => {
    const { verify, write, made } = await workplace(3);
    write('in/a.sigstore.json', made[0]!);
    write('in/deep/b.whatever', made[1]!);
    write('in/README', 'not an attestation');
    write('in/app.bin', Buffer.from([0, 1, 2]).toString('latin1'));
    write(
      'in/trusted_root.json',
      '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}',
    );
    expect((await verify(['in'])).stdout).toContain('2 attestations verified, 0 not');
    expect((await verify(['in/*.json', 'in/deep/*'])).stdout).toContain('verified  in/deep/b.whatever');
    expect(await verify(['-'], [], made[2])).toMatchObject({ status: 0 });
  });

  test('a damaged attestation in a directory is not passed over', async () => {
    const { verify, write, made } = await workplace(2);
    write('in/a.json', made[0]!);
    write('in/b.json', made[1]!.slice(0, -40));
    const result = await verify(['in']);
    expect(result.status).not.toBe(0);
    expect(result.stdout).toContain('NOT VERIFIED  in/b.json');
  });

  test('nothing verified is never a success', async () => {
    const { verify, write } = await workplace();
    write('empty/README', 'nothing here');
    write('list.json', '{"attestations":[]}');
    for (const path of ['empty', 'list.json']) {
      const result = await verify([path]);
      expect(result.status).toBe(4);
      expect(result.stderr).toContain('[NOTHING_VERIFIED]');
    }
    expect((await verify(['missing.json'])).stderr).toContain('[FILE_NOT_FOUND]');
    expect((await verify(['*.missing'])).stderr).toContain('[FILE_NOT_FOUND]');
  });

  test('what follows a document, and unknown media types, are refused', async () => {
    const { verify, write, made } = await workplace();
    write('trailing.json', `${made[0]}{"x":1}`);
    expect((await verify(['trailing.json'])).stderr).toContain('[PARSE_FAILED]');
    write('future.json', made[0]!.replace('bundle.v0.3+json', 'bundle.v0.4+json'));
    expect((await verify(['future.json'])).stderr).toContain('[SIGSTORE_BUNDLE_INVALID]');
    write('lines', `${line(made[0]!)}\ngarbage\n`);
    const lines = await verify(['lines']);
    expect(lines.status).not.toBe(0);
    expect(lines.stdout).toContain('1 attestation verified, 1 not');
  });
});

describe.skipIf(!realIsPresent)('cosign’s older bundle', () => {
  test('verifies by the log’s promise', async () => {
    const bundle = JSON.parse(readFileSync(`${FOLDER}happy-path-v0.1/bundle.sigstore.json`, 'utf8')) as {
      verificationMaterial: {
        x509CertificateChain: { certificates: { rawBytes: string }[] };
        tlogEntries: {
          logIndex: string;
          integratedTime: string;
          canonicalizedBody: string;
          logId: { keyId: string };
          inclusionPromise: { signedEntryTimestamp: string };
        }[];
      };
      messageSignature: { signature: string };
    };
    const [entry] = bundle.verificationMaterial.tlogEntries;
    const [certificate] = bundle.verificationMaterial.x509CertificateChain.certificates;
    const pem = `-----BEGIN CERTIFICATE-----\n${certificate!.rawBytes}\n-----END CERTIFICATE-----\n`;
    const old = {
      base64Signature: bundle.messageSignature.signature,
      cert: Buffer.from(pem).toString('base64'),
      rekorBundle: {
        SignedEntryTimestamp: entry!.inclusionPromise.signedEntryTimestamp,
        Payload: {
          body: entry!.canonicalizedBody,
          integratedTime: Number(entry!.integratedTime),
          logIndex: Number(entry!.logIndex),
          logID: Buffer.from(entry!.logId.keyId, 'base64').toString('hex'),
        },
      },
    };
    const cwd = temporaryDirectory();
    const verify = (value: object) => {
      writeFileSync(join(cwd, 'old.bundle'), JSON.stringify(value));
      return stella(
        [
          'attest',
          'verify',
          'old.bundle',
          '--artifact',
          `${FOLDER}a.txt`,
          '--trusted-root',
          `${FOLDER}trusted_root.json`,
          '--certificate-identity',
          IDENTITY,
          '--certificate-oidc-issuer',
          ISSUER,
        ],
        { cwd, now: NOW },
      );
    };
    const good = await verify(old);
    expect(good).toMatchObject({ status: 0, stderr: '' });
    expect(good.stdout).toContain('shown by signed entry timestamp');
    const other = structuredClone(old);
    other.rekorBundle.Payload.integratedTime += 1;
    expect((await verify(other)).stderr).toContain('[TIMESTAMP_INVALID]');
  });
});

describe('artifacts', () => {
  test('an OCI layout stands for its manifest', async () => {
    const directory = temporaryDirectory();
    const manifest = Buffer.from('{"schemaVersion":2}');
    const digest = sha256Hex(manifest);
    mkdirSync(join(directory, 'blobs', 'sha256'), { recursive: true });
    const blob = join(directory, 'blobs', 'sha256', digest);
    const index = (...digests: string[]) =>
      writeFileSync(
        join(directory, 'index.json'),
        JSON.stringify({
          schemaVersion: 2,
          manifests: digests.map((each) => ({ digest: `sha256:${each}` })),
        }),
      );
    writeFileSync(blob, manifest);
    index(digest);
    expect((await loadArtifact(directory)).digests).toEqual({ sha256: digest });
    index(digest, digest);
    await refusal('USAGE', () => loadArtifact(directory));
    index(digest);
    writeFileSync(blob, '{"schemaVersion":3}');
    await refusal('ARTIFACT_MISMATCH', () => loadArtifact(directory));
  });

  test('digests are strict', async () => {
    expect(parseDigest(`sha512:${'0'.repeat(128)}`).digests).toEqual({ sha512: '0'.repeat(128) });
    for (const text of [
      'sha256:abc',
      `SHA256:${'0'.repeat(64)}`,
      `md5:${'0'.repeat(32)}`,
      `sha256:${'A'.repeat(64)}`,
    ])
      await refusal('USAGE', () => parseDigest(text));
  });
});

test('a list of attestations has its limits', async () => {
  await refusal('PARSE_FAILED', () => parseAttestations(Buffer.from(`[${'{},'.repeat(10_001)}{}]`), 'it'));
  await refusal('FILE_TOO_LARGE', () => parseAttestations(Buffer.alloc(33 * 1024 * 1024, 0x20), 'it'));
});
