import { beforeAll, describe, expect, test } from 'vitest';
import { instant } from '../../src/base/clock.ts';
import * as library from '../../src/index.ts';
import { refusal } from '../support/errors.ts';
import { temporaryTree } from '../support/temp.ts';

/** The library as a program without types sees it. */
const untyped = library as unknown as Record<string, (...args: unknown[]) => unknown>;
const call =
  (name: string, ...args: unknown[]) =>
  async () =>
    await untyped[name]!(...args);
const bytes = new Uint8Array();
const now = instant(0);
const passphrase = async () => undefined;

describe('without arguments', () => {
  test.each([
    ['openTrust', 'at least { env, cwd }'],
    ['initTrust', 'at least { env, cwd, now }'],
    ['syncTrust', 'at least { env, cwd, now }'],
    ['openBundle', ''],
    ['trustedRootVerifier', ''],
    ['parsePolicyFile', ''],
    ['initRepository', ''],
    ['editRepository', ''],
    ['signStagedChange', ''],
    ['updateTimestamp', ''],
    ['publishStaged', ''],
    ['verifyRepository', ''],
    ['repositoryStatus', ''],
  ])('%s is refused with a code', async (name, hint) => {
    const error = await refusal('USAGE', call(name));
    expect(error.message).toContain(name);
    expect(error.hints.join('\n')).toContain(hint);
  });
});

const place = { env: {}, cwd: '/' };

test.each<[string, string, unknown[]]>([
  ['openTrust', 'env must be an object, and is undefined', [{}]],
  ['openTrust', 'cwd must be a text, and is undefined', [{ env: {} }]],
  ['openTrust', 'cwd must be a text, and is empty', [{ env: {}, cwd: '' }]],
  ['openTrust', 'store must be a text, and is a list', [{ ...place, store: ['/secret'] }]],
  ['openTrust', 'was given a string', ['/work']],
  ['initTrust', 'now must be milliseconds since 1970', [place]],
  ['syncTrust', 'now must be milliseconds since 1970', [{ ...place, now: '2026' }]],
  ['syncTrust', 'and is an object', [{ ...place, now: new Date(0) }]],
  ['trustedRootVerifier', 'and is NaN', [bytes, { name: 'x', now: Number.NaN }]],
  ['trustedRootVerifier', 'and is Infinity', [bytes, { name: 'x', now: Number.POSITIVE_INFINITY }]],
  ['parsePolicyFile', 'name must be a text', [bytes, {}]],
  ['openBundle', 'staging must be a text', ['x.tar.zst', {}]],
  ['openBundle', 'file must be a text', [undefined, { staging: '/' }]],
  ['updateTimestamp', 'warn must be a number of milliseconds', ['/', { now, passphrase, warn: Number.NaN }]],
  ['editRepository', 'passphrase must be a function', ['/', { now }, () => {}]],
  ['editRepository', 'change must be a function', ['/', { now, passphrase }]],
  ['repositoryStatus', 'now must be milliseconds', ['/', {}]],
  ['verifyRepository', 'now must be milliseconds', ['/', { now: null }]],
])('%s: %s', async (name, says, args) => {
  expect((await refusal('USAGE', call(name, ...args))).message).toContain(says);
});

describe('a trust store', () => {
  let trust: Record<string, (...args: unknown[]) => unknown>;

  beforeAll(() => {
    const home = temporaryTree();
    trust = library.openTrust({ env: { HOME: home }, cwd: home }) as unknown as typeof trust;
  });

  // A present that is no number would make everything fresh and every certificate valid.
  test.each<[string, unknown[]]>([
    ['verifier', []],
    ['verifier', [{}]],
    ['verifier', [{ now: Number.NaN }]],
    ['verifier', [{ now, maxAge: Number.NaN }]],
    ['check', ['x']],
    ['check', ['x', { now: undefined }]],
    ['check', [undefined, { now }]],
    ['check', ['x', { now, rejectIfStale: Number.NaN }]],
    ['import', ['x']],
    ['import', ['x', { now: '0' }]],
    ['seal', []],
    ['seal', [{ now }]],
    ['seal', [{ now, out: 'x', depth: -1 }]],
  ])('%s: %j is refused with a code', async (method, args) => {
    await refusal('USAGE', async () => await trust[method]!(...args));
  });
});
