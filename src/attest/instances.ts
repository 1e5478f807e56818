import { formatInstant, type Instant, instant, instantAtSeconds } from '../base/clock.ts';
import { isStellaError, type StellaError } from '../base/errors.ts';
import type { JudgedCertificate } from './authority/chain.ts';
import { KNOWN_INSTANCES, type KnownInstance } from './authority/known-instances.ts';
import { isLogNamed, type VerifierInstance } from './authority/material.ts';
import { parseScts } from './authority/sct.ts';
import { checkTimestamp, isAuthorityKnown, parseTimestamp } from './authority/timestamp.ts';
import type { RevokedKey, TrustOrigin, VerifierTrust } from './authority/verifier-trust.ts';
import { blockedInstanceOf, refusedAsBlocked } from './blocked-instance.ts';
import type { Attestation } from './document/attestation.ts';
import { type Certificate, parseCertificate } from './x509/certificate.ts';
import { organizationIn } from './x509/name.ts';

const ABOUT_TRUST: ReadonlySet<string> = new Set([
  'CERTIFICATE_UNTRUSTED',
  'SCT_INVALID',
  'CHECKPOINT_SIGNATURE',
  'TIMESTAMP_INVALID',
  'LOG_KEY_INVALID',
]);

/** The error, with advice where it is about what this trust does not know, knows of another instance, or not yet. */
export function adviseOnInstance(
  error: StellaError,
  attestation: Attestation,
  trust: VerifierTrust,
  certificate?: JudgedCertificate,
): StellaError {
  if (!ABOUT_TRUST.has(error.code)) return error;
  const blocked = blockedInstanceOf(attestation, trust);
  if (blocked) return refusedAsBlocked(blocked, error);
  const withdrawn = withdrawnLogKeys(attestation, trust);
  if (withdrawn.length > 0)
    return error.with({
      hint: [
        ...withdrawn.map(
          ({ target, removedAt }) =>
            `the log's key may be ${target}, which was revoked: the repository had withdrawn it by ${formatInstant(removedAt)}`,
        ),
        'have the artifact signed and logged again',
      ],
      details: { revoked: withdrawn.map(({ target }) => target) },
    });
  const said = saidBy(attestation);
  const foreign = certificate && foreignEvidence(attestation, said, trust, certificate);
  if (foreign)
    return error.with({
      hint: `the certificate is of ${certificate.instances[0]!.name}, its ${foreign.what} of ${foreign.instance.name}: certificate authority, CT log, log and timestamp authority must be of one instance`,
      details: { instance: certificate.instances[0]!.name, found: foreign.instance.name },
    });
  const known = knownInstance(said);
  if (known && !trust.instances.some(({ name }) => name === known.name)) {
    if (trust.logs.some(({ logId }) => known.logIds.includes(logId))) return error;
    return error.with({
      hint: [`the attestation seems to be from ${known.name}, which this trust does not know`, known.advice],
      details: { instance: known.name },
    });
  }
  return isAboutUnknown(error, attestation, said, certificate ?? trust)
    ? adviseOnAge(error, attestation, said, trust, certificate)
    : error;
}

/** What an attestation says of where it comes from; none of it is proved. */
interface Said {
  readonly logIds: readonly string[];
  readonly ctLogIds: readonly string[];
  readonly certificate: Certificate | undefined;
}

function saidBy({ entries, signer }: Attestation): Said {
  const logIds = entries.map(({ logId }) => logId);
  if (signer.kind !== 'certificate') return { logIds, ctLogIds: [], certificate: undefined };
  let certificate: Certificate | undefined;
  try {
    certificate = parseCertificate(signer.certificates[0]!);
    return { logIds, ctLogIds: parseScts(certificate).map(({ logId }) => logId), certificate };
  } catch (error) {
    if (!isStellaError(error)) throw error;
    return { logIds, ctLogIds: [], certificate };
  }
}

/** The public instance that the attestation seems to come from. */
function knownInstance({ logIds, ctLogIds, certificate }: Said): KnownInstance | undefined {
  const organization = certificate && organizationIn(certificate.issuer);
  return KNOWN_INSTANCES.find(
    (known) =>
      [...logIds, ...ctLogIds].some((id) => known.logIds.includes(id)) ||
      (organization !== undefined && organization === known.organization),
  );
}

/** Evidence of another instance of this trust than the one that certified the signer. */
function foreignEvidence(
  { content, timestamps }: Attestation,
  { logIds, ctLogIds }: Said,
  trust: VerifierTrust,
  { instances }: JudgedCertificate,
): { readonly what: string; readonly instance: VerifierInstance } | undefined {
  const others = trust.instances.filter((each) => !instances.includes(each));
  const isOwn = (id: string) => instances.some(({ logs }) => logs.some((log) => isLogNamed(log, id)));
  const isOwnCt = (id: string) => instances.some(({ ctLogs }) => ctLogs.some(({ logId }) => logId === id));
  const signature = content.kind === 'dsse' ? content.signatures[0]!.sig : content.signature;
  for (const instance of others) {
    const isOf = (id: string) => instance.logs.some((log) => isLogNamed(log, id));
    if (logIds.some((id) => isOf(id) && !isOwn(id))) return { what: 'log', instance };
    const isCtOf = (id: string) => instance.ctLogs.some(({ logId }) => logId === id);
    if (ctLogIds.length > 0 && !ctLogIds.some(isOwnCt) && ctLogIds.some(isCtOf))
      return { what: 'CT log', instance };
    if (timestamps.some((der) => isTimestampOf(der, signature, instance)))
      return { what: 'timestamp authority', instance };
  }
  return undefined;
}

function isTimestampOf(der: Buffer, signature: Buffer, { timestampAuthorities }: VerifierInstance): boolean {
  try {
    checkTimestamp(parseTimestamp(der), signature, timestampAuthorities);
    return true;
  } catch (error) {
    if (isStellaError(error)) return false;
    throw error;
  }
}

/** Whether the refusal is of a log or an authority that this trust does not have, rather than of what one of them signed. */
function isAboutUnknown(
  { code }: StellaError,
  { timestamps }: Attestation,
  { logIds, ctLogIds }: Said,
  { instances }: Pick<VerifierTrust, 'instances'>,
): boolean {
  switch (code) {
    case 'CERTIFICATE_UNTRUSTED':
      return true;
    case 'CHECKPOINT_SIGNATURE':
      return !logIds.every((id) => instances.some(({ logs }) => logs.some((log) => isLogNamed(log, id))));
    case 'SCT_INVALID':
      return (
        ctLogIds.length > 0 &&
        !ctLogIds.some((id) => instances.some(({ ctLogs }) => ctLogs.some(({ logId }) => logId === id)))
      );
    case 'TIMESTAMP_INVALID':
      return timestamps.some((der) => !isTimestampKnown(der, instances));
    default:
      return false;
  }
}

function isTimestampKnown(der: Buffer, instances: readonly VerifierInstance[]): boolean {
  try {
    const timestamp = parseTimestamp(der);
    return instances.some(({ timestampAuthorities }) => isAuthorityKnown(timestamp, timestampAuthorities));
  } catch (error) {
    if (isStellaError(error)) return true;
    throw error;
  }
}

/** Instances get new logs and authorities: what is newer than the trust may be by one that the trust does not know yet. */
function adviseOnAge(
  error: StellaError,
  attestation: Attestation,
  said: Said,
  trust: VerifierTrust,
  judged: JudgedCertificate | undefined,
): StellaError {
  const instance = judged?.instances[0] ?? namesake(said, trust);
  const made = timeSaid(attestation, said);
  const known = trust.origin.sealedAt ?? (instance && newestOf(instance));
  if (!instance || made === undefined || known === undefined || made <= known) return error;
  const { origin } = trust;
  return error.with({
    hint: [
      `the trust may be too old: the attestation of ${instance.name} is of ${formatInstant(made)}, the trust ${origin.sealedAt === undefined ? 'knows nothing of it that is newer than' : `was ${origin.how ?? 'sealed'} at`} ${formatInstant(known)}`,
      newerTrust(origin),
    ],
    details: {
      instance: instance.name,
      attestation_at: formatInstant(made),
      trust_at: formatInstant(known),
    },
  });
}

function newerTrust({ kind, how }: TrustOrigin): string {
  if (kind !== 'store') return 'get a newer trusted root, and give it with --trusted-root FILE';
  return how === 'synced'
    ? 'run `stella trust sync`'
    : 'import a newer bundle: `stella trust import BUNDLE`, sealed after that time';
}

/** The instance of this trust that calls its authorities as the attestation's certificate calls its issuer, if it is one. */
function namesake({ certificate }: Said, { instances }: VerifierTrust): VerifierInstance | undefined {
  if (!certificate) return instances.length === 1 ? instances[0] : undefined;
  const organization = organizationIn(certificate.issuer);
  return instances.find(({ authorities }) =>
    authorities.some(({ chain }) =>
      chain.some(
        (member) =>
          member.certificate.subject.equals(certificate.issuer) ||
          (organization !== undefined && organizationIn(member.certificate.subject) === organization),
      ),
    ),
  );
}

/** When the attestation was made, by its own word. */
function timeSaid({ entries, timestamps }: Attestation, { certificate }: Said): Instant | undefined {
  if (certificate) return certificate.notBefore;
  for (const { integratedTime } of entries) {
    const time = integratedTime === undefined ? Number.NaN : instantAtSeconds(integratedTime);
    if (Math.abs(time) <= MAX_DATE) return instant(time);
  }
  for (const der of timestamps) {
    try {
      return parseTimestamp(der).time;
    } catch (error) {
      if (!isStellaError(error)) throw error;
    }
  }
  return undefined;
}

/** The last that `Date` knows. */
const MAX_DATE = 8.64e15;

/** Since when the newest of its logs and authorities counts. */
function newestOf({
  authorities,
  ctLogs,
  logs,
  timestampAuthorities,
}: VerifierInstance): Instant | undefined {
  const times = [...authorities, ...ctLogs, ...logs, ...timestampAuthorities]
    .map(({ validFrom }) => validFrom)
    .filter((time) => Math.abs(time) <= MAX_DATE);
  return times.length === 0 ? undefined : instant(Math.max(...times));
}

/** Log keys that were revoked, where the attestation is logged in a log that is not known (any more). */
function withdrawnLogKeys(attestation: Attestation, trust: VerifierTrust): RevokedKey[] {
  const isKnown = ({ logId }: { logId: string }) => trust.logs.some((log) => isLogNamed(log, logId));
  if (attestation.entries.length === 0 || attestation.entries.every(isKnown)) return [];
  return [...new Set(trust.revoked.values())].filter(({ usage }) => usage === 'Rekor');
}
