import { isStellaError } from '../../base/errors.ts';
import { loadEntryBundle } from '../../logs/tile-directory.ts';
import { parseEntryBundle } from '../../tlog/entry-bundle.ts';
import { proveInclusion } from '../../tlog/merkle.ts';
import { TILE_WIDTH } from '../../tlog/tile.ts';
import type { HeldLog, VerifierTrust } from '../authority/verifier-trust.ts';
import type { Attestation, LogEntry } from '../document/attestation.ts';
import { parseLoneEntry } from './log-entry.ts';

/** Where the entries of the held logs are, by the signatures in them (base64). */
type EntryIndex = ReadonlyMap<string, readonly HeldEntry[]>;

interface HeldEntry {
  readonly log: HeldLog;
  readonly index: bigint;
  readonly body: Buffer;
  readonly kind: string;
  readonly version: string;
}

const indices = new WeakMap<VerifierTrust, EntryIndex>();

/**
 * Log entries for an attestation that has no proof of its own, made from the entries and tiles that came with the trust.
 * Nothing here is believed: each is judged like one that the attestation had brought along.
 * @returns entries with one of its signatures in them, earliest first
 */
export async function entriesFromHeldLogs(
  attestation: Attestation,
  trust: VerifierTrust,
): Promise<LogEntry[]> {
  if (trust.held.size === 0) return [];
  const { content } = attestation;
  const signatures = content.kind === 'dsse' ? content.signatures.map(({ sig }) => sig) : [content.signature];
  const held = entryIndex(trust);
  const found = [...new Set(signatures.flatMap((signature) => held.get(signature.toString('base64')) ?? []))];
  found.sort((a, b) => (a.index < b.index ? -1 : 1));
  const entries: LogEntry[] = [];
  for (const { log, index, body, kind, version } of found) {
    try {
      const hashes = await proveInclusion(log.tiles, index, log.size);
      entries.push({
        logId: log.logId,
        logIndex: index,
        kind,
        version,
        integratedTime: undefined,
        signedEntryTimestamp: undefined,
        body,
        proof: {
          index,
          size: log.size,
          rootHash: Buffer.from(log.rootHash),
          hashes: hashes.map((hash) => Buffer.from(hash)),
          checkpoint: log.checkpoint,
        },
      });
    } catch (error) {
      // The tiles do not reach back to this entry.
      if (!isStellaError(error, 'LOG_CONSISTENCY_UNPROVEN')) throw error;
    }
  }
  return entries;
}

function entryIndex(trust: VerifierTrust): EntryIndex {
  let index = indices.get(trust);
  if (!index) {
    index = buildIndex(trust);
    indices.set(trust, index);
  }
  return index;
}

function buildIndex(trust: VerifierTrust): EntryIndex {
  const found = new Map<string, HeldEntry[]>();
  const width = BigInt(TILE_WIDTH);
  for (const log of trust.held.values()) {
    // Newest first: what is carried is the end of the log, and the first gap is where it begins.
    for (let place = (log.size - 1n) / width; log.size > 0n && place >= 0n; place -= 1n) {
      const first = place * width;
      const count = Number(log.size - first < width ? log.size - first : width);
      const bytes = loadEntryBundle(log.directory, { index: place, width: count });
      if (!bytes) break;
      for (const [i, content] of parseEntryBundle(bytes, count).entries()) {
        const body = Buffer.from(content);
        const entry = tryParse(body);
        if (!entry) continue;
        const held = { log, index: first + BigInt(i), body, kind: entry.kind, version: entry.version };
        for (const { signature } of entry.claim.signatures) {
          if (!signature) continue;
          const name = signature.toString('base64');
          const list = found.get(name) ?? [];
          list.push(held);
          found.set(name, list);
        }
      }
    }
  }
  return found;
}

/** A log may hold anything; what is not an entry of a kind known here is nobody's proof. */
function tryParse(body: Buffer): ReturnType<typeof parseLoneEntry> | undefined {
  try {
    return parseLoneEntry(body);
  } catch (error) {
    if (!isStellaError(error)) throw error;
    return undefined;
  }
}
