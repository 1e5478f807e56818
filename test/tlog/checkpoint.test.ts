import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isStellaError } from '../../src/base/errors.ts';
import { generateKey, signerOf } from '../../src/base/keys.ts';
import {
  formatCheckpoint,
  MOST_TREE_SIZE,
  openCheckpoint,
  parseCheckpoint,
  parseCheckpointText,
} from '../../src/tlog/checkpoint.ts';
import { makeCosignature } from '../../src/tlog/cosignature.ts';
import { EMPTY_ROOT } from '../../src/tlog/hash.ts';
import {
  formatNote,
  makeNoteSignature,
  parseNote,
  signNote,
  verifierKeyOf,
  witnessKeyOf,
} from '../../src/tlog/note.ts';
import { refusal } from '../support/errors.ts';

const ROOT = 'CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=';
// The example of C2SP tlog-checkpoint.
const EXAMPLE = `example.com/behind-the-sofa\n20852163\n${ROOT}\n`;
const key = generateKey();

test('the example of the C2SP document is read and written unchanged', () => {
  const note = `${EXAMPLE}\n— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n`;
  const checkpoint = parseCheckpoint(Buffer.from(note));
  expect(checkpoint).toMatchObject({
    origin: 'example.com/behind-the-sofa',
    size: 20_852_163n,
    extensions: [],
  });
  expect(formatCheckpoint(checkpoint)).toBe(EXAMPLE);
});

test('sizes up to 2^63 − 1 and extension lines are kept', () => {
  const text = `o\n${MOST_TREE_SIZE}\n${ROOT}\nTimestamp: 1689177396617352539\nmore\n`;
  const checkpoint = parseCheckpointText(text);
  expect(checkpoint.size).toBe(2n ** 63n - 1n);
  expect(checkpoint.extensions).toHaveLength(2);
  expect(formatCheckpoint(checkpoint)).toBe(text);
});

describe('malformed checkpoints are refused', () => {
  test.each([
    ['no final line feed', EXAMPLE.trimEnd()],
    ['two lines', `o\n1\n`],
    ['an empty origin', `\n1\n${ROOT}\n`],
    ['a leading zero', `o\n01\n${ROOT}\n`],
    ['a plus sign', `o\n+1\n${ROOT}\n`],
    ['a minus sign', `o\n-1\n${ROOT}\n`],
    ['a size of 2^63', `o\n${2n ** 63n}\n${ROOT}\n`],
    ['a size of 30 digits', `o\n${'9'.repeat(30)}\n${ROOT}\n`],
    ['hexadecimal', `o\n0x10\n${ROOT}\n`],
    ['a space after the size', `o\n1 \n${ROOT}\n`],
    ['an empty size', `o\n\n${ROOT}\n`],
    ['a short root', `o\n1\nAAAA\n`],
    ['a root without padding', `o\n1\n${ROOT.slice(0, -1)}\n`],
    ['an empty extension line', `o\n1\n${ROOT}\n\nx\n`],
    ['an empty tree with a root', `o\n0\n${ROOT}\n`],
  ])('%s', async (_, text) => {
    await refusal('CHECKPOINT_INVALID', () => parseCheckpointText(text));
  });

  test('what cannot be read back is not written', async () => {
    const rootHash = new Uint8Array(32);
    for (const origin of ['', 'two\nlines'])
      await refusal('CHECKPOINT_INVALID', () =>
        formatCheckpoint({ origin, size: 1n, rootHash, extensions: [] }),
      );
    await refusal('CHECKPOINT_INVALID', () =>
      formatCheckpoint({ origin: 'o', size: -1n, rootHash, extensions: [] }),
    );
  });

  test('any text gives a checkpoint or CHECKPOINT_INVALID', () => {
    const line = fc.constantFrom('o', '', '0', '7', '\n', ROOT, '9999999999999999999');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(line, { maxLength: 9 }).map((parts) => parts.join('')),
        ),
        (text) => {
          try {
            expect(formatCheckpoint(parseCheckpointText(text))).toBe(text);
          } catch (error) {
            if (!isStellaError(error, 'CHECKPOINT_INVALID')) throw error;
          }
        },
      ),
    );
  });
});

describe('opening', () => {
  const rootHash = EMPTY_ROOT;
  const text = (origin: string) => formatCheckpoint({ origin, size: 0n, rootHash, extensions: [] });

  test("a checkpoint of another log's origin is refused", async () => {
    const verifier = verifierKeyOf('a', key.publicKey);
    const bytes = await signNote(text('b'), 'a', signerOf(key));
    await refusal('CHECKPOINT_ORIGIN', () => openCheckpoint(bytes, [verifier]));
    // Rekor v1 signs under its host name, and its origin says more: then the origin must be given.
    expect(openCheckpoint(bytes, [verifier], { origin: 'b' }).checkpoint.origin).toBe('b');
    await refusal('CHECKPOINT_ORIGIN', () => openCheckpoint(bytes, [verifier], { origin: 'a' }));
  });

  test('a checkpoint that only witnesses signed is refused', async () => {
    const cosignature = await makeCosignature(text('a'), 'w', signerOf(key), 1n);
    const bytes = formatNote({ text: text('a'), signatures: [cosignature] });
    await refusal('CHECKPOINT_SIGNATURE', () => openCheckpoint(bytes, [witnessKeyOf('w', key.publicKey)]));
  });

  test('a text altered after signing is refused', async () => {
    const signature = await makeNoteSignature(text('a'), 'a', signerOf(key));
    const bytes = formatNote({ text: `a\n1\n${ROOT}\n`, signatures: [signature] });
    expect(parseNote(bytes).signatures).toHaveLength(1);
    await refusal('CHECKPOINT_SIGNATURE', () => openCheckpoint(bytes, [verifierKeyOf('a', key.publicKey)]));
  });
});
