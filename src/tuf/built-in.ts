import seeds from '@sigstore/tuf/seeds.json' with { type: 'json' };
import { parseSha256Hex, type Sha256Hex, sha256Hex } from '../base/bytes.ts';
import { isStellaError } from '../base/errors.ts';
import github from './github-root.json' with { type: 'json' };
import type { TufRoot } from './metadata.ts';
import { parseMetadata } from './parse-metadata.ts';
import { ruleOf, validSigners } from './signature.ts';

/** A public instance that this program knows by name, with the root from which its repository is trusted. */
export interface BuiltInInstance {
  /** As `trust init NAME` has it. */
  readonly name: string;
  /** How people call it. */
  readonly title: string;
  readonly url: string;
  /** Version of the root that is built in. */
  readonly version: number;
  /** Root metadata, byte for byte. */
  root(): Uint8Array;
  /** SHA-256 of the roots that came before, by version: any of them is a beginning of the same chain. */
  readonly earlier: ReadonlyMap<number, Sha256Hex>;
}

const SIGSTORE_URL = 'https://tuf-repo-cdn.sigstore.dev';

/** Of github.com/sigstore/root-signing, as published. */
const EARLIER_SIGSTORE_ROOTS = [
  'cd7549b15e7b4e660a89c950bca1bce262a524a5cf909952b66951b5c8667bc6',
  'f5ad897c9414cca99629f400ac3585e41bd8ebb44c5af07fb08dd636a9eced9c',
  'f612679ba5a4d31421e65068faa035ea363257edcaf22a555b9c49d189a2d4ef',
  'db9f88395e55e837c6926a5774f1031fd37faccdae828cc0e39304b63bb0378f',
  'e2a930b2d1d4053dd56e8faf66fd113658545d522e35d222ccf58fea87ccccf4',
  '62ec47d19857cb6cecf385ad72290c21f7600eea11b98576ea69dcadb1affea5',
  'c86f493b010dc9656004c86029570b2cf9b1f9ce2c57e2e0ce91fbb008067570',
  '1c86543d6777efe42d609b4e45f9fa1904c1c412bb5e2d3b64128e8b042fc641',
  'd9a9799ffe80d937ef4a641e2111a71163712ca6298224dee7d60f57021cd403',
  '836bff947925edfc23eb9ce17af66fb1e43bb5e2bdd240520985ae52b585eae9',
  '641adcaddce7b4af7d7ce81d8b58fa5dc871f13af48097dbf543597677702587',
  '5fe1e509a47277183a004745942c0a116379297da9f1cca529774320f1a5dfab',
  '39277f1fbd482f84d924b6cb77748f62ab0f031b3b5b9b29e681dae056c32250',
  'c8c41ec13f06ccabf5b48541ee2550098b4c7b5349e1d180390c29a7d5c2642c',
  '73747011d0857ada15479a16c4cae0f3ed03aac698b523b97e1de314ac9d9ca8',
];

const decoded = (base64: string) => Buffer.from(base64, 'base64');

function instanceOf(
  facts: Pick<BuiltInInstance, 'name' | 'title' | 'url'>,
  base64: string,
  earlier: readonly string[],
): BuiltInInstance {
  const root = decoded(base64);
  const { version } = parseRoot(root).signed;
  const digests = earlier
    .map((sha256, i): [number, Sha256Hex] => [i + 1, parseSha256Hex(sha256)!])
    .filter(([of]) => of < version);
  return { ...facts, version, root: () => root, earlier: new Map(digests) };
}

let instances: readonly BuiltInInstance[] | undefined;

/** The public instances that can be asked for by name. */
export function builtInInstances(): readonly BuiltInInstance[] {
  instances ??= [
    instanceOf(
      { name: 'sigstore', title: 'Sigstore public-good', url: SIGSTORE_URL },
      seeds[SIGSTORE_URL]['root.json'],
      EARLIER_SIGSTORE_ROOTS,
    ),
    instanceOf(
      { name: 'github', title: "GitHub's instance", url: 'https://tuf-repo.github.com' },
      github.base64,
      [],
    ),
  ];
  return instances;
}

/** The built-in instance of a name, if there is one. */
export function builtInInstance(name: string): BuiltInInstance | undefined {
  return builtInInstances().find((instance) => instance.name === name);
}

/** The built-in instance whose repository is at this address. */
export function builtInInstanceAt(url: string): BuiltInInstance | undefined {
  const plain = url.replace(/\/+$/, '');
  return builtInInstances().find((instance) => instance.url === plain);
}

/** A root as some repository has it. */
export interface OfferedRoot {
  readonly version: number;
  readonly bytes: Uint8Array;
}

/** Whether these very bytes are the instance's root of that version. */
export function isBuiltInRoot(instance: BuiltInInstance, { version, bytes }: OfferedRoot): boolean {
  const expected = version === instance.version ? sha256Hex(instance.root()) : instance.earlier.get(version);
  return expected !== undefined && sha256Hex(bytes) === expected;
}

/**
 * Whether a later root is signed as the built-in one demands of its successor. An address proves nothing, and neither does
 * what an offered root says of itself: only the built-in keys do.
 */
export function isSignedByBuiltIn(instance: BuiltInInstance, { version, bytes }: OfferedRoot): boolean {
  if (version <= instance.version) return false;
  try {
    const rule = ruleOf(parseRoot(instance.root()), 'root');
    return validSigners(parseRoot(bytes), rule).length >= rule.threshold;
  } catch (error) {
    if (isStellaError(error)) return false;
    throw error;
  }
}

/** The root among these that an instance's built-in root vouches for: the newest that is its own, else the lowest it has signed. */
export function vouchedRoot<R extends OfferedRoot>(
  instance: BuiltInInstance,
  roots: readonly R[],
): R | undefined {
  return (
    roots.findLast((root) => isBuiltInRoot(instance, root)) ??
    roots.find((root) => isSignedByBuiltIn(instance, root))
  );
}

const parseRoot = (bytes: Uint8Array): TufRoot => parseMetadata('root', bytes, 'root.json');

/** The TrustedRoot of the Sigstore public-good instance that the Sigstore client library ships. */
export function builtInTrustedRoot(): Uint8Array {
  return decoded(seeds[SIGSTORE_URL].targets['trusted_root.json']);
}
