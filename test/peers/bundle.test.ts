import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { GOLDEN, goldenDirectory, KEYS } from '../../bundles/golden.ts';
import { makeEnclave, makeSite, type Site } from '../support/site.ts';
import { temporaryTree } from '../support/temp.ts';
import { PythonPeer, present } from './peers.ts';

const hasPython = present('sealed bundles with Python', {
  packages: ['zstandard', 'cbor2', 'cryptography'],
});

interface Opened {
  readonly manifest_sha256: string;
  readonly entries: number;
  readonly signed_by: readonly string[];
}

interface Question {
  readonly file: string;
  readonly keys: readonly string[];
}

const ORDER = 'manifest.json manifest.cose tuf logs attestations';
const PACK = `tar --zstd -cf ../altered.tar.zst ${ORDER}`;

/** What is done to an unpacked bundle before it is packed again: stella's code, and why Python refuses it. */
const ALTERATIONS: readonly {
  readonly alteration: string;
  readonly script: string;
  readonly refused: readonly [code: string, reason: string];
}[] = [
  {
    alteration: 'a target has one byte more',
    script: `echo >>"$(ls tuf/targets/* | head -n 1)"; ${PACK}`,
    refused: ['ENTRY_DIGEST', 'an entry is not what the manifest lists'],
  },
  {
    alteration: 'two targets changed places',
    script: `cd tuf/targets; set -- *; mv "$1" x; mv "$2" "$1"; mv x "$2"; cd ../..; ${PACK}`,
    refused: ['ENTRY_DIGEST', 'an entry is not what the manifest lists'],
  },
  {
    alteration: 'an entry is missing',
    script: `rm attestations/*; ${PACK}`,
    refused: ['ENTRY_MISSING', 'other entries than the manifest lists'],
  },
  {
    alteration: 'an entry was added',
    script: `echo >tuf/targets/zz; ${PACK}`,
    refused: ['ENTRY_UNLISTED', 'other entries than the manifest lists'],
  },
  {
    alteration: 'an entry is a link to another',
    script: `cd tuf/targets; set -- *; ln -sf "$2" "$1"; cd ../..; ${PACK}`,
    refused: ['ENTRY_TYPE', 'not a file'],
  },
  {
    alteration: 'the manifest says something else than was signed',
    script: `sed -i 's/"sequence":1,/"sequence":9,/' manifest.json; ${PACK}`,
    refused: ['BUNDLE_SIGNATURE', 'a signature does not verify'],
  },
  {
    alteration: 'the manifest is that of a later bundle, with its signature',
    script: `tar --zstd -xf ../later.tar.zst manifest.json manifest.cose; ${PACK}`,
    refused: ['ENTRY_UNLISTED', 'other entries than the manifest lists'],
  },
  {
    alteration: 'a stranger has signed it',
    script: `tar --zstd -xf ../stranger.tar.zst; ${PACK}`,
    refused: ['BUNDLE_SIGNER_UNTRUSTED', 'signed by none of the keys'],
  },
  {
    alteration: 'the manifest comes last',
    script: 'tar --zstd -cf ../altered.tar.zst tuf logs attestations manifest.json manifest.cose',
    refused: ['MANIFEST_MISSING', 'the manifest does not come first'],
  },
  {
    alteration: 'the file is cut off',
    script: `${PACK}; truncate -s -100 ../altered.tar.zst`,
    refused: ['ARCHIVE_TRUNCATED', 'no archive: ReadError'],
  },
  {
    alteration: 'it is no archive',
    script: 'head -c 10000 /dev/zero >../altered.tar.zst',
    refused: ['ARCHIVE_INVALID', 'no archive: ZstdError'],
  },
];

describe.skipIf(!hasPython)("Python's own libraries", () => {
  let python: PythonPeer<Question, Opened | { readonly refused: string }>;
  beforeAll(() => {
    python = new PythonPeer('open_bundle.py');
  });

  test.each(GOLDEN)('open the golden bundle $name', async ({ name, signers, partSize }) => {
    const keys = Object.keys(KEYS).map((key) => join(goldenDirectory, `${key}.pub`));
    const file = join(goldenDirectory, `${name}.${partSize === undefined ? 'tar.zst' : 'parts.json'}`);
    const opened = await python.ask({ file, keys });
    expect(opened).toMatchObject({ signed_by: signers.map((key) => KEYS[key].publicKey.id) });
    expect(await python.ask({ file, keys: [] })).toEqual({ refused: 'signed by none of the keys' });
  });

  describe('and stella say the same of a bundle of a site', () => {
    let base: string;
    let site: Site;

    beforeAll(async () => {
      base = temporaryTree();
      site = await makeSite(base);
      await site.seal('full', ['--entries']);
      await site.seal('stranger', ['--entries', '--signing-key', 'stranger.key']);
      await site.run(['log', 'append', join(base, 'site/log'), '--lines', 'lines']);
      await site.seal('later', ['--entries']);
    });

    const at = (name: string) => join(site.home, name);
    const keys = () => [at('bundle-signer.pub'), at('stranger.pub')];

    /** What stella sees in a bundle, as the Python program tells it. */
    async function inspected(file: string): Promise<Opened> {
      const seen = (await site.run(['trust', 'snapshot', 'inspect', file, '--json'])).json() as {
        manifest_sha256: string;
        manifest: { entries: unknown[] };
        signers: { kid: string }[];
      };
      return {
        manifest_sha256: seen.manifest_sha256,
        entries: seen.manifest.entries.length,
        signed_by: seen.signers.map(({ kid }) => kid),
      };
    }

    test.each(['whole', 'a delta', 'signed twice'])('%s', async (name) => {
      let file = at('full.tar.zst');
      if (name === 'a delta') file = await site.seal('delta', ['--since', file]);
      if (name === 'signed twice') {
        const twice = at('twice.tar.zst');
        copyFileSync(file, twice);
        await site.run(['trust', 'snapshot', 'sign', twice, '--signing-key', 'stranger.key']);
        file = twice;
      }
      const opened = await python.ask({ file, keys: keys() });
      expect(opened).toEqual(await inspected(file));
      expect(opened).toMatchObject({ signed_by: { length: name === 'signed twice' ? 2 : 1 } });
    });

    test('cut into parts, and with one part of another bundle', async () => {
      await site.seal('split', ['--entries', '--split-size', '8KiB']);
      const file = at('split.parts.json');
      expect(await python.ask({ file, keys: keys() })).toEqual(await inspected(file));
      writeFileSync(at('split.tar.zst.002'), readFileSync(at('later.tar.zst')).subarray(8192, 16384));
      expect(await python.ask({ file, keys: keys() })).toEqual({
        refused: 'another part than the list says',
      });
      const enclave = makeEnclave(base, 'parts');
      const verify = ['trust', 'snapshot', 'verify', file, '--root-fingerprint', site.fingerprint];
      expect(await enclave.run(verify, { now: site.now })).toMatchObject({
        status: 2,
        stderr: expect.stringContaining('split.tar.zst.002 (damaged) [PARTS_INCOMPLETE]'),
      });
    });

    test.each(ALTERATIONS)('refused: $alteration', async ({ alteration, script, refused }) => {
      const enclave = makeEnclave(base, alteration);
      const directory = join(enclave.home, 'bundle');
      mkdirSync(directory);
      for (const name of ['full', 'later', 'stranger'])
        copyFileSync(at(`${name}.tar.zst`), join(enclave.home, `${name}.tar.zst`));
      execFileSync('sh', ['-euc', `tar --zstd -xf ../full.tar.zst; ${script}`], { cwd: directory });
      const file = join(enclave.home, 'altered.tar.zst');
      const verify = ['trust', 'snapshot', 'verify', file, '--root-fingerprint', site.fingerprint];
      const { status, stderr } = await enclave.run(verify, { now: site.now });
      const opened = await python.ask({ file, keys: [at('bundle-signer.pub')] });
      expect(status).toBe(2);
      expect([/\[([A-Z_]+)\]$/m.exec(stderr)?.[1], opened]).toEqual([refused[0], { refused: refused[1] }]);
    });
  });
});
