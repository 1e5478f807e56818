import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  EMPTY_CONFIG,
  formatBundleManifest,
  LAYER_TYPE,
  MANIFEST_TYPE,
  VOLUME_TYPE,
} from '../../src/oci/manifest.ts';
import { digestOf, someFacts } from './fake-registry.ts';

export interface LayoutEntry {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Writes an OCI image layout without manifests, as skopeo does. */
export function makeLayout(directory: string): string {
  mkdirSync(join(directory, 'blobs', 'sha256'), { recursive: true });
  writeFileSync(join(directory, 'oci-layout'), '{"imageLayoutVersion": "1.0.0"}');
  writeIndex(directory, []);
  return directory;
}

export function layoutBlob(directory: string, digest: string): string {
  return join(directory, 'blobs', 'sha256', digest.slice('sha256:'.length));
}

export function writeIndex(directory: string, manifests: readonly unknown[]): void {
  writeFileSync(join(directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
}

export function readIndex(directory: string): LayoutEntry[] {
  return (JSON.parse(readFileSync(join(directory, 'index.json'), 'utf8')) as { manifests: LayoutEntry[] })
    .manifests;
}

function place(directory: string, bytes: Uint8Array): { digest: string; size: number } {
  const digest = digestOf(bytes);
  writeFileSync(layoutBlob(directory, digest), bytes);
  return { digest, size: bytes.length };
}

/** Puts any manifest into a layout under this name. */
export function placeManifest(
  directory: string,
  name: string | undefined,
  manifest: Uint8Array,
): LayoutEntry {
  const entry: LayoutEntry = {
    mediaType: MANIFEST_TYPE,
    ...place(directory, manifest),
    ...(name === undefined ? {} : { annotations: { 'org.opencontainers.image.ref.name': name } }),
  };
  writeIndex(directory, [...readIndex(directory), entry]);
  return entry;
}

/** Puts a bundle, in one layer or in several, into a layout. */
export function placeInLayout(
  directory: string,
  name: string | undefined,
  layers: readonly Uint8Array[],
  facts: Partial<typeof someFacts> = {},
): LayoutEntry {
  place(directory, EMPTY_CONFIG);
  const mediaType = layers.length > 1 ? VOLUME_TYPE : LAYER_TYPE;
  const manifest = formatBundleManifest({
    layers: layers.map((bytes) => ({ mediaType, ...place(directory, bytes) })),
    facts: { ...someFacts, ...facts },
    subject: undefined,
  });
  return placeManifest(directory, name, manifest);
}
