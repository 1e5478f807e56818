import { Ajv2020, type ErrorObject, type Options } from 'ajv/dist/2020.js';
import type { SchemaTypes } from './schema-types.ts';
import { SCHEMAS } from './schemas.ts';

export type SchemaName = keyof SchemaTypes;

/** Checks a value; what is wrong with it is in `errors` until the next call. */
export interface Validate {
  (value: unknown): boolean;
  errors?: readonly Pick<ErrorObject, 'instancePath' | 'keyword' | 'message' | 'params'>[] | null | undefined;
}

/** How a schema is read, here and where the build compiles it. */
export function ajvOptions(name: SchemaName): Options {
  // Whoever writes a configuration is told of all errors at once; a document from outside is refused for its first.
  return { strict: true, allowUnionTypes: true, ownProperties: true, allErrors: name === 'config' };
}

const compiled = new Map<SchemaName, Validate>();

/**
 * The validator of a schema. The built command has this module replaced by validators that were compiled with it
 * (`scripts/compiled-schemas.ts`), since compiling them takes longer than most of what the command does.
 */
export function validatorOf(name: SchemaName): Validate {
  let validate = compiled.get(name);
  if (!validate) {
    validate = new Ajv2020(ajvOptions(name)).compile(SCHEMAS[name]) as Validate;
    compiled.set(name, validate);
  }
  return validate;
}
