import { StellaError } from '../base/errors.ts';
import { hasCredentials, maskUrl } from '../base/safety/masked-url.ts';

/**
 * Refuses a URL with a user name or password in it: addresses are stored, sealed and printed, secrets must not be.
 * @param what whose URL it is, for the message
 * @throws StellaError URL_CREDENTIALS, which does not repeat them
 */
export function checkNoCredentials(url: string, what: string): void {
  if (!hasCredentials(url)) return;
  throw new StellaError(
    'URL_CREDENTIALS',
    `${what}: the URL ${maskUrl(url)} holds a user name or password, which would be stored and sealed with it`,
  );
}
