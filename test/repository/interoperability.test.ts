import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { KEY_TYPES } from '../../src/repository/directory/vocabulary.ts';
import { TestRepository } from './repository.ts';

/** Debian's Python, with the library that python-tuf checks signatures with. */
const PYTHON = '/usr/bin/python3';
const present = spawnSync(PYTHON, ['-c', 'import securesystemslib.keys'], { stdio: 'ignore' }).status === 0;
if (!present) console.warn('skipping securesystemslib: not installed (scripts/install-test-servers.sh)');

const CHECK = `
import hashlib, json, sys
from securesystemslib import formats, keys
metadata = json.load(open(sys.argv[1]))
known = {}
for path in sys.argv[2:]:
    known.update(json.load(open(path))["signed"]["keys"])
data = formats.encode_canonical(metadata["signed"]).encode()
for signature in metadata["signatures"]:
    key = known[signature["keyid"]]
    assert hashlib.sha256(formats.encode_canonical(key).encode()).hexdigest() == signature["keyid"]
    assert keys.verify_signature({**key, "keyid": signature["keyid"]}, signature, data)
print(len(metadata["signatures"]))
`;

test.skipIf(!present)(
  'securesystemslib computes the same key ids and accepts the signatures of every kind of key',
  async () => {
    const repository = await new TestRepository().init();
    for (const [index, type] of KEY_TYPES.entries()) {
      const version = index + 2;
      await repository.ok(['repo', 'rotate-key', 'targets', '--key-type', type, '--no-passphrase']);
      for (const [file, root, signatures] of [
        [`${version}.targets.json`, version, 2],
        [`${version}.root.json`, version, 1],
        ['timestamp.json', version, 1],
      ] as const) {
        const roots = [root, root - 1].map((number) => `${repository.public}/${number}.root.json`);
        const result = spawnSync(PYTHON, ['-c', CHECK, `${repository.public}/${file}`, ...roots], {
          encoding: 'utf8',
        });
        expect([result.status, result.stdout.trim()], `${type} ${result.stderr}`).toEqual([
          0,
          String(signatures),
        ]);
      }
    }
  },
);
