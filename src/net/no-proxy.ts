import { BlockList, isIP, isIPv4 } from 'node:net';
import { domainToASCII } from 'node:url';

/** Which hosts are reached without a proxy. */
export interface NoProxy {
  /** Whether this address is reached directly. */
  readonly excepts: (url: URL) => boolean;
  /** Entries that mean nothing here, and so except nothing. */
  readonly unknown: readonly string[];
}

/** A host in the form that entries are compared with: lower case, without brackets and final dot. */
interface Host {
  readonly name: string;
  readonly port: number;
}

type Matches = (host: Host) => boolean;

/**
 * `NO_PROXY` → which hosts are reached directly, by the rule in docs/configuration.md: entries separated by commas or
 * blanks, each a name with all below it, an address, a network (CIDR, `127.*`, `FIRST-LAST`), or `*`; all but `*` with
 * an optional `:PORT`. Names are never resolved.
 */
export function parseNoProxy(text: string): NoProxy {
  const rules: Matches[] = [];
  const unknown: string[] = [];
  for (const entry of text.split(/[\s,]+/)) {
    if (entry === '') continue;
    const rule = parseEntry(entry.toLowerCase());
    if (rule) rules.push(rule);
    else unknown.push(entry);
  }
  return {
    excepts: (url) => {
      const host = hostOf(url);
      return rules.some((matches) => matches(host));
    },
    unknown,
  };
}

function hostOf(url: URL): Host {
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  return { name: withoutBrackets(url.hostname).replace(/\.$/, ''), port };
}

const withoutBrackets = (host: string) =>
  host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;

function parseEntry(entry: string): Matches | undefined {
  if (entry === '*') return () => true;
  // An IPv6 address without brackets is full of colons, and none of them begins a port.
  const [, before = entry, port] =
    isIP(entry) === 0 ? (/^(\[[^\]]*\](?:\/\d+)?|[^:]*):(\d{1,5})$/.exec(entry) ?? []) : [];
  const matches = parseNetwork(before) ?? parseName(before);
  if (!matches || port === undefined) return matches;
  return (host) => host.port === Number(port) && matches(host);
}

/** An address, `ADDRESS/BITS`, `127.*` or `FIRST-LAST`. */
function parseNetwork(text: string): Matches | undefined {
  const list = new BlockList();
  const familyOf = (address: string) => (isIPv4(address) ? 'ipv4' : 'ipv6');
  const [, first, bits] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const octets = /^(\d{1,3}(?:\.\d{1,3}){0,2})((?:\.\*)+)$/.exec(text)?.[1]?.split('.');
  const [from, to, ...more] = text.split('-');
  const address = withoutBrackets(first ?? text);
  if (isIP(address) !== 0) {
    const family = familyOf(address);
    const longest = family === 'ipv4' ? 32 : 128;
    const length = bits === undefined ? longest : Number(bits);
    if (length > longest) return undefined;
    list.addSubnet(address, length, family);
  } else if (octets) {
    const network = [...octets, '0', '0', '0'].slice(0, 4).join('.');
    if (!isIPv4(network) || text.split('.').length > 4) return undefined;
    list.addSubnet(network, 8 * octets.length, 'ipv4');
  } else if (to !== undefined && more.length === 0 && isIP(from!) !== 0 && isIP(from!) === isIP(to)) {
    try {
      list.addRange(from!, to, familyOf(to));
    } catch {
      return undefined;
    }
  } else {
    return undefined;
  }
  return ({ name }) => isIP(name) !== 0 && list.check(name, familyOf(name));
}

/** A name, with or without `.` or `*.` before it: it stands for itself and for all names below it. */
function parseName(text: string): Matches | undefined {
  const written = text.replace(/^(?:\*?\.)/, '').replace(/\.$/, '');
  // It would take the beginning of what is no name.
  const name = /[/?#@:\\%[\]]/.test(written) ? '' : domainToASCII(written);
  // What ends in a number is an address to URLs, and one that was not understood here.
  if (!/^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(name) || /(?:^|\.)\d+$/.test(written)) return undefined;
  return ({ name: host }) => host === name || host.endsWith(`.${name}`);
}
