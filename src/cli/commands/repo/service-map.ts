import { resolve } from 'node:path';
import type { Command } from 'commander';
import { parseSha256Hex } from '../../../base/bytes.ts';
import { StellaError } from '../../../base/errors.ts';
import { readBounded } from '../../../base/files.ts';
import { loadPublicKey, type PublicKey } from '../../../base/keys.ts';
import { maskUrl } from '../../../base/safety/masked-url.ts';
import type { Fetcher } from '../../../net/types.ts';
import type { AskedLog, MapFinding, MapRequest } from '../../../repository/service-map.ts';
import type { Cli, Outcome, Run } from '../../frame/cli.ts';
import { destinationOf, type ForceFlag, forceOption } from '../../frame/destination.ts';
import { repeatable } from '../../frame/repeated.ts';
import { fetcherOf, openTrustSetting } from '../../frame/trust-setting.ts';
import { formatCount, printable } from '../../terminal/output.ts';

interface Options extends ForceFlag {
  readonly check?: string;
  readonly from?: string;
  readonly out?: string;
  readonly rekor?: string;
  readonly rekorTarget?: string;
  readonly log?: string[];
  readonly logKey?: string[];
  readonly fulcio?: string;
  readonly fulcioTarget?: string;
  readonly tsa?: string;
  readonly tsaTarget?: string;
  readonly ctlog?: string;
  readonly ctlogTarget?: string;
  readonly ctlogKey?: string;
  readonly environment?: string;
  readonly offline?: boolean;
}

const MAX_MAP_BYTES = 1024 * 1024;

/** `stella repo service-map`: make the service map, or ask each log of one whether it is what the map says. */
export function registerRepoServiceMap(parent: Command, cli: Cli): void {
  const command = cli
    .command(parent, 'service-map', 'make the service map from what its logs say, or check one')
    .option('--check <file>', 'check this service map, and ask each of its logs')
    .option('--out <file>', 'the service map to make; `-` writes it to standard output')
    .option('--from <file>', 'begin with this service map')
    .option('--environment <name>', 'say it for this environment, as its override')
    .option('--rekor <url>', 'the transparency log')
    .option('--rekor-target <name>', 'the target with its key')
    .addOption(repeatable('--log <url[,target]>', 'a further log, and the target with its key'))
    .addOption(
      repeatable(
        '--log-key <file>',
        'a public key that you know to be that of a log: each must be signed by one',
      ),
    )
    .option('--fulcio <url>', 'the certificate authority')
    .option('--fulcio-target <name>', 'the target with its certificates')
    .option('--tsa <url>', 'the timestamp authority')
    .option('--tsa-target <name>', 'the target with its certificates')
    .option('--ctlog <url>', 'the certificate transparency log')
    .option('--ctlog-target <name>', 'the target with its key')
    .option('--ctlog-key <file>', 'its public key, which gives its id')
    .option('--offline', 'ask no log: only what is given is written, or checked');
  forceOption(command, '--out');
  cli.action<Options, []>(command, async (run) => {
    const { options, io } = run;
    const keys = (options.logKey ?? []).map((file) => loadPublicKey(resolve(io.cwd, file)));
    checkFlags(options);
    const { config } = openTrustSetting(run, { offline_mode: options.offline }, { remember: false });
    const fetcher = config.offlineMode ? undefined : await fetcherOf(run, config);
    return options.check === undefined
      ? await make(run, keys, fetcher)
      : await check(run, options.check, keys, fetcher);
  });
}

/** @throws StellaError USAGE */
function checkFlags(options: Options): void {
  const { check, out, rekor, log, fulcio, tsa, ctlog } = options;
  const isMade = out !== undefined;
  if ((check === undefined) !== isMade)
    throw new StellaError('USAGE', 'give either --out FILE, to make a service map, or --check FILE', {
      hint: 'stella repo service-map --rekor URL --log-key FILE --out map.json',
    });
  const services = { rekor, fulcio, tsa, ctlog };
  if (isMade && !log && Object.values(services).every((url) => url === undefined))
    throw new StellaError('USAGE', 'no service is named', {
      hint: 'give --rekor URL, --log URL, --fulcio URL, --tsa URL or --ctlog URL',
    });
  for (const [flag, needs] of [
    ['rekorTarget', 'rekor'],
    ['fulcioTarget', 'fulcio'],
    ['tsaTarget', 'tsa'],
    ['ctlogTarget', 'ctlog'],
    ['ctlogKey', 'ctlog'],
  ] as const)
    if (options[flag] !== undefined && options[needs] === undefined)
      throw new StellaError(
        'USAGE',
        `--${flag.replace(/[A-Z]/, (c) => `-${c.toLowerCase()}`)} needs --${needs} URL`,
      );
}

async function make(
  run: Run<Options>,
  keys: readonly PublicKey[],
  fetcher: Fetcher | undefined,
): Promise<Outcome> {
  const { options, io } = run;
  const { askLog, composeServiceMap, logEntry } = await import('../../../repository/service-map.ts');
  const { parseServiceMap } = await import('../../../config/service-map.ts');
  const destination = destinationOf(run, options.out!, 'text');
  const from =
    options.from === undefined
      ? undefined
      : parseServiceMap(readBounded(resolve(io.cwd, options.from), MAX_MAP_BYTES), options.from);
  const asked: AskedLog[] = [];
  const entry = async (url: string, target: string | undefined) => {
    const said = target === undefined ? { url } : { url, public_key_target: target };
    if (!fetcher) return said;
    const log = await askLog(url, fetcher, keys);
    asked.push(log);
    return logEntry(log, target);
  };
  const logs = [];
  for (const text of options.log ?? []) {
    const [, url = text, target] = /^(.*?)(?:,([^,/]+))?$/s.exec(text) ?? [];
    logs.push(await entry(url, target));
  }
  const { rekor, fulcio, tsa, ctlog, environment } = options;
  const request: MapRequest = {
    ...(rekor === undefined ? {} : { rekor: await entry(rekor, options.rekorTarget) }),
    logs,
    ...(fulcio === undefined
      ? {}
      : {
          fulcio: {
            url: fulcio,
            ...(options.fulcioTarget ? { root_cert_target: options.fulcioTarget } : {}),
          },
        }),
    ...(tsa === undefined
      ? {}
      : { tsa: { url: tsa, ...(options.tsaTarget ? { cert_chain_target: options.tsaTarget } : {}) } }),
    ...(ctlog === undefined ? {} : { ctlog: ctlogEntry(run, ctlog) }),
    ...(environment === undefined ? {} : { environment }),
  };
  const bytes = composeServiceMap(from, request);
  await destination.write(bytes);
  for (const log of asked) if (!log.isConfirmed) for (const line of firstSight(log)) run.note(line);
  return {
    json: { out: options.out, map: parseServiceMap(bytes, 'the service map'), logs: asked.map(askedJson) },
    text: [
      `service map ${printable(options.out!)}: ${formatCount(bytes.length, 'byte')}`,
      ...asked.map((log) => `  ${askedText(log)}`),
    ].join('\n'),
  };
}

function ctlogEntry({ options, io }: Run<Options>, url: string): NonNullable<MapRequest['ctlog']> {
  const { ctlogTarget, ctlogKey } = options;
  const id = ctlogKey === undefined ? undefined : parseSha256Hex(loadPublicKey(resolve(io.cwd, ctlogKey)).id);
  return {
    url,
    ...(id === undefined ? {} : { log_id: id }),
    ...(ctlogTarget === undefined ? {} : { public_key_target: ctlogTarget }),
  };
}

/** Nobody has vouched for what an unknown server says of itself. */
function firstSight({ url, origin, api, logId }: AskedLog): string[] {
  const taken = [
    `api ${api}`,
    ...(api === 'tiles' ? [`origin ${printable(origin)}`] : []),
    ...(logId ? [`log id ${logId}`] : []),
  ];
  return [
    `warning: taken on first sight from ${printable(maskUrl(url))}, confirmed by no key: ${taken.join(', ')}`,
    '  give --log-key FILE with the public key of the log, and what it says must be signed by it',
  ];
}

async function check(
  run: Run<Options>,
  file: string,
  keys: readonly PublicKey[],
  fetcher: Fetcher | undefined,
): Promise<Outcome> {
  const { checkServiceMap } = await import('../../../repository/service-map.ts');
  const { parseServiceMap } = await import('../../../config/service-map.ts');
  const map = parseServiceMap(readBounded(resolve(run.io.cwd, file), MAX_MAP_BYTES), file);
  const findings = fetcher ? await checkServiceMap(map, fetcher, keys) : [];
  const bad = findings.filter(({ problems }) => problems.length > 0);
  const lines = bad.flatMap(({ where, url, problems }) =>
    problems.map((problem) => `${where}: ${printable(maskUrl(url))}: ${printable(problem)}`),
  );
  if (lines.length > 0) {
    for (const line of lines.slice(1)) run.note(line);
    throw new StellaError('SERVICE_MAP_INVALID', `${file}: ${lines[0]}`, {
      hint: 'make the entry from what the log says: `stella repo service-map --from FILE --rekor URL --log-key FILE --out NEW`',
      details: { findings: findings.map(findingJson) },
    });
  }
  const isConfirmed = findings.every(({ asked }) => asked?.isConfirmed);
  return {
    json: { file, asked: fetcher !== undefined, logs: findings.map(findingJson) },
    text: [
      `${printable(file)} is a service map${fetcher ? '' : '; no log was asked (--offline)'}`,
      ...findings.map(({ where, asked }) => `  ${where}: ${askedText(asked!)}`),
      ...(isConfirmed ? [] : ['  confirmed by no key: give --log-key FILE']),
    ].join('\n'),
  };
}

function askedText({ url, api, origin, logId, isConfirmed, size }: AskedLog): string {
  const what = [
    api === 'v1' ? 'Rekor v1' : 'tiles',
    `signs as ${printable(origin)}`,
    ...(logId === undefined ? [] : [`id ${logId}`]),
    formatCount(size, 'entry', 'entries'),
  ];
  return `${printable(maskUrl(url))}: ${what.join(', ')}${isConfirmed ? ', confirmed by your key' : ''}`;
}

const askedJson = ({ url, api, origin, logId, isConfirmed, size }: AskedLog) => ({
  url: maskUrl(url),
  api,
  origin,
  log_id: logId ?? null,
  size: Number(size),
  confirmed: isConfirmed,
});

const findingJson = ({ where, url, asked, problems }: MapFinding) => ({
  where,
  ...(asked ? askedJson(asked) : { url: maskUrl(url) }),
  problems,
});
