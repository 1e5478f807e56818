import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { parseClaimName } from '../../src/attest/policy/claim-rule.ts';
import { issuerOf } from '../../src/attest/policy/place.ts';
import { parsePolicy } from '../../src/attest/policy/policy-file.ts';
import { CLAIMS, FULCIO_ARC } from '../../src/attest/x509/claims.ts';
import { addSignerOptions, type SignerOptions } from '../../src/cli/commands/attest/signer-options.ts';
import { signerRulesOf } from '../../src/cli/commands/attest/signer-rules.ts';
import { stella } from '../support/cli.ts';
import { extension } from '../support/sigstore/certificates.ts';
import { utf8 } from '../support/sigstore/der.ts';
import { ARTIFACT, make } from '../support/sigstore/scenario.ts';
import { temporaryDirectory } from '../support/temp.ts';

const page = readFileSync('docs/claims.md', 'utf8');

/** The rows of the table whose first heading is this one. */
function rowsBelow(heading: string): string[][] {
  const [, rest] = page.split(new RegExp(`^ *\\| ${heading} \\|.*\\n *\\|[-|]+\\n`, 'm'));
  const rows: string[][] = [];
  for (const line of rest!.split('\n')) {
    if (!line.trim().startsWith('|')) break;
    rows.push(
      line
        .trim()
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
  }
  return rows;
}

function optionsOf(args: readonly string[]): SignerOptions {
  const command = new Command().exitOverride();
  addSignerOptions(command);
  return command.parse(args, { from: 'user' }).opts();
}

describe('the page about claims', () => {
  test('lists every claim that the code knows, by its number and names', () => {
    expect(rowsBelow('OID').map(([oid, title, name]) => [oid, title, name])).toEqual(
      CLAIMS.map(({ number, name, title }) => [`${FULCIO_ARC}.${number}`, title, name]),
    );
  });

  test.each(rowsBelow('OID'))(
    '%s %s is %s, and %s demands it: %s',
    async (oid, title, name, flag, example) => {
      expect([parseClaimName(oid), parseClaimName(title)]).toEqual([name, name]);
      const args =
        flag === '--deny-self-hosted-runners'
          ? [flag]
          : [flag, flag === '--claim' ? `${name}=${example}` : example];
      const { claims } = await signerRulesOf(optionsOf(args));
      expect(claims).toEqual([{ name, anyOf: expect.arrayContaining([example]) }]);
    },
  );

  test.each(rowsBelow('host'))('%s implies %s', (host, issuer) => {
    expect(issuerOf(`https://${host.toLowerCase()}/owner/name`)).toBe(issuer.replace('TENANT', 'tenant'));
  });

  test.each(rowsBelow('flag'))('%s is a flag', (flag) => {
    const command = new Command();
    addSignerOptions(command);
    expect(command.options.map(({ long }) => long)).toContain(flag);
  });

  test('has a policy that is one', () => {
    const [, json] = /```json\n([\s\S]*?)```/.exec(page)!;
    const [rule] = parsePolicy(Buffer.from(json!), 'policy').rules;
    expect(rule).toMatchObject({
      claims: [{ name: 'source_repository' }, {}, {}],
      impliedIssuer: issuerOf('https://github.com/'),
    });
  });

  test('has commands whose flags exist', async () => {
    const [, block] = /```sh\n([\s\S]*?)```/.exec(page)!;
    for (const line of block!.trim().split('\n')) {
      const home = temporaryDirectory();
      const result = await stella(line.split(' ').slice(1), { cwd: home, env: { HOME: home } });
      // Everything but the files is there.
      expect([line, result.stderr]).toEqual([
        line,
        expect.stringMatching(/\[(?:FILE_NOT_FOUND|STORE_NOT_INITIALIZED)\]/),
      ]);
    }
  });
});

test('the first command of the README gives a verdict', async () => {
  const readme = readFileSync('README.md', 'utf8');
  const [, command] = /```bash\n(.*)\n/.exec(readme)!;
  expect(command).toMatch(/^stella attest verify .*--trusted-root .*--repo OWNER\/NAME$/);
  const claim = extension(`${FULCIO_ARC}.12`, utf8('https://github.com/OWNER/NAME'));
  const { bundle, root } = make({
    leaf: { issuer: issuerOf('https://github.com/')!, extensions: [claim] },
  });
  const home = temporaryDirectory();
  writeFileSync(join(home, 'attestation.jsonl'), `${JSON.stringify(bundle)}\n`);
  writeFileSync(join(home, 'trusted_root.jsonl'), `${JSON.stringify(root)}\n`);
  writeFileSync(join(home, 'artifact'), ARTIFACT);
  const run = (line: string) => stella(line.split(' ').slice(1), { cwd: home, env: { HOME: home } });
  const result = await run(command!);
  expect(result.stderr).toBe('');
  expect(result.stdout).toMatch(/^verified {2}\.\/attestation\.jsonl\n/);
  const other = await run(command!.replace('OWNER/NAME', 'OWNER/NAME-evil'));
  expect(other).toMatchObject({ status: 2, stderr: expect.stringContaining('[CLAIM_MISMATCH]') });
});
