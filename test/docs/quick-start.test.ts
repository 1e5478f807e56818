import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parseInstant } from '../../src/base/clock.ts';
import { type CliResult, stella } from '../support/cli.ts';
import { real, realIsPresent } from '../support/real.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { TufRepository } from '../support/tuf-repository.ts';
import { writeUserConfig } from '../support/user-config.ts';

const PAGE = readFileSync('docs/quick-start.md', 'utf8');
const [once, github, behind, packages, packagesBehind] = [
  ...PAGE.matchAll(/^```bash\n([\s\S]*?)^```$/gm),
].map(([, block]) => block!.trimEnd().split('\n'));

/** When the recorded repository of Sigstore was current. */
const NOW = parseInstant('2026-08-22T00:00:00Z');
const WHEEL = 'sha256:ae57936def59bc4c75edd3a837d89bcefc6d3a5e31d55a6fa7a71624f92c3c3b';

/** Types a line. What is at the instances' addresses is here, the wheel is known by its digest only. */
async function type(
  line: string,
  home: string,
  replace: readonly (readonly [string, string])[],
): Promise<CliResult> {
  const typed = replace.reduce((text, [from, to]) => text.replace(from, to), line);
  const result = await stella(typed.split(/ +/).slice(1), {
    cwd: home,
    env: { HOME: home },
    now: NOW,
  });
  expect(result.status, `${line}\n${result.stderr}`).toBe(0);
  return result;
}

describe.skipIf(!realIsPresent)('docs/quick-start.md, as typed', () => {
  test('from nothing to verdicts behind the gap', async () => {
    const base = temporaryDirectory();
    const [connected, enclave] = [join(base, 'connected'), join(base, 'enclave')];
    for (const home of [connected, enclave]) mkdirSync(home);
    // Logs are not at their addresses here; that they cannot be had is known at once.
    writeUserConfig(connected, { attestor: { trust_repo: { network: { retries: 0 } } } });
    execFileSync('tar', ['--zstd', '-xf', `${real}sigstore-tuf.tar.zst`, '-C', base]);
    const served = readdirSync(base, { recursive: true, encoding: 'utf8' }).find((path) =>
      path.endsWith('/15.root.json'),
    )!;
    // Of GitHub's repository only the root and the trusted root are recorded; the rest is made for the test.
    const hub = new TufRepository(NOW);
    hub.addTarget('trusted_root.json', readFileSync(`${real}instances/github.trusted_root.json`));
    hub.publish();
    hub.writeTo(join(base, 'hub'));
    writeFileSync(join(connected, 'hub.root.json'), hub.firstRoot);
    const home = pathToFileURL(join(base, served, '..')).href;
    const instances = [
      'sigstore github',
      `--tuf-url ${home}/ --instance hub=${pathToFileURL(join(base, 'hub')).href}/ --instance-root hub=hub.root.json`,
    ] as const;
    const here = [
      ['--artifact app.whl', `--digest ${WHEEL}`],
      ['OWNER/NAME', 'actions/attest-demo'],
    ] as const;
    cpSync(`${real}instances/github-provenance-demo.jsonl`, join(connected, 'attestations.jsonl'));

    for (const line of once!) await type(line, connected, []);
    for (const line of github!) await type(line, connected, [instances]);
    const carry = (...names: string[]) => {
      for (const name of names) cpSync(join(connected, name), join(enclave, name), { recursive: true });
    };
    carry('trust.tar.zst', 'bundle-signer.pub', 'attestations.jsonl');
    const key = await stella(['key', 'show', 'bundle-signer.pub', '--json'], {
      cwd: enclave,
      env: { HOME: enclave },
    });
    const [{ fingerprint }] = (key.json() as { keys: [{ fingerprint: string }] }).keys;
    let said = '';
    for (const line of behind!)
      said = (await type(line, enclave, [...here, ['"$SIGNER"', fingerprint]])).stdout;
    expect(said).toMatch(/^verified +attestations\.jsonl\n[\s\S]*instance +GitHub's instance has no log/);

    const registry = npmRegistry();
    await new Promise<void>((done) => registry.listen(0, '127.0.0.1', done));
    try {
      const npm = `--npm-registry http://127.0.0.1:${(registry.address() as AddressInfo).port}`;
      writeFileSync(join(connected, 'package-lock.json'), JSON.stringify(LOCK));
      for (const line of packages!)
        await type(line, connected, [['--out attestations', `--out attestations ${npm}`]]);
    } finally {
      registry.close();
    }
    carry('packages.tar.zst', 'attestations', 'package-lock.json');
    for (const line of packagesBehind!) said = (await type(line, enclave, [])).stdout;
    expect(said).toMatch(
      /^verified +gundam-visor@1\.0\.1 +https:\/\/github\.com\/ramonpetgrave64\/gundam-visor/m,
    );
    expect(said).toMatch(/package-lock\.json: 1 package: 1 verified\n$/);
  }, 60_000);
});

const document = existsSync(`${real}forms/09-npm-api-document/attestations.json`)
  ? readFileSync(`${real}forms/09-npm-api-document/attestations.json`)
  : Buffer.from('{"attestations":[]}');
const HEX =
  '8d9d7972f676516c75014aa074e11ae604d98f0b64ec6725a61e2838ff3dab162118fa71433fb31e1550d30bd0dec9d086ce032b94457b583900c507acf39c40';
const integrity = `sha512-${Buffer.from(HEX, 'hex').toString('base64')}`;
const LOCK = {
  lockfileVersion: 3,
  packages: { '': { name: 'mine' }, 'node_modules/gundam-visor': { version: '1.0.1', integrity } },
};

/** npm's registry with one package, whose attestations are recorded; its packument was not. */
function npmRegistry() {
  const packument = { name: 'gundam-visor', version: '1.0.1', dist: { integrity, signatures: [] } };
  return createServer((request, response) => {
    if (request.url === '/gundam-visor')
      response.end(JSON.stringify({ name: 'gundam-visor', versions: { '1.0.1': packument } }));
    else if (request.url === '/-/npm/v1/attestations/gundam-visor@1.0.1') response.end(document);
    else response.writeHead(404).end();
  });
}
