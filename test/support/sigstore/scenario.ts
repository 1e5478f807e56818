import { createPublicKey, hash } from 'node:crypto';
import {
  authority,
  certificate,
  extension,
  type Hash,
  hashOf,
  type KeyKind,
  keyOf,
  keyUsage,
  nameOf,
  nextSerial,
  PURPOSES,
  purposes,
  type SctOptions,
  sct,
  sctList,
  sha256,
  signWith,
  type TestKey,
  tbsCertificate,
} from './certificates.ts';
import { sequence, tlv, utf8 } from './der.ts';
import { base64, type Edit, edited, type Json } from './edit.ts';
import { type EntryOptions, entryOf, logOf, protobufHash, type TestLog } from './log.ts';
import { type TestTsa, type TimestampOptions, timestampOf } from './timestamps.ts';

/** When the signing certificate begins to be valid; it is for ten minutes. */
export const ISSUED = Date.UTC(2025, 5, 1, 12);
export const EXPIRES = ISSUED + 600_000;
/** When it is signed and logged, unless told otherwise. */
export const SIGNED = ISSUED + 60_000;
export const DAY = 86_400_000;
export const IDENTITY = 'https://example.com/workflow.yml@refs/heads/main';
export const ISSUER = 'https://issuer.example.com';
export const ARTIFACT = Buffer.from('an artifact\n');
export const IN_TOTO = 'application/vnd.in-toto+json';

export interface TestAuthority {
  readonly key: TestKey;
  readonly name: Buffer;
  /** DER, leaf first. */
  readonly chain: readonly Buffer[];
}

export interface AuthorityOptions {
  readonly kind?: KeyKind;
  /** What the certificates are called; the keys are others for another `name`. */
  readonly called?: string;
  readonly intermediateUntil?: number;
  readonly rootUntil?: number;
  readonly rootPathLength?: number;
  readonly purposes?: readonly string[];
}

const LONG = { from: ISSUED - 1000 * DAY, until: ISSUED + 3000 * DAY } as const;

/** A certificate authority with a root and an intermediate certificate. */
export function authorityOf(name = 'ca', options: AuthorityOptions = {}): TestAuthority {
  const { kind = 'p384', called = name } = options;
  const [top, key] = [keyOf(`${name} root`, kind), keyOf(`${name} intermediate`, kind)];
  const [topName, own] = [nameOf(`${called} root`), nameOf(`${called} intermediate`)];
  const root = certificate({
    ...LONG,
    until: options.rootUntil ?? LONG.until,
    subject: topName,
    issuer: topName,
    key: top,
    by: top,
    serial: nextSerial(),
    extensions: [keyUsage('certificates'), authority(options.rootPathLength)],
  });
  const intermediate = certificate({
    ...LONG,
    until: options.intermediateUntil ?? LONG.until,
    subject: own,
    issuer: topName,
    key,
    by: top,
    serial: nextSerial(),
    extensions: [
      keyUsage('certificates'),
      authority(0),
      purposes(options.purposes ?? [PURPOSES.codeSigning]),
    ],
  });
  return { key, name: own, chain: [intermediate, root] };
}

export interface TsaOptions {
  readonly kind?: KeyKind;
  readonly called?: string;
  readonly serial?: number;
  readonly until?: number;
  readonly purposes?: readonly string[];
}

/** A timestamp authority: a root, and the certificate that timestamps are signed with. */
export function tsaOf(
  name = 'tsa',
  options: TsaOptions = {},
): TestTsa & { readonly chain: readonly Buffer[] } {
  const { called = name, serial = nextSerial() } = options;
  const [top, key] = [keyOf(`${name} root`, 'p384'), keyOf(name, options.kind)];
  const issuer = nameOf(`${called} root`);
  const root = certificate({
    ...LONG,
    subject: issuer,
    issuer,
    key: top,
    by: top,
    serial: nextSerial(),
    extensions: [keyUsage('certificates'), authority()],
  });
  const own = certificate({
    ...LONG,
    until: options.until ?? LONG.until,
    subject: nameOf(called),
    issuer,
    key,
    by: top,
    serial,
    extensions: [keyUsage('signature'), purposes(options.purposes ?? [PURPOSES.timeStamping], true)],
  });
  return { key, certificate: own, issuer, serial, chain: [own, root] };
}

export type Name = { readonly uri: string } | { readonly email: string } | { readonly user: string };

export interface LeafOptions {
  readonly names?: readonly Name[];
  readonly issuer?: string;
  readonly purposes?: readonly string[];
  readonly scts?: readonly Partial<SctOptions>[];
  readonly extensions?: readonly Buffer[];
  /** The first byte of KeyUsage, rather than 0x80 for signatures. */
  readonly usage?: number;
  /** The key to sign with, rather than the authority's. */
  readonly by?: TestKey;
}

const OTHER_NAME = Buffer.from('060a2b0601040183bf300107', 'hex');

function nameElement(name: Name): Buffer {
  if ('uri' in name) return tlv(0x86, Buffer.from(name.uri));
  if ('email' in name) return tlv(0x81, Buffer.from(name.email));
  return tlv(0xa0, OTHER_NAME, tlv(0xa0, utf8(name.user)));
}

export const ctLog = keyOf('ct log');

/** A signing certificate as Fulcio issues them. */
export function leafOf(issuing: TestAuthority, key: TestKey, options: LeafOptions = {}): Buffer {
  const names = options.names ?? [{ uri: IDENTITY }];
  const by = options.by ?? issuing.key;
  const plain = {
    from: ISSUED,
    until: EXPIRES,
    subject: sequence(),
    issuer: issuing.name,
    key,
    by,
    serial: nextSerial(),
    extensions: [
      keyUsage(options.usage ?? 'signature'),
      purposes(options.purposes ?? [PURPOSES.codeSigning]),
      extension('2.5.29.17', sequence(...names.map(nameElement)), true),
      extension('1.3.6.1.4.1.57264.1.8', utf8(options.issuer ?? ISSUER)),
      ...(options.extensions ?? []),
    ],
  };
  const precertificate = tbsCertificate(plain);
  const scts = (options.scts ?? [{}]).map((each) =>
    sct(precertificate, { log: ctLog, time: ISSUED + 500, issuer: by, ...each }),
  );
  const extensions = scts.length > 0 ? [sctList(scts), ...plain.extensions] : plain.extensions;
  return certificate({ ...plain, extensions });
}

export type Version = '0.1' | '0.2' | '0.3' | '0.3 as 0.2 wrote it';

const MEDIA_TYPES: Readonly<Record<Version, string>> = {
  '0.1': 'application/vnd.dev.sigstore.bundle+json;version=0.1',
  '0.2': 'application/vnd.dev.sigstore.bundle+json;version=0.2',
  '0.3': 'application/vnd.dev.sigstore.bundle.v0.3+json',
  '0.3 as 0.2 wrote it': 'application/vnd.dev.sigstore.bundle+json;version=0.3',
};

/** What a Sigstore bundle and its trusted root are made of, and how they are to be wrong. All good by default. */
export interface Scenario {
  readonly content?: 'message' | 'dsse';
  readonly signer?: 'certificate' | 'key';
  readonly kind?: KeyKind;
  /** What the signer hashes with, rather than what goes with the key. */
  readonly hash?: Hash;
  readonly version?: Version;
  readonly entries?: readonly EntryOptions[];
  readonly timestamps?: readonly Partial<TimestampOptions>[];
  readonly authority?: TestAuthority;
  readonly leaf?: LeafOptions;
  /** Certificates after the first. */
  readonly more?: readonly Buffer[];
  readonly payloadType?: string;
  readonly statement?: readonly Edit[];
  readonly signedBy?: TestKey;
  readonly bundle?: readonly Edit[];
  readonly root?: readonly Edit[];
  /** What the trusted root names, where it is not what the bundle needs. */
  readonly logs?: readonly TestLog[];
  readonly tsas?: readonly { readonly chain: readonly Buffer[] }[];
}

export interface Made {
  readonly bundle: Json;
  readonly root: Json;
  readonly key: TestKey;
  /** PEM. */
  readonly publicKey: string;
}

const period = { start: new Date(ISSUED - 700 * DAY).toISOString() };
const rawBytes = (der: Uint8Array) => ({ rawBytes: base64(der) });
export const defaultAuthority = authorityOf();
export const defaultTsa = tsaOf();

export function logJson(log: Pick<TestLog, 'key' | 'host' | 'logId'>): Json {
  return {
    baseUrl: `https://${log.host}`,
    hashAlgorithm: 'SHA2_256',
    publicKey: { ...rawBytes(log.key.spki), keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor: period },
    logId: { keyId: base64(log.logId) },
  };
}

export const authorityJson = ({ chain }: { readonly chain: readonly Buffer[] }): Json => ({
  uri: 'https://authority.example.com',
  certChain: { certificates: chain.map(rawBytes) },
  validFor: period,
});

function rootOf(scenario: Scenario, entries: readonly EntryOptions[], tsas: readonly TestTsa[]): Json {
  const logs = scenario.logs ?? [...new Set(entries.map(({ log }) => log))];
  const root = {
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: logs.map(logJson),
    certificateAuthorities: [authorityJson(scenario.authority ?? defaultAuthority)],
    ctlogs: [logJson({ key: ctLog, host: 'ct.example.com', logId: sha256(ctLog.spki) })],
    timestampAuthorities: (scenario.tsas ?? (tsas as readonly (typeof defaultTsa)[])).map(authorityJson),
  };
  return edited(root, scenario.root);
}

const REKOR_V1 = logOf(1);

/** A Sigstore bundle, and the trusted root that goes with it. */
export function make(scenario: Scenario = {}): Made {
  const {
    content = 'message',
    signer = 'certificate',
    version = '0.3',
    entries = [{ log: REKOR_V1 }],
  } = scenario;
  const key = keyOf('signer', scenario.kind);
  const by = scenario.hash ?? hashOf(key);
  const certified =
    signer === 'certificate' ? leafOf(scenario.authority ?? defaultAuthority, key, scenario.leaf) : undefined;
  const statement: Json = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'a.txt', digest: { sha256: sha256(ARTIFACT).toString('hex') } }],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {},
  };
  const isEnvelope = content === 'dsse';
  const payloadType = scenario.payloadType ?? IN_TOTO;
  const payload = Buffer.from(JSON.stringify(edited(statement, scenario.statement)));
  const signed = isEnvelope
    ? Buffer.from(
        `DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} ${payload.toString('latin1')}`,
        'latin1',
      )
    : ARTIFACT;
  const signature = signWith(scenario.signedBy ?? key, signed, by);
  const timestamps = (scenario.timestamps ?? []).map((each) => ({ tsa: defaultTsa, time: SIGNED, ...each }));
  const what = {
    key,
    certificate: certified,
    signature,
    signed,
    hash: by,
    payload: isEnvelope ? payload : undefined,
    time: SIGNED,
  };
  const isChain = version === '0.1' || version === '0.2';
  const holder = certified
    ? isChain
      ? { x509CertificateChain: { certificates: [certified, ...(scenario.more ?? [])].map(rawBytes) } }
      : { certificate: rawBytes(certified) }
    : { publicKey: { hint: base64(sha256(key.spki)) } };
  const bundle: Json = {
    mediaType: MEDIA_TYPES[version],
    verificationMaterial: {
      ...holder,
      tlogEntries: entries.map((entry) => entryOf(entry, what)),
      ...(timestamps.length > 0
        ? {
            timestampVerificationData: {
              rfc3161Timestamps: timestamps.map((each) => ({
                signedTimestamp: base64(timestampOf(signature, each)),
              })),
            },
          }
        : {}),
    },
    ...(isEnvelope
      ? {
          dsseEnvelope: {
            payload: base64(payload),
            payloadType,
            signatures: [{ sig: base64(signature), keyid: '' }],
          },
        }
      : {
          messageSignature: {
            messageDigest: { algorithm: protobufHash(by), digest: base64(hash(by, ARTIFACT, 'buffer')) },
            signature: base64(signature),
          },
        }),
  };
  return {
    bundle: edited(bundle, scenario.bundle),
    root: rootOf(scenario, entries, [...new Set(timestamps.map(({ tsa }) => tsa))]),
    key,
    publicKey: createPublicKey(key.object).export({ type: 'spki', format: 'pem' }),
  };
}
