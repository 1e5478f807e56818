import { execFile } from 'node:child_process';
import { StellaError, systemCode } from '../base/errors.ts';
import { readBounded } from '../base/files.ts';
import type { Environment } from '../config/locations.ts';
import type { NetworkConfig } from '../config/network.ts';
import type { Authorization } from './transport.ts';

const MAX_TOKEN_BYTES = 64 * 1024;
const COMMAND_TIMEOUT = 60_000;

const isLoopback = (url: URL) => /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);

/** What may stand in a header as a bearer token without escaping out of it (RFC 6750 §2.1). */
export function isBearerToken(text: string): boolean {
  return /^[A-Za-z0-9._~+/-]+=*$/.test(text);
}

/** `Authorization` of RFC 6750. */
export function bearerAuthorization(token: string): string {
  return `Bearer ${token}`;
}

/**
 * The bearer token for the TUF repository and its mirrors, read in each run; other servers never see it.
 * @throws StellaError CONFIG_INVALID where it would be sent in the clear
 */
export function bearerToken(
  network: NetworkConfig,
  urls: readonly string[],
  env: Environment,
): Authorization | undefined {
  const { bearerTokenFile: file, bearerTokenCommand: command } = network;
  if (file === undefined && command === undefined) return undefined;
  const servers = urls.map((url) => new URL(url)).filter((url) => url.protocol !== 'file:');
  const open = servers.find((url) => url.protocol === 'http:' && !isLoopback(url));
  if (open) {
    throw new StellaError('CONFIG_INVALID', `a bearer token would be sent in the clear to ${open.origin}`, {
      hint: 'use an https:// tuf_url',
    });
  }
  let token: Promise<string> | undefined;
  return {
    origins: new Set(servers.map((url) => url.origin)),
    header: async () => {
      token ??=
        file === undefined
          ? runCommand(command!, env)
          : Promise.resolve(readBounded(file, MAX_TOKEN_BYTES).toString('latin1'));
      return bearerAuthorization(checkToken((await token).trim(), file ?? command![0]!));
    },
  };
}

function checkToken(token: string, from: string): string {
  if (isBearerToken(token)) return token;
  throw new StellaError('CONFIG_INVALID', `${from} does not give a bearer token (RFC 6750)`);
}

async function runCommand(command: readonly string[], env: Environment): Promise<string> {
  const [program, ...args] = command;
  return await new Promise((resolve, reject) => {
    execFile(
      program!,
      args,
      { env: env, timeout: COMMAND_TIMEOUT, maxBuffer: MAX_TOKEN_BYTES },
      (error, stdout) => {
        if (!error) {
          resolve(stdout);
          return;
        }
        const why = systemCode(error) ?? `exit status ${error.code ?? 'unknown'}`;
        reject(
          new StellaError('CONFIG_INVALID', `bearer_token_command ${program} failed (${why})`, {
            cause: error,
          }),
        );
      },
    );
  });
}
