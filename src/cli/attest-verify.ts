import { resolve } from 'node:path';
import type { Artifact } from '../attest/artifact.ts';
import { type IdentityRule, parsePattern, type TextRule } from '../attest/identity-rule.ts';
import { expandPaths, type Input, inputsIn, readInputs } from '../attest/inputs.ts';
import { LIMITS } from '../attest/limits.ts';
import { loadArtifact, parseDigest, streamArtifact } from '../attest/load-artifact.ts';
import type { AttestorKey } from '../attest/material.ts';
import { loadTrust, type TrustInputs } from '../attest/trust.ts';
import type { Verdict } from '../attest/verdict.ts';
import { verdictJson } from '../attest/verdict-json.ts';
import { unreadable, type VerifyOptions, verifyAttestation } from '../attest/verify.ts';
import { parseDuration } from '../base/clock.ts';
import { EXIT } from '../base/codes.ts';
import { StellaError } from '../base/errors.ts';
import { readBounded } from '../base/files.ts';
import { loadPublicKey } from '../base/keys.ts';
import { parseTrustedRoot } from '../trust/trusted-root.ts';
import type { Outcome, Run } from './cli.ts';
import { errorText, formatCount } from './output.ts';
import { verdictText } from './verdict-text.ts';

export interface AttestVerifyOptions {
  readonly artifact?: string;
  readonly digest?: string;
  readonly certificateIdentity?: string;
  readonly certificateIdentityRegexp?: string;
  readonly certificateOidcIssuer?: string;
  readonly certificateOidcIssuerRegexp?: string;
  readonly type?: readonly string[];
  readonly key?: string;
  readonly trustedRoot?: string;
  readonly maxAge?: string;
  readonly explain?: boolean;
}

const MOST_TRUSTED_ROOT_BYTES = 16 * 1024 * 1024;

/** What `stella attest verify` does: gather trust, rules and attestations, judge, print. */
export async function verifyCommand(run: Run<object>, paths: readonly string[]): Promise<Outcome> {
  const options = run.options as AttestVerifyOptions;
  const at = (path: string) => resolve(run.io.cwd, path);
  const rules: VerifyOptions = {
    artifact: await artifactOf(run, options),
    identity: identityOf(options),
    predicateTypes: options.type,
    key: options.key === undefined ? undefined : keyOf(at(options.key), options.key),
  };
  const trust = loadTrust(await trustOf(run, options));
  for (const problem of trust.problems) run.note(`warning: not usable: ${problem}`);
  const judged: { source: string; verdict: Verdict }[] = [];
  for await (const { source, parsed } of inputs(run, paths)) {
    const verdict =
      'error' in parsed
        ? unreadable(parsed.error, trust)
        : await verifyAttestation(parsed.attestation, trust, rules, run.now);
    judged.push({ source, verdict });
  }
  if (judged.length === 0) throw new StellaError('NOTHING_VERIFIED', `no attestation in ${paths.join(', ')}`);
  return outcomeOf(run, judged, options.explain ?? false);
}

function outcomeOf(
  run: Run<object>,
  judged: readonly { source: string; verdict: Verdict }[],
  explain: boolean,
): Outcome {
  const failed = judged.flatMap(({ verdict }) => (verdict.error ? [verdict.error] : []));
  const first = failed[0];
  if (first) run.io.stderr(errorText(first, run.options.verbose ?? false));
  const blocks = judged.map(({ source, verdict }) => verdictText(source, verdict, explain));
  if (judged.length > 1)
    blocks.push(
      `${formatCount(judged.length - failed.length, 'attestation')} verified, ${failed.length} not`,
    );
  const documents = judged.map(({ source, verdict }) => verdictJson(source, verdict));
  return {
    ...(documents.length === 1 ? { json: documents[0] } : { jsonLines: documents }),
    text: blocks.join('\n'),
    exit: first?.exit ?? EXIT.done,
  };
}

async function* inputs(run: Run<object>, paths: readonly string[]): AsyncGenerator<Input> {
  for (const file of expandPaths(paths.map((path) => (path === '-' ? path : resolve(run.io.cwd, path))))) {
    if (file.path === '-') yield* inputsIn({ path: 'stdin', found: false }, await readAll(run.io.stdin));
    else yield* readInputs(file);
  }
}

async function readAll(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const piece of stream) {
    const chunk = Buffer.isBuffer(piece) ? piece : Buffer.from(piece);
    total += chunk.length;
    if (total > LIMITS.documentBytes)
      throw new StellaError('FILE_TOO_LARGE', `stdin has more than ${LIMITS.documentBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function artifactOf(run: Run<object>, options: AttestVerifyOptions): Promise<Artifact | undefined> {
  const { artifact, digest } = options;
  if (artifact !== undefined && digest !== undefined)
    throw new StellaError('USAGE', 'give either --artifact or --digest');
  if (digest !== undefined) return parseDigest(digest);
  if (artifact === undefined) return undefined;
  if (artifact === '-') return await streamArtifact('stdin', run.io.stdin as AsyncIterable<Buffer | string>);
  return { ...(await loadArtifact(resolve(run.io.cwd, artifact))), name: artifact };
}

function ruleOf(
  exactly: string | undefined,
  pattern: string | undefined,
  flag: string,
): TextRule | undefined {
  if (exactly !== undefined && pattern !== undefined)
    throw new StellaError('USAGE', `give either ${flag} or ${flag}-regexp`);
  // An empty rule would be a variable that was not set, and must not let everybody pass.
  if (exactly === '') throw new StellaError('USAGE', `${flag} is empty`);
  if (exactly !== undefined) return { exactly };
  return pattern === undefined ? undefined : parsePattern(pattern);
}

function identityOf(options: AttestVerifyOptions): IdentityRule {
  return {
    subject: ruleOf(options.certificateIdentity, options.certificateIdentityRegexp, '--certificate-identity'),
    issuer: ruleOf(
      options.certificateOidcIssuer,
      options.certificateOidcIssuerRegexp,
      '--certificate-oidc-issuer',
    ),
  };
}

function keyOf(path: string, name: string): AttestorKey {
  return {
    key: loadPublicKey(path),
    name,
    validFrom: Number.NEGATIVE_INFINITY,
    validUntil: Number.POSITIVE_INFINITY,
  };
}

async function trustOf(run: Run<object>, options: AttestVerifyOptions): Promise<TrustInputs> {
  if (options.trustedRoot !== undefined) {
    const bytes = readBounded(resolve(run.io.cwd, options.trustedRoot), MOST_TRUSTED_ROOT_BYTES);
    return {
      origin: { kind: 'trusted-root', name: `trusted root ${options.trustedRoot}` },
      trustedRoot: parseTrustedRoot(bytes),
    };
  }
  // Configuration, TUF and the store are heavy, and a trusted root needs none of them.
  const { openStoreTrust } = await import('./store-trust.ts');
  return await openStoreTrust(run, options.maxAge === undefined ? undefined : parseDuration(options.maxAge));
}
