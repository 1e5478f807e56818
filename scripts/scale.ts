/**
 * The arithmetic of docs/scale.md. Prints the page's tables from docs/scale.json; with --measure, measures those constants
 * on this machine first (about a minute), and with --write puts the tables into the page.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { planTiles } from '../src/tlog/tile-plan.ts';

/** Measured by this script. CPU seconds are of user and system together, so that a busy machine changes them little. */
export interface Constants {
  readonly machine: string;
  readonly measured_at: string;
  /** A bundle of 10,000 entries' depth, and a delta that follows after 1,000 more entries. */
  readonly bundle_bytes: number;
  readonly delta_bytes: number;
  readonly import_cpu_seconds: number;
  readonly verify_cpu_seconds: number;
  readonly attestation_bytes: number;
  readonly verdict_bytes: number;
}

const page = new URL('../docs/scale.md', import.meta.url);
const constantsFile = new URL('../docs/scale.json', import.meta.url);

const TILE_BYTES = 8192;
const DEPTH = 10_000n;
const SITES = 10_000;
const ATTESTATIONS = 1_000_000;
/** GET of token, manifest, blob, and of the manifest again: what `snapshot pull` sends to a registry. */
const REQUESTS_PER_PULL = 4;
/** Prices are assumptions, in dollars: of a large cloud's public list, rounded. */
const PRICE = { egressPerGB: 0.09, cpuHour: 0.04, millionRequests: 0.4 };

async function measure(): Promise<Constants> {
  const { makeSite, makeEnclave } = await import('../test/support/site.ts');
  const base = mkdtempSync(join(tmpdir(), 'stella-scale-'));
  const cpu = async (work: () => Promise<unknown>): Promise<number> => {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6;
  };
  const rounded = (seconds: number) => Number(seconds.toPrecision(2));
  try {
    const site = await makeSite(base, { entries: 20_000 });
    const setting = { now: site.now, expect: 0 };
    const full = await site.seal('full');
    writeFileSync(join(site.home, 'more'), Array.from({ length: 1000 }, (_, i) => `more ${i}\n`).join(''));
    await site.run(['log', 'append', join(base, 'site', 'log'), '--lines', 'more']);
    const delta = await site.seal('delta', ['--since', full]);
    const enclave = makeEnclave(base);
    const args = ['trust', 'import', full, '--root-fingerprint', site.fingerprint];
    const importing = await cpu(() => enclave.run(args, setting));
    // Each of another artifact: what is the same in many attestations would be checked once only.
    const count = 200;
    const many = join(site.home, 'many');
    mkdirSync(many);
    const signing = ['--key', 'attestor.key', '--log', join(base, 'site', 'log')];
    for (let i = 0; i < count; i += 1) {
      writeFileSync(join(site.home, 'artifact'), `artifact ${i}\n`);
      await site.run(['attest', 'sign', 'artifact', ...signing, '--out', join(many, `${i}.json`)]);
    }
    const text = readFileSync(join(site.home, 'attestation.json'));
    await enclave.run(['attest', 'verify', join(site.home, 'attestation.json')], setting);
    let printed = 0;
    const verifying = await cpu(async () => {
      printed = (await enclave.run(['attest', 'verify', many, '--jobs', '1', '--json'], setting)).stdout
        .length;
    });
    return {
      machine: `${cpus()[0]!.model.trim()}, Node ${process.version}`,
      measured_at: new Date().toISOString().slice(0, 10),
      bundle_bytes: statSync(full).size,
      delta_bytes: statSync(delta).size,
      import_cpu_seconds: rounded(importing),
      verify_cpu_seconds: rounded(verifying / count),
      attestation_bytes: text.length,
      verdict_bytes: Math.round(printed / count),
    };
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

const number = (value: number) => Math.round(value).toLocaleString('en-US');
const money = (dollars: number) => (dollars < 0.01 ? 'below $0.01' : `$${dollars.toFixed(2)}`);
function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let rest = value;
  for (; rest >= 1000 && unit < units.length - 1; unit += 1) rest /= 1000;
  return `${unit === 0 ? rest : rest.toPrecision(3)} ${units[unit]}`;
}
const seconds = (value: number) =>
  value < 1
    ? `${Number((value * 1000).toPrecision(2))} ms`
    : value < 3600
      ? `${value.toFixed(1)} s`
      : `${(value / 3600).toFixed(1)} h`;
const table = (rows: readonly (readonly string[])[]) => {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const [head, ...body] = rows;
  return [line(head!), line(head!.map(() => '---')), ...body.map(line)].join('\n');
};

/** The tables of the page, by their names. */
export function scaleTables(c: Constants): Record<string, string> {
  const logs = [1_000_000n, 1_000_000_000n, 1_000_000_000_000n].map((size) => {
    const carried = Number(planTiles(size, DEPTH, [size - 1_000_000n > 0n ? size - 1_000_000n : 1n]).count);
    const whole = Number(planTiles(size, size, []).count);
    return [
      number(Number(size)),
      number(carried),
      bytes(carried * TILE_BYTES),
      number(whole),
      bytes(whole * TILE_BYTES),
    ];
  });
  const day = (size: number, perDay: number): string[] => {
    const traffic = size * SITES * perDay;
    const requests = REQUESTS_PER_PULL * SITES * perDay;
    const price = (traffic / 1e9) * PRICE.egressPerGB + (requests / 1e6) * PRICE.millionRequests;
    return [bytes(size), number(requests), bytes(traffic), `${bytes(traffic / 86_400)}/s`, money(price)];
  };
  const compute = ATTESTATIONS * c.verify_cpu_seconds;
  const cores = (compute / 86_400) * 4;
  return {
    constants: table([
      ['what', 'measured'],
      ['a bundle that proves 10,000 entries', bytes(c.bundle_bytes)],
      ['a delta after 1,000 more entries', bytes(c.delta_bytes)],
      ['to import it', `${seconds(c.import_cpu_seconds)} of CPU`],
      [
        'to verify one attestation (signature, log entry, checkpoint)',
        `${seconds(c.verify_cpu_seconds)} of CPU`,
      ],
      ['an attestation', bytes(c.attestation_bytes)],
      ['its verdict as JSON', bytes(c.verdict_bytes)],
      ['machine', c.machine],
      ['measured on', c.measured_at],
    ]),
    log: table([
      [
        'entries in the log',
        'tiles carried',
        'bytes carried',
        'tiles of the whole log',
        'bytes of the whole log',
      ],
      ...logs,
    ]),
    sites: table([
      ['each site, each day', 'size', 'requests a day', 'traffic a day', 'mean rate', 'money a day'],
      ['one full bundle', ...day(c.bundle_bytes, 1)],
      ['24 full bundles', ...day(c.bundle_bytes, 24)],
      ['24 deltas', ...day(c.delta_bytes, 24)],
      [
        'to import 24 bundles',
        '–',
        '–',
        '–',
        `${seconds(24 * c.import_cpu_seconds)} of CPU`,
        money((24 * c.import_cpu_seconds * SITES * PRICE.cpuHour) / 3600),
      ],
    ]),
    attestations: table([
      ['1,000,000 attestations a day', 'amount', 'money a day'],
      ['CPU', seconds(compute), money((compute / 3600) * PRICE.cpuHour)],
      ['cores, for peaks of four times the mean', cores.toFixed(2), '–'],
      ['read', bytes(ATTESTATIONS * c.attestation_bytes), '–'],
      ['verdicts as JSON', bytes(ATTESTATIONS * c.verdict_bytes), '–'],
      [
        'in one Indexed Job of 8 pods with a core each',
        seconds(compute / 8),
        money((compute / 3600) * PRICE.cpuHour),
      ],
    ]),
  };
}

/** The page with its tables in place, each between `<!-- NAME -->` and `<!-- end -->`. */
export function withTables(text: string, tables: Readonly<Record<string, string>>): string {
  return text.replace(/<!-- (\w+) -->\n[\s\S]*?<!-- end -->/g, (whole, name: string) =>
    Object.hasOwn(tables, name) ? `<!-- ${name} -->\n${tables[name]}\n<!-- end -->` : whole,
  );
}

if (import.meta.main) {
  if (process.argv.includes('--measure'))
    writeFileSync(constantsFile, `${JSON.stringify(await measure(), null, 2)}\n`);
  const tables = scaleTables(JSON.parse(readFileSync(constantsFile, 'utf8')) as Constants);
  if (process.argv.includes('--write')) writeFileSync(page, withTables(readFileSync(page, 'utf8'), tables));
  for (const [name, text] of Object.entries(tables)) process.stdout.write(`${name}\n${text}\n\n`);
}
