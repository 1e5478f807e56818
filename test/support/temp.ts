import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, onTestFinished } from 'vitest';

/** A fresh directory that goes away when the test is finished. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'stella-test-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A fresh directory for all tests of a file (call it in `beforeAll`). */
export function temporaryTree(): string {
  const path = mkdtempSync(join(tmpdir(), 'stella-test-'));
  trees.push(path);
  return path;
}

const trees: string[] = [];
afterAll(() => {
  for (const path of trees.splice(0)) rmSync(path, { recursive: true, force: true });
});
