import { expect, test } from 'vitest';
import { CODES } from '../../../src/base/codes.ts';
import { systemProblem } from '../../../src/base/file-system/system-error.ts';
import { readError, writeError } from '../../../src/base/files.ts';

const failed = (code: string) => Object.assign(new Error(code), { code });

test.each([
  ['ENOSPC', 'no space is left', /df -h/],
  ['EDQUOT', "this user's quota is used up", /quota/],
  ['EFBIG', 'the file system takes no file of this size', /--split-size 2GiB/],
  ['EROFS', 'the file system is read-only', /name a place that can be written/],
  ['EBUSY', 'another program uses it, or it is a mount point', /lsof/],
  ['ENAMETOOLONG', 'the name or path is too long for the file system', /shorter name/],
  ['EINVAL', 'the file system does not take this', /choose another name/],
  ['EACCES', 'this user may not write there', /run as its owner/],
  ['EIO', 'the medium fails', /another medium/],
  ['ENXIO', 'no process reads it', /start what reads it/],
])('a file that cannot be written for %s says why and what helps', (code, meaning, hint) => {
  const error = writeError('/medium/x', failed(code));
  expect(error).toMatchObject({
    code: 'WRITE_FAILED',
    message: `cannot write /medium/x: ${meaning} (${code})`,
  });
  expect(error.hints.join('\n')).toMatch(hint);
});

test('an error code that nothing is known about keeps the hint of the refusal', () => {
  const error = writeError('/medium/x', failed('EXYZ'));
  expect(error.message).toBe('cannot write /medium/x (EXYZ)');
  expect(error.hints).toEqual([CODES.WRITE_FAILED.hint]);
  expect(systemProblem('constructor', 'write')).toBeUndefined();
});

test('what cannot be read says why, too', () => {
  const error = readError('/medium/x', failed('EIO'));
  expect(error).toMatchObject({
    code: 'FILE_UNREADABLE',
    message: 'cannot read /medium/x: the medium fails (EIO)',
  });
  expect(error.hints.join()).toContain('copy it again');
});
