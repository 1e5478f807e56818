import { basename } from 'node:path';
import type { Command } from 'commander';
import { formatUtf8 } from '../../../base/bytes.ts';
import { parseInstant } from '../../../base/clock.ts';
import { withStagingAsync } from '../../../base/files.ts';
import { loadConfigFile, resolveConfig } from '../../../config/config.ts';
import { isOciReference } from '../../../oci/reference.ts';
import type { Cli } from '../../frame/cli.ts';
import { type ForceFlag, forceOption, optionalDestination } from '../../frame/destination.ts';
import { printable } from '../../terminal/output.ts';
import { bundlePicture, bundleReport, reportText } from './bundle-report.ts';
import { BUNDLE_ARGUMENT, withBundleSource } from './bundle-source.ts';
import { addRegistryFlags, type RegistryFlags } from './registry-input.ts';
import { whyNoLogs } from './why-no-logs.ts';

interface Options extends RegistryFlags, ForceFlag {
  readonly list?: boolean;
  readonly html?: string;
}

/** `stella trust snapshot inspect FILE`: what a bundle says of itself; trusts nothing, needs no store. */
export function registerSnapshotInspect(snapshot: Command, cli: Cli): void {
  const command = addRegistryFlags(
    cli
      .command(snapshot, 'inspect', 'show what is in a bundle, verifying nothing')
      .argument('<file>', BUNDLE_ARGUMENT)
      .option('--list', 'also print every entry: size, SHA-256, path')
      .option('--html <file>', 'also write a web page with pictures'),
  );
  forceOption(command, '--html');
  cli.action<Options, [string]>(command, async (run, file) => {
    const { tmpdir } = await import('node:os');
    const { openBundle } = await import('../../../bundle/open.ts');
    const { signerIds } = await import('../../../bundle/signature.ts');
    const { adviceOf, configuredWindow, judgeFreshness } = await import('../../../trust/freshness.ts');
    const { io, options } = run;
    const { list, html } = options;
    const place = { file: options.config, env: io.env, cwd: io.cwd };
    const config = resolveConfig(place, loadConfigFile(place), {});
    const page = optionalDestination(run, '--html', html);
    return await withBundleSource(run, config, file, (source) =>
      withStagingAsync(tmpdir(), 'stella-inspect-', async (staging) => {
        const bundle = await openBundle(source, { staging });
        try {
          const { manifest, manifestSha256, size } = bundle;
          const name = file === '-' ? 'standard input' : isOciReference(file) ? file : basename(file);
          const freshness = judgeFreshness(
            parseInstant(manifest.sealed_at),
            run.now,
            configuredWindow(config, adviceOf(manifest)),
          );
          const why = await whyNoLogs(bundle);
          const reported = { bundle, name, size, now: run.now, freshness, whyNoLogs: why };
          const report = bundleReport(reported);
          if (page) {
            const { formatReport } = await import('../../report/page.ts');
            await page.write(formatUtf8(formatReport(await bundlePicture(reported))));
          }
          const entries = manifest.entries.map((entry) => `${entry.sha256}  ${entry.size}  ${entry.path}`);
          const text = [reportText(report), ...(list ? ['', ...entries.map(printable)] : [])];
          return {
            json: {
              manifest_sha256: manifestSha256,
              ...(size === undefined ? {} : { file_size: size }),
              signers: signerIds(bundle),
              ...(why === undefined ? {} : { why_no_logs: why }),
              manifest,
            },
            text: text.join('\n'),
          };
        } finally {
          await bundle.close();
        }
      }),
    );
  });
}
