import { beforeAll, expect, test } from 'vitest';
import { loadTrust } from '../../../src/attest/authority/verifier-trust.ts';
import { ATTESTATION_LIMITS } from '../../../src/attest/document/limits.ts';
import { parseStatement } from '../../../src/attest/document/statement.ts';
import type { Verdict } from '../../../src/attest/verdict/verdict.ts';
import { verdictJson } from '../../../src/attest/verdict/verdict-json.ts';
import type { VerdictDocument } from '../../../src/base/schema-types.ts';
import { temporaryTree } from '../../support/temp.ts';
import { verifyBytes } from '../samples.ts';
import { ARTIFACT, makeSite } from '../signed.ts';

let verified: Verdict;

beforeAll(async () => {
  const site = await makeSite('ed25519', 'ed25519', temporaryTree());
  verified = await verifyBytes((await site.sign()).bytes, {
    trust: loadTrust(site.trust),
    options: { artifact: ARTIFACT },
  });
});

/** The verdict on an attestation that holds, as if it had had this predicate. */
function documentWith(predicate: string, more: Partial<Verdict> = {}): VerdictDocument {
  const statement = parseStatement(
    Buffer.from(
      `{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"00"}}],"predicateType":"t","other":1,"predicate":${predicate}}`,
    ),
  );
  return verdictJson('a.json', { ...verified, statement, ...more }, { withStatement: true });
}

test('members that nothing here reads are in it, and names of no prototype', () => {
  expect(verified.verified).toBe(true);
  const { signed_statement } = documentWith('{"__proto__":{"a":1},"constructor":2,"n":[1.5,-3,1e-7]}');
  expect(JSON.stringify(signed_statement)).toBe(
    '{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"00"}}],"predicateType":"t","other":1,"predicate":{"__proto__":{"a":1},"constructor":2,"n":[1.5,-3,1e-7]}}',
  );
});

test.each([
  ['9007199254740993', 'a double has no such whole number'],
  ['{"a":[{"b":1e400}]}', 'it would be null'],
  ['-1e300', 'whole numbers of this size are not told apart'],
])('a statement with the number %s is left out, and that is said: %s', (predicate) => {
  const document = documentWith(predicate);
  expect(document).not.toHaveProperty('signed_statement');
  expect(document.signed_statement_omitted).toContain('number');
  expect(document.verified).toBe(true);
});

test('a statement of the greatest size is in it, and one byte more is not', () => {
  const most = ATTESTATION_LIMITS.statementInVerdictBytes;
  const rest = JSON.stringify(documentWith('""').signed_statement).length;
  const withLength = (length: number) => documentWith(`"${'x'.repeat(length - rest)}"`);
  expect(withLength(most)).toHaveProperty('signed_statement');
  const large = withLength(most + 1);
  expect(large).not.toHaveProperty('signed_statement');
  expect(large.signed_statement_omitted).toContain(`${most + 1} bytes long; at most ${most}`);
});

test('what did not verify brings none, and neither does a verdict for people', () => {
  const refused = documentWith('{}', { verified: false });
  expect(refused).not.toHaveProperty('signed_statement');
  expect(refused).not.toHaveProperty('signed_statement_omitted');
  expect(verdictJson('a.json', verified, { withStatement: false })).not.toHaveProperty('signed_statement');
});
