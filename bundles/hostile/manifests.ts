import { formatManifest, type Manifest } from '../../src/bundle/manifest.ts';
import { repeatedDigest } from '../../test/support/digest.ts';
import type { HostileArchive } from './archive.ts';
import { CONTENTS, type Content, coseOf, framesOf, join, manifestOf, pack } from './forge.ts';

async function sealed(contents: readonly Content[], manifest?: Uint8Array): Promise<Buffer> {
  const bytes = manifest ?? formatManifest(manifestOf(contents));
  return join(await pack(framesOf(contents, bytes, coseOf(bytes))));
}

/** Paths that a correctly signed manifest lists, and that the archive has. */
const PATHS: readonly (readonly [string, readonly string[]])[] = [
  ['dot-dot', ['tuf/../../etc/passwd']],
  ['dot-dot-at-start', ['../tuf/x']],
  ['absolute', ['/tuf/x']],
  ['drive-letter', ['C:/tuf/x']],
  ['alternate-stream', ['tuf/x:y']],
  ['backslash', ['tuf\\..\\x']],
  ['dot-segment', ['tuf/./x']],
  ['empty-segment', ['tuf//x']],
  ['trailing-slash', ['tuf/x/']],
  ['trailing-dot', ['tuf/x.']],
  ['device-name', ['tuf/nul.json']],
  ['control-character', ['tuf/\u001b[2J']],
  ['bidi-override', ['tuf/\u202enosj.x']],
  ['not-nfc', ['tuf/scho\u0308n']],
  ['case-collision', ['tuf/A.json', 'tuf/a.json']],
  ['case-collision-of-directories', ['tuf/A/x', 'tuf/a/y']],
  ['prefix-of-another', ['tuf/a', 'tuf/a/b']],
  ['out-of-order', ['tuf/b', 'tuf/a']],
  ['outside-the-folders', ['usr/bin/x']],
  ['manifest-in-manifest', ['manifest.json']],
  ['overlong', [`tuf/${'x'.repeat(1100)}`]],
];

/** Text of the good manifest, changed; signed as it then is. */
const TEXTS: readonly (readonly [string, (text: string) => string, HostileArchive['code']])[] = [
  ['leading-space', (text) => ` ${text}`, 'MANIFEST_INVALID'],
  ['no-line-feed', (text) => text.trimEnd(), 'MANIFEST_INVALID'],
  ['two-line-feeds', (text) => `${text}\n`, 'MANIFEST_INVALID'],
  ['carriage-return', (text) => text.replace('\n', '\r\n'), 'MANIFEST_INVALID'],
  ['byte-order-mark', (text) => `\ufeff${text}`, 'MANIFEST_INVALID'],
  [
    'keys-out-of-order',
    (text) => text.replace(/^\{("entries":\[.*?\]),(.*)\}\n$/, '{$2,$1}\n'),
    'MANIFEST_INVALID',
  ],
  ['duplicate-key', (text) => text.replace('{"entries"', '{"entries":[],"entries"'), 'MANIFEST_INVALID'],
  ['escaped-key', (text) => text.replace('"entries"', '"\\u0065ntries"'), 'MANIFEST_INVALID'],
  ['unknown-field', (text) => text.replace('{"entries"', '{"admin":true,"entries"'), 'MANIFEST_INVALID'],
  [
    'prototype-field',
    (text) => text.replace('{"entries"', '{"__proto__":{"x":1},"entries"'),
    'MANIFEST_INVALID',
  ],
  ['missing-field', (text) => text.replace(/"sequence":\d+,/, ''), 'MANIFEST_INVALID'],
  ['size-as-a-float', (text) => text.replace('"size":17', '"size":17.0'), 'MANIFEST_INVALID'],
  ['size-in-scientific-notation', (text) => text.replace('"size":17', '"size":1.7e1'), 'MANIFEST_INVALID'],
  ['size-negative', (text) => text.replace('"size":17', '"size":-17'), 'MANIFEST_INVALID'],
  ['size-enormous', (text) => text.replace('"size":17', '"size":17179869185'), 'MANIFEST_INVALID'],
  ['size-as-text', (text) => text.replace('"size":17', '"size":"17"'), 'MANIFEST_INVALID'],
  [
    'digest-in-upper-case',
    (text) => text.replace(/"sha256":"[0-9a-f]{64}"/, (s) => s.toUpperCase().replace('SHA256', 'sha256')),
    'MANIFEST_INVALID',
  ],
  ['lone-surrogate', (text) => text.replace('test-producer', '\\ud800'), 'MANIFEST_INVALID'],
  ['not-json', () => 'PK\u0003\u0004', 'MANIFEST_INVALID'],
  ['empty', () => '', 'MANIFEST_INVALID'],
  ['null', () => 'null\n', 'MANIFEST_INVALID'],
  [
    'nested-too-deeply',
    (text) => text.replace('"logs":[]', `"logs":${'['.repeat(100_000)}${']'.repeat(100_000)}`),
    'MANIFEST_INVALID',
  ],
  [
    'a-million-values',
    (text) => text.replace('"logs":[]', `"logs":[${'{},'.repeat(1_000_000)}{}]`),
    'MANIFEST_INVALID',
  ],
  ['later-format', (text) => text.replace('stella-bundle/v1', 'stella-bundle/v3'), 'MANIFEST_VERSION'],
  ['other-format', (text) => text.replace('stella-bundle/v1', 'other/v1'), 'MANIFEST_INVALID'],
  ['date-that-does-not-exist', (text) => text.replace('2026-01-25T', '2026-02-30T'), 'MANIFEST_INVALID'],
  ['sealed-at-another-time', (text) => text.replace('2026-01-25T', '2026-01-26T'), 'ARCHIVE_INVALID'],
];

export async function* hostileManifests(): AsyncGenerator<HostileArchive> {
  for (const [name, paths] of PATHS) {
    const contents = paths.map((path) => ({ path, content: Buffer.from('x') }));
    yield { name: `manifest-path-${name}`, bytes: await sealed(contents), code: 'ENTRY_PATH' };
  }
  const nul = [{ path: 'tuf/x\0y', content: Buffer.from('x') }];
  yield { name: 'manifest-path-nul', bytes: await sealed(nul), code: 'ENTRY_PATH' };
  const twice = [CONTENTS[3]!, CONTENTS[3]!];
  yield { name: 'manifest-entry-twice', bytes: await sealed(twice), code: 'ENTRY_DUPLICATE' };

  const text = Buffer.from(formatManifest(manifestOf(CONTENTS))).toString();
  for (const [name, change, code] of TEXTS)
    yield { name: `manifest-${name}`, bytes: await sealed(CONTENTS, Buffer.from(change(text))), code };
  const wrongRoot: Manifest = manifestOf(CONTENTS, { entries_root: repeatedDigest('00') });
  yield {
    name: 'manifest-wrong-entries-root',
    bytes: await sealed(CONTENTS, formatManifest(wrongRoot)),
    code: 'MANIFEST_INVALID',
  };
  const latin1 = Buffer.from(text.replace('test-producer', 'test\u00fcproducer'), 'latin1');
  yield { name: 'manifest-not-utf-8', bytes: await sealed(CONTENTS, latin1), code: 'MANIFEST_INVALID' };
}
