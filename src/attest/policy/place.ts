import { excerpt } from '../../base/bytes.ts';
import { StellaError } from '../../base/errors.ts';
import type { TextRule } from './identity-rule.ts';

/** Something that is named by a URI, and the OIDC issuer that vouches for what runs there. */
export interface NamedPlace {
  readonly uri: string;
  /** `undefined` for hosts whose issuer is not known here. */
  readonly issuer: string | undefined;
}

const GITHUB_ISSUER = 'https://token.actions.githubusercontent.com';
const ISSUERS: ReadonlyMap<string, string> = new Map([
  ['github.com', GITHUB_ISSUER],
  ['gitlab.com', 'https://gitlab.com'],
]);
/** GitHub Enterprise Cloud with data residency: an issuer for each tenant. */
const TENANT = /^([a-z0-9-]+)\.ghe\.com$/;

/** The issuer of what is built from a repository below this URI, where its host is known to have one. */
export function issuerOf(uri: string): string | undefined {
  const host = /^https:\/\/([^/?#@]+)\//.exec(uri)?.[1];
  if (host === undefined) return undefined;
  const tenant = TENANT.exec(host)?.[1];
  return ISSUERS.get(host) ?? (tenant && `https://token.actions.${tenant}.ghe.com`);
}

const HOST = '[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?';
const SEGMENT = '(?!\\.{1,2}(/|$))[A-Za-z0-9_.-]+';
const PLACE = new RegExp(`^https://${HOST}(/${SEGMENT})+$`);

/** `OWNER/NAME` on github.com, `HOST/…`, or all of the URI → the URI. */
function uriOf(text: string, flag: string, segments: number, form: string): string {
  const refuse = (why: string, hint: string): never => {
    throw new StellaError('USAGE', `${flag} takes ${form}, not ${excerpt(text)}: ${why}`, { hint });
  };
  if (text.endsWith('/'))
    refuse('it ends in a slash', `write ${excerpt(text.replace(/\/+$/, ''))}: it is compared as a whole`);
  if (/\.git$/i.test(text))
    refuse(
      'certificates name repositories without .git',
      `write ${excerpt(text.replace(/\.git$/i, ''))}: it is compared as a whole`,
    );
  const parts = text.split('/');
  const isShort = parts.length === segments && !parts[0]!.includes('.') && !parts[0]!.includes(':');
  const hasHost = parts.length > segments && /[.:]/.test(parts[0]!);
  const uri = text.startsWith('https://')
    ? text
    : isShort
      ? `https://github.com/${text}`
      : hasHost
        ? `https://${text}`
        : refuse(
            text.includes('://') ? 'addresses begin with https://' : 'it says neither that nor which host',
            `for github.com write ${form}; for others HOST/${form}, or the URI that the certificate has`,
          );
  if (!PLACE.test(uri))
    refuse('that is no place', `write ${form}, HOST/${form}, or the URI that the certificate has`);
  if (uri.split('/').length - 3 < segments) refuse('something is missing', `write ${form}`);
  return uri;
}

const placeOf = (uri: string): NamedPlace => ({ uri, issuer: issuerOf(uri) });

/**
 * A repository: `OWNER/NAME` on github.com, `HOST/OWNER/NAME`, or its URI.
 * @throws StellaError USAGE for anything else, also with a slash or `.git` at the end
 */
export function parseRepository(text: string, flag: string): NamedPlace {
  return placeOf(uriOf(text, flag, 2, 'OWNER/NAME'));
}

/** The owner of repositories: `OWNER` on github.com, `HOST/OWNER`, or its URI. @throws StellaError USAGE */
export function parseOwner(text: string, flag: string): NamedPlace {
  return placeOf(uriOf(text, flag, 1, 'OWNER'));
}

const literally = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** The subject of what any workflow of the repository signed: on GitHub and its kin, or (after `//`) on GitLab. */
export function signedIn({ uri }: NamedPlace): TextRule {
  return {
    matches: `${literally(uri)}(?:/\\.github/workflows/[^/@]+|//[^@]+)@.+`,
    shown: `a workflow of ${uri}`,
  };
}

/**
 * `OWNER/NAME/.github/workflows/FILE` with or without `@REF`, `HOST/…` or the URI; for GitLab `HOST/GROUP/PROJECT//FILE`.
 * @returns what the subject of whatever the workflow signed must be; without a ref, at any ref
 * @throws StellaError USAGE
 */
export function parseWorkflow(
  text: string,
  flag: string,
): { readonly subject: TextRule; readonly place: NamedPlace } {
  const at = text.indexOf('@');
  const [path, ref] = at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
  const start = path.startsWith('https://') ? 'https://'.length : 0;
  const found = /^(.+?)(\/\.github\/workflows\/[^/@\s]+|\/\/[^@\s]+)$/.exec(path.slice(start));
  if (!found || ref === '')
    throw new StellaError(
      'USAGE',
      `${flag} takes OWNER/NAME/.github/workflows/FILE or that with @REF, not ${excerpt(text)}`,
      { hint: "give the certificate's subject with --certificate-identity where it has another form" },
    );
  const place = parseRepository(`${path.slice(0, start)}${found[1]!}`, flag);
  const workflow = `${place.uri}${found[2]!}`;
  return {
    subject:
      ref === undefined
        ? { matches: `${literally(workflow)}@.+`, shown: `${workflow} at any ref` }
        : { exactly: `${workflow}@${ref}` },
    place,
  };
}
