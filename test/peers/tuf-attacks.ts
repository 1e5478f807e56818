import type { Published, Signed } from './published.ts';

/** What an attacker has made of a published repository, and what clients must make of that. */
export interface Attack {
  readonly attack: string;
  /** What the following client holds when it happens; default: an early state, before every key was rotated. */
  readonly holds?: 'early' | 'late';
  /** Only a client that holds something can see it. */
  readonly onlyFollowing?: true;
  /** tuftool is asked too; it takes a second each time. */
  readonly alsoTuftool?: true;
  /** The code of stella's refusal, and the class of python-tuf's. */
  readonly refused: readonly [code: string, exception: string];
  readonly alter: (served: Published) => void;
}

const SNAPSHOT = ['snapshot-2'];
const TIMESTAMP = ['timestamp-2'];
const TARGETS = ['targets-2', 'targets-3'];
const ROOT = ['root-2', 'root-3', 'root-4'];
/** The keys that an attacker's snapshot and timestamp are signed with. */
export const LINKS = { snapshot: 'snapshot-2', timestamp: 'timestamp-2' };
const PAST = '2020-01-01T00:00:00Z';

const expire = (signed: Signed) => {
  signed.expires = PAST;
};

/** Bytes that JSON does not see and signatures do not cover. */
function pad(served: Published, name: string, length: number): void {
  const bytes = served.bytes(name);
  served.write(name, Buffer.concat([bytes, Buffer.alloc(length - bytes.length, ' ')]));
}

/** A change of the newest targets, signed by those keys, that snapshot and timestamp vouch for. */
function changeTargets(served: Published, keys: readonly string[], change: (signed: Signed) => void): void {
  served.edit(served.newest('targets'), keys, change);
  served.link('targets', LINKS);
}

/** Changes the stored file of a target, and nothing that was signed. */
export function changeTarget(served: Published, name: string, change: (bytes: Buffer) => Buffer): void {
  const file = served.targetFile(name);
  served.write(file, change(served.bytes(file)));
}

const old = (served: Published, role: string, back: number) => {
  const name = served.newest(role);
  return `${Number(name.split('.')[0]) - back}.${role}.json`;
};

export const ATTACKS: readonly Attack[] = [
  // Freeze
  {
    attack: 'the timestamp is expired',
    alsoTuftool: true,
    refused: ['TUF_EXPIRED', 'ExpiredMetadataError'],
    alter: (served) => served.edit('timestamp.json', TIMESTAMP, expire),
  },
  {
    attack: 'the snapshot is expired',
    refused: ['TUF_EXPIRED', 'ExpiredMetadataError'],
    alter(served) {
      served.edit(served.newest('snapshot'), SNAPSHOT, expire);
      served.link('snapshot', LINKS);
    },
  },
  {
    attack: 'targets are expired',
    refused: ['TUF_EXPIRED', 'ExpiredMetadataError'],
    alter: (served) => changeTargets(served, TARGETS, expire),
  },
  {
    attack: 'the last root is expired',
    refused: ['TUF_EXPIRED', 'ExpiredMetadataError'],
    alter: (served) => served.edit(served.newest('root'), ROOT, expire),
  },
  {
    attack: 'a trusted delegated role is expired',
    alsoTuftool: true,
    refused: ['TUF_EXPIRED', 'ExpiredMetadataError'],
    alter(served) {
      served.edit(served.newest('team'), ['team-1'], expire);
      served.link('team', LINKS);
    },
  },
  // Rollback
  {
    attack: 'an older timestamp is served again',
    holds: 'late',
    onlyFollowing: true,
    refused: ['TUF_ROLLBACK', 'BadVersionNumberError'],
    alter(served) {
      served.edit('timestamp.json', TIMESTAMP, (signed) => {
        signed.version -= 1;
        signed.meta['snapshot.json'] = { version: signed.meta['snapshot.json']!.version - 1 };
      });
    },
  },
  {
    attack: 'a newer timestamp names an older snapshot',
    holds: 'late',
    onlyFollowing: true,
    refused: ['TUF_ROLLBACK', 'BadVersionNumberError'],
    alter(served) {
      served.edit('timestamp.json', TIMESTAMP, (signed) => {
        signed.version += 1;
        signed.meta['snapshot.json'] = { version: signed.meta['snapshot.json']!.version - 1 };
      });
    },
  },
  {
    attack: 'a newer snapshot names older targets',
    holds: 'late',
    onlyFollowing: true,
    refused: ['TUF_ROLLBACK', 'BadVersionNumberError'],
    alter(served) {
      const snapshot = served.read(served.newest('snapshot')).signed;
      snapshot.version += 1;
      snapshot.meta['targets.json']!.version -= 1;
      served.write(`${snapshot.version}.snapshot.json`, {
        signed: snapshot,
        signatures: served.signatures(snapshot, SNAPSHOT),
      });
      served.edit('timestamp.json', TIMESTAMP, (signed) => {
        signed.version += 1;
        signed.meta['snapshot.json'] = { version: snapshot.version };
      });
    },
  },
  {
    attack: 'a newer snapshot no longer lists a delegated role',
    holds: 'late',
    onlyFollowing: true,
    refused: ['TUF_ROLLBACK', 'RepositoryError'],
    alter(served) {
      const snapshot = served.read(served.newest('snapshot')).signed;
      snapshot.version += 1;
      delete snapshot.meta['team.json'];
      served.write(`${snapshot.version}.snapshot.json`, {
        signed: snapshot,
        signatures: served.signatures(snapshot, SNAPSHOT),
      });
      served.edit('timestamp.json', TIMESTAMP, (signed) => {
        signed.version += 1;
        signed.meta['snapshot.json'] = { version: snapshot.version };
      });
    },
  },
  {
    attack: 'an older root comes under the next number',
    refused: ['TUF_ROLLBACK', 'BadVersionNumberError'],
    alter: (served) => served.write('2.root.json', served.bytes('1.root.json')),
  },
  {
    attack: 'a root skips a version',
    refused: ['TUF_MISMATCH', 'BadVersionNumberError'],
    alter: (served) => served.write('2.root.json', served.bytes('3.root.json')),
  },
  {
    attack: 'a root is missing in the chain',
    alsoTuftool: true,
    refused: ['TUF_SIGNATURE', 'UnsignedMetadataError'],
    alter: (served) => served.remove('3.root.json'),
  },
  // Keys and thresholds
  {
    attack: 'a root is signed by its own new keys only',
    refused: ['TUF_SIGNATURE', 'UnsignedMetadataError'],
    alter: (served) => served.edit('2.root.json', ['root-4', 'root-2'], () => undefined),
  },
  {
    attack: 'a root is signed by the keys before it only',
    refused: ['TUF_SIGNATURE', 'UnsignedMetadataError'],
    alter: (served) =>
      served.edit('2.root.json', ['root-1', 'root-2'], ({ roles }) => {
        roles['root']!.threshold = 3;
      }),
  },
  {
    attack: 'targets have one signature fewer than their threshold',
    alsoTuftool: true,
    refused: ['TUF_SIGNATURE', 'UnsignedMetadataError'],
    alter: (served) => changeTargets(served, ['targets-2'], () => undefined),
  },
  {
    attack: 'one key signs targets for two',
    refused: ['TUF_INVALID', 'DeserializationError'],
    alter: (served) => changeTargets(served, ['targets-2', 'targets-2'], () => undefined),
  },
  {
    attack: 'a key that was replaced still signs targets',
    alsoTuftool: true,
    refused: ['TUF_SIGNATURE', 'UnsignedMetadataError'],
    alter: (served) => changeTargets(served, ['targets-1', 'targets-2'], () => undefined),
  },
  {
    attack: 'the key of a delegated role signs targets',
    refused: ['TUF_SIGNATURE', 'UnsignedMetadataError'],
    alter: (served) => changeTargets(served, ['team-1', 'targets-2'], () => undefined),
  },
  {
    attack: 'the key of the snapshot signs a trusted delegated role',
    refused: ['TUF_SIGNATURE', 'UnsignedMetadataError'],
    alter(served) {
      served.edit(served.newest('team'), SNAPSHOT, () => undefined);
      served.link('team', LINKS);
    },
  },
  {
    attack: 'the key of the timestamp that was replaced signs it again',
    refused: ['TUF_SIGNATURE', 'UnsignedMetadataError'],
    alter: (served) => served.edit('timestamp.json', ['timestamp-1'], () => undefined),
  },
  {
    attack: 'a timestamp has no signature',
    refused: ['TUF_SIGNATURE', 'UnsignedMetadataError'],
    alter: (served) => served.edit('timestamp.json', [], () => undefined),
  },
  {
    attack: 'a timestamp was altered after it was signed',
    refused: ['TUF_SIGNATURE', 'UnsignedMetadataError'],
    alter(served) {
      const timestamp = served.read('timestamp.json');
      timestamp.signed.version += 1;
      served.write('timestamp.json', timestamp);
    },
  },
  // Mix and match
  {
    attack: 'the snapshot is an older one under the new number',
    alsoTuftool: true,
    refused: ['TUF_MISMATCH', 'LengthOrHashMismatchError'],
    alter: (served) => served.write(served.newest('snapshot'), served.bytes(old(served, 'snapshot', 1))),
  },
  {
    attack: 'targets are older ones under the new number',
    refused: ['TUF_MISMATCH', 'BadVersionNumberError'],
    alter: (served) => served.write(served.newest('targets'), served.bytes(old(served, 'targets', 1))),
  },
  {
    attack: 'a trusted delegated role is an older one under the new number',
    refused: ['TUF_MISMATCH', 'BadVersionNumberError'],
    alter: (served) => served.write(served.newest('team'), served.bytes(old(served, 'team', 1))),
  },
  {
    attack: 'a trusted delegated role is the role of everything',
    refused: ['TUF_SIGNATURE', 'UnsignedMetadataError'],
    alter(served) {
      served.write(served.newest('team'), served.bytes(served.newest('targets')));
      served.edit(served.newest('snapshot'), SNAPSHOT, ({ meta }) => {
        meta['team.json'] = meta['targets.json']!;
      });
      served.link('snapshot', LINKS);
      served.write(
        `${served.read(served.newest('targets')).signed.version}.team.json`,
        served.bytes(served.newest('targets')),
      );
    },
  },
  {
    attack: 'the timestamp is a snapshot that its key signed',
    refused: ['TUF_INVALID', 'RepositoryError'],
    alter(served) {
      const { signed } = served.read(served.newest('snapshot'));
      served.write('timestamp.json', { signed, signatures: served.signatures(signed, TIMESTAMP) });
    },
  },
  {
    attack: 'the timestamp names another digest of the snapshot',
    refused: ['TUF_MISMATCH', 'LengthOrHashMismatchError'],
    alter: (served) =>
      served.edit('timestamp.json', TIMESTAMP, ({ meta }) => {
        meta['snapshot.json']!.hashes = { sha256: '0'.repeat(64) };
      }),
  },
  {
    attack: 'the timestamp names a shorter length of the snapshot',
    refused: ['FETCH_TOO_LARGE', 'DownloadLengthMismatchError'],
    alter: (served) =>
      served.edit('timestamp.json', TIMESTAMP, ({ meta }) => {
        meta['snapshot.json']!.length! -= 1;
      }),
  },
  {
    attack: 'the snapshot lists no targets',
    refused: ['TUF_INVALID', 'RepositoryError'],
    alter(served) {
      served.edit(served.newest('snapshot'), SNAPSHOT, ({ meta }) => {
        delete meta['targets.json'];
      });
      served.link('snapshot', LINKS);
    },
  },
  // Endless data
  {
    attack: 'a root is longer than any root',
    refused: ['FETCH_TOO_LARGE', 'DownloadLengthMismatchError'],
    alter: (served) => pad(served, '2.root.json', 1_100_000),
  },
  {
    attack: 'the timestamp is longer than any timestamp',
    refused: ['FETCH_TOO_LARGE', 'DownloadLengthMismatchError'],
    alter: (served) => pad(served, 'timestamp.json', 20_000),
  },
  {
    attack: 'the snapshot is longer than the timestamp says',
    refused: ['FETCH_TOO_LARGE', 'DownloadLengthMismatchError'],
    alter: (served) => pad(served, served.newest('snapshot'), 10_000),
  },
  // Files
  {
    attack: 'a target that trust needs has other content of the same length',
    alsoTuftool: true,
    refused: ['TUF_MISMATCH', 'LengthOrHashMismatchError'],
    alter: (served) => changeTarget(served, 'b.pub', (bytes) => bytes.reverse()),
  },
  {
    attack: 'a target of a trusted role has other content',
    refused: ['TUF_MISMATCH', 'LengthOrHashMismatchError'],
    alter: (served) => changeTarget(served, 'team-b.pub', (bytes) => bytes.reverse()),
  },
  {
    attack: 'a target that trust needs is longer than it says',
    alsoTuftool: true,
    refused: ['FETCH_TOO_LARGE', 'DownloadLengthMismatchError'],
    alter: (served) => changeTarget(served, 'b.pub', (bytes) => Buffer.concat([bytes, bytes])),
  },
  {
    attack: 'a target that trust needs is shorter than it says',
    refused: ['TUF_MISMATCH', 'LengthOrHashMismatchError'],
    alter: (served) => changeTarget(served, 'b.pub', (bytes) => bytes.subarray(1)),
  },
  {
    attack: 'a target that trust needs is not there',
    refused: ['TUF_MISMATCH', 'DownloadHTTPError'],
    alter: (served) => served.remove(served.targetFile('b.pub')),
  },
  {
    attack: 'the timestamp is not there',
    refused: ['FETCH_NOT_FOUND', 'DownloadHTTPError'],
    alter: (served) => served.remove('timestamp.json'),
  },
  {
    attack: 'the snapshot is not there',
    refused: ['FETCH_NOT_FOUND', 'DownloadHTTPError'],
    alter: (served) => served.remove(served.newest('snapshot')),
  },
  // Malformed
  {
    attack: 'the timestamp is cut off',
    refused: ['TUF_INVALID', 'DeserializationError'],
    alter: (served) => served.write('timestamp.json', served.bytes('timestamp.json').subarray(0, 200)),
  },
  {
    attack: 'metadata follows a specification of the future',
    refused: ['TUF_INVALID', 'DeserializationError'],
    alter: (served) =>
      served.edit('timestamp.json', TIMESTAMP, (signed) => {
        signed.spec_version = '2.0.0';
      }),
  },
  {
    attack: 'a version is no number',
    refused: ['TUF_INVALID', 'DeserializationError'],
    alter: (served) =>
      served.edit('timestamp.json', TIMESTAMP, (signed) => {
        (signed as unknown as { version: string }).version = '99';
      }),
  },
  {
    attack: 'a threshold is zero',
    refused: ['TUF_INVALID', 'DeserializationError'],
    alter: (served) =>
      served.edit(served.newest('root'), ROOT, ({ roles }) => {
        roles['timestamp']!.threshold = 0;
      }),
  },
];
