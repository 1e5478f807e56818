import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { sha256Hex } from '../../src/base/bytes.ts';
import { milliseconds } from '../../src/base/clock.ts';
import type { Credentials } from '../../src/oci/credentials.ts';
import { EMPTY_CONFIG, formatBundleManifest, LAYER_TYPE, MANIFEST_TYPE } from '../../src/oci/manifest.ts';
import { parseReference } from '../../src/oci/reference.ts';
import { Registry, type RegistryOptions } from '../../src/oci/registry.ts';
import { repeatedDigest } from './digest.ts';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** May answer a request itself (return true). */
export type Intercept = (request: IncomingMessage, response: ServerResponse, path: string) => boolean;

export interface FakeRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly requests: SeenRequest[];
  readonly blobs: Map<string, Buffer>;
  /** By tag. */
  readonly manifests: Map<string, Buffer>;
  /** Content received of the only upload. */
  upload: Buffer;
}

export const digestOf = (bytes: Uint8Array) => `sha256:${sha256Hex(bytes)}`;

/** A small registry in this process that can be told to misbehave. */
export async function fakeRegistry(intercept: Intercept = () => false): Promise<FakeRegistry> {
  const registry: FakeRegistry = {
    host: '',
    requests: [],
    blobs: new Map(),
    manifests: new Map(),
    upload: Buffer.alloc(0),
  };
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    registry.requests.push({ method: request.method!, path, headers: request.headers });
    if (!intercept(request, response, path)) answer(registry, request, response, path);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return Object.assign(registry, { host: `127.0.0.1:${(server.address() as AddressInfo).port}` });
}

function answer(
  registry: FakeRegistry,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): void {
  const body = (then: (bytes: Buffer) => void) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => then(Buffer.concat(chunks)));
  };
  const [, manifest] = /\/manifests\/(.+)$/.exec(path) ?? [];
  const [, blob] = /\/blobs\/(sha256:.+)$/.exec(path) ?? [];
  if (manifest !== undefined && request.method === 'PUT') {
    body((bytes) => {
      registry.manifests.set(manifest, bytes);
      response.writeHead(201, { 'docker-content-digest': digestOf(bytes) }).end();
    });
  } else if (manifest !== undefined) {
    const bytes =
      registry.manifests.get(manifest) ??
      [...registry.manifests.values()].find((one) => digestOf(one) === manifest);
    if (!bytes) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': MANIFEST_TYPE }).end(bytes);
  } else if (blob !== undefined) {
    const bytes = registry.blobs.get(blob);
    const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (!bytes) response.writeHead(404).end();
    else if (from > 0)
      response
        .writeHead(206, { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` })
        .end(bytes.subarray(from));
    else
      response.writeHead(200, { 'content-length': bytes.length }).end(request.method === 'HEAD' ? '' : bytes);
  } else if (/\/blobs\/uploads\/$/.test(path)) {
    registry.upload = Buffer.alloc(0);
    response.writeHead(202, { location: path.replace(/uploads\/$/, 'uploads/1?state=a') }).end();
  } else if (request.method === 'PATCH') {
    body((bytes) => {
      const start = Number(/^(\d+)-/.exec(request.headers['content-range'] ?? '')?.[1]);
      if (start !== registry.upload.length) {
        response.writeHead(416).end();
        return;
      }
      registry.upload = Buffer.concat([registry.upload, bytes]);
      response.writeHead(202, { location: path }).end();
    });
  } else if (request.method === 'GET' && path.includes('/uploads/')) {
    response.writeHead(204, { location: path, range: `0-${Math.max(0, registry.upload.length - 1)}` }).end();
  } else if (request.method === 'PUT') {
    const digest = new URL(path, 'http://localhost').searchParams.get('digest')!;
    const right = digestOf(registry.upload) === digest;
    if (right) registry.blobs.set(digest, registry.upload);
    response.writeHead(right ? 201 : 400).end();
  } else if (path.includes('/tags/list')) {
    response.writeHead(200).end(JSON.stringify({ name: 'x', tags: [...registry.manifests.keys()] }));
  } else response.writeHead(404).end();
}

export const someFacts = {
  sealedAt: '2026-01-25T12:00:00Z',
  sequence: 7,
  rootVersion: 1,
  manifestSha256: repeatedDigest('ab'),
  trees: { 'log.example.com': 600 },
};

/** Puts content there as a bundle of this tag; the manifest may be altered. */
export function placeBundle(
  registry: FakeRegistry,
  tag: string,
  content: Buffer,
  alter: (manifest: Record<string, unknown>) => unknown = (manifest) => manifest,
): { manifest: Buffer; digest: string } {
  registry.blobs.set(digestOf(content), content);
  registry.blobs.set(digestOf(EMPTY_CONFIG), Buffer.from(EMPTY_CONFIG));
  const bytes = formatBundleManifest({
    layers: [{ mediaType: LAYER_TYPE, digest: digestOf(content), size: content.length }],
    facts: someFacts,
    subject: undefined,
  });
  const altered = alter(JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<string, unknown>);
  const manifest = Buffer.from(JSON.stringify(altered));
  registry.manifests.set(tag, manifest);
  return { manifest, digest: digestOf(manifest) };
}

/** A client of a fake registry that does not wait long. */
export function client(
  host: string,
  options: Partial<RegistryOptions> & { user?: Credentials } = {},
): Registry {
  const registry = new Registry(parseReference(`oci://${host}/trust`), 'pull,push', {
    plainHttp: true,
    userAgent: 'test',
    retries: 2,
    firstDelay: milliseconds(1),
    requestTimeout: milliseconds(5000),
    stallTimeout: milliseconds(2000),
    credentials: async () => options.user,
    ...options,
  });
  onTestFinished(() => registry.close());
  return registry;
}
