import { concatBytes, parseBase64 } from '../base/bytes.ts';
import { isStellaError } from '../base/errors.ts';
import { isSignature, type PublicKey } from '../base/keys.ts';

/** `version` v1 and `signature_type` tree_hash of RFC 6962 §3.5. */
const V1_TREE_HASH = Uint8Array.of(0, 1);
const SHA256 = 4;
const RSA = 1;
const ECDSA = 3;
const HEAD_BYTES = 8 + 4;

/**
 * Whether a CT log's note signature (C2SP static-ct-api, "Checkpoints": u64 milliseconds, then a `TreeHeadSignature` of
 * RFC 6962 §3.5) holds over the size and root in a checkpoint's text.
 */
export function isTreeHeadSignature(key: PublicKey, text: string, bytes: Uint8Array): boolean {
  const [, size, root, extension] = text.split('\n');
  // Nineteen digits would be more certificates than there can be. Extension lines are not under this signature, and a CT log has none.
  if (bytes.length < HEAD_BYTES || extension !== '' || !/^[0-9]{1,18}$/.test(size ?? '')) return false;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const algorithm = key.algorithm === 'rsa' ? RSA : ECDSA;
  if (view[8] !== SHA256 || view[9] !== algorithm || view.readUInt16BE(10) !== bytes.length - HEAD_BYTES)
    return false;
  const treeSize = Buffer.alloc(8);
  try {
    treeSize.writeBigUInt64BE(BigInt(size!));
    const message = concatBytes(V1_TREE_HASH, bytes.subarray(0, 8), treeSize, parseBase64(root!));
    return isSignature(key, message, bytes.subarray(HEAD_BYTES), { hash: 'sha256' });
  } catch (error) {
    if (isStellaError(error)) return false;
    throw error;
  }
}
