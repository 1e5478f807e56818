import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A fresh directory that goes away when the test is finished. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'stella-test-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
