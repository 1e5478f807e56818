import fc from 'fast-check';
import { expect, test } from 'vitest';
import { foldLevel, foldSubtrees, leafHash } from '../../src/tlog/hash.ts';
import {
  checkConsistency,
  checkInclusion,
  EMPTY_ROOT,
  type HashReader,
  proveConsistency,
  proveInclusion,
  treeRoot,
} from '../../src/tlog/merkle.ts';
import { verifiedHashReader } from '../../src/tlog/tile-reader.ts';
import { refusal } from '../support/errors.ts';
import { ReferenceTree, referenceLeaf } from '../support/reference-tree.ts';
import { SyntheticTree } from '../support/synthetic-tree.ts';

const MOST = 1100;
const entry = (i: number) => Buffer.from(`entry ${i}`);
const leaves = Array.from({ length: MOST }, (_, i) => referenceLeaf(entry(i)));
const reference = new ReferenceTree(leaves);

/** Tiles of the first `size` entries, from the reference. */
function readerOf(size: number): HashReader {
  return verifiedHashReader({ size: BigInt(size), rootHash: reference.root(size) }, async (tiles) =>
    tiles.map(({ level, index, width }) => {
      const span = 256 ** level;
      const first = Number(index) * 256;
      return Buffer.concat(
        Array.from({ length: width }, (_, i) => reference.root((first + i + 1) * span, (first + i) * span)),
      );
    }),
  );
}

test('leaf hashes are those of RFC 6962', () => {
  for (const i of [0, 1, 1099]) expect(leafHash(entry(i))).toEqual(Buffer.from(leaves[i]!));
  expect(Buffer.from(leafHash(new Uint8Array())).toString('hex')).toBe(
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  );
});

test('the roots of the test tree of the Certificate Transparency project are its published ones', () => {
  const inputs = [
    '',
    '00',
    '10',
    '2021',
    '3031',
    '40414243',
    '5051525354555657',
    '606162636465666768696a6b6c6d6e6f',
  ];
  const roots = [
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ];
  const hashes = inputs.map((input) => leafHash(Buffer.from(input, 'hex')));
  roots.forEach((root, i) => {
    expect(Buffer.from(foldLevel(Buffer.concat(hashes.slice(0, i + 1)))).toString('hex')).toBe(root);
  });
});

test('the root of every size from 0 to 1,100 is that of RFC 6962, from hashes and from tiles', async () => {
  for (let size = 0; size <= MOST; size += 1) {
    const expected = Buffer.from(reference.root(size));
    expect(Buffer.from(foldLevel(Buffer.concat(leaves.slice(0, size))))).toEqual(expected);
    expect(Buffer.from(await treeRoot(readerOf(size), BigInt(size)))).toEqual(expected);
  }
  expect(Buffer.from(EMPTY_ROOT)).toEqual(Buffer.from(reference.root(0)));
});

const interesting = (size: number) =>
  [0, 1, 2, 3, 127, 128, 255, 256, 257, 511, 512, 767, 768, 1023, 1024, size >> 1, size - 2, size - 1].filter(
    (n, i, all) => n >= 0 && n < size && all.indexOf(n) === i,
  );

test('inclusion proofs of every size from 1 to 1,100 are those of RFC 6962 and hold', async () => {
  for (let size = 1; size <= MOST; size += 1) {
    const reader = readerOf(size);
    const rootHash = reference.root(size);
    for (const index of size <= 70 ? leaves.slice(0, size).keys() : interesting(size)) {
      const proof = await proveInclusion(reader, BigInt(index), BigInt(size));
      expect(proof.map((hash) => Buffer.from(hash))).toEqual(
        reference.path(index, size).map((hash) => Buffer.from(hash)),
      );
      checkInclusion({ index: BigInt(index), size: BigInt(size), leafHash: leaves[index]!, proof, rootHash });
    }
  }
});

test('consistency proofs to every size from 0 to 1,100 are those of RFC 6962 and hold', async () => {
  for (let size = 0; size <= MOST; size += 1) {
    const reader = readerOf(size);
    for (const old of [...(size <= 70 ? leaves.slice(0, size).keys() : interesting(size)), size]) {
      const proof = await proveConsistency(reader, BigInt(old), BigInt(size));
      const expected = old === 0 ? [] : reference.proof(old, size);
      expect(proof.map((hash) => Buffer.from(hash))).toEqual(expected.map((hash) => Buffer.from(hash)));
      checkConsistency({
        oldSize: BigInt(old),
        oldRoot: reference.root(old),
        newSize: BigInt(size),
        newRoot: reference.root(size),
        proof,
      });
    }
  }
});

test('at random sizes up to 2^40, proofs from tiles hold', async () => {
  const sizes = fc.bigInt({ min: 1n, max: 2n ** 40n });
  await fc.assert(
    fc.asyncProperty(sizes, sizes, sizes, async (a, b, odd) => {
      const [oldSize, newSize] = a < b ? [a, b] : [b, a];
      const tree = new SyntheticTree(newSize, odd % newSize);
      const rootHash = tree.root();
      const reader = verifiedHashReader({ size: newSize, rootHash }, async (tiles) =>
        tiles.map((tile) => tree.tile(tile)),
      );
      expect(Buffer.from(await treeRoot(reader, newSize))).toEqual(Buffer.from(rootHash));
      const index = odd % newSize;
      const inclusion = await proveInclusion(reader, index, newSize);
      checkInclusion({ index, size: newSize, leafHash: tree.node(0, index), proof: inclusion, rootHash });
      const proof = await proveConsistency(reader, oldSize, newSize);
      checkConsistency({ oldSize, oldRoot: tree.root(oldSize), newSize, newRoot: rootHash, proof });
      // The same claims about another tree of these sizes do not hold.
      const other = new SyntheticTree(newSize, index === 0n ? newSize - 1n : index - 1n);
      if (newSize > 1n) {
        await refusal('PROOF_INVALID', () =>
          checkInclusion({
            index,
            size: newSize,
            leafHash: tree.node(0, index),
            proof: inclusion,
            rootHash: other.root(),
          }),
        );
      }
    }),
    { numRuns: 40 },
  );
});

test('a proof that is altered in any way is refused', async () => {
  const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: 300 }),
      fc.nat(),
      fc.nat(),
      hash,
      fc.nat(3),
      async (size, at, place, junk, how) => {
        const index = at % size;
        const claim = {
          index: BigInt(index),
          size: BigInt(size),
          leafHash: leaves[index]!,
          rootHash: reference.root(size),
        };
        const proof = reference.path(index, size);
        const i = place % proof.length;
        const altered = [
          proof.with(i, junk),
          proof.toSpliced(i, 1),
          proof.toSpliced(i, 0, junk),
          proof.with(i, junk.subarray(0, 31)),
        ][how]!;
        await refusal('PROOF_INVALID', () => checkInclusion({ ...claim, proof: altered }));
        await refusal('PROOF_INVALID', () => checkInclusion({ ...claim, proof, index: BigInt(size) }));
        if (index === 0) return;
        const growth = {
          oldSize: BigInt(index),
          oldRoot: reference.root(index),
          newSize: BigInt(size),
          newRoot: reference.root(size),
        };
        const consistency = reference.proof(index, size);
        const j = place % consistency.length;
        for (const bad of [
          consistency.with(j, junk),
          consistency.toSpliced(j, 1),
          consistency.toSpliced(j, 0, junk),
        ])
          await refusal('PROOF_INVALID', () => checkConsistency({ ...growth, proof: bad }));
        await refusal('PROOF_INVALID', () =>
          checkConsistency({ ...growth, proof: consistency, oldRoot: junk }),
        );
      },
    ),
    { numRuns: 200 },
  );
});

test('many subtrees fold at once as they do one by one, whichever hasher is at work', () => {
  const tiles = Buffer.concat(Array.from({ length: 4 * 256 }, (_, i) => leaves[i]!));
  const expected = [0, 1, 2, 3].map((n) => Buffer.from(reference.root(256 * (n + 1), 256 * n)));
  // The vector hasher comes in after 100,000 nodes: both are at work in these rounds.
  for (let round = 0; round < 150; round += 1)
    expect(Buffer.from(foldSubtrees(tiles, 256))).toEqual(Buffer.concat(expected));
  expect(Buffer.from(foldLevel(Buffer.concat(leaves)))).toEqual(Buffer.from(reference.root(MOST)));
  for (let count = 1; count < 40; count += 1)
    expect(Buffer.from(foldLevel(Buffer.concat(leaves.slice(0, count))))).toEqual(
      Buffer.from(reference.root(count)),
    );
});
