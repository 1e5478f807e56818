import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { stella } from '../support/cli.ts';
import { Repositories } from '../support/instances.ts';
import { real, realIsPresent } from '../support/real.ts';
import { extension, pem } from '../support/sigstore/certificates.ts';
import { logOf } from '../support/sigstore/log.ts';
import {
  ARTIFACT,
  authorityOf,
  ctLog,
  defaultAuthority,
  defaultTsa,
  IDENTITY,
  ISSUER,
  make,
  type Scenario,
} from '../support/sigstore/scenario.ts';
import { temporaryTree } from '../support/temp.ts';
import { TufRepository } from '../support/tuf-repository.ts';
import { commandPath, ok, PythonPeer, present, run } from './peers.ts';
import { BAD, type Case, GOOD, type Verifier } from './sigstore-cases.ts';

const hasPython = present('attestations with sigstore-python', { packages: ['sigstore'] });
const hasCosign = present('attestations with cosign', { commands: ['cosign'] });

/** Files, and who must have signed. */
interface Question {
  readonly bundle: string;
  readonly trusted_root: string;
  readonly artifact: string;
  readonly identity: string;
  readonly issuer: string;
}

let area: string;
let python: PythonPeer<Question, { readonly verified: true } | { readonly refused: string }>;

beforeAll(() => {
  area = temporaryTree();
  if (hasPython) python = new PythonPeer('sigstore_verifier.py');
});

const identityFlags = ({ identity, issuer }: Question) => [
  ...['--certificate-identity', identity],
  ...['--certificate-oidc-issuer', issuer],
];

/** The code that stella refuses it with. */
async function refusalOf(
  question: Question,
  flags: readonly string[],
  home = area,
  now?: string,
): Promise<string | undefined> {
  const { status, stderr } = await stella(
    ['attest', 'verify', question.bundle, '--artifact', question.artifact, '--offline', ...flags],
    { env: { HOME: home }, cwd: home, ...(now ? { now } : {}) },
  );
  if (status === 0) return undefined;
  return /^error: .*\[([A-Z_]+)\]$/m.exec(stderr)?.[1] ?? stderr;
}

const predicateTypeIn = (payload: string) =>
  (JSON.parse(Buffer.from(payload, 'base64').toString()) as { predicateType: string }).predicateType;

/** What each peer that is here says of it. */
async function peersVerify(
  question: Question,
  keyFile?: string,
): Promise<Partial<Record<Verifier, boolean>>> {
  const verdicts: Partial<Record<Verifier, boolean>> = {};
  // sigstore-python knows no keys.
  if (hasPython && keyFile === undefined)
    verdicts['sigstore-python'] = 'verified' in (await python.ask(question));
  if (hasCosign) {
    const text = readFileSync(question.bundle, 'utf8');
    const { dsseEnvelope } = JSON.parse(text) as { dsseEnvelope?: { payload: string } };
    const { status } = await run(
      commandPath('cosign'),
      [
        ...(dsseEnvelope
          ? ['verify-blob-attestation', '--type', predicateTypeIn(dsseEnvelope.payload)]
          : ['verify-blob']),
        ...['--bundle', question.bundle, '--trusted-root', question.trusted_root],
        ...(text.includes('"signedTimestamp"') ? ['--use-signed-timestamps'] : []),
        ...(keyFile === undefined ? identityFlags(question) : ['--key', keyFile]),
        question.artifact,
      ],
      { env: { PATH: process.env['PATH'] ?? '', HOME: area } },
    );
    verdicts.cosign = status === 0;
  }
  return verdicts;
}

/** The verdicts that peers must give. */
function expected(isGood: boolean, unlike: Case['unlike'] = {}, keyFile?: string) {
  const verdict = (who: Verifier) => (who in unlike ? !isGood : isGood);
  return {
    ...(hasPython && keyFile === undefined ? { 'sigstore-python': verdict('sigstore-python') } : {}),
    ...(hasCosign ? { cosign: verdict('cosign') } : {}),
  };
}

let count = 0;
/** What a private instance has signed, in files; peers want more of a trusted root than stella does. */
function write(scenario: Scenario): Question {
  const made = make({
    ...scenario,
    leaf: {
      ...scenario.leaf,
      // sigstore-python reads the issuer in its oldest form only.
      extensions: [extension('1.3.6.1.4.1.57264.1.1', Buffer.from(scenario.leaf?.issuer ?? ISSUER))],
    },
  });
  const root = structuredClone(made.root) as {
    certificateAuthorities: { subject?: object }[];
    timestampAuthorities: { subject?: object }[];
    tlogs: { publicKey: { rawBytes: string; keyDetails: string } }[];
  };
  for (const authority of [...root.certificateAuthorities, ...root.timestampAuthorities])
    authority.subject = { organization: 'Example', commonName: 'example' };
  for (const { publicKey } of root.tlogs)
    if (Buffer.from(publicKey.rawBytes, 'base64').length === 44) publicKey.keyDetails = 'PKIX_ED25519';
  count += 1;
  const directory = join(area, `case-${count}`);
  mkdirSync(directory);
  const file = (name: string, content: string | Uint8Array) => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  return {
    bundle: file('bundle.json', JSON.stringify(made.bundle)),
    trusted_root: file('trusted_root.json', JSON.stringify(root)),
    artifact: file('a.txt', ARTIFACT),
    identity: IDENTITY,
    issuer: ISSUER,
  };
}

describe.skipIf(!hasPython && !hasCosign)('a private instance: stella and its peers', () => {
  test.each(GOOD)('accept $what', async ({ scenario, unlike }) => {
    const question = write(scenario);
    const flags = [...identityFlags(question), '--trusted-root', question.trusted_root];
    expect(await refusalOf(question, flags)).toBeUndefined();
    expect(await peersVerify(question)).toEqual(expected(true, unlike));
  });

  test.each(BAD)('refuse where $what', async ({ scenario, refused, unlike }) => {
    const question = write(scenario);
    const flags = [...identityFlags(question), '--trusted-root', question.trusted_root];
    expect(await refusalOf(question, flags)).toBe(refused);
    expect(await peersVerify(question)).toEqual(expected(false, unlike));
  });
});

/** Makes a store of a TUF repository, and exports it. @returns the trusted root for other verifiers */
async function exportedRoot(home: string, repository: string, now?: string): Promise<string> {
  const setting = { env: { HOME: home }, cwd: home, ...(now ? { now } : {}) };
  const root = join(repository, '1.root.json');
  const init = ['trust', 'init', '--tuf-url', pathToFileURL(repository).href, '--root', root, '--offline'];
  for (const args of [init, ['trust', 'export', '--out', 'exported']]) {
    const { status, stderr } = await stella(args, setting);
    expect(status, stderr).toBe(0);
  }
  return join(home, 'exported/sigstore/trusted_root.json');
}

describe.skipIf(!hasPython && !hasCosign)(
  'with the trusted root that stella made of keys in a TUF repository',
  () => {
    let home: string;
    let root: string;
    const logs = [logOf(1), logOf(2)];

    beforeAll(async () => {
      home = join(area, 'private');
      mkdirSync(home);
      await ok(home, ['repo', 'init', 'repo', '--no-passphrase']);
      const add = (name: string, content: string, ...flags: string[]) => {
        writeFileSync(join(home, name), content);
        const since = ['--valid-from', '2025-01-01T00:00:00Z'];
        return ok(home, ['repo', 'add-target', name, ...since, ...flags, '--repo', 'repo']);
      };
      const certificates = (chain: readonly Buffer[]) => chain.map((der) => pem('CERTIFICATE', der)).join('');
      for (const { key, host, generation } of logs) {
        const flags = ['--usage', 'Rekor', '--uri', `https://${host}`];
        await add(`rekor-${generation}.pub`, pem('PUBLIC KEY', key.spki), ...flags);
      }
      await add('ctlog.pub', pem('PUBLIC KEY', ctLog.spki), '--usage', 'CTFE');
      await add('fulcio.pem', certificates(defaultAuthority.chain), '--usage', 'Fulcio');
      await add('tsa.pem', certificates(defaultTsa.chain), '--usage', 'TSA');
      root = await exportedRoot(home, join(home, 'repo/public'));
    });

    const some = (cases: readonly Case[], ...names: readonly string[]) =>
      names.map((name) => cases.find(({ what }) => what === name)!);

    test.each(some(GOOD, 'version 0.3', 'Rekor v2', 'an envelope'))(
      'all accept $what',
      async ({ scenario, unlike }) => {
        const question = { ...write(scenario), trusted_root: root };
        expect(await refusalOf(question, identityFlags(question), home)).toBeUndefined();
        expect(await peersVerify(question)).toEqual(expected(true, unlike));
      },
    );

    test.each(
      some(
        BAD,
        'another key signed',
        'another key signed the certificate',
        'the signed timestamp is of another CT log',
        'the checkpoint of Rekor v2 is of another key',
        'the timestamp is of another key',
      ),
    )('all refuse where $what', async ({ scenario, refused, unlike }) => {
      const question = { ...write(scenario), trusted_root: root };
      expect(await refusalOf(question, identityFlags(question), home)).toBe(refused);
      expect(await peersVerify(question)).toEqual(expected(false, unlike));
    });
  },
);

describe.skipIf(!hasPython && !hasCosign)('with the trusted roots of several instances, a line each', () => {
  test('all accept what the instance of a line certified, and refuse what the other did', async () => {
    const site = new Repositories();
    const questions = ['good', 'hub'].map((name) => {
      const question = write({ authority: authorityOf(name) });
      const repository = new TufRepository(site.now);
      repository.addTarget('trusted_root.json', readFileSync(question.trusted_root));
      repository.publish();
      site.serve(name, repository);
      return question;
    });
    await site.init('--instance', `good=${site.url('good')}`, '--instance', `hub=${site.url('hub')}`);
    await site.must('connected', ['trust', 'export', '--out', site.path('exported')]);
    const text = readFileSync(site.path('exported/sigstore/trusted_root.jsonl'), 'utf8');
    // The first is the home repository's, which certifies no one.
    const roots = text.trim().split('\n').slice(1);
    expect(roots).toHaveLength(2);
    for (const [i, line] of roots.entries()) {
      const root = site.write(`${i}.trusted_root.json`, line);
      for (const [j, asked] of questions.entries()) {
        const question = { ...asked, trusted_root: root };
        const flags = [...identityFlags(question), '--trusted-root', root];
        expect((await refusalOf(question, flags)) === undefined).toBe(i === j);
        expect(await peersVerify(question)).toEqual(expected(i === j));
      }
    }
    const store = { env: { HOME: site.path('connected') }, cwd: site.base, now: site.now };
    for (const question of questions) {
      const args = ['attest', 'verify', question.bundle, '--artifact', question.artifact, '--offline'];
      const { status, stderr } = await stella([...args, ...identityFlags(question)], store);
      expect(status, stderr).toBe(0);
    }
  });
});

describe.skipIf(!realIsPresent || (!hasPython && !hasCosign))(
  'published by others, with the exported trusted root',
  () => {
    const AS_OF = '2026-08-22T00:00:00Z';
    const folder = `${real}attestations/`;
    const samples = realIsPresent
      ? readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
      : [];
    let home: string;
    let root: string;

    beforeAll(async () => {
      home = join(area, 'public-good');
      mkdirSync(home);
      execFileSync('tar', ['--zstd', '-xf', `${real}sigstore-tuf.tar.zst`, '-C', home]);
      const found = readdirSync(home, { recursive: true, encoding: 'utf8' });
      const timestamp = found.find((path) => path.endsWith('timestamp.json'))!;
      root = await exportedRoot(home, dirname(join(home, timestamp)), AS_OF);
    });

    test.each(samples)('$name', async ({ name }) => {
      const file = (each: string) =>
        existsSync(`${folder}${name}/${each}`) ? `${folder}${name}/${each}` : undefined;
      const text = (each: string) => {
        const path = file(each);
        return path === undefined ? undefined : readFileSync(path, 'utf8').trim();
      };
      const [own, key] = [file('trusted_root.json'), file('key.pub')];
      const question: Question = {
        bundle: file('bundle.sigstore.json')!,
        trusted_root: own ?? root,
        artifact: file('artifact') ?? `${folder}a.txt`,
        identity:
          text('identity') ??
          'https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main',
        issuer: text('issuer') ?? 'https://token.actions.githubusercontent.com',
      };
      const flags = [
        ...(key === undefined ? identityFlags(question) : ['--key', key]),
        ...(own === undefined ? [] : ['--trusted-root', own]),
      ];
      const isGood = !name.endsWith('_fail');
      expect((await refusalOf(question, flags, home, AS_OF)) === undefined).toBe(isGood);
      expect(await peersVerify(question, key)).toEqual(expected(isGood, {}, key));
    });
  },
);
