import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { KEY_TYPES } from '../../src/repository/vocabulary.ts';
import { TestRepository } from './repository.ts';

/** Debian's Python, with the library that python-tuf checks signatures with. */
const PYTHON = '/usr/bin/python3';
const present = spawnSync(PYTHON, ['-c', 'import securesystemslib.keys'], { stdio: 'ignore' }).status === 0;
if (!present) console.warn('skipping securesystemslib: not installed (scripts/install-test-servers.sh)');

const CHECK = `
import hashlib, json, sys
from securesystemslib import formats, keys
metadata = json.load(open(sys.argv[1]))
root = json.load(open(sys.argv[2]))
data = formats.encode_canonical(metadata["signed"]).encode()
for signature in metadata["signatures"]:
    key = root["signed"]["keys"][signature["keyid"]]
    assert hashlib.sha256(formats.encode_canonical(key).encode()).hexdigest() == signature["keyid"]
    assert keys.verify_signature({**key, "keyid": signature["keyid"]}, signature, data)
print(len(metadata["signatures"]))
`;

test.skipIf(!present).each(KEY_TYPES)(
  'securesystemslib computes the same ids and accepts the signatures of %s keys',
  async (type) => {
    const repository = await new TestRepository().init('--key-type', type, '--threshold', 'root=2/2');
    await repository.ok([
      'repo',
      'add-target',
      repository.publicKey('a.pub'),
      'dir/a.pub',
      '--usage',
      'Rekor',
    ]);
    for (const [file, signatures] of [
      ['1.root.json', 2],
      ['2.targets.json', 1],
      ['2.snapshot.json', 1],
      ['timestamp.json', 1],
    ] as const) {
      const paths = [`${repository.public}/${file}`, `${repository.public}/1.root.json`];
      const result = spawnSync(PYTHON, ['-c', CHECK, ...paths], { encoding: 'utf8' });
      expect([result.status, result.stdout.trim()], result.stderr).toEqual([0, String(signatures)]);
    }
  },
);
