import { createRequire } from 'node:module';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Plugin } from 'rolldown';
import { SCHEMAS } from '../src/base/schemas.ts';
import { ajvOptions, type SchemaName } from '../src/base/validator.ts';

// CommonJS that says it is an ES module: what its default is depends on who imports it.
const require = createRequire(import.meta.url);
const standaloneCode = (require('ajv/dist/standalone') as typeof import('ajv/dist/standalone/index.js'))
  .default;
const ucs2length = (require('ajv/dist/runtime/ucs2length') as { default: (text: string) => number }).default;

/**
 * The validator of one schema as a CommonJS module that needs nothing: what ajv compiles at run time elsewhere. Its one
 * helper, which counts characters, comes along.
 */
export function compiledSchema(name: SchemaName): string {
  const ajv = new Ajv2020({ ...ajvOptions(name), code: { source: true } });
  const code = standaloneCode(ajv, ajv.compile(SCHEMAS[name]));
  const helper = 'require("ajv/dist/runtime/ucs2length").default';
  const complete = code.replaceAll(helper, `(${ucs2length.toString()})`);
  if (complete.includes('require('))
    throw new Error(`the validator of ${name} needs more than is known here`);
  return complete;
}

const names = Object.keys(SCHEMAS) as SchemaName[];
const fileOf = (name: string) => `schema-${name}.cjs`;

/**
 * Puts compiled validators in the place of `src/base/validator.ts`: each in a file of its own that is read on demand, or,
 * where all must be in one file, each in a function that runs on demand.
 */
export function compiledSchemas(place: 'beside' | 'inside' = 'beside'): Plugin {
  return {
    name: 'compiled-schemas',
    load(id) {
      if (!id.endsWith('/src/base/validator.ts')) return null;
      if (place === 'inside') return { code: table(), moduleType: 'js' };
      for (const name of names)
        this.emitFile({ type: 'asset', fileName: fileOf(name), source: compiledSchema(name) });
      return {
        code: `export const validatorOf = (name) => require(\`./schema-\${name}.cjs\`);`,
        moduleType: 'js',
      };
    },
  };
}

function table(): string {
  const makers = names.map((name) => `${JSON.stringify(name)}: (module) => {${compiledSchema(name)}\n}`);
  return `const makers = {${makers.join(',\n')}};
const made = {};
export function validatorOf(name) {
  if (!made[name]) {
    const module = { exports: {} };
    makers[name](module);
    made[name] = module.exports;
  }
  return made[name];
}
`;
}
