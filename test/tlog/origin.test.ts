import { expect, test } from 'vitest';
import { originOf } from '../../src/tlog/origin.ts';

test.each([
  ['https://log.example.com', 'log.example.com'],
  ['https://log.example.com/2026//', 'log.example.com/2026'],
  ['HTTPS://log.example.com:8443/a/b', 'log.example.com:8443/a/b'],
  ['tiles+http://log.example.com/', 'log.example.com'],
  ['log.example.com/x', 'log.example.com/x'],
  ['https:///', ''],
])('the origin of %s', (url, origin) => {
  expect(originOf(url)).toBe(origin);
});
