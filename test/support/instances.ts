import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { sha256Hex } from '../../src/base/bytes.ts';
import { formatPrivateKey, formatPublicKey, generateKey } from '../../src/base/keys.ts';
import { type CliResult, type CliSetting, stella } from './cli.ts';
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
