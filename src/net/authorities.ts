import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { platform } from 'node:os';
import { join } from 'node:path';
import { getCACertificates } from 'node:tls';
import { isStellaError, StellaError, systemCode } from '../base/errors.ts';
import { readBounded } from '../base/files.ts';
import type { SystemAuthorities } from '../config/network.ts';

/** A file or directory, and what names it: an option, a variable or a key of the configuration. */
export interface NamedPath {
  readonly path: string;
  readonly from: string;
}

/** What is trusted besides what the runtime brings. */
export interface AuthoritySources {
  /** The file that the operator adds. */
  readonly added?: NamedPath | undefined;
  readonly system: SystemAuthorities;
}

const MAX_PEM_BYTES = 4 * 1024 * 1024;
/** A usual directory of a system has 300 files of together half a megabyte. */
const MAX_DIRECTORY_FILES = 10_000;
const MAX_DIRECTORY_BYTES = 32 * 1024 * 1024;

/** Where Unix systems have their authorities in one file; the first that is there counts. */
const SYSTEM_FILES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];
/** Where they have them one by one: what is mounted into a container is often only there. */
const SYSTEM_DIRECTORIES = ['/etc/ssl/certs', '/etc/pki/tls/certs'];

/**
 * Every certificate authority that servers may chain to, in PEM: the runtime's own, the system's, and those of the file
 * that is added. Each source adds to the others.
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE, FILE_TOO_LARGE, PARSE_FAILED for what is named and cannot be used
 */
export function trustedAuthorities({ added, system }: AuthoritySources): string[] {
  return [
    ...new Set([
      ...getCACertificates('default').map(normalized),
      ...systemCertificates(system),
      ...(added ? certificatesOf(added) : []),
    ]),
  ];
}

function systemCertificates({ file, directories }: SystemAuthorities): string[] {
  if (file !== undefined || directories !== undefined) {
    return [
      ...(file === undefined ? [] : certificatesOf({ path: file, from: 'SSL_CERT_FILE' })),
      ...(directories ?? []).flatMap((path) => certificatesIn({ path, from: 'SSL_CERT_DIR' })),
    ];
  }
  if (platform() === 'darwin' || platform() === 'win32') return getCACertificates('system').map(normalized);
  // Node would read each certificate once more for every link to it, and print to stderr where the directory is missing.
  const one = SYSTEM_FILES.find((path) => existsSync(path));
  return [
    ...(one === undefined ? [] : blocksIfReadable(one)),
    ...SYSTEM_DIRECTORIES.filter((path) => existsSync(path)).flatMap((path) => {
      try {
        return certificatesIn({ path, from: 'the system' });
      } catch (error) {
        if (isStellaError(error)) return [];
        throw error;
      }
    }),
  ];
}

/**
 * The certificates of a file that must have some, each of which must be one.
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE, FILE_TOO_LARGE, PARSE_FAILED
 */
function certificatesOf({ path, from }: NamedPath): string[] {
  const blocks = certificateBlocks(readNamed({ path, from }));
  const broken = blocks.findIndex((block) => !isCertificate(block));
  if (blocks.length > 0 && broken === -1) return blocks;
  throw new StellaError(
    'PARSE_FAILED',
    blocks.length === 0
      ? `${from}: ${path} holds no certificate in PEM`
      : `${from}: certificate ${broken + 1} in ${path} is malformed`,
    { hint: correct(from) },
  );
}

/**
 * The text of a PEM file.
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE, FILE_TOO_LARGE saying what names it
 */
export function readNamed({ path, from }: NamedPath): string {
  try {
    return readBounded(path, MAX_PEM_BYTES).toString('latin1');
  } catch (error) {
    if (!isStellaError(error)) throw error;
    throw new StellaError(error.code, `${from}: ${error.message}`, { cause: error, hint: correct(from) });
  }
}

/** What can be used of a directory that other programs fill for their own ends. It has to be there itself. */
function certificatesIn({ path, from }: NamedPath): string[] {
  const refuse = (code: 'FILE_NOT_FOUND' | 'FILE_UNREADABLE' | 'FILE_TOO_LARGE', why: string) =>
    new StellaError(code, `${from}: ${why}`, { hint: correct(from) });
  let names: string[];
  try {
    names = readdirSync(path);
  } catch (cause) {
    const code = systemCode(cause);
    throw code === 'ENOENT' || code === 'ENOTDIR'
      ? refuse('FILE_NOT_FOUND', `no such directory: ${path}`)
      : refuse('FILE_UNREADABLE', `cannot read ${path} (${code ?? String(cause)})`);
  }
  if (names.length > MAX_DIRECTORY_FILES)
    throw refuse('FILE_TOO_LARGE', `${path} has more than ${MAX_DIRECTORY_FILES} files`);
  const found = new Set<string>();
  let left = MAX_DIRECTORY_BYTES;
  for (const name of names) {
    const file = join(path, name);
    const size = sizeOf(file);
    if (size > MAX_PEM_BYTES) continue;
    left -= size;
    if (left < 0) throw refuse('FILE_TOO_LARGE', `${path} has more than ${MAX_DIRECTORY_BYTES} bytes`);
    for (const block of blocksIfReadable(file)) found.add(block);
  }
  return [...found].filter(isCertificate);
}

/** Bytes of a regular file; without end for anything else: links to nothing or in circles, pipes, what may not be looked at. */
function sizeOf(path: string): number {
  try {
    const stat = statSync(path);
    return stat.isFile() ? stat.size : Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** For a file that need not hold any certificate, nor be readable. */
function blocksIfReadable(path: string): string[] {
  try {
    return certificateBlocks(readBounded(path, MAX_PEM_BYTES).toString('latin1'));
  } catch (error) {
    if (isStellaError(error)) return [];
    throw error;
  }
}

const BEGIN = '-----BEGIN CERTIFICATE-----';
const END = '-----END CERTIFICATE-----';

/**
 * Plain certificates only: a `TRUSTED CERTIFICATE` of OpenSSL says what it is trusted for, and may say that it is not.
 */
function certificateBlocks(text: string): string[] {
  const blocks: string[] = [];
  for (let from = text.indexOf(BEGIN); from !== -1; ) {
    const end = text.indexOf(END, from);
    if (end === -1) break;
    blocks.push(normalized(text.slice(from, end + END.length)));
    from = text.indexOf(BEGIN, end);
  }
  return blocks;
}

/** One spelling for one certificate, so that it is trusted, and paid for, once. */
function normalized(pem: string): string {
  const base64 = pem.replaceAll(/-----[A-Z ]+-----|\s+/g, '');
  return `${BEGIN}\n${base64.replaceAll(/(.{64})/g, '$1\n').trimEnd()}\n${END}\n`;
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
}

const correct = (from: string) => `correct ${from}${/^[A-Z]/.test(from) ? ', or unset it' : ''}`;
