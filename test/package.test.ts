import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const description = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, unknown>;

test('the package is private, under a scope that a registry can be bound to; the command stays stella', () => {
  expect(description).toMatchObject({ private: true, bin: { stella: 'bin/stella.js' } });
  expect(description['name']).toMatch(/^@[a-z-]+\/stella$/);
});

test('types of Node are a peer that programs without TypeScript need not have', () => {
  expect(description).toMatchObject({
    peerDependencies: { '@types/node': '>=22' },
    peerDependenciesMeta: { '@types/node': { optional: true } },
  });
  expect(readFileSync('src/index.ts', 'utf8')).toContain('/// <reference types="node" preserve="true" />');
});

const READ = ['README.md', 'CONTRIBUTING.md', 'docs/**/*.md', 'deploy/**/*', 'examples/*.ts', 'src/**/*.ts'];

// A name that nobody here owns in a registry could be a stranger's tomorrow.
test('nothing tells anyone to install stella by its name from a registry', () => {
  const told = globSync(READ, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .flatMap(({ parentPath, name }) => {
      const text = readFileSync(`${parentPath}/${name}`, 'utf8');
      return [
        ...text.matchAll(
          /\b(?:npm (?:install|i|add|exec|x)|npx|yarn(?: global)? add|pnpm (?:add|dlx))((?: +[^\s`|)]+)*)/g,
        ),
      ];
    })
    .flatMap(([, words]) => words!.split(' ').filter((word) => word !== '' && !word.startsWith('-')));
  expect(told.filter((word) => /stella/.test(word))).not.toEqual([]);
  for (const word of told.filter((one) => /stella/.test(one))) expect(word).toMatch(/^(?:\.|\/).*\.tgz$/);
});
