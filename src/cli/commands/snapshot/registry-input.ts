import { platform } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import packageJson from '../../../../package.json' with { type: 'json' };
import { StellaError } from '../../../base/errors.ts';
import { type Config, loadConfig } from '../../../config/config.ts';
import { stateDirectory } from '../../../config/locations.ts';
import { type OciReference, parseReference } from '../../../oci/reference.ts';
import type { Registry } from '../../../oci/registry.ts';
import type { UploadMemory } from '../../../oci/upload-memory.ts';
import type { Run } from '../../frame/cli.ts';

/** The flags of commands that talk to a registry. */
export interface RegistryFlags {
  readonly plainHttp?: boolean;
  readonly caFile?: string;
  readonly authFile?: string;
}

export function addRegistryFlags(command: Command): Command {
  return command
    .option('--plain-http', 'the registry speaks http, not https')
    .option(
      '--ca-file <file>',
      'PEM certificates that the registry may chain to, besides the system (default: network.ca_file)',
    )
    .option('--auth-file <file>', "credentials (default: where Podman's and Docker's logins keep them)");
}

/** The configuration of a command that needs no trust store. */
export function registryConfig(run: Run<object>): Config {
  return loadConfig({ file: run.options.config, env: run.io.env, cwd: run.io.cwd });
}

/**
 * Runs `use` with a repository of a registry, and lets go of the connections afterwards.
 * @throws StellaError OFFLINE in offline mode
 */
export async function withRegistry<T>(
  run: Run<RegistryFlags>,
  config: Config,
  reference: OciReference,
  access: 'pull' | 'pull,push',
  use: (registry: Registry) => Promise<T>,
): Promise<T> {
  const { checkOnline } = await import('../../../net/offline.ts');
  checkOnline(config, `the registry ${reference.host}`);
  const { connectionOptions } = await import('../../../net/configured.ts');
  const { Registry } = await import('../../../oci/registry.ts');
  const { findCredentials } = await import('../../../oci/credentials.ts');
  const { options, io } = run;
  const { network } = config;
  const authFile = options.authFile === undefined ? undefined : resolve(io.cwd, options.authFile);
  const caFile = options.caFile === undefined ? network.caFile : resolve(io.cwd, options.caFile);
  const registry = new Registry(reference, access, {
    plainHttp: options.plainHttp ?? false,
    ...connectionOptions(
      { ...network, caFile },
      `stella/${packageJson.version}`,
      options.caFile === undefined ? undefined : '--ca-file',
    ),
    credentials: () => findCredentials(reference.host, reference.repository, io.env, authFile),
    onRetry: (what, error, delay) =>
      run.trace(`trying ${what} again in ${(delay / 1000).toFixed(1)} s: ${error.message}`),
  });
  try {
    return await use(registry);
  } finally {
    registry.close();
  }
}

/** Where this user's interrupted uploads are remembered, where there is such a place. */
export async function uploadMemory(run: Run<object>): Promise<UploadMemory | undefined> {
  const { env, cwd } = run.io;
  const directory = stateDirectory({ env, cwd, platform: platform() });
  if (directory === undefined) return undefined;
  const { UploadMemory } = await import('../../../oci/upload-memory.ts');
  return new UploadMemory(join(directory, 'uploads'), run.now, run.trace);
}

/** @throws StellaError URL_INVALID, USAGE where the reference says neither tag nor digest */
export function parsePullReference(text: string): OciReference {
  const reference = parseReference(text);
  if (reference.tag === undefined && reference.digest === undefined) {
    throw new StellaError('USAGE', `${text} names no tag and no digest`, {
      hint: `see what there is: stella trust snapshot list ${text}`,
    });
  }
  return reference;
}
