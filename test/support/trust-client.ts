import { join } from 'node:path';
import { expect } from 'vitest';
import { instant } from '../../src/base/clock.ts';
import type { ErrorCode } from '../../src/base/codes.ts';
import type { StellaError } from '../../src/base/errors.ts';
import { type Config, loadConfig } from '../../src/config/config.ts';
import type { Fetcher } from '../../src/net/types.ts';
import { loadGeneration } from '../../src/store/generation.ts';
import { openStore, type TrustStore } from '../../src/store/store.ts';
import type { RootVoucher } from '../../src/trust/pin.ts';
import { initTrust, type Synced, syncTrust } from '../../src/trust/sync.ts';
import type { TufView } from '../../src/tuf/view.ts';
import { refusal } from './errors.ts';
import { temporaryDirectory } from './temp.ts';
import { NOW, REPOSITORY_URL, type TufRepository } from './tuf-repository.ts';

/** A trust store that follows a {@link TufRepository}. */
export class TrustClient {
  readonly store: TrustStore;
  readonly repository: TufRepository;
  readonly warnings: string[] = [];
  trustRoles: string[] = [];
  rekorKeyTargets: string[] | undefined;
  fetcher: Fetcher;

  constructor(repository: TufRepository) {
    this.repository = repository;
    this.fetcher = repository;
    this.store = openStore(join(temporaryDirectory(), 'store'));
  }

  configFor(urls: readonly string[]): Config {
    return loadConfig(
      { env: {}, cwd: temporaryDirectory() },
      {
        tuf_url: [...urls],
        local_cache_path: this.store.directory,
        trust_roles: this.trustRoles,
        rekor_key_targets: this.rekorKeyTargets,
      },
    );
  }

  get config(): Config {
    return this.configFor([REPOSITORY_URL]);
  }

  #setting(now: number, urls: readonly string[]) {
    const config = this.configFor(urls);
    const warn = (line: string) => void this.warnings.push(line);
    return { store: this.store, config, fetcher: this.fetcher, now: instant(now), warn };
  }

  async init(
    now = NOW,
    options: { voucher?: RootVoucher; replace?: boolean; urls?: string[] } = {},
  ): Promise<Synced> {
    const voucher = options.voucher ?? { how: 'root-file', bytes: this.repository.firstRoot };
    const setting = this.#setting(now, options.urls ?? [REPOSITORY_URL]);
    return await initTrust(setting, voucher, [], options.replace ?? false);
  }

  async sync(now: number = NOW, urls = [REPOSITORY_URL]): Promise<Synced> {
    return await syncTrust(this.#setting(now, urls), true);
  }

  async view(): Promise<TufView> {
    return await loadGeneration(this.store.require());
  }

  /** Asserts that a sync is refused, and that the generation before it is still current and verifies. */
  async refuses(code: ErrorCode, now: number = NOW): Promise<StellaError> {
    const before = this.store.require();
    const error = await refusal(code, () => this.sync(now));
    expect(this.store.require()).toEqual(before);
    const view = await this.view();
    for (const name of view.targetNames()) await view.readTarget(name);
    return error;
  }
}

/** A store that holds what `prepare` published. */
export async function trustClient(repository: TufRepository): Promise<TrustClient> {
  const client = new TrustClient(repository);
  await client.init();
  return client;
}
