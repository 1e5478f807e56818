import { X509Certificate } from 'node:crypto';
import { excerpt } from '../base/bytes.ts';
import { type Instant, instant } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import { type PublicKey, parsePublicKey } from '../base/keys.ts';
import type { Endpoints, LogEndpoint } from '../config/service-map.ts';
import { logIdOf } from '../tlog/note.ts';
import { originOf } from '../tlog/origin.ts';
import type { TrustTarget } from './targets.ts';
import {
  parsePublishedRoot,
  type TrustedRoot,
  type TrustedRootAuthority,
  type TrustedRootLog,
} from './trusted-root.ts';

/** A key that may sign attestations, as a TUF target distributes it. */
export interface AttestorTarget {
  readonly name: string;
  readonly key: PublicKey;
  readonly validFrom: Instant | undefined;
  readonly validUntil: Instant | undefined;
}

const MAX_CERTIFICATES = 100;
/** A target that does not say since when it is valid was never invalid; clients need a start all the same. */
const EVER = instant(0);

/** @throws StellaError TARGET_INVALID */
function keyIn(target: TrustTarget): PublicKey {
  try {
    return parsePublicKey(target.bytes);
  } catch (cause) {
    throw new StellaError('TARGET_INVALID', `target ${excerpt(target.name)} is not a public key`, { cause });
  }
}

/** The keys of the targets with usage `attestor`. @throws StellaError TARGET_INVALID */
export function attestorTargets(targets: readonly TrustTarget[]): AttestorTarget[] {
  return targets
    .filter(({ usage }) => usage === 'attestor')
    .map((target) => ({
      name: target.name,
      key: keyIn(target),
      validFrom: target.validFrom,
      // Retired without saying when: nothing that it signed can be shown to be older.
      validUntil: target.validUntil ?? (target.status === 'Expired' ? EVER : undefined),
    }));
}

/**
 * The Sigstore TrustedRoot of a TUF repository: its `trusted_root.json` as it is, else what its key and certificate
 * targets amount to.
 * @param endpoints the service map after overrides: says what URL and origin a log's key belongs to
 * @throws StellaError TARGET_INVALID, TRUSTED_ROOT_INVALID
 */
export function assembleTrustedRoot(targets: readonly TrustTarget[], endpoints?: Endpoints): TrustedRoot {
  const whole = targets.find(({ usage }) => usage === 'trusted-root');
  if (whole) return parsePublishedRoot(whole);
  const of = (usage: TrustTarget['usage']) => targets.filter((target) => target.usage === usage);
  return {
    tlogs: of('Rekor').map((target) => logOf(target, endpointOf(target, endpoints))),
    certificateAuthorities: authoritiesOf(of('Fulcio'), endpoints?.fulcio?.url),
    ctlogs: of('CTFE').map((target) =>
      logOf(target, endpoints?.ctlog && { ...endpoints.ctlog, origin: undefined }),
    ),
    timestampAuthorities: authoritiesOf(of('TSA'), endpoints?.tsa?.url),
  };
}

/** Whether a configured name means this target: exactly, or its base name without extension. */
function isNamed(name: string | undefined, target: TrustTarget): boolean {
  const base = target.name.slice(target.name.lastIndexOf('/') + 1);
  return name === target.name || name === base.replace(/(?<=.)\.[^.]*$/, '');
}

/** The log that the key belongs to: the one that names it, or (a further key in its grace period) the first. */
function endpointOf(target: TrustTarget, endpoints: Endpoints | undefined): LogEndpoint | undefined {
  const logs = endpoints?.logs ?? [];
  return (
    logs.find((log) => isNamed(log.publicKeyTarget, target)) ??
    logs.find((log) => target.uri !== undefined && originOf(log.url) === originOf(target.uri)) ??
    (target.uri === undefined ? logs[0] : undefined)
  );
}

function logOf(
  target: TrustTarget,
  endpoint: Pick<LogEndpoint, 'url' | 'origin' | 'logId'> | undefined,
): TrustedRootLog {
  const key = keyIn(target);
  const url = endpoint?.url ?? target.uri ?? `https://${target.name}`;
  const origin = endpoint?.origin ?? originOf(url);
  return {
    // Verifiers take a log's origin from its URL, so a log that is served elsewhere is given one that fits.
    baseUrl: originOf(url) === origin ? url : `https://${origin}`,
    publicKey: key.spki,
    keyDetails: keyDetailsOf(key),
    logId: endpoint?.logId === key.id || target.usage === 'CTFE' ? key.id : logIdOf(origin, key),
    validFrom: target.validFrom ?? EVER,
    validUntil: target.validUntil,
  };
}

/** The key's name in dev.sigstore.common.v1.PublicKeyDetails. */
export function keyDetailsOf(key: PublicKey): string {
  switch (key.algorithm) {
    case 'ed25519':
      return 'PKIX_ED25519';
    case 'ecdsa-p256':
      return 'PKIX_ECDSA_P256_SHA_256';
    case 'ecdsa-p384':
      return 'PKIX_ECDSA_P384_SHA_384';
    case 'ecdsa-p521':
      return 'PKIX_ECDSA_P521_SHA_512';
    case 'rsa': {
      const bits = key.object.asymmetricKeyDetails?.modulusLength ?? 0;
      return `PKIX_RSA_PKCS1V15_${bits <= 2048 ? 2048 : bits <= 3072 ? 3072 : 4096}_SHA256`;
    }
  }
}

interface PooledCertificate {
  readonly certificate: X509Certificate;
  readonly target: TrustTarget;
}

const isIssuerOf = (issuer: X509Certificate, certificate: X509Certificate) =>
  certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);

/**
 * One authority per certificate that issued no other one, with its path to a root. Certificates of one chain may come in
 * several targets, as the Sigstore repository once had them.
 */
function authoritiesOf(targets: readonly TrustTarget[], url: string | undefined): TrustedRootAuthority[] {
  const pool = targets.flatMap(certificatesIn);
  if (pool.length > MAX_CERTIFICATES)
    throw new StellaError('TARGET_INVALID', `more than ${MAX_CERTIFICATES} certificates of one usage`);
  const bottoms = pool.filter(
    ({ certificate }) =>
      !pool.some((other) => other.certificate !== certificate && isIssuerOf(certificate, other.certificate)),
  );
  return bottoms.map(({ certificate, target }) => {
    const chain = [certificate];
    for (let top = certificate; !isIssuerOf(top, top); ) {
      const issuer = pool.find(
        (other) => !chain.includes(other.certificate) && isIssuerOf(other.certificate, top),
      );
      // The highest one that is there is then the trust anchor.
      if (!issuer) break;
      top = issuer.certificate;
      chain.push(top);
    }
    const anchor = chain.at(-1)!;
    const named = (field: string) => new RegExp(`^${field}=(.*)$`, 'm').exec(anchor.subject)?.[1] ?? '';
    return {
      uri: target.uri ?? url ?? '',
      organization: named('O'),
      commonName: named('CN'),
      chain: chain.map(({ raw }) => raw),
      validFrom: target.validFrom ?? instant(anchor.validFromDate.getTime()),
      validUntil: target.validUntil,
    };
  });
}

/** The certificates of a PEM (or one DER) target, each once. @throws StellaError TARGET_INVALID */
function certificatesIn(target: TrustTarget): PooledCertificate[] {
  const text = Buffer.from(target.bytes).toString('latin1');
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g);
  try {
    const certificates = (blocks ?? [Buffer.from(target.bytes)]).map((block) => new X509Certificate(block));
    const distinct = new Map(certificates.map((certificate) => [certificate.fingerprint256, certificate]));
    return [...distinct.values()].map((certificate) => ({ certificate, target }));
  } catch (cause) {
    throw new StellaError('TARGET_INVALID', `target ${excerpt(target.name)} holds no certificates`, {
      cause,
    });
  }
}
