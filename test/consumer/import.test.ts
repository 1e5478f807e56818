import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { DAY, HOUR, MINUTE } from '../../src/base/clock.ts';
import type { ErrorCode } from '../../src/base/codes.ts';
import { formatPrivateKey, formatPublicKey, generateKey } from '../../src/base/keys.ts';
import type { CliResult } from '../support/cli.ts';
import { type Enclave, makeEnclave, makeSite, type Site } from '../support/site.ts';
import { temporaryTree } from '../support/temp.ts';
import { fingerprintStore } from '../support/tree.ts';
import { writeUserConfig } from '../support/user-config.ts';

const T0 = Date.UTC(2026, 0, 25, 12);
let base: string;
let site: Site;
let bundle: string;
let names = 0;

beforeAll(async () => {
  base = temporaryTree();
  site = await makeSite(base, { now: T0 });
  bundle = await site.seal('first');
});

const enclave = (): Enclave => {
  names += 1;
  return makeEnclave(base, `enclave-${names}`);
};

const pinned = () => ['--root-fingerprint', site.fingerprint];

/** An enclave that holds the first bundle. */
async function filled(now: number = T0): Promise<Enclave> {
  const made = enclave();
  await made.run(['trust', 'import', bundle, ...pinned()], { now, expect: 0 });
  return made;
}

function expectRefusal(result: CliResult, code: ErrorCode): void {
  expect(result.stderr).toMatch(new RegExp(`^error: .+ \\[${code}\\]\\nhint: .+`, 'm'));
}

/** A second connected store on the same repository and log: a producer that knows nothing of the first one's exports. */
async function otherProducer(
  name: string,
  now: number,
): Promise<(out: string, extra?: string[]) => Promise<string>> {
  const home = join(base, name);
  mkdirSync(home);
  const env = { HOME: home };
  await site.run(
    [
      'trust',
      'init',
      '--tuf-url',
      pathToFileURL(join(base, 'site', 'tuf')).href,
      '--root',
      join(site.home, 'repo/public/1.root.json'),
    ],
    { env, now },
  );
  return async (out, extra = []) => {
    const file = join(home, `${out}.tar.zst`);
    await site.run(
      ['trust', 'snapshot', 'export', '--out', file, '--signing-key', 'bundle-signer.key', ...extra],
      { env, now },
    );
    return file;
  };
}

describe('what import does', () => {
  test('dry run and snapshot verify do every check and change nothing, also where there is no store yet', async () => {
    for (const command of [
      ['trust', 'import', '--dry-run'],
      ['trust', 'snapshot', 'verify'],
    ]) {
      const empty = enclave();
      const result = await empty.run([...command, bundle, ...pinned(), '--json'], { now: T0, expect: 0 });
      expect((result.json() as { checks: { check: string }[] }).checks.map(({ check }) => check)).toEqual([
        'container',
        'manifest',
        'pin',
        'tuf',
        'signature',
        'clock',
        'staleness',
        'rollback',
        'digests',
        'logs',
        'attestations',
      ]);
      expect(readdirSync(empty.home)).toEqual([]);
      const held = await filled();
      const before = fingerprintStore(held.store);
      await held.run([...command, bundle], { now: T0, expect: 0 });
      expect(fingerprintStore(held.store)).toEqual(before);
    }
  });

  test('the same bundle again is a no-op that says so', async () => {
    const held = await filled();
    const before = fingerprintStore(held.store);
    const again = await held.run(['trust', 'import', bundle, '--json'], { now: T0, expect: 0 });
    expect(again.json()).toMatchObject({ imported: false, generation: 1 });
    expect((await held.run(['trust', 'import', bundle], { now: T0 })).stdout).toContain('nothing to do');
    expect(fingerprintStore(held.store)).toEqual(before);
  });

  test('a bundle is taken from standard input', async () => {
    const piped = enclave();
    await piped.run(['trust', 'import', '-', ...pinned()], {
      now: T0,
      stdin: readFileSync(bundle),
      expect: 0,
    });
    const direct = await filled();
    const same = (store: string) =>
      Object.entries(fingerprintStore(store)).filter(([name]) => !name.endsWith('state.json'));
    expect(same(piped.store)).toEqual(same(direct.store));
  });

  test('the next bundle makes the next generation, and the log is proved to continue', async () => {
    const held = await filled();
    await site.run(['log', 'append', join(base, 'site', 'log'), '--lines', 'lines']);
    const second = await site.seal('second', [], { now: T0 + HOUR });
    const result = await held.run(['trust', 'import', second, '--verify-manifest'], {
      now: T0 + HOUR,
      expect: 0,
    });
    expect(result.stderr).toContain('1201 entries, root recomputed, continues what is held');
    expect(readFileSync(join(held.store, 'CURRENT'), 'utf8')).toBe('2\n');
  });

  test('a failure shows which checks passed before it', async () => {
    const held = await filled();
    const result = await held.run(['trust', 'import', bundle, '--json'], { now: T0 + 8 * DAY, expect: 5 });
    expect(result.stderr).toMatch(/ok {5}clock .*\nFAILED staleness\nerror: the bundle is stale: .*\nhint: /);
    expect(result.stderr.split('the bundle is stale').length, 'said once').toBe(2);
    expect(result.json()).toMatchObject({
      error: { code: 'BUNDLE_STALE', details: { failed_check: 'staleness' } },
    });
  });
});

describe('the check that failed is the one that is named', () => {
  const failedCheck = async (file: string, now: number, expected: 2 | 5) => {
    const { stderr } = await (await filled()).run(['trust', 'snapshot', 'verify', file], {
      now,
      expect: expected,
    });
    return /^FAILED (\w+)$/m.exec(stderr)?.[1];
  };

  test('a clock that is behind, or a bundle from the future: the clock, not staleness', async () => {
    expect(await failedCheck(bundle, T0 - HOUR, 5)).toBe('clock');
    const { stderr } = await enclave().run(['trust', 'import', bundle, ...pinned()], {
      now: T0 - HOUR,
      expect: 5,
    });
    expect(stderr).toMatch(/\nFAILED clock\nerror: the bundle was sealed at .* \[SEALED_IN_FUTURE\]\n/);
  });

  test('damaged metadata or targets: the digests, and never the pin', async () => {
    const bytes = readFileSync(bundle);
    const damaged = join(base, 'damaged.tar.zst');
    const found = new Map<string, string>();
    for (let share = 0.05; share < 1; share += 0.06) {
      const copy = Buffer.from(bytes);
      copy[Math.floor(copy.length * share)]! ^= 1;
      writeFileSync(damaged, copy);
      const { stderr } = await enclave().run(['trust', 'import', damaged, ...pinned()], {
        now: T0,
        expect: 2,
      });
      const [, check, message] = /^FAILED (\w+)\nerror: (.*)$/m.exec(stderr) ?? [];
      found.set(check!, `${found.get(check!) ?? ''}${message}\n`);
    }
    expect(
      [...found.keys()].filter((check) => !['container', 'manifest', 'signature', 'digests'].includes(check)),
    ).toEqual([]);
    expect(found.get('digests')).toContain('"tuf/');
  });
});

describe('first import', () => {
  test('nobody vouches: refused, with the fingerprint and what to do with it; nothing is left behind', async () => {
    const empty = enclave();
    const result = await empty.run(['trust', 'import', bundle], { now: T0, expect: 4 });
    expectRefusal(result, 'PIN_REQUIRED');
    expect(result.stderr).toContain(site.fingerprint);
    expect(result.stderr).not.toContain(`--root-fingerprint ${site.fingerprint}`);
    expect(readdirSync(empty.home)).toEqual([]);
  });

  test('by root file, and on first use with a warning that status keeps repeating', async () => {
    await enclave().run(['trust', 'import', bundle, '--root', join(site.home, 'repo/public/1.root.json')], {
      now: T0,
      expect: 0,
    });
    const trusting = enclave();
    const result = await trusting.run(['trust', 'import', bundle, '--trust-on-first-use'], {
      now: T0,
      expect: 0,
    });
    expect(result.stderr).toContain('trusted on first use');
    expect((await trusting.run(['trust', 'status'], { now: T0 })).stdout).toMatch(/first use/i);
  });

  test('a person at the terminal is shown the fingerprint and says yes, or no', async () => {
    const asked = enclave();
    const yes = await asked.run(['trust', 'import', bundle], { now: T0, answers: ['yes'], expect: 0 });
    expect(yes.stderr).toContain(site.fingerprint);
    expectRefusal(
      await enclave().run(['trust', 'import', bundle], { now: T0, answers: ['no'], expect: 4 }),
      'PIN_REQUIRED',
    );
  });

  test('another root than the one vouched for', async () => {
    expectRefusal(
      await enclave().run(['trust', 'import', bundle, '--root-fingerprint', `sha256:${'0'.repeat(64)}`], {
        now: T0,
        expect: 2,
      }),
      'PIN_MISMATCH',
    );
    const held = await filled();
    expectRefusal(
      await held.run(['trust', 'import', bundle, '--root-fingerprint', `sha256:${'0'.repeat(64)}`], {
        now: T0,
        expect: 2,
      }),
      'PIN_MISMATCH',
    );
  });

  test('a signer that only a pinned key vouches for', async () => {
    const stranger = await site.seal('stranger', ['--signing-key', 'stranger.key']);
    const empty = enclave();
    expectRefusal(
      await empty.run(['trust', 'import', stranger, ...pinned()], { now: T0, expect: 2 }),
      'BUNDLE_SIGNER_UNTRUSTED',
    );
    await empty.run(
      ['trust', 'import', stranger, ...pinned(), '--bundle-key', join(site.home, 'stranger.pub')],
      { now: T0, expect: 0 },
    );
    const next = await site.seal('stranger2', ['--signing-key', 'stranger.key'], { now: T0 + HOUR });
    await empty.run(['trust', 'import', next], { now: T0 + HOUR, expect: 0 });
  });

  test('a person at the terminal hands over the key of a signer that TUF does not name, or does not', async () => {
    const stranger = await site.seal('stranger3', ['--signing-key', 'stranger.key']);
    const asked = enclave();
    const command = ['trust', 'import', stranger, ...pinned()];
    expectRefusal(await asked.run(command, { now: T0, answers: [''], expect: 2 }), 'BUNDLE_SIGNER_UNTRUSTED');
    expectRefusal(
      await asked.run(command, { now: T0, answers: [join(site.home, 'attestor.pub')], expect: 2 }),
      'BUNDLE_SIGNER_UNTRUSTED',
    );
    await asked.run(command, { now: T0, answers: [join(site.home, 'stranger.pub')], expect: 0 });
    // The key is pinned now; nobody is asked again, and a store that holds something asks nobody at all.
    const next = await site.seal('stranger4', ['--signing-key', 'stranger.key'], { now: T0 + HOUR });
    await asked.run(['trust', 'import', next], { now: T0 + HOUR, expect: 0 });
    const held = await filled();
    expectRefusal(
      await held.run(['trust', 'import', next], {
        now: T0 + HOUR,
        answers: [join(site.home, 'stranger.pub')],
        expect: 2,
      }),
      'BUNDLE_SIGNER_UNTRUSTED',
    );
  });
});

describe('staleness', () => {
  test.each<[string, number, string[], number]>([
    ['a week old to the millisecond', 7 * DAY, [], 0],
    ['a millisecond more', 7 * DAY + 1, [], 5],
    ['narrowed by the flag', 2 * DAY + 1, ['--reject-if-stale', '2d'], 5],
    ['widened by the flag', 20 * DAY, ['--reject-if-stale', '30d'], 0],
    ['widened for this run', 20 * DAY, ['--max-age', '30d'], 0],
    ['from a clock five minutes ahead', -5 * MINUTE, [], 0],
  ])('a bundle %s', async (_, age, flags, status) => {
    const result = await enclave().run(['trust', 'import', bundle, ...pinned(), ...flags], {
      now: T0 + age,
      expect: status,
    });
    if (status === 5) expectRefusal(result, 'BUNDLE_STALE');
  });

  test('the producer advises a shorter window: it narrows, and only an exception for one run goes past it', async () => {
    writeFileSync(
      join(site.home, 'strict.yaml'),
      'attestor:\n  trust_repo:\n    freshness_threshold_days: 3\n',
    );
    const strict = await site.seal('strict', ['--config', 'strict.yaml']);
    const late = { now: T0 + 5 * DAY };
    expectRefusal(
      await enclave().run(['trust', 'import', strict, ...pinned(), '--reject-if-stale', '7d'], {
        ...late,
        expect: 5,
      }),
      'BUNDLE_STALE',
    );
    const widened = await enclave().run(['trust', 'import', strict, ...pinned(), '--max-age', '7d'], {
      ...late,
      expect: 0,
    });
    expect(widened.stdout).toContain('window widened by 4d');
  });

  test('what import announces is what verification holds, whatever window was given for the import', async () => {
    const until = (after: number) => new Date(T0 + after).toISOString().replace('.000Z', 'Z');
    const verify = ['attest', 'verify', join(site.home, 'attestation.json'), '--offline'];
    for (const flags of [
      [],
      ['--reject-if-stale', '365d'],
      ['--reject-if-stale', '2d'],
      ['--max-age', '99d'],
    ]) {
      const held = enclave();
      const result = await held.run(['trust', 'import', bundle, ...pinned(), ...flags], {
        now: T0 + DAY,
        expect: 0,
      });
      expect(result.stdout).toContain(`accepted until ${until(7 * DAY)}`);
      await held.run(verify, { now: T0 + 7 * DAY, expect: 0 });
      await held.run(verify, { now: T0 + 7 * DAY + 1, expect: 5 });
      const status = (await held.run(['trust', 'status', '--json'], { now: T0 + DAY })).json();
      expect(status).toMatchObject({ freshness: { accepted_until: until(7 * DAY) } });
      expect(status).not.toMatchObject({ source: { stale_after_days: expect.anything() } });
    }
    const late = await enclave().run(['trust', 'import', bundle, ...pinned(), '--max-age', '99d'], {
      now: T0 + 20 * DAY,
      expect: 0,
    });
    expect(late.stdout).toContain('for this run only: verification refuses it without --max-age');
  });

  test('a bundle from the future is refused', async () => {
    expectRefusal(
      await enclave().run(['trust', 'import', bundle, ...pinned()], { now: T0 - 5 * MINUTE - 1, expect: 5 }),
      'SEALED_IN_FUTURE',
    );
  });

  test('a clock behind what the store has proof of is refused, for import and verification', async () => {
    const held = await filled();
    expectRefusal(await held.run(['trust', 'import', bundle], { now: T0 - HOUR, expect: 5 }), 'CLOCK_BEHIND');
    const verify = ['attest', 'verify', join(site.home, 'attestation.json'), '--offline'];
    expectRefusal(await held.run(verify, { now: T0 - HOUR, expect: 5 }), 'CLOCK_BEHIND');
  });

  test('a store that was fresh at import blocks verification once it is past the window', async () => {
    const held = await filled();
    const verify = ['attest', 'verify', join(site.home, 'attestation.json'), '--offline'];
    await held.run(verify, { now: T0 + 7 * DAY, expect: 0 });
    const late = await held.run(verify, { now: T0 + 7 * DAY + 1, expect: 5 });
    expectRefusal(late, 'STORE_STALE');
    expect(late.stderr).toContain('2026-02-01T12:00:00Z');
    const widened = await held.run([...verify, '--max-age', '10d'], { now: T0 + 8 * DAY, expect: 0 });
    expect(widened.stdout).toContain('widened by 3d');
  });

  test('expired TUF metadata is fine as of the sealed time: nothing behind the gap could have refreshed it', async () => {
    // The timestamp lives for a day; the window is a week.
    await enclave().run(['trust', 'import', bundle, ...pinned()], { now: T0 + 6 * DAY, expect: 0 });
  });
});

describe('no way back', () => {
  test('an older bundle of the same producer, and an older one of another', async () => {
    const newer = await site.seal('newer', [], { now: T0 + HOUR });
    const held = enclave();
    await held.run(['trust', 'import', newer, ...pinned()], { now: T0 + HOUR, expect: 0 });
    const before = fingerprintStore(held.store);
    expectRefusal(
      await held.run(['trust', 'import', bundle], { now: T0 + HOUR, expect: 2 }),
      'BUNDLE_ROLLBACK',
    );
    expect(fingerprintStore(held.store)).toEqual(before);
    const audit = await held.run(['audit', 'show', '--json'], { now: T0 + HOUR, expect: 0 });
    expect(audit.json()).toMatchObject({
      lines: [{ event: 'import' }, { event: 'refusal', code: 'BUNDLE_ROLLBACK', failed_check: 'rollback' }],
    });
    await held.run(['audit', 'verify'], { expect: 0 });
  });

  test('a log that became smaller, and one that was rewritten: both checkpoints are shown', async () => {
    const log = join(base, 'site', 'log');
    const saved = join(base, 'log-saved');
    cpSync(log, saved, { recursive: true });
    const held = enclave();
    const now = T0 + 2 * HOUR;
    const grown = await site.seal('grown', [], { now });
    await held.run(['trust', 'import', grown, ...pinned()], { now, expect: 0 });
    try {
      rmSync(join(base, 'site', 'log'), { recursive: true });
      await site.run(['log', 'init', log, '--origin', 'log.example.com/test', '--key', 'log.key']);
      await site.run(['log', 'append', log, '--lines', 'lines']);
      const small = await (await otherProducer('p-small', now))('small');
      const renumbered = { now: now + MINUTE };
      expectRefusal(
        await held.run(['trust', 'import', small, '--bundle-key', join(site.home, 'stranger.pub')], {
          ...renumbered,
          expect: 2,
        }),
        'BUNDLE_ROLLBACK',
      );
      const bySecond = await (await otherProducer('p-small2', now))('small', [
        '--signing-key',
        'stranger.key',
      ]);
      const strangers = ['--bundle-key', join(site.home, 'stranger.pub')];
      const rolledBack = await held.run(['trust', 'import', bySecond, ...strangers, '--json'], {
        ...renumbered,
        expect: 2,
      });
      expectRefusal(rolledBack, 'LOG_ROLLBACK');

      writeFileSync(
        join(site.home, 'other-lines'),
        Array.from({ length: 2500 }, (_, i) => `rewritten ${i}\n`).join(''),
      );
      await site.run(['log', 'append', log, '--lines', 'other-lines']);
      const rewritten = await (await otherProducer('p-fork', now))('fork', ['--signing-key', 'stranger.key']);
      const forked = await held.run(['trust', 'import', rewritten, ...strangers, '--json'], {
        ...renumbered,
        expect: 2,
      });
      expectRefusal(forked, 'LOG_FORK');
      expect(forked.json()).toMatchObject({
        error: { details: { previous: { size: expect.any(String) }, current: { size: '3100' } } },
      });
    } finally {
      rmSync(log, { recursive: true });
      cpSync(saved, log, { recursive: true });
    }
  });

  test('growth that the carried tiles do not prove is not believed', async () => {
    const held = await filled();
    const strangers = ['--bundle-key', join(site.home, 'stranger.pub')];
    // This producer has exported nothing before: it proves growth from no earlier checkpoint unless the depth covers it.
    const producer = await otherProducer('p-fresh', T0 + HOUR);
    const shallow = await producer('shallow', ['--signing-key', 'stranger.key', '--depth', '1']);
    expectRefusal(
      await held.run(['trust', 'import', shallow, ...strangers], { now: T0 + HOUR, expect: 2 }),
      'LOG_CONSISTENCY_UNPROVEN',
    );
    const deep = await producer('deep', ['--signing-key', 'stranger.key']);
    await held.run(['trust', 'import', deep, ...strangers], { now: T0 + HOUR, expect: 0 });
  });
});

describe('signatures', () => {
  test('a threshold of two needs two', async () => {
    const two = enclave();
    writeUserConfig(two.home, 'attestor:\n  trust_repo:\n    bundle_key_threshold: 2\n');
    const keys = ['--bundle-key', join(site.home, 'stranger.pub')];
    expectRefusal(
      await two.run(['trust', 'import', bundle, ...pinned(), ...keys], { now: T0, expect: 2 }),
      'BUNDLE_THRESHOLD',
    );
    const twice = join(base, 'twice.tar.zst');
    cpSync(bundle, twice);
    await site.run(['trust', 'snapshot', 'sign', twice, '--signing-key', 'stranger.key']);
    await two.run(['trust', 'import', twice, ...pinned(), ...keys], { now: T0, expect: 0 });
  });
});

test('a store knows its own bundles', async () => {
  const home = join(base, 'self');
  mkdirSync(home);
  const env = { HOME: home };
  const root = join(site.home, 'repo/public/1.root.json');
  await site.run(
    ['trust', 'init', '--tuf-url', pathToFileURL(join(base, 'site', 'tuf')).href, '--root', root],
    { env },
  );
  await site.run(['trust', 'snapshot', 'export', '--out', join(home, 'own.tar.zst')], { env });
  await site.run(['trust', 'import', join(home, 'own.tar.zst'), '--verify-manifest'], { env });
});

describe('receipts', () => {
  test('say what was accepted; the producer lists who holds which keys', async () => {
    const receipts = join(base, 'receipts');
    mkdirSync(receipts);
    const key = generateKey();
    for (const name of ['north', 'south']) {
      const held = enclave();
      writeFileSync(join(held.home, 'site.key'), formatPrivateKey(key), { mode: 0o600 });
      writeUserConfig(held.home, { attestor: { trust_repo: { signing_key: join(held.home, 'site.key') } } });
      await held.run(
        ['trust', 'import', bundle, ...pinned(), '--receipt', join(receipts, `${name}.json`), '--site', name],
        { now: T0, expect: 0 },
      );
    }
    writeFileSync(join(base, 'site.pub'), formatPublicKey(key.publicKey));
    const list = ['trust', 'receipts', receipts, '--key', join(base, 'site.pub')];
    const shown = await site.run([...list, '--holding', 'rekor-key-v1', '--holding', 'attestor-key-v1.pub']);
    expect(shown.stdout).toMatch(/north +1 +2026-01-25T12:00:00Z +1 .*yes +all/);
    const lacking = await site.run([...list, '--holding', 'rekor-key-v2'], { expect: 2 });
    expect(lacking.stdout).toContain('2 of 2 sites do not hold all of rekor-key-v2');

    const forged = readFileSync(join(receipts, 'south.json'), 'utf8').replace(
      '"generation": 1',
      '"generation": 2',
    );
    writeFileSync(join(receipts, 'south.json'), forged);
    expectRefusal(await site.run(list, { expect: 2 }), 'RECEIPT_INVALID');
    rmSync(join(receipts, 'south.json'));
    writeFileSync(join(base, 'other.pub'), formatPublicKey(generateKey().publicKey));
    expectRefusal(
      await site.run(['trust', 'receipts', receipts, '--key', join(base, 'other.pub')], { expect: 2 }),
      'RECEIPT_INVALID',
    );
  });

  test('a directory without receipts is no good news', async () => {
    expectRefusal(await site.run(['trust', 'receipts', enclave().home], { expect: 4 }), 'NOTHING_VERIFIED');
  });
});

describe('housekeeping', () => {
  test('prune removes what no kept generation needs, and what it leaves still verifies', async () => {
    const held = await filled();
    mkdirSync(join(held.store, 'logs', 'a'.repeat(64), 'tile', '0'), { recursive: true });
    writeFileSync(join(held.store, 'attestations', `${'b'.repeat(64)}.json`), '{}');
    const tiles = join(
      held.store,
      'logs',
      readdirSync(join(held.store, 'logs')).find((name) => name !== 'a'.repeat(64))!,
      'tile',
      '0',
    );
    mkdirSync(join(tiles, '002.p'), { recursive: true });
    writeFileSync(join(tiles, '002.p', '3'), Buffer.alloc(96));
    const result = await held.run(['trust', 'prune', '--json'], { now: T0, expect: 0 });
    expect((result.json() as { removed: string[] }).removed).toHaveLength(3);
    expect(existsSync(join(held.store, 'logs', 'a'.repeat(64)))).toBe(false);
    await held.run(['attest', 'verify', join(site.home, 'attestation.json'), '--offline'], {
      now: T0,
      expect: 0,
    });
    expect((await held.run(['trust', 'prune'], { now: T0, expect: 0 })).stdout).toBe('nothing to remove\n');
  });

  test('an edited audit log is found', async () => {
    const held = await filled();
    const path = join(held.store, 'audit.jsonl');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"generation":1', '"generation":9'));
    expectRefusal(await held.run(['audit', 'verify'], { expect: 2 }), 'AUDIT_BROKEN');
  });
});
