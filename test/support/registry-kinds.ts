import type { IncomingMessage, ServerResponse } from 'node:http';
import { digestOf, type FakeRegistry, fakeRegistry } from './fake-registry.ts';

/** How a registry takes uploads, where registries differ. */
export interface RegistryKind {
  readonly name: string;
  /** Where that can be read. */
  readonly known: readonly string[];
  /** Of a chunk that was taken. */
  readonly patch: number;
  /** Of the end of an upload, and whether that names the digest; 201 that does unless told otherwise. */
  readonly put?: { readonly status: number; readonly namesDigest: boolean };
  /** Of a manifest that was taken, without a word of its digest. */
  readonly manifest?: number;
  /** The most bytes of a request, and what a longer one is answered. */
  readonly most?: { readonly bytes: number; readonly status: 413 | 416 };
  /** Of the question how far an upload is; 204 comes with a range. */
  readonly status: number;
  /** What the status and the answer to a chunk say; the inclusive end of what was received unless told otherwise. */
  readonly range?: (received: number, first: number, last: number) => string | undefined;
  /** What becomes of a chunk that is cut off, and of its upload. */
  readonly cut: 'kept' | 'dropped' | 'forgotten';
  /** How often a blob's upload is begun whose second chunk was cut off. */
  readonly begun: 1 | 2;
  /** What the chunks of a push of 5 MiB are, in bytes; one of all unless told otherwise. */
  readonly sent?: readonly number[];
  /** Whether the token is good for two uses only. */
  readonly tokenExpires?: boolean;
}

const MIB = 1024 * 1024;

export const REGISTRY_KINDS: readonly RegistryKind[] = [
  {
    name: 'docker-registry 2.8, which gives an upload up that was cut off within a chunk',
    known: ['https://github.com/distribution/distribution/pull/3755'],
    patch: 202,
    status: 204,
    cut: 'forgotten',
    begun: 2,
  },
  {
    name: 'distribution 3, which keeps what came of a chunk',
    known: [
      'https://github.com/distribution/distribution/pull/3755',
      'https://github.com/opencontainers/distribution-spec/pull/366',
    ],
    patch: 202,
    status: 204,
    cut: 'kept',
    begun: 1,
  },
  {
    name: 'ECR: 201, and a range that stays at the end of the first chunk',
    known: [
      'https://github.com/aws/containers-roadmap/issues/2831',
      'https://github.com/jdx/mise/pull/11376',
      'https://github.com/openai/tart/issues/273',
    ],
    patch: 201,
    status: 204,
    range: (_, first) => `0-${first - 1}`,
    cut: 'kept',
    begun: 2,
  },
  {
    name: 'GHCR: 416 beyond 4 MiB',
    known: [
      'https://github.com/ocx-sh/ocx/pull/237',
      'https://github.com/GoogleContainerTools/jib/issues/4301',
    ],
    patch: 202,
    most: { bytes: 4 * MIB, status: 416 },
    status: 404,
    cut: 'forgotten',
    begun: 2,
    sent: [4 * MIB, MIB],
  },
  {
    name: 'Harbor, without a range in what it answers to a chunk',
    known: [
      'https://github.com/goharbor/harbor/pull/9253',
      'https://github.com/goharbor/harbor/issues/12457',
    ],
    patch: 202,
    status: 204,
    range: () => undefined,
    cut: 'kept',
    begun: 2,
  },
  {
    name: 'Harbor or pulp behind an nginx that takes 1 MiB',
    known: [
      'https://github.com/goharbor/harbor/issues/3270',
      'https://github.com/pulp/pulp-operator/issues/330',
      'https://github.com/nginx/kubernetes-ingress/issues/122',
    ],
    patch: 202,
    most: { bytes: MIB, status: 413 },
    status: 204,
    cut: 'dropped',
    begun: 1,
    sent: [MIB, MIB, MIB, MIB, MIB],
  },
  {
    name: 'Quay, whose status has one byte too many',
    known: [
      'https://github.com/quay/quay/blob/01863755b5564b313d17f506e25201ff976dbdb2/endpoints/v2/blob.py',
      'https://github.com/artifact-keeper/artifact-keeper/issues/1349',
    ],
    patch: 202,
    status: 204,
    range: (received) => `bytes=0-${received}`,
    cut: 'dropped',
    begun: 2,
  },
  {
    name: 'GitLab, whose tokens are short-lived',
    known: [
      'https://github.com/moby/moby/issues/33558',
      'https://github.com/podman-container-tools/podman/issues/1604',
    ],
    patch: 202,
    status: 204,
    cut: 'dropped',
    begun: 1,
    tokenExpires: true,
  },
  {
    name: 'Artifactory: 405 to the question how far an upload is',
    known: [
      'https://github.com/containerd/containerd/issues/3533',
      'https://github.com/jfrog/charts/issues/1854',
    ],
    patch: 202,
    status: 405,
    cut: 'dropped',
    begun: 2,
  },
  {
    name: 'zot, whose range was of the last chunk',
    known: [
      'https://github.com/regclient/regclient/issues/961',
      'https://github.com/project-zot/zot/pull/3983',
    ],
    patch: 202,
    status: 204,
    range: (_, __, last) => `0-${last - 1}`,
    cut: 'dropped',
    begun: 1,
  },
  {
    name: 'pulp: 204 to a chunk, and no status',
    known: [
      'https://github.com/pulp/pulp_container/issues/2199',
      'https://github.com/pulp/pulp_container/issues/483',
    ],
    patch: 204,
    status: 405,
    cut: 'dropped',
    begun: 2,
  },
  {
    name: "go-containerregistry's registry: 204 to a chunk, and a status that is another endpoint",
    known: [
      'https://github.com/google/go-containerregistry/issues/2198',
      'https://github.com/google/go-containerregistry/pull/2265',
    ],
    patch: 204,
    status: 400,
    cut: 'dropped',
    begun: 2,
  },
  {
    name: 'Azure, which cannot resume',
    known: ['https://github.com/Azure/azure-sdk-for-js/issues/25448'],
    patch: 202,
    status: 404,
    cut: 'forgotten',
    begun: 2,
  },
  {
    name: 'one that says 202 to the end of an upload, and 200 to a manifest, without a digest',
    known: ['https://github.com/opencontainers/distribution-spec/pull/67'],
    patch: 200,
    put: { status: 202, namesDigest: false },
    manifest: 200,
    status: 200,
    cut: 'dropped',
    begun: 2,
  },
  {
    name: 'one that forbids the question',
    known: ['https://github.com/opencontainers/distribution-spec/issues/414'],
    patch: 202,
    status: 403,
    cut: 'dropped',
    begun: 2,
  },
  {
    name: 'one that has not implemented the question',
    known: ['https://github.com/Trow-Registry/trow/issues/223'],
    patch: 202,
    status: 501,
    cut: 'dropped',
    begun: 2,
  },
];

export interface Behaving {
  readonly fake: FakeRegistry;
  /** Lengths of the chunks that were taken, in order. */
  readonly taken: number[];
  /** How many uploads were begun. */
  readonly begun: () => number;
  /** Cuts the connection in the midst of this chunk, once. */
  readonly cutChunk: (nth: number) => void;
}

interface Upload {
  received: Buffer;
  first: number;
  last: number;
}

/** A loopback server that takes uploads as this kind does. */
export async function registryLike(kind: RegistryKind): Promise<Behaving> {
  const uploads = new Map<string, Upload>();
  const taken: number[] = [];
  let [begun, chunks, cut, uses] = [0, 0, 0, 0];
  const fake = await fakeRegistry((request, response, path) => {
    if (kind.tokenExpires === true && !authorized(request, response, path)) return true;
    if (/\/blobs\/uploads\/$/.test(path)) begin(request, response);
    else if (path.includes('/blobs/uploads/')) return ofUpload(request, response, path);
    else if (kind.manifest !== undefined && request.method === 'PUT') takeManifest(request, response, path);
    else return false;
    return true;
  });
  return {
    fake,
    taken,
    begun: () => begun,
    cutChunk: (nth) => {
      cut = nth;
    },
  };

  function authorized(request: IncomingMessage, response: ServerResponse, path: string): boolean {
    if (path.startsWith('/token')) {
      uses = 0;
      response.end(JSON.stringify({ token: 'short-lived' }));
      return false;
    }
    uses += 1;
    if (request.headers.authorization !== undefined && uses <= 2) return true;
    request.resume();
    const realm = `http://${request.headers.host}/token`;
    response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="test"` }).end();
    return false;
  }

  function begin(request: IncomingMessage, response: ServerResponse): void {
    begun += 1;
    uploads.set(String(begun), { received: Buffer.alloc(0), first: 0, last: 0 });
    const location = `http://${request.headers.host}/v2/trust/blobs/uploads/${begun}?_state=x`;
    response.writeHead(202, { location, range: '0-0' }).end();
  }

  function ofUpload(request: IncomingMessage, response: ServerResponse, path: string): boolean {
    const id = /\/uploads\/(\d+)/.exec(path)![1]!;
    const upload = uploads.get(id);
    const range = () => {
      if (!upload) return {};
      const { received, first, last } = upload;
      const said = kind.range ? kind.range(received.length, first, last) : `0-${received.length - 1}`;
      return said === undefined ? {} : { range: said };
    };
    const { status } = kind;
    if (request.method === 'GET') {
      if (!upload) response.writeHead(404).end();
      else response.writeHead(status, status === 204 ? range() : {}).end();
    } else if (!upload) {
      request.resume();
      response.writeHead(404).end();
    } else if (request.method === 'PUT') {
      const digest = new URL(path, 'http://localhost').searchParams.get('digest')!;
      const { status: closed, namesDigest } = kind.put ?? { status: 201, namesDigest: true };
      uploads.delete(id);
      if (digestOf(upload.received) !== digest) response.writeHead(400).end();
      else {
        fake.blobs.set(digest, upload.received);
        response.writeHead(closed, namesDigest ? { 'docker-content-digest': digest } : {}).end();
      }
    } else takeChunk(request, response, { id, upload, path, range });
    return true;
  }

  function takeChunk(
    request: IncomingMessage,
    response: ServerResponse,
    { id, upload, path, range }: { id: string; upload: Upload; path: string; range: () => object },
  ): void {
    const { length, start } = {
      length: Number(request.headers['content-length']),
      start: Number(/^(\d+)-/.exec(request.headers['content-range'] ?? '')?.[1]),
    };
    chunks += 1;
    const isCut = chunks === cut;
    if (kind.most && length > kind.most.bytes) {
      // The answer comes before the content. nginx hears the rest out, others hang up, and may not be heard themselves.
      if (kind.most.status === 413) request.resume();
      response.writeHead(kind.most.status, { connection: 'close' }).end('<html>too large</html>');
      return;
    }
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => {
      pieces.push(piece);
      if (!isCut || pieces.length > 1) return;
      if (kind.cut === 'kept') upload.received = Buffer.concat([upload.received, piece]);
      else if (kind.cut === 'forgotten') uploads.delete(id);
      response.destroy();
    });
    request.on('end', () => {
      if (start !== upload.received.length) {
        response.writeHead(416, { location: path, ...range() }).end();
        return;
      }
      upload.received = Buffer.concat([upload.received, ...pieces]);
      upload.first ||= length;
      upload.last = length;
      taken.push(length);
      response.writeHead(kind.patch, { location: path, ...range() }).end();
    });
  }

  function takeManifest(request: IncomingMessage, response: ServerResponse, path: string): void {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      fake.manifests.set(path.split('/').at(-1)!, Buffer.concat(pieces));
      response.writeHead(kind.manifest!).end();
    });
  }
}
