import type { Command } from 'commander';
import { formatInstant, type Instant, instant, parseDuration, parseInstant } from '../../../base/clock.ts';
import { StellaError } from '../../../base/errors.ts';
import type { Cli } from '../../frame/cli.ts';
import { formatCount, formatTable } from '../../terminal/output.ts';

interface Options {
  readonly identity?: string;
  readonly digest?: string;
  readonly since?: string;
}

/** A time, or a duration back from now. */
function parseSince(text: string, now: Instant): Instant {
  return /^\d{4}-/.test(text) ? parseInstant(text) : instant(now - parseDuration(text));
}

/** `stella log search` */
export function registerLogSearch(log: Command, cli: Cli): void {
  const command = cli
    .command(log, 'search [dir]', 'who signed what, from entries held here (carried with --entries)')
    .option('--identity <id>', 'signed by this certificate identity, or key (SHA-256 of its SPKI)')
    .option(
      '--digest <digest>',
      'of what was signed: an artifact, or the payload of a DSSE envelope: sha256:HEX',
    )
    .option('--since <when>', 'signed since: 2026-01-25T00:00:00Z, or 7d');
  cli.action<Options, [string | undefined]>(command, async (run, directory) => {
    const { identity, digest } = run.options;
    if (digest !== undefined && !/^sha(?:256|384|512):[0-9a-f]+$/.test(digest))
      throw new StellaError('USAGE', 'not a digest: write it like sha256:HEX in lower case');
    const since = run.options.since === undefined ? undefined : parseSince(run.options.since, run.now);
    const { searchableLogs } = await import('./places.ts');
    const { carriedEntries } = await import('../../../logs/carried-entries.ts');
    const { describeEntry, isOfArtifact, isWanted } = await import('../../../attest/log-search.ts');
    const found: { origin: string; index: number; kind: string; digest: string; signers: object[] }[] = [];
    const rows: string[][] = [['log', 'index', 'since', 'kind', 'digest', 'signer']];
    let searched = 0;
    let envelopes = 0;
    for (const place of searchableLogs(run, directory)) {
      for await (const { index, bytes } of carriedEntries(place.directory, place.head)) {
        searched += 1;
        const entry = describeEntry(bytes);
        if (entry && !isOfArtifact(entry)) envelopes += 1;
        if (!entry || !isWanted(entry, { identity, digest, since })) continue;
        const signers = entry.signers.map(({ since: at, ...who }) => ({
          ...who,
          ...(at === undefined ? {} : { since: formatInstant(at) }),
        }));
        found.push({
          origin: place.origin,
          index: Number(index),
          kind: entry.kind,
          digest: entry.digest,
          signers,
        });
        for (const { since: at = '-', identity: name, keyId = '-' } of signers)
          rows.push([place.origin, String(index), at, entry.kind, entry.digest, name ?? keyId]);
      }
    }
    if (searched === 0)
      run.note(
        'no entries are held here: on the connected side, carry them with `stella trust snapshot export --out FILE --entries`',
      );
    if (digest !== undefined && identity === undefined && found.length === 0 && envelopes > 0)
      run.note(
        `${formatCount(envelopes, 'entry is', 'entries are')} about DSSE envelopes, of which a log knows the payload's digest only: whether one is about an artifact, \`stella attest verify ATTESTATION --artifact FILE\` says`,
      );
    const summary = `${formatCount(found.length, 'entry', 'entries')} found among ${searched}`;
    return {
      json: { searched, found },
      text: found.length === 0 ? summary : `${formatTable(rows)}\n${summary}`,
    };
  });
}
