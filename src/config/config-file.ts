import { isAlias, isMap, LineCounter, type Node, parseDocument } from 'yaml';
import schema from '../../schemas/config.schema.json' with { type: 'json' };
import { excerpt, parseUtf8 } from '../base/bytes.ts';
import { nearest } from '../base/nearest.ts';
import { maskUrls } from '../base/safety/masked-url.ts';
import { schemaFaults } from '../base/schema.ts';
import type { ConfigFileTrustRepo } from '../base/schema-types.ts';
import { table } from '../base/table.ts';
import { type ConfigFinding, throwFindings } from './findings.ts';

/** The section `attestor.trust_repo` of a configuration file, as it is written there. */
export interface ParsedConfigFile {
  readonly values: ConfigFileTrustRepo;
  /** The line (from 1) that sets a key of the section, e.g. `tuf_url` or `network.ca_file`. */
  lineOf(key: string): number | undefined;
}

const SECTION = ['attestor', 'trust_repo'];

/** The keys that each mapping may have, by its place; taken from the schema so that the two cannot differ. */
const KEYS_BY_PLACE = table<readonly string[]>({
  '': Object.keys(schema.properties),
  attestor: Object.keys(schema.properties.attestor.properties),
  'attestor.trust_repo': Object.keys(schema.$defs.trustRepo.properties),
  'attestor.trust_repo.network': Object.keys(schema.$defs.network.properties),
});

/** What a file holds and what is wrong with it. */
export interface ExaminedConfigFile {
  /** Of a file with errors, what is right in it: to look for further errors, never to act by. */
  readonly parsed: ParsedConfigFile;
  readonly findings: readonly ConfigFinding[];
}

/**
 * YAML 1.2 bytes → the settings in them. Unknown keys, wrong types, duplicate keys and syntax errors are refused, all of
 * them at once, with file, line, key and the nearest valid key.
 * @param file how to call the file in messages
 * @throws StellaError CONFIG_INVALID
 */
export function parseConfigFile(bytes: Uint8Array, file: string): ParsedConfigFile {
  const { parsed, findings } = examineConfigFile(bytes, file);
  throwFindings(findings);
  return parsed;
}

/** {@link parseConfigFile} that does not throw. */
export function examineConfigFile(bytes: Uint8Array, file: string): ExaminedConfigFile {
  const findings: ConfigFinding[] = [];
  const find = (line: number | undefined, message: string, cause?: unknown) => {
    if (findings.length >= MAX_FINDINGS) return;
    const hints = ['correct the line; docs/configuration.md lists every key'];
    findings.push({ code: 'CONFIG_INVALID', file, line, message, hints, cause });
  };
  const nothing = { values: {}, lineOf: () => undefined };
  const counter = new LineCounter();
  let document: ReturnType<typeof parseDocument>;
  let value: unknown;
  try {
    document = parseDocument(parseUtf8(bytes), { lineCounter: counter, prettyErrors: false });
    for (const error of document.errors)
      find(counter.linePos(error.pos[0]).line, error.message.split('\n')[0]!, error);
    // What follows a syntax error may be something else than it seems; a key that is there twice hides nothing.
    if (document.errors.some(({ code }) => code !== 'DUPLICATE_KEY')) return { parsed: nothing, findings };
    value = document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    find(undefined, 'not a YAML file', cause);
    return { parsed: nothing, findings };
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
      if (findings.length >= MAX_FINDINGS) return;
      if (keys.includes(name)) {
        checkKeys(place === '' ? name : `${place}.${name}`, child);
        continue;
      }
      const near = nearest(name, keys);
      find(
        lineOfNode(key),
        `unknown key ${excerpt(name)}${place === '' ? '' : ` in ${place}`}${near ? `; did you mean ${near}?` : ''}`,
      );
    }
  };
  checkKeys('', document.contents);

  const faults = schemaFaults('config', value ?? null, UNKNOWN_KEYS);
  for (const { pointer, keyword, message } of faults.slice(0, MAX_FINDINGS)) {
    const path = pointer.split('/').slice(1);
    find(lineAt(path), `${(keyword === 'pattern' && demandOf(path)) || message}${givenAt(value, path)}`);
  }
  return {
    parsed: {
      values: soundValues(
        value,
        faults.map(({ pointer }) => pointer),
      ),
      lineOf: (key) => lineAt([...SECTION, ...key.split('.')]),
    },
    findings,
  };
}

/** What is wrong with a file of a megabyte need not be told to the end. */
const MAX_FINDINGS = 1000;

/** Told of the mapping that has it, with the nearest key. */
const UNKNOWN_KEYS: ReadonlySet<string> = new Set(['additionalProperties']);

/** In words, what a pattern of the schema demands of a key. */
function demandOf(path: readonly string[]): string | undefined {
  const key = path.slice(SECTION.length).join('.');
  if (key === 'network.proxy') return `${key} must be an http:// or https:// URL, or none`;
  if (/^tuf_url/.test(key)) return `${key} must be an http://, https:// or file:// URL`;
  return undefined;
}

function membersOf(value: unknown): Map<string, unknown> {
  return new Map(typeof value === 'object' && value !== null ? Object.entries(value) : []);
}

/** An own member; a list of what may be many is not gone through for one of them. */
function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}

/** `, not "often"`; of what may hold a secret, nothing. */
function givenAt(root: unknown, path: readonly string[]): string {
  const value = path.reduce<unknown>(memberOf, root);
  if (path.includes('bearer_token_command') || value === undefined || typeof value === 'object') return '';
  return `, not ${typeof value === 'string' ? excerpt(maskUrls(value)) : JSON.stringify(value)}`;
}

/** Keys that mean something only together: of what is wrong with one of them, the others are no further errors. */
const TOGETHER = [
  ['/freshness_threshold_days', '/freshness_warn_days'],
  ['/network/client_certificate', '/network/client_key'],
];

/** The section without the keys that something is wrong with. */
function soundValues(document: unknown, faults: readonly string[]): ConfigFileTrustRepo {
  const root = `/${SECTION.join('/')}`;
  // A fault in a list is one of the key.
  const faulty = new Set(
    faults.flatMap((fault) => [1, 2].map((depth) => cut(fault, SECTION.length + depth))),
  );
  for (const keys of TOGETHER)
    if (keys.some((key) => faulty.has(`${root}${key}`))) for (const key of keys) faulty.add(`${root}${key}`);
  const sound = (node: unknown, at: string): Map<string, unknown> =>
    new Map([...membersOf(node)].filter(([key]) => !faulty.has(`${at}/${key}`)));
  const section = SECTION.reduce<unknown>(memberOf, document);
  const network = `${root}/network`;
  const values = sound(section, root);
  if (faulty.has(network) && !faults.includes(network))
    values.set('network', Object.fromEntries(sound(memberOf(section, 'network'), network)));
  return Object.fromEntries(values);
}

/** The first parts of a JSON Pointer. */
const cut = (pointer: string, parts: number) =>
  pointer
    .split('/')
    .slice(0, parts + 1)
    .join('/');
