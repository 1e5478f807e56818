import { basename, dirname, join } from 'node:path';
import { ByteFile } from '../archive/byte-file.ts';
import { SeekableArchive } from '../archive/reader.ts';
import { tarMtime } from '../archive/tar-writer.ts';
import { DEFAULT_LEVEL } from '../archive/zstd.ts';
import type { Sha256Hex } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { STAGING_PREFIX, withStagingAsync } from '../base/files.ts';
import { letInterruptsIn } from '../base/interrupt.ts';
import type { Signer } from '../base/keys.ts';
import { filePlace, publishOutput } from '../base/output/output-file.ts';
import { sealedAt } from './manifest.ts';
import { sealHead, writeBundle } from './seal.ts';
import { SeekableBundle } from './seekable.ts';
import { addManifestSignature, parseManifestSignature, type SignerId, signerIds } from './signature.ts';
import { foundBundle, isVolumePath } from './volumes.ts';

export interface AddedSignature {
  readonly manifestSha256: Sha256Hex;
  /** All signers the bundle names now. */
  readonly signers: readonly SignerId[];
}

/**
 * Adds a signature to a sealed bundle: the first frame and the seek table are written anew, every other frame is copied
 * as it is. The content is checked against the manifest first, as nobody should sign what does not hold. The file is
 * replaced in one step.
 * @throws StellaError as `openBundle` and `SealedBundle.verifyAll`; ARCHIVE_INVALID for a bundle without seek table;
 * USAGE where the key has signed it already; KEY_INVALID, SIGNER_FAILED, WRITE_FAILED
 */
export async function addBundleSignature(file: string, signer: Signer): Promise<AddedSignature> {
  if (isVolumePath(foundBundle(file)))
    throw new StellaError('USAGE', 'a split bundle is signed before it is split', {
      hint: 'put the parts together with `cat NAME.tar.zst.??? > NAME.tar.zst` and sign that',
    });
  const { path } = filePlace(file, { replace: true });
  const bytes = await ByteFile.open(path, [path]);
  try {
    return await addSignature(path, bytes, signer);
  } finally {
    await bytes.close();
  }
}

async function addSignature(file: string, bytes: ByteFile, signer: Signer): Promise<AddedSignature> {
  const archive = await SeekableArchive.load(bytes);
  if (!archive)
    throw new StellaError('ARCHIVE_INVALID', `${file} has no seek table`, {
      hint: 'sign the bundle as it was sealed, not one that was packed again',
    });
  const bundle = await SeekableBundle.load(archive);
  const signature = await addManifestSignature(bundle.signatures, bundle.manifestBytes, signer);
  await bundle.verifyAll();
  const mtime = tarMtime(sealedAt(bundle.manifest));
  const head = await sealHead(bundle.manifestBytes, signature, mtime, DEFAULT_LEVEL);
  const first = archive.frameAt(bundle.headLength);
  const table = archive.table().slice(first);
  const content = archive.raw(archive.positionOf(first), archive.positionOf(archive.frames));
  await withStagingAsync(dirname(file), STAGING_PREFIX, async (staging) => {
    const signed = join(staging, basename(file));
    await writeBundle(signed, head, content, table);
    await letInterruptsIn();
    publishOutput(signed, file, { replace: true });
  });
  const signers = signerIds({ signatures: parseManifestSignature(signature) });
  return { manifestSha256: bundle.manifestSha256, signers };
}
