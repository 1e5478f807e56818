import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { formatPrivateKey, formatPublicKey, generateKey } from '../../src/base/keys.ts';
import { distributedKeys } from '../../src/trust/key-list.ts';
import { targetNamesOf, trustTargets } from '../../src/trust/targets.ts';
import { refusal } from '../support/errors.ts';
import { makeEnclave, makeSite, type Site } from '../support/site.ts';
import { temporaryTree } from '../support/temp.ts';
import { TrustClient } from '../support/trust-client.ts';
import { TufRepository } from '../support/tuf-repository.ts';

const pem = () => formatPublicKey(generateKey().publicKey);
const HONEST = 'rekor-key-v1.pub';

/** A repository that delegates `team/*` to a role, which does with it what `abuse` does. */
async function follow(
  abuse: (repository: TufRepository) => void,
  trustRoles: string[] = [],
): Promise<{ client: TrustClient; targets: string[] }> {
  const repository = new TufRepository();
  repository.addTarget(HONEST, pem(), { sigstore: { usage: 'Rekor' } });
  repository.delegate('team', { paths: ['team/*', 'trusted_root.json', 'sigstore-services-v1.json'] });
  abuse(repository);
  repository.publish();
  const client = new TrustClient(repository);
  client.trustRoles = trustRoles;
  await client.init();
  const names = { ...targetNamesOf(client.config), trustRoles: new Set(trustRoles) };
  const keys = distributedKeys(await trustTargets(await client.view(), names));
  return { client, targets: keys.map((key) => key.target) };
}

describe('the holder of a delegated key', () => {
  test.each(['Rekor', 'Fulcio', 'CTFE', 'TSA', 'bundle-signer', 'attestor', 'service-map', 'trusted-root'])(
    'cannot have a target trusted by the usage %s',
    async (usage) => {
      const { client, targets } = await follow((repository) =>
        repository.addTarget('team/key.pub', pem(), { stella: { usage } }, 'team'),
      );
      expect(targets).toEqual([HONEST]);
      expect(client.warnings).toEqual([
        expect.stringMatching(
          new RegExp(`team/key\\.pub.* as ${usage} by the delegated role .*decides no trust`),
        ),
      ]);
    },
  );

  test.each(['team/rekor-key-v1.pub', 'team/bundle-signer-v1.pub', 'team/trusted_root.json'])(
    'cannot have %s trusted by its name, nor make a name ambiguous',
    async (name) => {
      const { client, targets } = await follow((repository) =>
        repository.addTarget(name, pem(), undefined, 'team'),
      );
      expect(targets).toEqual([HONEST]);
      expect((await client.view()).isHeld(name)).toBe(true);
    },
  );

  test('cannot supply a trusted root or a service map, not even under a top-level name', async () => {
    const { targets } = await follow((repository) => {
      repository.addTarget('trusted_root.json', '{}', undefined, 'team');
      repository.addTarget('sigstore-services-v1.json', '{"version": 1}', undefined, 'team');
    });
    expect(targets).toEqual([HONEST]);
  });

  test('cannot stop a sync by what it lists', async () => {
    const { client } = await follow((repository) => {
      repository.addTarget('team/junk.pub', 'no key', { stella: { usage: 'attestor' } }, 'team');
      Object.assign(repository.addTarget('team/huge', 'x', undefined, 'team'), { length: 1e12 });
    });
    expect(client.warnings).toEqual([
      expect.stringContaining('is larger than'),
      expect.stringContaining('decides no trust'),
    ]);
  });

  test('counts where trust_roles names the role', async () => {
    const list = (repository: TufRepository) =>
      repository.addTarget('team/key.pub', pem(), { sigstore: { usage: 'Rekor' } }, 'team');
    const { client, targets } = await follow(list, ['team']);
    expect(targets).toEqual([HONEST, 'team/key.pub']);
    expect(client.warnings).toEqual([]);
    expect(client.store.require().state.trust_roles).toEqual(['team']);
  });

  test('cannot become a trusted role by delegating to one of that name', async () => {
    const { targets } = await follow(
      (repository) => {
        repository.delegate('keys', { parent: 'team', paths: ['team/*'] });
        repository.addTarget('team/key.pub', pem(), { sigstore: { usage: 'Rekor' } }, 'keys');
      },
      ['keys'],
    );
    expect(targets).toEqual([HONEST]);
  });

  test('cannot hide a target of a trusted role by listing the same name first', async () => {
    const repository = new TufRepository();
    repository.addTarget(HONEST, pem(), { sigstore: { usage: 'Rekor' } });
    repository.delegate('team', { paths: ['shared/*'], terminating: true });
    repository.delegate('keys', { paths: ['shared/*'] });
    repository.addTarget('shared/key.pub', pem(), { sigstore: { usage: 'Rekor' } }, 'team');
    repository.addTarget('shared/key.pub', pem(), { sigstore: { usage: 'Rekor' } }, 'keys');
    const client = new TrustClient(repository.publish());
    client.trustRoles = ['keys'];
    await client.init();
    expect((await client.view()).target('shared/key.pub')?.role).toBe('keys');
  });

  test('is named by the hint where a configured name is found only there', async () => {
    const repository = new TufRepository();
    repository.delegate('team', { paths: ['team/*'] });
    repository.addTarget('team/my-log.pub', pem(), undefined, 'team');
    const client = new TrustClient(repository.publish());
    client.rekorKeyTargets = ['my-log'];
    const error = await refusal('TARGET_UNKNOWN', () => client.init());
    expect(error.hints.join('\n')).toMatch(/role "team".*trust_roles/);
  });
});

describe('across the gap', () => {
  let base: string;
  let site: Site;

  beforeAll(async () => {
    base = temporaryTree();
    site = await makeSite(base);
    await site.seal('honest');
    await site.run(['repo', 'delegate', 'team', '--paths', 'team/*', '--repo', 'repo', '--no-passphrase']);
    for (const [name, usage] of [
      ['evil-signer', 'bundle-signer'],
      ['evil-attestor', 'attestor'],
    ] as const) {
      const key = generateKey();
      writeFileSync(join(site.home, `${name}.key`), formatPrivateKey(key), { mode: 0o600 });
      writeFileSync(join(site.home, `${name}.pub`), formatPublicKey(key.publicKey));
      const added = await site.run([
        ...['repo', 'add-target', `${name}.pub`, `team/${name}.pub`],
        ...['--usage', usage, '--role', 'team', '--repo', 'repo'],
      ]);
      expect(added.stderr).toMatch(/does not count for clients: it is listed by the delegated role team/);
    }
    site.publish();
    await site.run(['trust', 'sync', '--force']);
  });

  test('a bundle that the key of a delegated role has signed is refused', async () => {
    const enclave = makeEnclave(base, 'enclave-signer');
    const pin = ['--root-fingerprint', site.fingerprint];
    await enclave.run(['trust', 'import', join(site.home, 'honest.tar.zst'), ...pin], { expect: 0 });
    const evil = join(site.home, 'evil.tar.zst');
    await site.run(['trust', 'snapshot', 'export', '--out', evil, '--signing-key', 'evil-signer.key']);
    const result = await enclave.run(['trust', 'import', evil], { expect: 2 });
    expect(result.stderr).toContain('[BUNDLE_SIGNER_UNTRUSTED]');
  });

  test('an attestation by the attestor of a delegated role is refused, and preflight says so', async () => {
    const enclave = makeEnclave(base, 'enclave-attestor');
    await site.run([
      ...['attest', 'sign', 'app.bin', '--key', 'evil-attestor.key'],
      ...['--log', join(base, 'site', 'log'), '--out', 'evil.json'],
    ]);
    const sealed = join(site.home, 'carried.tar.zst');
    const exported = await site.run([
      ...['trust', 'snapshot', 'export', '--out', sealed, '--signing-key', 'bundle-signer.key'],
      ...['--attestation', 'evil.json'],
    ]);
    expect(`${exported.stdout}${exported.stderr}`).toMatch(/evil\.json.*\[/);
    await enclave.run(['trust', 'import', sealed, '--root-fingerprint', site.fingerprint], { expect: 0 });
    const verdict = await enclave.run(
      [
        'attest',
        'verify',
        join(site.home, 'evil.json'),
        '--artifact',
        join(site.home, 'app.bin'),
        '--offline',
      ],
      { expect: 2 },
    );
    expect(verdict.stdout).toContain('NOT VERIFIED');
  });

  test('a bundle that rests on roles which the importer does not name is refused', async () => {
    const file = join(site.home, 'roles.yaml');
    writeFileSync(file, 'attestor:\n  trust_repo:\n    trust_roles: [team]\n');
    await site.run(['trust', 'sync', '--force', '--config', file]);
    const sealed = join(site.home, 'roles.tar.zst');
    await site.run([
      ...['trust', 'snapshot', 'export', '--out', sealed, '--signing-key', 'bundle-signer.key'],
      ...['--config', file],
    ]);
    const enclave = makeEnclave(base, 'enclave-roles');
    const pin = ['--root-fingerprint', site.fingerprint];
    const refused = await enclave.run(['trust', 'import', sealed, ...pin], { expect: 4 });
    expect(refused.stderr).toContain('[TRUST_ROLES_DIFFER]');
    await enclave.run(['trust', 'import', sealed, ...pin, '--config', file], { expect: 0 });
    const status = await enclave.run(['trust', 'status', '--show-keys', '--config', file], { expect: 0 });
    expect(status.stdout).toMatch(/trust_roles +team/);
    expect(status.stdout).toContain('team/evil-attestor.pub');
    const without = await enclave.run(['trust', 'status', '--show-keys'], { expect: 0 });
    expect(without.stdout).not.toContain('team/evil-attestor.pub');
    expect(without.stdout).toMatch(/the store was made with team; sync or import to apply/);
  });
});
