import { hash } from 'node:crypto';
import { type Hash, hashOf, sha256, signatureAlgorithm, signWith, type TestKey } from './certificates.ts';
import { generalizedTime, integer, nothing, octets, oid, sequence, setOf, tlv } from './der.ts';

export interface TestTsa {
  readonly key: TestKey;
  readonly certificate: Buffer;
  readonly issuer: Buffer;
  readonly serial: number;
}

export interface TimestampOptions {
  readonly tsa: TestTsa;
  readonly time: number;
  /** The key to sign with, rather than the authority's. */
  readonly by?: TestKey;
  /** What to timestamp, rather than the signature. */
  readonly over?: Uint8Array;
  readonly imprintHash?: Hash;
  readonly status?: number;
  readonly contentType?: string;
  /** Certificates to send along. */
  readonly certificates?: readonly Buffer[];
}

const HASHES = {
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
} as const;
const TST_INFO = '1.2.840.113549.1.9.16.1.4';

/** An RFC 3161 time-stamp response. */
export function timestampOf(signature: Uint8Array, options: TimestampOptions): Buffer {
  const { tsa, time, by = tsa.key, over = signature, imprintHash = 'sha256', certificates = [] } = options;
  // Ed25519 in CMS goes with SHA-512 (RFC 8419 §3.1).
  const digestHash = tsa.key.kind === 'ed25519' ? 'sha512' : hashOf(tsa.key);
  const info = sequence(
    integer(1),
    oid('1.3.6.1.4.1.57264.2'),
    sequence(sequence(oid(HASHES[imprintHash]), nothing()), octets(hash(imprintHash, over, 'buffer'))),
    integer(nonce()),
    generalizedTime(time),
  );
  const attributes = [
    sequence(oid('1.2.840.113549.1.9.3'), setOf(oid(options.contentType ?? TST_INFO))),
    sequence(oid('1.2.840.113549.1.9.4'), setOf(octets(hash(digestHash, info, 'buffer')))),
    sequence(
      oid('1.2.840.113549.1.9.16.2.47'),
      setOf(sequence(sequence(sequence(octets(sha256(tsa.certificate)))))),
    ),
  ];
  const signed = setOf(...attributes.sort((a, b) => Buffer.compare(a, b)));
  const signer = sequence(
    integer(1),
    sequence(tsa.issuer, integer(tsa.serial)),
    sequence(oid(HASHES[digestHash])),
    Buffer.concat([Buffer.from([0xa0]), signed.subarray(1)]),
    signatureAlgorithm(tsa.key, digestHash),
    octets(signWith(by, signed, digestHash)),
  );
  const data = sequence(
    integer(3),
    setOf(sequence(oid(HASHES[digestHash]))),
    sequence(oid(TST_INFO), tlv(0xa0, octets(info))),
    ...(certificates.length > 0 ? [tlv(0xa0, ...certificates)] : []),
    setOf(signer),
  );
  return sequence(
    sequence(integer(options.status ?? 0)),
    sequence(oid('1.2.840.113549.1.7.2'), tlv(0xa0, data)),
  );
}

let nonces = 1;
const nonce = (): number => {
  nonces += 1;
  return nonces;
};
