import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getAsset, getRawAsset } from 'node:sea';
import { embedZstd, type ZstdBinding } from '../../archive/zstd.ts';
import { StellaError, systemCode } from '../../base/errors.ts';
import { embedThreadCode } from '../../base/thread.ts';

/** Has everything that other builds load from files come out of this executable. */
export function useEmbedded(): void {
  embedThreadCode((name) => getAsset(`${name}.js`, 'utf8'));
  embedZstd(loadZstd);
}

/** The system loads native code from files only: it is one for as long as that takes. */
function loadZstd(): ZstdBinding {
  const directory = mkdtempSync(join(tmpdir(), 'stella-zstd-'));
  try {
    const file = join(directory, 'zstd.node');
    writeFileSync(file, new Uint8Array(getRawAsset('zstd.node')), { mode: 0o500 });
    const loaded = { exports: {} as ZstdBinding };
    process.dlopen(loaded, file);
    return loaded.exports;
  } catch (cause) {
    throw new StellaError(
      'WRITE_FAILED',
      `cannot load the compressor from ${directory} (${systemCode(cause)})`,
      {
        cause,
        hint: 'set TMPDIR to a directory that is writable and not mounted noexec',
      },
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
