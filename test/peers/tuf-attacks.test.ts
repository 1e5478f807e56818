import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { writeUserConfig } from '../support/user-config.ts';
import { idOf, Published } from './published.ts';
import { ATTACKS, changeTarget, LINKS } from './tuf-attacks.ts';
import {
  directory,
  hasPython,
  hasTuftool,
  heldBy,
  init,
  python,
  Repository,
  refusalOf,
  SYNC,
  serve,
  tuftool,
  url,
} from './tuf-clients.ts';

describe.skipIf(!hasPython)('python-tuf, tuftool and stella', () => {
  const targets = ['a.txt', 'b.pub', 'team-a.pub', 'team-b.pub'];
  const holding = new Map<'early' | 'late', { readonly stella: string; readonly python: string }>();
  let repository: Repository;
  let root: string;

  beforeAll(async () => {
    repository = await new Repository().init('--threshold', 'root=2/3', '--threshold', 'targets=2/2');
    root = join(repository.public, '1.root.json');
    serve(repository.public);
    const hold = async (name: 'early' | 'late', names: readonly string[]) => {
      const [home, state] = [homeOf(), directory()];
      expect(await refusalOf(home, init(root))).toBeUndefined();
      expect(await python.ask({ state, url, root, targets: names })).toEqual(await heldBy(home, names));
      holding.set(name, { stella: home, python: state });
    };
    await repository.do('add-target a.txt');
    await repository.do('delegate team --paths team-*');
    await repository.do('add-target log.pub team-a.pub --usage Rekor --role team');
    await hold('early', ['a.txt', 'team-a.pub']);
    await repository.do('rotate-key root --key root-1');
    await repository.do('rotate-key timestamp');
    await repository.do('rotate-key snapshot');
    await repository.do('rotate-key targets --key targets-1');
    await repository.do('delegate notes --paths notes-*');
    await repository.do('add-target b.txt notes-b.txt --role notes');
    await repository.do('add-target log.pub b.pub --usage Rekor');
    await repository.do('add-target log.pub team-b.pub --usage Rekor --role team');
    await hold('late', targets);
  });

  /** A home where role `team` may decide trust, too: what nothing rests on, stella would leave out. */
  function homeOf(from?: string): string {
    const home = directory(from);
    const config = `attestor: { trust_repo: { tuf_url: '${url}', trust_roles: [team] } }\n`;
    writeUserConfig(home, config);
    return home;
  }

  /** An attacker's copy, which is served from now on. */
  function altered(alter: (published: Published) => void): void {
    const published = new Published(repository.public, directory(), repository.keys);
    alter(published);
    serve(published.directory);
  }

  /** What both make of what is served, from what they hold; an empty client begins with the first root. */
  async function follow(holds: 'early' | 'late' | 'nothing', names: readonly string[] = targets) {
    const held = holds === 'nothing' ? undefined : holding.get(holds)!;
    const [home, state] = [homeOf(held?.stella), directory(held?.python)];
    return {
      code: await refusalOf(home, held ? SYNC : init(root)),
      answer: await python.ask({ state, url, root, targets: names }),
      home,
    };
  }

  test('accept it all where nothing was altered: no row below is refused for another reason', async () => {
    altered(() => undefined);
    for (const holds of ['nothing', 'early', 'late'] as const) {
      const { code, answer, home } = await follow(holds);
      expect(code).toBeUndefined();
      expect(answer).toEqual(await heldBy(home, targets));
    }
    if (hasTuftool) expect(typeof (await tuftool(root, targets))).toBe('object');
  });

  test.each(ATTACKS)(
    'refuse where $attack',
    async ({ alter, holds, onlyFollowing, refused, alsoTuftool }) => {
      altered(alter);
      for (const each of onlyFollowing ? [holds!] : (['nothing', holds ?? 'early'] as const)) {
        const { code, answer } = await follow(each);
        expect([code, 'refused' in answer ? answer.refused : answer]).toEqual(refused);
      }
      if (hasTuftool && alsoTuftool) expect(typeof (await tuftool(root, targets))).toBe('string');
    },
  );

  test('give nobody a target that a delegated role lists outside its paths', async () => {
    altered((published) => {
      published.edit(published.newest('team'), ['team-1'], (signed) => {
        signed.targets['outside.txt'] = signed.targets['team-b.pub']!;
      });
      published.link('team', LINKS);
    });
    const { answer, home } = await follow('nothing', ['outside.txt', 'b.pub']);
    expect(answer).toMatchObject({ targets: { 'outside.txt': null, 'b.pub': expect.any(String) } });
    expect(answer).toEqual(await heldBy(home, ['outside.txt', 'b.pub']));
  });

  test('give nobody the targets of an expired role that nothing rests on; stella leaves it out', async () => {
    altered((published) => {
      published.edit(published.newest('notes'), ['notes-1'], (signed) => {
        signed.expires = '2020-01-01T00:00:00Z';
      });
      published.link('notes', LINKS);
    });
    const others = await follow('nothing');
    expect(others.code).toBeUndefined();
    expect(others.answer).toEqual(await heldBy(others.home, targets));
    expect((await follow('nothing', ['notes-b.txt'])).answer).toMatchObject({
      refused: 'ExpiredMetadataError',
    });
    expect((await heldBy(others.home, ['notes-b.txt'])).targets).toEqual({ 'notes-b.txt': null });
  });

  test('give nobody content that was altered; stella leaves it out', async () => {
    altered((published) => changeTarget(published, 'a.txt', (bytes) => bytes.reverse()));
    const { code, answer, home } = await follow('nothing', ['a.txt']);
    expect(code).toBeUndefined();
    expect(answer).toMatchObject({ refused: 'LengthOrHashMismatchError' });
    expect((await heldBy(home, ['a.txt', 'b.pub'])).targets).toMatchObject({
      'a.txt': null,
      'b.pub': expect.any(String),
    });
  });

  // TUF 1.0.31 counts keys, not ids (§6.1); python-tuf counts ids.
  test('differ where one key signs under two ids: stella counts it once', async () => {
    altered((published) => {
      const [key, other] = [published.key('targets-2'), published.key('targets-2')];
      other.keyval.public = other.keyval.public.toUpperCase();
      published.edit(published.newest('root'), ['root-2', 'root-3', 'root-4'], ({ keys, roles }) => {
        keys[idOf(other)] = other;
        roles['targets']!.keyids = [idOf(key), idOf(other)];
      });
      const name = published.newest('targets');
      const { signed } = published.read(name);
      const [signature] = published.signatures(signed, ['targets-2']);
      published.write(name, { signed, signatures: [signature!, { ...signature!, keyid: idOf(other) }] });
      published.link('targets', LINKS);
    });
    const { code, answer } = await follow('nothing');
    expect(code).toBe('TUF_SIGNATURE');
    expect(answer).toHaveProperty('targets');
  });

  test('recover from versions fast-forwarded to a million once the keys are rotated', async () => {
    const version = 1_000_000;
    altered((published) => {
      const { signed } = published.read(published.newest('snapshot'));
      signed.version = version;
      const signatures = published.signatures(signed, ['snapshot-2']);
      published.write(`${version}.snapshot.json`, { signed, signatures });
      published.edit('timestamp.json', ['timestamp-2'], (timestamp) => {
        timestamp.version = version;
        timestamp.meta['snapshot.json'] = { version };
      });
    });
    const [home, state] = [directory(holding.get('late')!.stella), directory(holding.get('late')!.python)];
    const both = async () => [await refusalOf(home, SYNC), await python.ask({ state, url, root, targets })];
    expect(await both()).toEqual([
      undefined,
      expect.objectContaining({ roles: expect.objectContaining({ timestamp: version, snapshot: version }) }),
    ]);
    serve(repository.public);
    expect(await both()).toEqual([
      'TUF_ROLLBACK',
      expect.objectContaining({ refused: 'BadVersionNumberError' }),
    ]);
    await repository.do('rotate-key timestamp');
    await repository.do('rotate-key snapshot');
    expect(await both()).toEqual([undefined, await heldBy(home, targets)]);
  });
});
