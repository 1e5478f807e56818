import { excerpt, formatUtf8, sha256Hex } from '../base/bytes.ts';
import { formatCanonicalJson } from '../base/canonical-json.ts';
import { StellaError } from '../base/errors.ts';
import { parseStrictJson } from '../base/json.ts';
import { checkSchema } from '../base/schema.ts';
import type { OciManifest, OciManifestDescriptor } from '../base/schema-types.ts';
import { type BundleFacts, formatAnnotations, parseAnnotations } from './annotations.ts';

export type Descriptor = OciManifestDescriptor;

export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
export const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';
export const ARTIFACT_TYPE = 'application/vnd.stella.bundle.v1';
/** A sealed bundle in one layer. */
export const LAYER_TYPE = 'application/vnd.stella.bundle.v1.tar+zstd';
/** One volume of a split bundle; its volumes in order are the bundle. */
export const VOLUME_TYPE = 'application/vnd.stella.bundle.volume.v1';
const TITLE = 'org.opencontainers.image.title';

/** Docker's types and lists are named so that a registry sends what is there, unconverted, to be refused by name. */
export const ACCEPTED_TYPES = [
  MANIFEST_TYPE,
  INDEX_TYPE,
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ');

/** As large as registries take manifests. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
/** As many as a split bundle has parts. */
export const MAX_VOLUMES = 999;
/** Far beyond what bundles come to: a size that no site would want to download. */
const MAX_BUNDLE_BYTES = 1024 ** 4;

/** The empty configuration that the image specification 1.1 gives artifacts ("Guidance for an Empty Descriptor"). */
export const EMPTY_CONFIG = formatUtf8('{}');

/** A part of the content: the bundle, or a volume. */
export interface Layer extends Descriptor {
  /** The file name under which it was pushed, for people only. */
  readonly title?: string | undefined;
}

/** What a registry holds of a bundle. */
export interface BundleManifest {
  /** The bundle as one, or its volumes in order. */
  readonly layers: readonly Layer[];
  readonly facts: BundleFacts;
  /** The OCI manifest of the base of a delta, where that was in the repository. */
  readonly subject: Descriptor | undefined;
}

/** A manifest that was read, from a registry or an image layout. */
export interface ReadManifest extends BundleManifest {
  readonly config: Descriptor;
}

/** Bytes of the bundle, all layers together. */
export function bundleSize({ layers }: BundleManifest): number {
  return layers.reduce((sum, { size }) => sum + size, 0);
}

/** The bytes of an OCI manifest; the same bundle under the same name gives the same bytes. */
export function formatBundleManifest(bundle: BundleManifest): Uint8Array {
  const manifest: OciManifest & { mediaType: string; artifactType: string } = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    artifactType: ARTIFACT_TYPE,
    config: {
      mediaType: 'application/vnd.oci.empty.v1+json',
      digest: `sha256:${sha256Hex(EMPTY_CONFIG)}`,
      size: EMPTY_CONFIG.length,
    },
    layers: bundle.layers.map(({ mediaType, digest, size, title }) => ({
      mediaType,
      digest,
      size,
      ...(title === undefined ? {} : { annotations: { [TITLE]: title } }),
    })),
    ...(bundle.subject === undefined ? {} : { subject: bundle.subject }),
    annotations: formatAnnotations(bundle.facts),
  };
  return formatUtf8(formatCanonicalJson(manifest));
}

/**
 * Reads what a registry or an image layout has for a manifest.
 * @param contentType what the registry or the layout's index says that it is
 * @throws StellaError OCI_MANIFEST for anything but the manifest of one sealed bundle
 */
export function parseBundleManifest(bytes: Uint8Array, contentType: string | undefined): ReadManifest {
  const value = parseStrictJson(bytes, 'the OCI manifest', { code: 'OCI_MANIFEST' });
  const type = typeOf(value) ?? contentType?.split(';')[0]?.trim();
  if (type !== undefined && /image\.index|manifest\.list/.test(type))
    throw new StellaError(
      'OCI_MANIFEST',
      `this is a list of manifests (${excerpt(type)}), not a sealed bundle`,
    );
  if (type !== undefined && type !== MANIFEST_TYPE)
    throw new StellaError('OCI_MANIFEST', `this is of type ${excerpt(type)}, not ${MANIFEST_TYPE}`);
  const manifest = checkSchema('oci-manifest', value, 'the OCI manifest', 'OCI_MANIFEST');
  if (manifest.artifactType !== ARTIFACT_TYPE) {
    const artifact = manifest.artifactType ?? manifest.config.mediaType;
    throw new StellaError(
      'OCI_MANIFEST',
      `this is an artifact of type ${excerpt(artifact)}, not ${ARTIFACT_TYPE}`,
    );
  }
  checkLayers(manifest.layers);
  const bundle = {
    layers: manifest.layers.map(({ mediaType, digest, size, annotations }) => ({
      mediaType,
      digest,
      size,
      title: annotations && Object.hasOwn(annotations, TITLE) ? annotations[TITLE] : undefined,
    })),
    facts: parseAnnotations(manifest.annotations ?? {}),
    subject: manifest.subject,
    config: manifest.config,
  };
  if (bundleSize(bundle) > MAX_BUNDLE_BYTES) {
    throw new StellaError(
      'OCI_MANIFEST',
      `the layers claim ${bundleSize(bundle)} bytes, the most is ${MAX_BUNDLE_BYTES}`,
    );
  }
  return bundle;
}

function checkLayers(layers: readonly Descriptor[]): void {
  const wanted = layers.length === 1 && layers[0]!.mediaType === LAYER_TYPE ? LAYER_TYPE : VOLUME_TYPE;
  const other = layers.find(({ mediaType }) => mediaType !== wanted);
  if (other) {
    throw new StellaError(
      'OCI_MANIFEST',
      `of ${layers.length} layers, one is of type ${excerpt(other.mediaType, 120)}: a bundle has one layer of type ${LAYER_TYPE}, or volumes`,
    );
  }
  if (layers.length > MAX_VOLUMES)
    throw new StellaError('OCI_MANIFEST', `there are ${layers.length} volumes, the most is ${MAX_VOLUMES}`);
}

function typeOf(value: unknown): string | undefined {
  return value !== null &&
    typeof value === 'object' &&
    'mediaType' in value &&
    typeof value.mediaType === 'string'
    ? value.mediaType
    : undefined;
}
