import { excerpt } from '../../base/bytes.ts';
import { parseStrictJson } from '../../base/json.ts';
import { FieldReader } from '../../base/json-fields.ts';

const read = new FieldReader('STATEMENT_INVALID');

/** What a signature on an image says (containers/image, docs/containers-signature.5.md, "JSON data format"). */
export interface SimpleSigning {
  /** `sha256:HEX` of the manifest or index. */
  readonly manifestDigest: string;
  /** The repository as the signer called it: the signer's word, which a mirror cannot keep. */
  readonly reference: string;
}

/**
 * The payload of a signature on an image → what it says. Members that are not known are the signer's own, but for
 * `critical`, in which nothing may be passed over.
 * @throws StellaError STATEMENT_INVALID
 */
export function parseSimpleSigning(payload: Uint8Array): SimpleSigning {
  const what = 'the simple signing payload';
  const value = read.object(parseStrictJson(payload, what, { code: 'STATEMENT_INVALID' }), what);
  const critical = read.object(value['critical'], 'critical', new Set(['identity', 'image', 'type']));
  const type = read.string(critical['type'], 'critical.type', 256);
  if (!TYPES.has(type)) read.refuse('critical.type', `is not known: ${excerpt(type)}`);
  const image = read.object(critical['image'], 'critical.image');
  const manifestDigest = read.string(
    image['docker-manifest-digest'],
    'critical.image.docker-manifest-digest',
    200,
  );
  if (!/^sha256:[0-9a-f]{64}$/.test(manifestDigest))
    read.refuse('critical.image.docker-manifest-digest', `is not a SHA-256: ${excerpt(manifestDigest)}`);
  const identity = read.object(critical['identity'], 'critical.identity');
  return {
    manifestDigest,
    reference: read.string(identity['docker-reference'], 'critical.identity.docker-reference'),
  };
}

/** cosign's own; containers/image's; and what cosign 3 writes where it keeps to this form. */
const TYPES: ReadonlySet<string> = new Set([
  'cosign container image signature',
  'atomic container signature',
  'https://sigstore.dev/cosign/sign/v1',
]);
