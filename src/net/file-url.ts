import { fileURLToPath } from 'node:url';
import { excerpt } from '../base/bytes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { readBounded } from '../base/files.ts';
import { maskUrl } from '../base/safety/masked-url.ts';
import { checkNoCredentials } from '../config/url-credentials.ts';
import type { Fetched } from './types.ts';

/**
 * A URL of a scheme that is supported, http, https or file, without a user name or password in it.
 * @throws StellaError URL_INVALID, URL_CREDENTIALS
 */
export function parseUrl(url: string): URL {
  if (!URL.canParse(url)) throw new StellaError('URL_INVALID', `not a URL: ${excerpt(maskUrl(url), 200)}`);
  const parsed = new URL(url);
  if (!/^(?:https?|file):$/.test(parsed.protocol))
    throw new StellaError('URL_INVALID', `URLs of scheme ${excerpt(parsed.protocol)} are not supported`);
  checkNoCredentials(url, 'cannot fetch from there');
  return parsed;
}

/**
 * The file of a file:// URL; what is wrong with it is told as a fetcher has to.
 * @param max bytes
 * @throws StellaError FETCH_NOT_FOUND, FETCH_TOO_LARGE, FETCH_FAILED, URL_INVALID
 */
export function fetchFile(url: URL, max: number): Fetched {
  let path: string;
  try {
    // An encoded slash is part of a name here, as in the file names that percent-encoded role names get.
    path = fileURLToPath(url.href.replace(/%(?=2f|5c)/gi, '%25'));
  } catch (cause) {
    throw new StellaError('URL_INVALID', `not a usable file URL: ${excerpt(url.href, 200)}`, { cause });
  }
  try {
    return { bytes: readBounded(path, max) };
  } catch (error) {
    if (isStellaError(error, 'FILE_NOT_FOUND'))
      throw new StellaError('FETCH_NOT_FOUND', `no such file: ${path}`, { cause: error });
    if (isStellaError(error, 'FILE_TOO_LARGE'))
      throw new StellaError('FETCH_TOO_LARGE', error.message, { cause: error });
    if (isStellaError(error)) throw new StellaError('FETCH_FAILED', error.message, { cause: error });
    throw error;
  }
}
