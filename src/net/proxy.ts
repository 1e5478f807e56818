import { StellaError } from '../base/errors.ts';
import { maskProxy } from '../base/safety/masked-url.ts';
import type { ProxySetting } from '../config/network.ts';

/**
 * The URL of a proxy as a variable or the configuration has it; without a scheme it is an http proxy.
 * @throws StellaError CONFIG_INVALID where it is no URL, or of a scheme that cannot be used here: passing it over would
 *   reach servers by another way than the one that was asked for
 */
export function proxyUrl({ address, from }: ProxySetting): URL {
  const text = address.trim();
  const url = hasScheme(text) ? text : `http://${text}`;
  const parsed = !/\s/.test(url) && URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || (isSupported(parsed) && (parsed.hostname === '' || !isDecodable(parsed))))
    throw unusable(from, `${from}: not the URL of a proxy: ${JSON.stringify(maskProxy(text))}`);
  if (!isSupported(parsed))
    throw unusable(
      from,
      `${from}: a proxy of scheme ${parsed.protocol.slice(0, -1)} cannot be used: ${maskProxy(text)}`,
    );
  return parsed;
}

const hasScheme = (text: string) => /^[a-z][a-z0-9+.-]*:\/\//i.test(text);

const isSupported = ({ protocol }: URL) => protocol === 'http:' || protocol === 'https:';

/** Whether the user name and password can be sent: they are percent-encoded in a URL. */
function isDecodable({ username, password }: URL): boolean {
  try {
    decodeURIComponent(username + password);
    return true;
  } catch {
    return false;
  }
}

function unusable(from: string, message: string): StellaError {
  const isVariable = /proxy$/i.test(from) && !from.includes('.');
  return new StellaError('CONFIG_INVALID', message, {
    details: { from },
    hint: isVariable
      ? [
          `set ${from} to an http:// or https:// proxy, e.g. http://proxy.example.com:3128`,
          'or name the server in NO_PROXY, to reach it directly',
        ]
      : 'set attestor.trust_repo.network.proxy to an http:// or https:// URL, or to none',
  });
}
