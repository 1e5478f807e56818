import { expect, test } from 'vitest';
import type { Verdict } from '../../src/attest/verdict/verdict.ts';
import { verdictJson } from '../../src/attest/verdict/verdict-json.ts';
import { table } from '../../src/base/table.ts';
import { verdictText } from '../../src/cli/commands/attest/verdict-text.ts';

const trust = { kind: 'trusted-root', name: 'trusted root r' } as const;
const verdictFor = (subject: string, claims: Record<string, string> = {}): Verdict => ({
  verified: true,
  checks: [],
  signer: {
    kind: 'certificate',
    identity: { subject, issuer: 'https://issuer.example', claims: table(claims), unusableClaims: table({}) },
  },
  identityChecked: false,
  artifactChecked: false,
  logs: [],
  trust,
});

test('an identity with a zero-width character is warned of, in text and JSON', () => {
  const document = verdictJson(
    'a.json',
    verdictFor('admin\u200b@example.com', { source_ref: 'refs/\u202emain' }),
  );
  expect(document.warnings).toEqual([
    'the certificate\'s source_ref has characters that are not seen: "refs/\\u202emain"',
    'the certificate\'s identity has characters that are not seen: "admin\\u200b@example.com"',
  ]);
  const text = verdictText(document, { trust, explain: false, isToldWhy: false });
  expect(text).toContain('warning   the certificate');
  expect(text).toContain('admin\\u200b@example.com');
  expect(text).not.toContain('\u200b');
});

test('an ordinary identity is not', () => {
  expect(verdictJson('a.json', verdictFor('prüfer@example.com'))).not.toHaveProperty('warnings');
});
