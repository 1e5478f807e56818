import { readdirSync, readFileSync } from 'node:fs';
import ts from 'typescript';
import { expect, test } from 'vitest';

/** Names that two files may declare, each with the reason. */
const ALLOWED: Readonly<Record<string, string>> = {
  editRepository: 'the library hands it on, with an edit that has no draft in its types',
  initRepository: 'the library hands it on, once it has checked what it was given',
  initTrust: 'the library hands it on, with options in one object',
  openBundle: 'the library hands it on, without what only the consumer needs',
  publishStaged: 'the library hands it on, with options in one object',
  repositoryStatus: 'the library hands it on, with options in one object',
  syncTrust: 'the library hands it on, with options in one object',
  updateTimestamp: 'the library hands it on, with the lock and the key ring taken care of',
  verifyRepository: 'the library hands it on, with options in one object',
};

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.replaceAll('\\', '/'));

/** The names that a file declares and exports; what it only hands on from another file is declared there. */
function declaredExports(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(`src/${file}`, 'utf8'), ts.ScriptTarget.Latest);
  return source.statements.flatMap((statement) => {
    if (!ts.canHaveModifiers(statement)) return [];
    if (!ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return [];
    if (ts.isVariableStatement(statement))
      return statement.declarationList.declarations.map(({ name }) => name.getText(source));
    return 'name' in statement ? [(statement.name as ts.Identifier).text] : [];
  });
}

const owners = new Map<string, Set<string>>();
for (const file of files)
  for (const name of declaredExports(file)) owners.set(name, (owners.get(name) ?? new Set()).add(file));

test('the names that files export are found', () => {
  expect(owners.get('StellaError')).toEqual(new Set(['base/errors.ts']));
  expect(owners.get('CODES')).toEqual(new Set(['base/codes.ts']));
  expect(owners.get('Instant')).toEqual(new Set(['base/clock.ts']));
});

test('no name is exported by two files with different meanings', () => {
  const twice = [...owners].filter(([name, where]) => where.size > 1 && !(name in ALLOWED));
  expect(twice.map(([name, where]) => `${name}: ${[...where].join(', ')}`)).toEqual([]);
});

test('every allowed name is of the library and of the one file that it hands on', () => {
  for (const name of Object.keys(ALLOWED)) {
    const where = [...(owners.get(name) ?? [])];
    expect(
      where.filter((file) => file.startsWith('library/')),
      name,
    ).toHaveLength(1);
    expect(where.length, name).toBeLessThanOrEqual(2);
  }
});
