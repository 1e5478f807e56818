import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isStellaError } from '../../src/base/errors.ts';
import { formatReference, parseReference, suggestedReference } from '../../src/oci/reference.ts';
import { refusal } from '../support/errors.ts';

const digest = `sha256:${'0a'.repeat(32)}`;

test.each([
  'oci://registry.example.com/trust',
  'oci://registry.example.com:5000/team/trust:2026-01-25',
  `oci://localhost/a/b__c/d-e.f@${digest}`,
  'oci://[::1]:5000/trust:v1',
])('%s', (text) => {
  expect(formatReference(parseReference(text))).toBe(text);
});

test.each([
  'registry.example.com/trust',
  'oci://',
  'oci://host',
  'oci://host/',
  'oci:///trust',
  'oci://host/Trust',
  'oci://host/../trust',
  'oci://host/a//b',
  'oci://host/trust:',
  'oci://host/trust:-x',
  'oci://host/trust@md5:00',
  `oci://host/trust:1@${digest}`,
  'oci://host:99999/trust',
  'oci://host:0/trust',
  'oci://host:00/trust',
  'oci://1.2.3.999/trust',
  'oci://0x7f.1/trust',
  'oci://2130706433/trust',
  'oci://[::1/trust',
  'oci://[1.2.3.4]/trust',
  'oci://::1/trust',
  'oci://host/trust:tag:5',
  'oci://ho st/trust',
  'oci://host/trust?x=1',
  'oci://host/trust#x',
  `oci://host/${'a'.repeat(300)}`,
  `oci://host/${'a-'.repeat(400)}`,
])('%s is refused', async (text) => {
  await refusal('URL_INVALID', () => parseReference(text));
});

test.each([
  ['docker://registry.example.com/trust:7', 'oci://registry.example.com/trust:7'],
  [`https://registry.example.com:5000/a/b@${digest}`, `oci://registry.example.com:5000/a/b@${digest}`],
  ['registry.example.com/trust/', 'oci://registry.example.com/trust'],
  ['localhost/trust:7', 'oci://localhost/trust:7'],
  ['[::1]:5000/trust', 'oci://[::1]:5000/trust'],
])('%s is refused with how to write it', async (text, meant) => {
  const error = await refusal('URL_INVALID', () => parseReference(text));
  expect(error.hints).toEqual([`write it as ${meant}`]);
  parseReference(meant);
});

test.each([
  'docker://alpine',
  'alpine:3',
  'some/file.tar.zst',
  './host.example.com/file',
  '/media/usb.1/x',
  '../x.y/z',
  'C:\\bundles\\x',
  'docker://carrier:secret@registry.example.com/trust:7',
  'file:///media/x',
  '',
])('what %s means is not guessed, and no password repeated', async (text) => {
  expect(suggestedReference(text)).toBeUndefined();
  const error = await refusal('URL_INVALID', () => parseReference(text));
  expect(JSON.stringify([error.message, error.hints])).not.toContain('secret');
});

test('a host is the same in any case; a repository is not', async () => {
  expect(parseReference('oci://Registry.Example.COM:5000/a:B').host).toBe('registry.example.com:5000');
  const error = await refusal('URL_INVALID', () => parseReference('oci://host/Team/trust'));
  expect(error.message).toContain('lower-case');
});

test('whatever is typed, it is read or refused', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), (end) => {
      const text = `oci://${end}`;
      try {
        const [host] = end.split('/');
        expect(formatReference(parseReference(text))).toBe(text.replace(host!, host!.toLowerCase()));
      } catch (error) {
        if (!isStellaError(error, 'URL_INVALID') && !isStellaError(error, 'URL_CREDENTIALS')) throw error;
      }
    }),
  );
});
