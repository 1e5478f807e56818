import type { ErrorCode } from './codes.ts';
import { StellaError } from './errors.ts';
import { type JsonRules, parseStrictJson } from './json.ts';
import type { SchemaTypes } from './schema-types.ts';
import { type SchemaName, type Validate, validatorOf } from './validator.ts';

export type { SchemaName } from './validator.ts';

/** `/entries/3/size must be integer`, in words: which field, what is wrong, and what was unexpected. */
function describe(error: NonNullable<Validate['errors']>[number]): string {
  const field =
    error.instancePath === '' ? 'the document' : `field ${error.instancePath.slice(1).replaceAll('/', '.')}`;
  const { additionalProperty, allowedValues, allowedValue } = error.params as Record<string, unknown>;
  if (additionalProperty !== undefined)
    return `${field} has an unknown field ${JSON.stringify(additionalProperty)}`;
  const allowed = allowedValues ?? allowedValue;
  return `${field} ${error.message ?? 'is invalid'}${allowed === undefined ? '' : `: ${JSON.stringify(allowed)}`}`;
}

/**
 * Checks an already parsed value against `schemas/NAME.schema.json`.
 * @param what how to call the document in messages, e.g. `manifest.json`
 * @throws StellaError `code` (SCHEMA_INVALID unless told otherwise), naming the field
 */
export function checkSchema<N extends SchemaName>(
  name: N,
  value: unknown,
  what: string,
  code: ErrorCode = 'SCHEMA_INVALID',
): SchemaTypes[N] {
  const validate = validatorOf(name);
  if (!validate(value)) {
    throw new StellaError(code, `${what}: ${describe(validate.errors![0]!)}`, {
      pointer: validate.errors![0]!.instancePath,
      details: { path: validate.errors![0]!.instancePath },
    });
  }
  return value as SchemaTypes[N];
}

/** One thing that a document does not have as its schema says. */
export interface SchemaFault {
  /** JSON Pointer (RFC 6901). */
  readonly pointer: string;
  readonly keyword: string;
  /** In words, with the field's name. */
  readonly message: string;
}

/**
 * Everything that is wrong with a value, where its schema is read to the end (`ajvOptions`); of several things that are
 * wrong with one field the first, and of a field and its parts the parts.
 * @param ignored keywords of the schema whose faults are looked for elsewhere
 */
export function schemaFaults(name: SchemaName, value: unknown, ignored: ReadonlySet<string>): SchemaFault[] {
  const validate = validatorOf(name);
  if (validate(value)) return [];
  const all = validate.errors!.map((error) => ({
    pointer: error.instancePath,
    keyword: error.keyword,
    message: describe(error),
  }));
  const seen = new Set<string>();
  const above = new Set(all.flatMap(({ pointer }) => ancestorsOf(pointer)));
  return all.filter(({ pointer, keyword }) => {
    const isFirst = !seen.has(pointer);
    seen.add(pointer);
    return isFirst && !above.has(pointer) && !ignored.has(keyword);
  });
}

/** The pointers to what holds the value. */
function ancestorsOf(pointer: string): string[] {
  const parts = pointer.split('/');
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join('/'));
}

/** Documents that people write and hand over, with editors that may put a byte order mark in front. */
const HANDED_OVER: ReadonlySet<SchemaName> = new Set(['service-map', 'policy']);

function rulesOf(name: SchemaName, code: ErrorCode): JsonRules {
  return HANDED_OVER.has(name) ? { code, byteOrderMark: 'skip' } : { code };
}

/**
 * JSON bytes → value of the schema's type.
 * @throws StellaError `code` (SCHEMA_INVALID unless told otherwise) for anything but UTF-8 JSON that fits the schema
 */
export function parseJson<N extends SchemaName>(
  name: N,
  bytes: Uint8Array,
  what: string,
  code: ErrorCode = 'SCHEMA_INVALID',
): SchemaTypes[N] {
  return checkSchema(name, parseStrictJson(bytes, what, rulesOf(name, code)), what, code);
}
