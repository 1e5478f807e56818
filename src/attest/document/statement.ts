import { parseStrictJson } from '../../base/json.ts';
import { FieldReader, type JsonObject } from '../../base/json-fields.ts';
import { type Table, table } from '../../base/table.ts';
import { ATTESTATION_LIMITS } from './limits.ts';

const TYPES: ReadonlySet<string> = new Set([
  'https://in-toto.io/Statement/v1',
  'https://in-toto.io/Statement/v0.1',
]);
export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
const read = new FieldReader('STATEMENT_INVALID');

export interface Subject {
  readonly name: string | undefined;
  /** Algorithm name → lowercase hexadecimal digits. */
  readonly digest: Table<string>;
}

/** An in-toto statement: what is said (predicate) about what (subjects). */
export interface Statement {
  readonly type: string;
  readonly subjects: readonly Subject[];
  readonly predicateType: string;
  readonly predicate: unknown;
  /** All of it as it was signed, also what is not read here. */
  readonly signed: JsonObject;
  /** Bytes of the payload. */
  readonly size: number;
}

/**
 * The payload of an in-toto DSSE envelope → statement (in-toto attestation v1, and v0.1 as npm and older tools write it).
 * @throws StellaError STATEMENT_INVALID
 */
export function parseStatement(payload: Uint8Array): Statement {
  const value = read.object(
    parseStrictJson(payload, 'the statement', { code: 'STATEMENT_INVALID' }),
    'the statement',
  );
  const type = read.string(value['_type'], '_type', 256);
  if (!TYPES.has(type))
    read.refuse('_type', `is not a known statement type: ${JSON.stringify(type.slice(0, 80))}`);
  const list = read.array(value['subject'], 'subject', ATTESTATION_LIMITS.subjects);
  if (list.length === 0) read.refuse('subject', 'is empty');
  const predicateType = read.string(value['predicateType'], 'predicateType', 1024);
  if (predicateType === '') read.refuse('predicateType', 'is empty');
  return {
    type,
    subjects: list.map(parseSubject),
    predicateType,
    predicate: value['predicate'],
    signed: value,
    size: payload.length,
  };
}

function parseSubject(item: unknown, i: number): Subject {
  const path = `subject.${i}`;
  const subject: JsonObject = read.object(item, path);
  const digests = read.object(subject['digest'], `${path}.digest`);
  const names = Object.keys(digests);
  if (names.length === 0) read.refuse(`${path}.digest`, 'is empty');
  if (names.length > ATTESTATION_LIMITS.digestsPerSubject)
    read.refuse(`${path}.digest`, 'has too many digests');
  for (const name of names) read.string(digests[name], `${path}.digest.${name.slice(0, 40)}`, 1024);
  const digest = table(digests as Readonly<Record<string, string>>);
  const name = subject['name'];
  return { name: typeof name === 'string' ? read.string(name, `${path}.name`, 4096) : undefined, digest };
}
