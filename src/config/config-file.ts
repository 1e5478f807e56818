import { isAlias, isMap, LineCounter, type Node, parseDocument } from 'yaml';
import schema from '../../schemas/config.schema.json' with { type: 'json' };
import { excerpt, parseUtf8 } from '../base/bytes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';
import { checkSchema } from '../base/schema.ts';
import type { ConfigFileTrustRepo } from '../base/schema-types.ts';

/** The section `attestor.trust_repo` of a configuration file, as it is written there. */
export interface ParsedConfigFile {
  readonly values: ConfigFileTrustRepo;
  /** The line (from 1) that sets a key of the section, e.g. `tuf_url` or `network.ca_file`. */
  lineOf(key: string): number | undefined;
}

const SECTION = ['attestor', 'trust_repo'];

/** The keys that each mapping may have, by its place; taken from the schema so that the two cannot differ. */
const KEYS_BY_PLACE: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(schema.properties),
  attestor: Object.keys(schema.properties.attestor.properties),
  'attestor.trust_repo': Object.keys(schema.$defs.trustRepo.properties),
  'attestor.trust_repo.network': Object.keys(schema.$defs.network.properties),
};

function invalid(file: string, line: number | undefined, message: string, cause?: unknown): StellaError {
  return new StellaError('CONFIG_INVALID', `${file}${line === undefined ? '' : `:${line}`}: ${message}`, {
    ...(cause === undefined ? {} : { cause }),
    details: { file, ...(line === undefined ? {} : { line }) },
    hint: 'correct the line; docs/configuration.md lists every key',
  });
}

/**
 * YAML 1.2 bytes → the settings in them. Unknown keys, wrong types, duplicate keys and syntax errors are refused with
 * file, line, key and the nearest valid key.
 * @param file how to call the file in messages
 * @throws StellaError CONFIG_INVALID
 */
export function parseConfigFile(bytes: Uint8Array, file: string): ParsedConfigFile {
  const counter = new LineCounter();
  let document: ReturnType<typeof parseDocument>;
  let value: unknown;
  try {
    document = parseDocument(parseUtf8(bytes), { lineCounter: counter, prettyErrors: false });
    const error = document.errors[0];
    if (error) throw invalid(file, counter.linePos(error.pos[0]).line, error.message.split('\n')[0]!, error);
    value = document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    if (isStellaError(cause, 'CONFIG_INVALID')) throw cause;
    throw invalid(file, undefined, 'not a YAML file', cause);
  }
  const resolve = (node: unknown) => (isAlias(node) ? node.resolve(document) : node);
  const lineOfNode = (node: unknown): number | undefined => {
    const range = (node as Node | null)?.range;
    return range ? counter.linePos(range[0]).line : undefined;
  };
  const lineAt = (path: readonly string[]): number | undefined => {
    let node: unknown = document.contents;
    let line: number | undefined;
    for (const part of path) {
      const inner = resolve(node);
      if (!isMap(inner)) break;
      const pair = inner.items.find((item) => String(item.key) === part);
      if (!pair) break;
      line = lineOfNode(pair.key);
      node = pair.value;
    }
    return line;
  };

  const checkKeys = (place: string, node: unknown): void => {
    const keys = KEYS_BY_PLACE[place];
    const inner = resolve(node);
    if (!keys || !isMap(inner)) return;
    for (const { key, value: child } of inner.items) {
      const name = String(key);
      if (!keys.includes(name)) {
        const near = nearest(name, keys);
        throw invalid(
          file,
          lineOfNode(key),
          `unknown key ${excerpt(name)}${place === '' ? '' : ` in ${place}`}${near ? `; did you mean ${near}?` : ''}`,
        );
      }
      checkKeys(place === '' ? name : `${place}.${name}`, child);
    }
  };
  checkKeys('', document.contents);

  try {
    const checked = checkSchema('config', value ?? null, file, 'CONFIG_INVALID');
    return {
      values: checked?.attestor?.trust_repo ?? {},
      lineOf: (key) => lineAt([...SECTION, ...key.split('.')]),
    };
  } catch (error) {
    if (!isStellaError(error, 'CONFIG_INVALID')) throw error;
    const path = error.details?.['path'];
    const parts = typeof path === 'string' ? path.split('/').filter((part) => part !== '') : [];
    throw invalid(file, lineAt(parts), error.message.slice(file.length + 2), error);
  }
}
