import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isStellaError } from '../../src/base/errors.ts';
import { generateKey, signerOf } from '../../src/base/keys.ts';
import { formatCheckpoint } from '../../src/tlog/checkpoint.ts';
import { formatVerifierKey, signNote, verifierKeyOf, witnessKeyOf } from '../../src/tlog/note.ts';
import { checkTlogProof, formatTlogProof, parseTlogProof, type TlogProof } from '../../src/tlog/proof.ts';
import { parseWitnessPolicy } from '../../src/tlog/witness-policy.ts';
import { refusal } from '../support/errors.ts';
import { ReferenceTree, referenceLeaf } from '../support/reference-tree.ts';
import { SyntheticTree } from '../support/synthetic-tree.ts';

const key = generateKey();
const keys = [verifierKeyOf('log.example', key.publicKey)];
const leaves = Array.from({ length: 300 }, (_, i) => referenceLeaf(Buffer.from(`${i}`)));
const tree = new ReferenceTree(leaves);
const checkpointBytes = await signNote(
  formatCheckpoint({ origin: 'log.example', size: 300n, rootHash: tree.root(300), extensions: [] }),
  'log.example',
  signerOf(key),
);
const proof: TlogProof = {
  index: 77n,
  path: tree.path(77, 300),
  checkpointBytes,
  extra: Buffer.from('context'),
};
const text = Buffer.from(formatTlogProof(proof)).toString();

test('a proof is written, read back and holds', async () => {
  expect(text).toMatch(/^c2sp\.org\/tlog-proof@v1\nextra Y29udGV4dA==\nindex 77\n/);
  const read = parseTlogProof(Buffer.from(text));
  expect(Buffer.from(formatTlogProof(read)).toString()).toBe(text);
  expect(checkTlogProof(read, leaves[77]!, { keys }).checkpoint.size).toBe(300n);
  await refusal('PROOF_INVALID', () => checkTlogProof(read, leaves[78]!, { keys }));
  await refusal('PROOF_INVALID', () => checkTlogProof({ ...read, index: 78n }, leaves[77]!, { keys }));
  await refusal('CHECKPOINT_ORIGIN', () => checkTlogProof(read, leaves[77]!, { keys, origin: 'other' }));
  const stranger = [verifierKeyOf('log.example', generateKey().publicKey)];
  await refusal('CHECKPOINT_SIGNATURE', () => checkTlogProof(read, leaves[77]!, { keys: stranger }));
});

test('a proof whose checkpoint lacks its witnesses is refused', async () => {
  const witness = formatVerifierKey(witnessKeyOf('witness.example', generateKey().publicKey));
  const none = parseWitnessPolicy(Buffer.from('quorum none\n'));
  checkTlogProof(proof, leaves[77]!, { keys, policy: none });
  const one = parseWitnessPolicy(Buffer.from(`witness w ${witness}\nquorum w\n`));
  await refusal('WITNESS_QUORUM', () => checkTlogProof(proof, leaves[77]!, { keys, policy: one }));
});

test('the proof of the only entry has no path', () => {
  const one = new SyntheticTree(1n);
  expect(Buffer.from(formatTlogProof({ index: 0n, path: [], checkpointBytes })).toString()).toMatch(
    /index 0\n\nlog\.example\n/,
  );
  expect(one.root()).toEqual(one.leaf);
});

describe('malformed proofs are refused', () => {
  test.each([
    ['another version', text.replace('@v1', '@v2')],
    ['no index', text.replace('index 77\n', '')],
    ['a leading zero', text.replace('index 77', 'index 077')],
    ['a negative index', text.replace('index 77', 'index -7')],
    ['an index of 2^63', text.replace('index 77', `index ${2n ** 63n}`)],
    ['extra after index', text.replace(/(extra .*\n)(index .*\n)/, '$2$1')],
    ['extra twice', text.replace(/(extra .*\n)/, '$1$1')],
    ['extra that is not base64', text.replace(/extra .*/, 'extra ?')],
    ['a short hash', text.replace('index 77\n', 'index 77\nAAAA\n')],
    [
      'a long path',
      text.replace('index 77\n', `index 77\n${`${Buffer.alloc(32).toString('base64')}\n`.repeat(64)}`),
    ],
    ['no empty line', text.replace('\n\n', '\n')],
    ['carriage returns', text.replaceAll('\n', '\r\n')],
    ['a broken checkpoint', text.slice(0, -5)],
    ['nothing', ''],
  ])('%s', async (_, bad) => {
    try {
      parseTlogProof(Buffer.from(bad));
    } catch (error) {
      expect(['PROOF_INVALID', 'NOTE_INVALID', 'CHECKPOINT_INVALID']).toContain(
        isStellaError(error) ? error.code : error,
      );
      return;
    }
    expect.fail('it was read');
  });

  test('any bytes give a proof or a coded refusal', () => {
    const part = fc.constantFrom(...text.split(/(?<=\n)/), '\n', 'index 0\n', 'x');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.array(part).map((parts) => Buffer.from(parts.join(''))),
        ),
        (bytes) => {
          try {
            parseTlogProof(bytes);
          } catch (error) {
            if (!isStellaError(error)) throw error;
          }
        },
      ),
    );
  });
});
