import { formatInstant } from '../base/clock.ts';
import { isStellaError, type StellaError } from '../base/errors.ts';
import { isLogNamed } from './authority/material.ts';
import { parseScts } from './authority/sct.ts';
import type { RevokedKey, VerifierTrust } from './authority/verifier-trust.ts';
import type { Attestation } from './document/attestation.ts';
import { parseCertificate } from './x509/certificate.ts';

interface Instance {
  readonly name: string;
  /** How to get its trust. */
  readonly advice: string;
  /** Ids of its transparency and CT logs. */
  readonly logIds: readonly string[];
  /** In the name of its certificate authority. */
  readonly organization?: string;
}

/** Sigstore's instances, by what their attestations name. Used for advice only; no trust rests on it. */
const INSTANCES: readonly Instance[] = [
  {
    name: 'Sigstore public-good (production)',
    advice:
      'give its trusted root with --trusted-root FILE, or follow it in a trust store of its own: `stella trust init --tuf-url https://tuf-repo-cdn.sigstore.dev`',
    logIds: [
      'c0d23d6ad406973f9559f3ba2d1ca01f84147d8ffc5b8445c224f98b9591801d',
      'cf1199155bddd051268d1f16ac5c0c75c009f6fb5a63f4177f8e18d7051e3fa0',
      '086092f02852ff6845d1d16b27849c456718ac163dc338d26de6bc2206366f72',
      'dd3d306ac6c7113263191e1c99673702a24a5eb8de3cadff878a72802f29ee8e',
    ],
  },
  {
    name: 'Sigstore staging',
    advice: 'it is for tests; if it is really meant, give its trusted root with --trusted-root FILE',
    logIds: [
      'd32f30a3c32d639c2b762205a21c7bb07788e68283a4ae6f42118723a1bea496',
      'f30d5a999d92e662484244263f174cb8eacbfe8264bc583d32741799e3825dc9',
      '29f4a2497da244bca12bad925152f8eef55caaa471fd101ec292899bc21d653a',
      'd3d3a70ca130eff8696626153e84d1cd16e0947934b3296c528bde8274549496',
      '1b7c142a4e992ba7df1e1fc5742454136c157a4cb31c4108a521b8b1abe7bf4c',
      'fbe24a38c42ded2277ca75079c27e70e170a3fcff9f09e13b9e32a5ee9371e60',
      '2b30bcdc6888c9e2e1d826295e741f4839319602f29c33cb5e4340feb2ac867a',
      '3e607153746e1892e090b236b14976272f67b44d6f92ce6f77114ab722a0a6b6',
    ],
  },
  {
    name: "GitHub's instance",
    advice: 'run `gh attestation trusted-root > FILE` where there is a network, and give --trusted-root FILE',
    logIds: [],
    organization: 'GitHub, Inc.',
  },
];

const ABOUT_TRUST: ReadonlySet<string> = new Set([
  'CERTIFICATE_UNTRUSTED',
  'SCT_INVALID',
  'CHECKPOINT_SIGNATURE',
  'TIMESTAMP_INVALID',
  'LOG_KEY_INVALID',
]);

/** The Sigstore instance that the attestation seems to come from, by its own unproved word. */
function instanceOf(attestation: Attestation): Instance | undefined {
  const logIds = attestation.entries.map(({ logId }) => logId);
  let issuer = '';
  if (attestation.signer.kind === 'certificate') {
    try {
      const certificate = parseCertificate(attestation.signer.certificates[0]!);
      logIds.push(...parseScts(certificate).map(({ logId }) => logId));
      issuer = certificate.issuer.toString('latin1');
    } catch (error) {
      if (!isStellaError(error)) throw error;
    }
  }
  return INSTANCES.find(
    ({ logIds: own, organization }) =>
      logIds.some((id) => own.includes(id)) || (organization !== undefined && issuer.includes(organization)),
  );
}

/** The error, with advice where the attestation is from an instance that this trust knows nothing of. */
export function adviseOnInstance(
  error: StellaError,
  attestation: Attestation,
  trust: VerifierTrust,
): StellaError {
  if (!ABOUT_TRUST.has(error.code)) return error;
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
  const instance = instanceOf(attestation);
  if (!instance || trust.logs.some(({ logId }) => instance.logIds.includes(logId))) return error;
  return error.with({
    hint: [
      `the attestation seems to be from ${instance.name}, which this trust does not know`,
      instance.advice,
    ],
    details: { instance: instance.name },
  });
}

/** Log keys that were revoked, where the attestation is logged in a log that is not known (any more). */
function withdrawnLogKeys(attestation: Attestation, trust: VerifierTrust): RevokedKey[] {
  const isKnown = ({ logId }: { logId: string }) => trust.logs.some((log) => isLogNamed(log, logId));
  if (attestation.entries.length === 0 || attestation.entries.every(isKnown)) return [];
  return [...new Set(trust.revoked.values())].filter(({ usage }) => usage === 'Rekor');
}
