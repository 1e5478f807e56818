import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { addDuration, days, formatDuration, formatInstant, type Instant } from '../../../base/clock.ts';
import { EXIT } from '../../../base/codes.ts';
import { isStellaError } from '../../../base/errors.ts';
import { isDirectory } from '../../../base/files.ts';
import { loadPrivateKey } from '../../../base/keys.ts';
import { whoElseCanWrite } from '../../../base/safety/ownership.ts';
import type { Config } from '../../../config/config.ts';
import { checkAudit } from '../../../store/audit.ts';
import type { TrustStore } from '../../../store/store.ts';
import { adviceOnUnusedKeys } from '../../../trust/key-list.ts';
import { expiringBy, loadStatus, type TrustStatus } from '../../../trust/status.ts';
import { renewalOf } from '../../../tuf/roles.ts';
import { standing } from '../../report/status-text.ts';
import { formatBytes, formatCount } from '../../terminal/output.ts';
import { type DoctorFinding, findingOf, ok, problem, warning } from './doctor-finding.ts';
import { networkFindings } from './doctor-network.ts';

const EXPIRES_SOON = days(7);
const LITTLE_SPACE = 1024 ** 3;
/** Nothing that stella reads was made before stella. */
const EARLIEST_PRESENT = Date.UTC(2026, 0, 1);

/** Everything that makes other commands fail and can be seen from here: no network, no change. */
export async function examine(store: TrustStore, config: Config, now: Instant): Promise<DoctorFinding[]> {
  const findings = [
    now < EARLIEST_PRESENT
      ? problem('clock', `the clock says ${formatInstant(now)}`, EXIT.stale, 'set the clock')
      : ok('clock', formatInstant(now)),
    ok('configuration', config.file ?? 'no file; environment and defaults'),
    ...storePlace(store.directory),
    ...signingKey(config, store.directory),
    ...networkFindings(config),
  ];
  try {
    findings.push(...trust(await loadStatus(store, config, now), config));
  } catch (error) {
    findings.push(findingOf('trust', error));
  }
  return [...findings, ...auditLog(store)];
}

function auditLog(store: TrustStore): DoctorFinding[] {
  try {
    return [ok('audit', formatCount(checkAudit(store).lines, 'line'))];
  } catch (error) {
    // Without a store there is no record; that there is none is said already.
    return isStellaError(error, 'STORE_NOT_INITIALIZED') ? [] : [findingOf('audit', error)];
  }
}

function storePlace(directory: string): DoctorFinding[] {
  let existing = directory;
  while (!isDirectory(existing) && dirname(existing) !== existing) existing = dirname(existing);
  const findings: DoctorFinding[] = [];
  const isAllowed = (mode: number) => {
    try {
      accessSync(existing, mode);
      return true;
    } catch {
      return false;
    }
  };
  const isReadable = isAllowed(constants.R_OK | constants.X_OK);
  const isWritable = isReadable && isAllowed(constants.W_OK);
  if (isWritable) findings.push(ok('store', directory));
  // Verifying writes nothing: another user keeps the store, or it is mounted read-only.
  else if (isReadable && existing === directory && existsSync(join(directory, 'CURRENT')))
    findings.push(
      ok('store', `${directory}, read-only for this user: it verifies, and does not sync or import`),
    );
  else
    findings.push(
      problem(
        'store',
        `${existing} is not ${isReadable ? 'writable' : 'readable'} for this user`,
        EXIT.input,
        'run as its owner, or set attestor.trust_repo.local_cache_path',
      ),
    );
  const who = existing === directory ? whoElseCanWrite(directory) : undefined;
  if (who !== undefined) findings.push(warning('store', who, `run \`chmod go-w ${directory}\``));
  if (!isWritable) return findings;
  const { bavail, bsize } = statfsSync(existing);
  const free = bavail * bsize;
  findings.push(
    free < LITTLE_SPACE
      ? warning(
          'space',
          `${formatBytes(free)} free`,
          'make room: an import needs about the size of the bundle',
        )
      : ok('space', `${formatBytes(free)} free`),
  );
  return findings;
}

function signingKey(config: Config, store: string): DoctorFinding[] {
  const path = config.signingKey ?? join(store, 'producer', 'signing-key.pem');
  try {
    loadPrivateKey(path);
    return [ok('signing key', path)];
  } catch (error) {
    if (isStellaError(error, 'KEY_PASSPHRASE')) return [ok('signing key', `${path}, encrypted`)];
    // Most stores export nothing and have no key.
    if (isStellaError(error, 'FILE_NOT_FOUND') && config.signingKey === undefined) return [];
    // The key of another user, who keeps the store and exports: nothing that a verifier has to read.
    if (isStellaError(error, 'FILE_UNREADABLE') && config.signingKey === undefined) return [];
    return [findingOf('signing key', error)];
  }
}

function trust(status: TrustStatus, config: Config): DoctorFinding[] {
  const { generation, now, sync } = status;
  const { pin, source } = generation.state;
  const findings = [
    ...status.problems.map((error) =>
      findingOf(isStellaError(error, 'CLOCK_BEHIND') ? 'clock' : 'keys', error),
    ),
    ok('trust', `generation ${generation.number} verifies`),
    ...adviceOnUnusedKeys(status.unusedKeys, config).map(({ text, hint }) => warning('keys', text, hint)),
    pin.how === 'first-use'
      ? warning(
          'pin',
          `nobody has vouched for the root: trusted on first use (sha256:${pin.sha256})`,
          'compare the fingerprint with the trust team, then start anew: `stella trust init --replace --root-fingerprint …`',
        )
      : ok('pin', `root version ${pin.version}, sha256:${pin.sha256}`),
    ...status.repositories.map(({ repository: { name, pin: own }, blocked }) =>
      blocked
        ? warning('trust', `repository ${name}: ${blocked.message} [${blocked.code}]`, blocked.hints[0]!)
        : ok('trust', `repository ${name}: root version ${own.version}, sha256:${own.sha256}, ${own.how}`),
    ),
    ...status.pinnedBundleKeys.map(({ id }) =>
      ok(
        'pin',
        `bundles of sha256:${id} are accepted: pinned with --bundle-key; \`stella trust unpin sha256:${id}\` ends that`,
      ),
    ),
    ...(status.problems.some(({ code }) => code === 'CLOCK_BEHIND') ? [] : [age(status)]),
  ];
  // Behind the gap roles are judged as of the sealed time; there freshness is what counts.
  if (source.kind === 'sync') findings.push(...expiry(status, now));
  if (sync && sync.failures_since > 0 && sync.last_failure)
    findings.push(
      warning(
        'sync',
        `the last attempt failed: ${sync.last_failure.message} [${sync.last_failure.code}]`,
        'run `stella trust sync --force --verbose`',
      ),
    );
  if (status.servicesProblem) findings.push(findingOf('services', status.servicesProblem));
  return findings;
}

function age(status: TrustStatus): DoctorFinding {
  const { kind } = status.generation.state.source;
  const renew = kind === 'sync' ? 'run `stella trust sync`' : 'import a newer bundle';
  const line = standing(status);
  if (status.freshness.state === 'blocked') return problem('freshness', line, EXIT.stale, renew);
  return status.freshness.state === 'stale' ? warning('freshness', line, renew) : ok('freshness', line);
}

function expiry(status: TrustStatus, now: Instant): DoctorFinding[] {
  const soon = expiringBy(status, addDuration(now, EXPIRES_SOON));
  if (soon.length === 0) return [ok('expiry', `nothing expires within ${formatDuration(EXPIRES_SOON)}`)];
  return soon.map(({ what, expires, delegated, role }) =>
    // An expired delegated role stops only what depends on it; then the sync fails, and trust becomes stale.
    expires <= now && !delegated
      ? problem(
          'expiry',
          `${what} expired ${formatInstant(expires)}`,
          EXIT.stale,
          'run `stella trust sync --force`',
          ...(role === undefined ? [] : [`if that finds nothing newer: ${renewalOf(role)}`]),
        )
      : warning(
          'expiry',
          `${what} ${expires <= now ? 'expired' : 'expires'} ${formatInstant(expires)}`,
          role === undefined ? 'have another published in its place before' : renewalOf(role),
        ),
  );
}
