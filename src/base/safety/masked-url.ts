/**
 * In a text: a scheme with slashes of either kind, and all up to the last `@` before the path begins. One slash is
 * enough: a URL that was taken for a path has lost the other.
 */
const USERINFO = /\b([a-z][a-z0-9+.-]+:[/\\]+)[^\s/\\?#"'<>]*@/gi;

/**
 * A text for people, with `***` in the place of the user names and passwords of all URLs in it. Every address that is
 * printed, logged or stored in a message goes through this.
 */
export function maskUrls(text: string): string {
  return text.includes('@') ? text.replace(USERINFO, '$1***@') : text;
}

/** {@link maskUrls} for one URL, however oddly it is written; a text that is none is masked as text. */
export function maskUrl(url: string): string {
  if (!URL.canParse(url) || !hasCredentials(url)) return maskUrls(url);
  const parsed = new URL(url);
  parsed.username = '***';
  parsed.password = '';
  return parsed.href;
}

/** The address of a proxy for people: in variables it may come without its scheme. */
export function maskProxy(address: string): string {
  return /^[a-z][a-z0-9+.-]*:[/\\]/i.test(address) ? maskUrl(address) : address.replace(/^.*@/s, '***@');
}

/** Whether a URL holds a user name or a password. */
export function hasCredentials(url: string): boolean {
  if (!URL.canParse(url)) return maskUrls(url) !== url;
  const { username, password } = new URL(url);
  return username !== '' || password !== '';
}
