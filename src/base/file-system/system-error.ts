/**
 * base/file-system/: file systems as they are: what a failed system call means and what helps, modes that cannot be set,
 * directories that cannot be synced, media that are not mounted. It imports nothing, so that every room may use it, and
 * refuses nothing: who asks knows what it means.
 * Start here, then modes.ts, medium.ts and notices.ts for what people are told.
 */

/** What is known about an error code of the operating system. */
interface SystemProblem {
  /** Completes "cannot write PATH: ". */
  readonly meaning: string;
  /** What to do next; absent where the hint of the error code says it already. */
  readonly hint?: string | readonly string[];
}

/**
 * The most that one file of FAT32 holds is 4 GiB less one byte; parts of 4 GiB would not fit either. Both ways out are
 * named, since not every command that writes can split.
 */
const TOO_LARGE_FOR_FAT = [
  'FAT holds less than 4 GiB in one file: seal in parts that fit, `stella trust snapshot export --out FILE --split-size 2GiB`',
  'or use a medium with exFAT or ext4; elsewhere, look at `ulimit -f`',
];

const WRITING: ReadonlyMap<string, SystemProblem> = new Map([
  [
    'ENOSPC',
    { meaning: 'no space is left', hint: 'make room there (`df -h`, `df -i`), or name another place' },
  ],
  [
    'EDQUOT',
    {
      meaning: "this user's quota is used up",
      hint: 'make room there, have the quota raised (`quota -s` shows it), or name another place',
    },
  ],
  ['EFBIG', { meaning: 'the file system takes no file of this size', hint: TOO_LARGE_FOR_FAT }],
  [
    'EROFS',
    {
      meaning: 'the file system is read-only',
      hint: [
        'name a place that can be written',
        'a medium may be write-protected, or damaged and mounted read-only for that: look at `dmesg`',
      ],
    },
  ],
  [
    'EBUSY',
    {
      meaning: 'another program uses it, or it is a mount point',
      hint: '`fuser -v` or `lsof` name the program; of a mount point, name a directory below it',
    },
  ],
  [
    'ETXTBSY',
    { meaning: 'it is a program that is running', hint: 'end the program, or choose another name' },
  ],
  [
    'ENAMETOOLONG',
    {
      meaning: 'the name or path is too long for the file system',
      hint: 'choose a shorter name, or a directory with a shorter path',
    },
  ],
  [
    'EINVAL',
    {
      meaning: 'the file system does not take this',
      hint: 'FAT, exFAT and Windows shares have no names with any of " * : < > ? \\ |: choose another name, or another file system',
    },
  ],
  [
    'EACCES',
    {
      meaning: 'this user may not write there',
      hint: 'name a place that this user can write, or run as its owner',
    },
  ],
  [
    'EPERM',
    {
      meaning: 'the operating system does not permit it',
      hint: 'the file may be immutable (`lsattr`), or the file system without what is needed: name another place',
    },
  ],
  ['EIO', { meaning: 'the medium fails', hint: 'use another medium, and look at `dmesg`' }],
  ['ENXIO', { meaning: 'no process reads it', hint: 'start what reads it first, or name a regular file' }],
  ['EMFILE', { meaning: 'this process may not open more files', hint: 'raise the limit: `ulimit -n 4096`' }],
  [
    'ESTALE',
    { meaning: 'the network file system has lost it', hint: 'mount the file system again, then run again' },
  ],
  ['ENODEV', { meaning: 'the medium is gone', hint: 'mount the medium again, then run again' }],
  ['ENOENT', { meaning: 'a directory on the way does not exist' }],
  ['ENOTDIR', { meaning: 'something on the way is not a directory' }],
  ['EISDIR', { meaning: 'it is a directory', hint: 'name the file to make' }],
  ['ELOOP', { meaning: 'it is a symbolic link', hint: 'name the file itself, or remove the link' }],
]);

const READING: ReadonlyMap<string, SystemProblem> = new Map([
  ['EACCES', { meaning: 'this user may not read it' }],
  ['EIO', { meaning: 'the medium fails', hint: 'copy it again, to another medium, and look at `dmesg`' }],
  ['EISDIR', { meaning: 'it is a directory', hint: 'name a file' }],
  ['ELOOP', { meaning: 'it is a symbolic link that leads in a circle', hint: 'name the file itself' }],
  ...['EBUSY', 'ENAMETOOLONG', 'EMFILE', 'ESTALE', 'ENODEV'].map((code): [string, SystemProblem] => [
    code,
    WRITING.get(code)!,
  ]),
]);

/**
 * What a system call's error code means for who writes or reads a file.
 * @param code e.g. `ENOSPC`
 * @returns `undefined` for codes about which nothing more is known
 */
export function systemProblem(code: string, act: 'read' | 'write'): SystemProblem | undefined {
  return (act === 'write' ? WRITING : READING).get(code);
}

/** The operating system's error code (`ENOENT`, `ENOSPC`, …) of a failed system call, if it is one. */
export function systemCode(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string'
    ? thrown.code
    : undefined;
}
