import { StellaError } from '../base/errors.ts';
import { whoElseCanReplace } from '../base/safety/ownership.ts';
import type { ConfigFileTrustRepo } from '../base/schema-types.ts';

/** Keys of the file that run a command, or that name a secret and may name where it is sent. */
function unsafeKeys({ network, signing_key: signingKey }: ConfigFileTrustRepo): string[] {
  return Object.entries({
    signing_key: signingKey,
    'network.bearer_token_command': network?.bearer_token_command,
    'network.bearer_token_file': network?.bearer_token_file,
    'network.client_key': network?.client_key,
  })
    .filter(([, value]) => value !== undefined)
    .map(([key]) => key);
}

/**
 * Refuses a file that runs commands or names secrets where other users than this one and root can change it.
 * @throws StellaError CONFIG_UNSAFE naming the keys and who could
 */
export function checkConfigOwner(path: string, values: ConfigFileTrustRepo): void {
  const keys = unsafeKeys(values);
  const who = keys.length === 0 ? undefined : whoElseCanReplace(path);
  if (who === undefined) return;
  throw new StellaError(
    'CONFIG_UNSAFE',
    `${path} sets ${keys.join(', ')}, which runs a command or names a secret, but ${who}`,
    {
      details: { file: path, keys },
      hint: [
        'let only this user and root own and write the file and the directories above it (`chown`, `chmod go-w`)',
        'or take these keys out of it',
      ],
    },
  );
}
