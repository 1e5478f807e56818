import { beforeAll, expect, test } from 'vitest';
import { makeSite, type Site } from '../../../support/site.ts';
import { temporaryTree } from '../../../support/temp.ts';

let site: Site;
const WHY = 'the attestation is not about map.json';
const verify = async (...more: string[]) => {
  const { stdout, stderr, status } = await site.run(
    ['attest', 'verify', 'attestation.json', '--artifact', 'map.json', ...more],
    { expect: 2 },
  );
  expect(status).toBe(2);
  return { stdout, stderr, times: `${stdout}${stderr}`.split(WHY).length - 1 };
};

beforeAll(async () => {
  site = await makeSite(temporaryTree());
});

test('why an attestation is refused is said once, by the error; the verdict has the code', async () => {
  const { stdout, stderr, times } = await verify();
  expect(stdout).toMatch(/^NOT VERIFIED {2}attestation\.json \[ARTIFACT_MISMATCH\]\n {2}trust /);
  expect(stderr).toMatch(/^error: attestation\.json: .* \[ARTIFACT_MISMATCH\]\nhint: /);
  expect(times).toBe(1);
});

test('--explain says it once, too, with what was expected and found', async () => {
  const { stdout, stderr, times } = await verify('--explain');
  expect(times).toBe(1);
  expect(stdout).toMatch(/^ {4}artifact {6}failed$/m);
  expect(stdout).toContain('  subjects  ');
  const [hint] = /^hint: (.*)$/m.exec(stderr)!.slice(1);
  expect(stdout).not.toContain(hint);
});

test('of several each line says why, and the error how many there are and which is the first', async () => {
  const { stdout, stderr, times } = await verify('attestation.json');
  expect(stdout).toMatch(/^(?:NOT VERIFIED .*not about map\.json \[ARTIFACT_MISMATCH\]\n){2}/);
  expect(stderr).toMatch(
    /^error: 2 of 2 attestations not verified; the first: attestation\.json \[ARTIFACT_MISMATCH\]\nhint: /,
  );
  expect(times).toBe(2);
});

test('--quiet leaves the reason to the error, --json has it in the document as well', async () => {
  for (const more of [[], ['attestation.json']]) {
    const quiet = await verify('--quiet', ...more);
    expect(quiet).toMatchObject({ stdout: '', times: 1 });
  }
  const { stdout, stderr } = await verify('--json');
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'ARTIFACT_MISMATCH', message: WHY } });
  expect(stderr).toContain(`${WHY} [ARTIFACT_MISMATCH]`);
});
