import { isStellaError, StellaError } from '../base/errors.ts';
import { builtInRoot } from '../tuf/sigstore-root.ts';
import type { RootVoucher } from './pin.ts';

/**
 * Who vouches for a repository's root at each of its addresses. All of them are of one repository: where one of them has
 * a built-in root, trust starts from that root at every other, too, and keeping the one from being reached opens no way
 * for another root.
 */
export function voucherAtMirrors(voucher: RootVoucher, urls: readonly string[]): RootVoucher {
  if (voucher.how !== 'nobody' && voucher.how !== 'built-in') return voucher;
  const url = urls.find((each) => builtInRoot(each) !== undefined);
  return url === undefined ? voucher : { how: 'built-in', url };
}

/**
 * Tries each address of a repository in order; one that is down, outdated or wrong does not stop the next from being asked.
 * @param warn is told why the next is asked
 * @throws StellaError CONFIG_INVALID without an address; where all fail the first failure, but rather one that says what is
 *   wrong with what was served than that nothing was
 */
export async function fromMirrors<T>(
  urls: readonly string[],
  warn: (line: string) => void,
  from: (url: string) => Promise<T>,
): Promise<T> {
  const failures: StellaError[] = [];
  for (const [i, url] of urls.entries()) {
    try {
      return await from(url);
    } catch (error) {
      if (!isStellaError(error) || !/^(?:TUF_|FETCH_|OFFLINE|PIN_)/.test(error.code)) throw error;
      failures.push(error);
      if (i < urls.length - 1) warn(`warning: ${error.message} [${error.code}]; trying ${urls[i + 1]}`);
    }
  }
  throw failures.find(({ code }) => !/^(?:FETCH_|OFFLINE)/.test(code)) ?? failures[0] ?? noAddress();
}

function noAddress(): StellaError {
  return new StellaError('CONFIG_INVALID', 'tuf_url is not set', {
    hint: 'give --tuf-url URL, set $STELLA_TUF_ROOT_URL, or set attestor.trust_repo.tuf_url',
  });
}
