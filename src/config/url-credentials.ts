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

/**
 * A URL of a repository: http, https or file.
 * @param what whose URL it is, for the message
 * @throws StellaError CONFIG_INVALID, URL_CREDENTIALS
 */
export function checkUrl(url: string, what: string): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !/^(?:https?|file):$/.test(parsed.protocol))
    throw new StellaError(
      'CONFIG_INVALID',
      `${what}: not an http, https or file URL: ${JSON.stringify(maskUrl(url))}`,
      { hint: `give ${what} an http://, https:// or file:// URL` },
    );
  checkNoCredentials(url, what);
}
