import type { Sha256Hex } from '../../../base/bytes.ts';
import { groupedHex } from '../../report/fingerprint.ts';

/** A public key that has signed the bundle, as it lies on the medium. */
export interface KitSigner {
  readonly file: string;
  /** SHA-256 of its SubjectPublicKeyInfo. */
  readonly id: string;
  /** Whether the carried TUF repository names it; otherwise whoever imports must vouch for it. */
  readonly named: boolean;
}

/** What the sheet and the guide of a kit say. */
export interface KitFacts {
  /** File name to give to `trust import`. */
  readonly bundle: string;
  /** SHA-256 of the kit's own executable, if it has one. */
  readonly executable: Sha256Hex | undefined;
  readonly sealedAt: string;
  readonly sequence: number;
  /** The bundle that a delta builds on. */
  readonly base: { readonly sequence: number; readonly manifest_sha256: string } | undefined;
  /** What the producer advises, in days. */
  readonly adviceDays: number | undefined;
  /** A root in the bundle to pin. */
  readonly root: { readonly version: number; readonly sha256: Sha256Hex };
  readonly signers: readonly KitSigner[];
}

/** A command in parts that must not be torn apart: a flag and its value are one. */
export type KitCommand = readonly string[];

/** To be filled in by hand; no command takes it as it is. */
export const BLANK = 'sha256:________________';

type KitCommands<T> = Readonly<Record<'first' | 'later' | 'verify', T>>;

/** The commands of the operator, each in one line. */
export function kitCommands(facts: KitFacts): KitCommands<string> {
  const { first, later, verify } = kitCommandParts(facts);
  return { first: first.join(' '), later: later.join(' '), verify: verify.join(' ') };
}

/** The commands of the operator; `$` and quotes in names are harmless in single quotes. No fingerprint is in them. */
export function kitCommandParts(facts: KitFacts): KitCommands<KitCommand> {
  const stella = stellaOf(facts);
  const bundle = `./${facts.bundle}`;
  const file = /^[\w./-]+$/.test(bundle) ? bundle : `'${bundle.replaceAll("'", `'\\''`)}'`;
  const later = [`${stella} trust import`, file, '--verify-manifest'];
  const strangers = facts.signers.filter(({ named }) => !named);
  return {
    later,
    first: [
      ...later,
      `--root-fingerprint ${BLANK}`,
      ...strangers.flatMap((signer) => [
        `--bundle-key ./${signer.file}`,
        `--bundle-key-fingerprint ${BLANK}`,
      ]),
    ],
    verify: [`${stella} attest verify ./ATTESTATION`, '--artifact ./ARTIFACT', '--offline'],
  };
}

export function stellaOf({ executable }: Pick<KitFacts, 'executable'>): string {
  return executable ? './stella' : 'stella';
}

/** What is known of the bundle, for guide and sheet; hexadecimal digits are grouped. */
export function kitTerms(facts: KitFacts): (readonly [term: string, ...lines: string[]])[] {
  const { base, adviceDays, root, signers, executable } = facts;
  return [
    ['Bundle', facts.bundle],
    ['Sealed at', facts.sealedAt],
    ['Number', String(facts.sequence)],
    ...(base
      ? [['Delta of', `number ${base.sequence}, manifest`, ...groupedHex(base.manifest_sha256)] as const]
      : []),
    ...(adviceDays === undefined
      ? []
      : [['Good for', `${formatDays(adviceDays)} at most, the producer advises`] as const]),
    ['Root', `version ${root.version}`, ...groupedHex(root.sha256)],
    ...signers.map(({ file, id }) => ['Sealed by', file, ...groupedHex(id)] as const),
    ...(executable ? [['Program', 'stella', ...groupedHex(executable)] as const] : []),
  ];
}

function formatDays(days: number): string {
  return days === 1 ? '1 day' : `${days} days`;
}

/** The short guide, plain text of at most 80 columns but for names and commands. */
export function kitGuide(facts: KitFacts): string {
  const terms = kitTerms(facts).map(([term, ...lines]) =>
    lines.map((line, i) => `${(i === 0 ? term : '').padEnd(12)}${line}\n`).join(''),
  );
  return `STELLA: TRUST FROM THE OUTSIDE, FOR VERIFYING WITHOUT A NETWORK

${terms.join('')}
Everything above travelled with the bundle and proves nothing by itself.

1. Check that nothing was damaged on the way, in this directory:

   sha256sum -c SHA256SUMS

${facts.base ? deltaImport(facts) : fullImport(facts)}
3. Verify an attestation about an artifact:

   ${kitCommands(facts).verify}

Exit status: 0 done; 2 a signature, digest or proof does not hold: stop and
report it; 4 something is wrong with the command or this machine; 5 too old: ask
for a newer kit. Every error comes with a hint that says what to do next. What
is wrong with this machine is said by:  ${stellaOf(facts)} doctor
A refused import changes nothing.
`;
}

function fullImport(facts: KitFacts): string {
  const { first, later } = kitCommands(facts);
  return `2. The first import on a machine. Fill in each blank with the fingerprint that
   you were told over ANOTHER channel than this medium, not with one from here
   (in groups, if you like: then in quotes):

   ${first}

   Every later import, without fingerprints:

   ${later}
`;
}

function deltaImport(facts: KitFacts): string {
  const { sequence } = facts.base!;
  return `2. Import. This is a DELTA: only a machine that has imported bundle number
   ${sequence} (or a later one of the same signer) can use it. Any other machine needs
   a kit with a full bundle first.

   ${kitCommands(facts).later}
`;
}
