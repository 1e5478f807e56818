import { formatManifest } from '../../src/bundle/manifest.ts';
import type { HostileArchive } from './archive.ts';
import {
  bodyHeader,
  CONTENTS,
  type CoseFields,
  cbor,
  coseOf,
  forgeKey,
  framesOf,
  join,
  manifestOf,
  pack,
  signerHeader,
} from './forge.ts';

const kid = Buffer.from(forgeKey.id, 'hex');
const alg = (value: number): Buffer[] => [cbor.int(1), cbor.int(value)];
const id = (value: Uint8Array): Buffer[] => [cbor.int(4), cbor.bytes(value)];

const FIELDS: readonly (readonly [string, CoseFields, HostileArchive['code']])[] = [
  ['no-signatures', { signatures: () => cbor.array() }, 'COSE_INVALID'],
  ['signature-twice', { signatures: (one) => cbor.array(one, one) }, 'COSE_INVALID'],
  [
    'signatures-of-indefinite-length',
    { signatures: (one) => Buffer.concat([Buffer.of(0x9f), one, Buffer.of(0xff)]) },
    'COSE_INVALID',
  ],
  [
    'hundred-signatures',
    { signatures: (one) => cbor.array(...Array<Buffer>(100).fill(one)) },
    'COSE_INVALID',
  ],
  ['wrong-alg', { signer: signerHeader(-7) }, 'BUNDLE_SIGNATURE'],
  ['unknown-alg', { signer: signerHeader(-999) }, 'COSE_INVALID'],
  ['alg-of-a-mac', { signer: signerHeader(5) }, 'COSE_INVALID'],
  [
    'alg-unprotected',
    { signer: cbor.map(...id(kid)), signerUnprotected: cbor.map(...alg(-8)) },
    'COSE_INVALID',
  ],
  [
    'kid-unprotected',
    { signer: cbor.map(...alg(-8)), signerUnprotected: cbor.map(...id(kid)) },
    'COSE_INVALID',
  ],
  ['alg-twice-in-both-headers', { signerUnprotected: cbor.map(...alg(-7)) }, 'COSE_INVALID'],
  ['no-alg', { signer: cbor.map(...id(kid)) }, 'COSE_INVALID'],
  ['no-kid', { signer: cbor.map(...alg(-8)) }, 'COSE_INVALID'],
  ['kid-of-another-key', { signer: signerHeader(-8, Buffer.alloc(32, 7)) }, 'BUNDLE_SIGNER_UNTRUSTED'],
  ['kid-too-short', { signer: signerHeader(-8, kid.subarray(0, 31)) }, 'COSE_INVALID'],
  ['kid-as-text', { signer: cbor.map(...alg(-8), cbor.int(4), cbor.text(forgeKey.id)) }, 'COSE_INVALID'],
  [
    'critical-header',
    { signer: cbor.map(...alg(-8), cbor.int(2), cbor.array(cbor.int(99)), ...id(kid)) },
    'COSE_INVALID',
  ],
  [
    'duplicate-map-key',
    { signer: Buffer.concat([cbor.head(5, 3), ...alg(-8), ...alg(-8), ...id(kid)]) },
    'COSE_INVALID',
  ],
  [
    'header-of-indefinite-length',
    { signer: Buffer.concat([Buffer.of(0xbf), ...alg(-8), ...id(kid), Buffer.of(0xff)]) },
    'COSE_INVALID',
  ],
  [
    'alg-not-in-shortest-form',
    { signer: Buffer.concat([cbor.head(5, 2), cbor.int(1), Buffer.of(0x38, 7), ...id(kid)]) },
    'COSE_INVALID',
  ],
  [
    'deep-nesting',
    { unprotected: cbor.map(cbor.int(9), Buffer.concat([Buffer.alloc(5000, 0x81), Buffer.of(0)])) },
    'COSE_INVALID',
  ],
  ['unprotected-header', { unprotected: cbor.map(cbor.int(9), cbor.int(9)) }, 'COSE_INVALID'],
  ['another-content-type', { body: cbor.map(cbor.int(3), cbor.text('text/plain')) }, 'COSE_INVALID'],
  ['no-content-type', { body: Buffer.alloc(0) }, 'COSE_INVALID'],
  [
    'more-body-headers',
    { body: cbor.map(...[cbor.int(1), cbor.int(-8), cbor.int(3), cbor.text('x')]) },
    'COSE_INVALID',
  ],
  ['sign1-tag', { tag: 18 }, 'COSE_INVALID'],
  ['payload-attached', { payload: cbor.bytes(Buffer.from('{}\n')) }, 'COSE_INVALID'],
  ['over-another-manifest', { over: Buffer.from('{}\n') }, 'BUNDLE_SIGNATURE'],
  [
    'flipped-bit',
    { signature: (good) => Buffer.from(good.map((byte, i) => (i === 40 ? byte ^ 1 : byte))) },
    'BUNDLE_SIGNATURE',
  ],
  ['empty-signature', { signature: () => Buffer.alloc(0) }, 'BUNDLE_SIGNATURE'],
  ['all-zero-signature', { signature: () => Buffer.alloc(64) }, 'BUNDLE_SIGNATURE'],
  ['signature-too-long', { signature: (good) => Buffer.concat([good, Buffer.of(0)]) }, 'BUNDLE_SIGNATURE'],
];

export async function* hostileSignatures(): AsyncGenerator<HostileArchive> {
  const manifest = formatManifest(manifestOf(CONTENTS));
  const good = coseOf(manifest);
  const sealed = async (cose: Uint8Array): Promise<Buffer> =>
    join(await pack(framesOf(CONTENTS, manifest, cose)));
  for (const [name, fields, code] of FIELDS)
    yield { name: `cose-${name}`, bytes: await sealed(coseOf(manifest, fields)), code };
  const whole: readonly (readonly [string, Buffer])[] = [
    ['empty', Buffer.alloc(0)],
    ['trailing-byte', Buffer.concat([good, Buffer.of(0)])],
    ['cut-short', good.subarray(0, -1)],
    ['no-tag', good.subarray(2)],
    ['claims-4-gib', Buffer.from('d862845bffffffffffffffff', 'hex')],
    ['claims-4-billion-items', Buffer.from('d8629affffffff', 'hex')],
    ['tags-all-the-way-down', Buffer.alloc(50_000, 0xc0)],
    ['body-header-again', cbor.array(cbor.bytes(bodyHeader), cbor.map(), cbor.nil, cbor.array())],
  ];
  for (const [name, cose] of whole)
    yield { name: `cose-${name}`, bytes: await sealed(cose), code: 'COSE_INVALID' };
}
