import { excerpt } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { checkNoCredentials } from '../config/url-credentials.ts';

/** Where a bundle lies in a registry: `oci://HOST[:PORT]/REPOSITORY[:TAG|@sha256:HEX]`. */
export interface OciReference {
  /** `HOST` or `HOST:PORT`. */
  readonly host: string;
  readonly repository: string;
  readonly tag: string | undefined;
  /** `sha256:` and 64 hexadecimal digits, of a manifest. */
  readonly digest: string | undefined;
}

const OCI_SCHEME = 'oci://';

// Names and tags as the OCI distribution specification 1.1 has them ("Pulling manifests").
const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[[0-9a-fA-F:.]{2,45}\])(?::\d{1,5})?$/;
const NAME_PART = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const MAX_NAME = 255;

export const isOciReference = (text: string): boolean => text.startsWith(OCI_SCHEME);

/** A SHA-256 digest as OCI writes it; other algorithms are not used for bundles. */
export const isDigest = (text: string): boolean => /^sha256:[0-9a-f]{64}$/.test(text);

export const isTag = (text: string): boolean => TAG.test(text);

/**
 * Inverse of {@link formatReference}.
 * @throws StellaError URL_INVALID, URL_CREDENTIALS
 */
export function parseReference(text: string): OciReference {
  const invalid = (why: string) => {
    const meant = suggestedReference(text);
    return new StellaError('URL_INVALID', `not an OCI reference: ${excerpt(text, 200)}: ${why}`, {
      hint:
        meant === undefined
          ? 'write it as oci://HOST/REPOSITORY:TAG or oci://HOST/REPOSITORY@sha256:HEX'
          : `write it as ${meant}`,
    });
  };
  if (!isOciReference(text)) throw invalid(`it does not begin with ${OCI_SCHEME}`);
  if (text.length > 1024) throw invalid('it is too long');
  const [, host, rest] = /^([^/]+)\/(.+)$/.exec(text.slice(OCI_SCHEME.length)) ?? [];
  if (host === undefined || rest === undefined) throw invalid('it names no repository');
  checkNoCredentials(`${OCI_SCHEME}${host}/`, 'the OCI reference');
  if (!isHost(host)) throw invalid('the host is malformed');
  const [, repository, tag, digest] = /^([^:@]+)(?::([^@]*))?(?:@(.*))?$/.exec(rest) ?? [];
  if (
    repository === undefined ||
    repository.length > MAX_NAME ||
    !repository.split('/').every((part) => NAME_PART.test(part))
  )
    throw invalid('the repository name is malformed: lower-case letters, digits and . _ - between them');
  if (tag !== undefined && !TAG.test(tag)) throw invalid('the tag is malformed');
  if (digest !== undefined && !isDigest(digest))
    throw invalid('the digest is not sha256: and 64 hexadecimal digits');
  if (tag !== undefined && digest !== undefined) throw invalid('give either a tag or a digest');
  return { host: host.toLowerCase(), repository, tag, digest };
}

/**
 * How stella would write what other tools call `docker://HOST/REPOSITORY:TAG`, `https://…` or only
 * `HOST/REPOSITORY:TAG`; `undefined` where it does not look like that.
 */
export function suggestedReference(text: string): string | undefined {
  if (isOciReference(text)) return undefined;
  const [, scheme, rest] = /^(?:([a-z][a-z+.-]*):\/\/)?([^@\s]+(?:@sha256:[0-9a-f]{64})?)$/i.exec(text) ?? [];
  const [host] = rest?.split('/') ?? [];
  // Docker's own short names mean a registry that nobody has written.
  if (rest === undefined || host === undefined || !(host === 'localhost' || /[.:]/.test(host)))
    return undefined;
  if (scheme === undefined && /^[./~]/.test(text)) return undefined;
  const meant = `${OCI_SCHEME}${rest.replace(/\/+$/, '')}`;
  try {
    parseReference(meant);
    return meant;
  } catch {
    return undefined;
  }
}

/** A host that is written as it is meant: `0x7f.1` would be 127.0.0.1 to some and a name to others. */
function isHost(host: string): boolean {
  const address = `http://${host}/`;
  if (!HOST.test(host) || /:0*$/.test(host) || !URL.canParse(address)) return false;
  const { hostname } = new URL(address);
  return host.startsWith('[') || hostname === host.toLowerCase().replace(/:\d+$/, '');
}

export function formatReference({ host, repository, tag, digest }: OciReference): string {
  const end = digest !== undefined ? `@${digest}` : tag !== undefined ? `:${tag}` : '';
  return `${OCI_SCHEME}${host}/${repository}${end}`;
}
