import { resolve } from 'node:path';
import type { Command } from 'commander';
import { EXIT } from '../../../base/codes.ts';
import { StellaError } from '../../../base/errors.ts';
import { readBounded } from '../../../base/files.ts';
import type { CollectedPackage } from '../../../producer/collect-packages.ts';
import type { Cli, Outcome, Run } from '../../frame/cli.ts';
import { parseCount } from '../../terminal/count.ts';
import { formatCount, formatNumber, printable } from '../../terminal/output.ts';

interface CollectOptions {
  readonly lockfile: string;
  readonly out: string;
  readonly npmRegistry?: string;
  readonly pypi?: string;
  readonly jobs?: string;
}

/** Requests at a time: as many as npm itself makes. */
const DEFAULT_JOBS = 15;

/** `stella attest collect` */
export function registerAttestCollect(attest: Command, cli: Cli): void {
  const command = cli
    .command(attest, 'collect', 'fetch what vouches for the packages of a lock file, on the connected side')
    .requiredOption(
      '--lockfile <file>',
      'package-lock.json, pnpm-lock.yaml, requirements.txt, pylock.toml or uv.lock',
    )
    .requiredOption('--out <dir>', 'where to put it; what is there already is not asked for again')
    .option('--npm-registry <url>', 'another registry of npm packages (https://registry.npmjs.org)')
    .option('--pypi <url>', 'another index of Python packages (https://pypi.org)')
    .option('--jobs <n>', `requests at a time (${DEFAULT_JOBS})`);
  cli.action(command, (run) => collect(run as Run<CollectOptions>));
}

async function collect(run: Run<CollectOptions>): Promise<Outcome> {
  const { collectPackages, PUBLIC_REGISTRIES } = await import('../../../producer/collect-packages.ts');
  const { MAX_LOCKFILE_BYTES, parseLockfile } = await import('../../../lockfile/lockfile.ts');
  const { loadConfig } = await import('../../../config/config.ts');
  const { fetcherOf } = await import('../../frame/trust-setting.ts');
  const { lockfile, out, npmRegistry, pypi, jobs } = run.options;
  const { cwd, env } = run.io;
  const config = loadConfig({ file: run.options.config, env, cwd });
  const packages = await parseLockfile(lockfile, readBounded(resolve(cwd, lockfile), MAX_LOCKFILE_BYTES));
  const fetcher = await fetcherOf(run, config);
  const collected: CollectedPackage[] = [];
  const work = collectPackages(packages, fetcher, {
    out: resolve(cwd, out),
    registries: {
      npm: baseOf(npmRegistry ?? PUBLIC_REGISTRIES.npm),
      pypi: baseOf(pypi ?? PUBLIC_REGISTRIES.pypi),
    },
    jobs: jobs === undefined ? DEFAULT_JOBS : parseCount(jobs, '--jobs'),
  });
  for await (const each of work) {
    collected.push(each);
    run.progress('collecting', collected.length, packages.length, 'files');
  }
  return report(run, collected);
}

const baseOf = (url: string) => url.replace(/\/+$/, '');

function report(run: Run<CollectOptions>, collected: readonly CollectedPackage[]): Outcome {
  const of = (outcome: CollectedPackage['outcome']) => collected.filter((each) => each.outcome === outcome);
  const nameOf = ({ package: { name, version } }: CollectedPackage) => printable(`${name}@${version}`);
  const failed = of('failed');
  for (const each of of('not found')) run.note(`warning: ${nameOf(each)} is not in the registry`);
  for (const each of failed) run.note(`warning: ${nameOf(each)}: ${printable(each.error!.message)}`);
  const attested = collected.filter(({ attestations }) => attestations > 0).length;
  if (failed.length > 0)
    run.fail(
      new StellaError(
        'FETCH_FAILED',
        `${failed.length} of ${collected.length} packages could not be asked for`,
        {
          hint: 'run it again: what is there is kept, and only the rest is asked for',
        },
      ),
    );
  return {
    json: {
      packages: collected.map(({ package: { ecosystem, name, version }, outcome, attestations, error }) => ({
        ecosystem,
        name,
        version,
        outcome,
        attestations,
        ...(error ? { code: error.code, message: error.message } : {}),
      })),
    },
    text: [
      `${formatCount(collected.length, 'package')}: ${formatNumber(of('collected').length)} collected, ${formatNumber(of('held already').length)} held already,`,
      `${formatNumber(of('nothing to ask for').length)} of no registry, ${formatNumber(of('not found').length)} not found, ${formatNumber(failed.length)} failed; ${formatNumber(attested)} with attestations`,
    ].join(' '),
    exit: failed.length > 0 ? EXIT.networkNeeded : EXIT.done,
  };
}
