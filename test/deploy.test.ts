import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as batch from 'kubernetes-models/batch/v1';
import * as core from 'kubernetes-models/v1';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { parseConfigFile } from '../src/config/config-file.ts';
import { stella } from './support/cli.ts';

const directory = 'deploy/kubernetes';
interface Container {
  name: string;
  args: string[];
  image: string;
  resources?: { limits?: { memory?: string } };
  securityContext?: Record<string, unknown>;
  volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[];
}
interface PodSpec {
  securityContext?: Record<string, unknown>;
  automountServiceAccountToken?: boolean;
  containers: Container[];
  initContainers?: Container[];
  volumes: { name: string }[];
}
interface Resource {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  data?: Record<string, string>;
  spec?: unknown;
}
const resources = readdirSync(directory).flatMap((file) =>
  parseAllDocuments(readFileSync(join(directory, file), 'utf8'), { merge: true }).map((document) => ({
    file,
    resource: document.toJS() as Resource,
  })),
);
const models: Record<string, new (data: never) => { validate(): void }> = {
  'v1/ConfigMap': core.ConfigMap,
  'v1/PersistentVolumeClaim': core.PersistentVolumeClaim,
  'batch/v1/CronJob': batch.CronJob,
  'batch/v1/Job': batch.Job,
};

function podOf({ kind, spec }: Resource): PodSpec | undefined {
  if (kind === 'Job') return (spec as { template: { spec: PodSpec } }).template.spec;
  if (kind === 'CronJob')
    return (spec as { jobTemplate: { spec: { template: { spec: PodSpec } } } }).jobTemplate.spec.template
      .spec;
  return undefined;
}

describe.each(
  resources.map(
    ({ file, resource }) => [`${file}: ${resource.kind} ${resource.metadata.name}`, resource] as const,
  ),
)('%s', (_, resource) => {
  test("fits Kubernetes' own schema", () => {
    const model = models[`${resource.apiVersion}/${resource.kind}`];
    expect(model).toBeDefined();
    new model!(resource as never).validate();
    const broken = { ...resource, metadata: { name: 5 } };
    expect(() => new model!(broken as never).validate()).toThrow();
  });

  const pod = podOf(resource);
  test.skipIf(!pod)('runs without privileges, and mounts what it names', () => {
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    });
    for (const container of [...(pod!.initContainers ?? []), ...pod!.containers]) {
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(container.resources?.limits?.memory).toBeDefined();
      expect(container.image).toMatch(/:\d/);
      const volumes = pod!.volumes.map(({ name }) => name);
      for (const mount of container.volumeMounts) expect(volumes).toContain(mount.name);
    }
  });

  test.skipIf(!pod)('calls stella with flags that it has', async () => {
    for (const { args } of [...(pod!.initContainers ?? []), ...pod!.containers]) {
      const help = await stella([...args.slice(0, 2), '--help']);
      expect(help.status).toBe(0);
      for (const flag of args.filter((arg) => arg.startsWith('--')))
        expect(help.stdout, `${args[1]} ${flag}`).toMatch(new RegExp(`${flag}\\b`));
    }
  });

  test.skipIf(!resource.data)('holds a configuration that is one', () => {
    for (const text of Object.values(resource.data!)) parseConfigFile(Buffer.from(text), 'stella.yaml');
  });
});

test('the verifier of the Indexed Job cannot write its store, and its shards are all there', () => {
  const job = resources.find(({ resource }) => resource.kind === 'Job')!.resource;
  const { completions, completionMode } = job.spec as { completions: number; completionMode: string };
  const [verify] = podOf(job)!.containers;
  expect(completionMode).toBe('Indexed');
  expect(verify!.args).toContain(`completion/${completions}`);
  expect(verify!.volumeMounts.find(({ name }) => name === 'trust')!.readOnly).toBe(true);
});

test('the image is of nothing but what it needs', () => {
  const text = readFileSync('deploy/Containerfile', 'utf8');
  const final = text.slice(text.lastIndexOf('\nFROM '));
  expect(final).toContain('FROM scratch');
  expect(final).toMatch(/USER 65532:65532/);
  expect(final).not.toMatch(/\bRUN\b/);
  // What this machine has installed must not take the place of what `npm ci` installs in there.
  expect(readFileSync('.dockerignore', 'utf8').split('\n')).toContain('node_modules');
});

const canAnalyze = spawnSync('systemd-analyze', ['--version'], { stdio: 'ignore' }).status === 0;
if (!canAnalyze) console.warn('skipped: systemd-analyze is not installed');
test.skipIf(!canAnalyze)('systemd finds nothing wrong with the units', () => {
  const copies = mkdtempSync(join(tmpdir(), 'stella-units-'));
  try {
    const units = readdirSync('deploy/systemd').map((name) => {
      // The command need not be installed where this is checked.
      const unit = readFileSync(join('deploy/systemd', name), 'utf8').replace('/usr/bin/stella', '/bin/true');
      writeFileSync(join(copies, name), unit);
      return join(copies, name);
    });
    expect(units.length).toBeGreaterThan(1);
    execFileSync('systemd-analyze', ['verify', '--man=no', ...units], { stdio: 'pipe' });
  } finally {
    rmSync(copies, { recursive: true, force: true });
  }
});
