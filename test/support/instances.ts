import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'vitest';
import { sha256Hex } from '../../src/base/bytes.ts';
import { formatInstant } from '../../src/base/clock.ts';
import type { ErrorCode } from '../../src/base/codes.ts';
import type { StellaError } from '../../src/base/errors.ts';
import {
  formatPrivateKey,
  formatPublicKey,
  generateKey,
  type PrivateKey,
  signerOf,
} from '../../src/base/keys.ts';
import type { Manifest } from '../../src/bundle/manifest.ts';
import { type SealOptions, sealBundle } from '../../src/bundle/seal.ts';
import { loadConfig } from '../../src/config/config.ts';
import { type Imported, type ImportRules, importBundle } from '../../src/consumer/import.ts';
import { openStore } from '../../src/store/store.ts';
import { type CliResult, type CliSetting, stella } from './cli.ts';
import { refusal } from './errors.ts';
import { ARTIFACT, authorityOf, IDENTITY, ISSUER, make } from './sigstore/scenario.ts';
import { temporaryDirectory } from './temp.ts';
import { NOW, TufRepository } from './tuf-repository.ts';

/** How a rule about the signers of {@link make} is given. */
export const SIGNER = ['--certificate-identity', IDENTITY, '--certificate-oidc-issuer', ISSUER];

/** A repository with the trusted root of an instance, and an attestation that only this instance stands for. */
export function instanceRepository(name: string, now: number = NOW) {
  const made = make({ authority: authorityOf(name) });
  const repository = new TufRepository(now);
  repository.addTarget('trusted_root.json', JSON.stringify(made.root));
  repository.publish();
  return { repository, bundle: JSON.stringify(made.bundle), root: made.root };
}

/** A connected side and an enclave, with repositories in directories. */
export class Repositories {
  readonly base = temporaryDirectory();
  readonly home = new TufRepository();
  /** As of when commands run, unless told otherwise. */
  now: number = NOW;

  constructor() {
    for (const side of ['connected', 'enclave']) mkdirSync(join(this.base, side));
    for (const name of ['bundle-signer', 'attestor']) {
      const key = generateKey();
      writeFileSync(join(this.base, `${name}.key`), formatPrivateKey(key), { mode: 0o600 });
      const target = name === 'attestor' ? 'attestor-key-v1.pub' : `${name}-v1.pub`;
      this.home.addTarget(target, formatPublicKey(key.publicKey), { stella: { usage: name } });
    }
    this.home.publish();
    this.serve('home', this.home);
    writeFileSync(join(this.base, 'artifact'), ARTIFACT);
  }

  get fingerprint(): string {
    return `sha256:${sha256Hex(this.home.firstRoot)}`;
  }

  path(name: string): string {
    return join(this.base, name);
  }

  url(name: string): string {
    return pathToFileURL(this.path(name)).href;
  }

  write(name: string, text: string | Uint8Array): string {
    writeFileSync(this.path(name), text);
    return this.path(name);
  }

  /** Writes a repository to where it is followed from. */
  serve(name: string, repository: TufRepository): string {
    rmSync(this.path(name), { recursive: true, force: true });
    repository.writeTo(this.path(name));
    return this.url(name);
  }

  async run(
    side: 'connected' | 'enclave',
    args: readonly string[],
    setting: CliSetting = {},
  ): Promise<CliResult> {
    const home = this.path(side);
    return await stella(args, { env: { HOME: home }, cwd: this.base, now: this.now, ...setting });
  }

  async must(
    side: 'connected' | 'enclave',
    args: readonly string[],
    setting: CliSetting = {},
  ): Promise<CliResult> {
    const result = await this.run(side, args, setting);
    if (result.status !== 0)
      throw new Error(`stella ${args.join(' ')}: ${result.status}\n${result.stderr}${result.stdout}`);
    return result;
  }

  /** Makes the connected store with the home repository and these. */
  async init(...more: string[]): Promise<CliResult> {
    const root = this.write('root.json', this.home.firstRoot);
    return await this.must('connected', [
      'trust',
      'init',
      '--tuf-url',
      this.url('home'),
      '--root',
      root,
      ...more,
    ]);
  }

  /** Seals what the connected store holds. */
  async seal(name: string, ...more: string[]): Promise<string> {
    const file = this.path(`${name}.tar.zst`);
    const key = ['--signing-key', this.path('bundle-signer.key')];
    await this.must('connected', ['trust', 'snapshot', 'export', '--out', file, ...key, '--force', ...more]);
    return file;
  }

  async import(file: string, ...more: string[]): Promise<CliResult> {
    return await this.run('enclave', [
      'trust',
      'import',
      file,
      '--root-fingerprint',
      this.fingerprint,
      ...more,
    ]);
  }

  async verify(
    bundle: string,
    side: 'connected' | 'enclave' = 'enclave',
    ...more: string[]
  ): Promise<CliResult> {
    const file = this.write('attestation.sigstore.json', bundle);
    const artifact = ['--artifact', this.path('artifact')];
    return await this.run(side, ['attest', 'verify', file, ...artifact, ...SIGNER, '--offline', ...more]);
  }
}

/** What a manifest says of the roles of a repository. */
export function rolesOf(repository: TufRepository): Manifest['tuf']['roles'] {
  const { root, timestamp, snapshot, targets } = repository;
  return Object.fromEntries(
    Object.entries({ root, timestamp, snapshot, targets }).map(([name, { version, expires }]) => {
      const file = name === 'timestamp' ? 'timestamp.json' : `${version}.${name}.json`;
      return [name, { version, sha256: sha256Hex(repository.files.get(file)!), expires }];
    }),
  );
}

/** What a repository serves at this moment, whatever becomes of it later. */
export function asItIs(repository: TufRepository): TufRepository {
  const kept = ({ version, expires }: { version: number; expires: string }) => ({ version, expires });
  const { root, timestamp, snapshot, targets } = repository;
  return Object.assign(Object.create(repository) as TufRepository, {
    files: new Map(repository.files),
    root: kept(root),
    timestamp: kept(timestamp),
    snapshot: kept(snapshot),
    targets: kept(targets),
  });
}

/** A bundle made by hand: what an honest producer would not seal. */
export interface HandSealed {
  readonly home: TufRepository;
  readonly further?: Readonly<Record<string, TufRepository>>;
  /** Of the further repositories, in place of what they say of themselves. */
  readonly repositories?: (honest: ManifestRepository[]) => ManifestRepository[];
  readonly entries?: (honest: SealEntries) => SealEntries;
  readonly key: PrivateKey;
  readonly sequence?: number;
  readonly sealedAt?: string;
  readonly out: string;
}

export type ManifestRepository = NonNullable<Manifest['repositories']>[number];
type SealEntries = SealOptions['entries'];

const same = <T>(all: T): T => all;

export async function sealByHand(made: HandSealed): Promise<string> {
  const { home, further = {}, key, out, repositories = same, entries = same } = made;
  const filesOf = (folder: string, { files }: TufRepository) =>
    [...files].map(([path, source]) => ({ path: `${folder}/${path}`, source }));
  const described = Object.entries(further).map(([name, repository]) => ({
    name,
    url: `https://${name}.example/`,
    first_root: 1,
    roles: rolesOf(repository),
  }));
  const listed = repositories(described);
  await sealBundle({
    out,
    replace: true,
    signers: [signerOf(key)],
    manifest: {
      sealed_at: made.sealedAt ?? formatInstant(NOW),
      sequence: made.sequence ?? 1,
      producer: { name: 'test', version: '1' },
      stale_after_days: 365,
      tuf: { url: 'https://home.example/', first_root: 1, roles: rolesOf(home) },
      service_map_target: null,
      logs: [],
      ...(listed.length > 0 ? { repositories: listed } : {}),
    },
    entries: entries([
      ...filesOf('tuf', home),
      ...Object.entries(further).flatMap(([name, repository]) => filesOf(`tuf+${name}`, repository)),
    ]),
  });
  return out;
}

/** An enclave that imports what {@link sealByHand} makes. */
export class HandEnclave {
  readonly base = temporaryDirectory();
  readonly store = openStore(join(this.base, 'store'));
  readonly key = generateKey();
  readonly home = new TufRepository();
  #sequence = 0;

  constructor() {
    this.home.addTarget('bundle-signer-v1.pub', formatPublicKey(this.key.publicKey));
    this.home.publish();
  }

  async seal(made: Partial<HandSealed>): Promise<string> {
    this.#sequence += 1;
    const { home, key } = this;
    return await sealByHand({
      home,
      key,
      sequence: this.#sequence,
      out: join(this.base, 'b.tar.zst'),
      ...made,
    });
  }

  async import(file: string, rules: Partial<ImportRules> = {}): Promise<Imported> {
    const config = loadConfig({ env: {}, cwd: this.base }, { local_cache_path: this.store.directory });
    return await importBundle(this.store, file, file, {
      now: NOW,
      config,
      bundleKeys: [],
      rejectAfter: undefined,
      maxAge: undefined,
      vouchers: { root: this.home.firstRoot },
      ...rules,
    });
  }

  /** Seals by hand and imports. */
  async carry(made: Partial<HandSealed>, rules: Partial<ImportRules> = {}): Promise<Imported> {
    return await this.import(await this.seal(made), rules);
  }

  /** Asserts that such a bundle is refused and that the store stays what it was. */
  async refuses(
    code: ErrorCode,
    made: Partial<HandSealed>,
    rules: Partial<ImportRules> = {},
  ): Promise<StellaError> {
    const before = this.store.current();
    const error = await refusal(code, () => this.carry(made, rules));
    expect(this.store.current()).toEqual(before);
    return error;
  }
}
