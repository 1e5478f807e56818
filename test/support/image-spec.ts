import { Ajv2020 } from 'ajv/dist/2020.js';

/*
 * The rules of the OCI image specification 1.1 for manifests and indexes, written from its text: "Image Manifest Property
 * Descriptions", "Guidelines for Artifact Usage", "OCI Content Descriptors", "Digests", "Annotations: Rules".
 */
const implies = (condition: object, consequence: object) => ({ anyOf: [{ not: condition }, consequence] });
const mediaType = {
  type: 'string',
  // RFC 6838 §4.2
  pattern: '^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$',
};
const digest = {
  type: 'string',
  pattern: '^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$',
  // Registered algorithms have an encoding of their own.
  allOf: [
    implies({ pattern: '^sha256:' }, { pattern: '^sha256:[a-f0-9]{64}$' }),
    implies({ pattern: '^sha512:' }, { pattern: '^sha512:[a-f0-9]{128}$' }),
  ],
};
const annotations = {
  type: 'object',
  propertyNames: { minLength: 1 },
  additionalProperties: { type: 'string' },
  properties: { 'org.opencontainers.image.created': { format: 'rfc3339' } },
};
const descriptor = {
  type: 'object',
  required: ['mediaType', 'digest', 'size'],
  properties: {
    mediaType,
    digest,
    size: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    urls: { type: 'array', items: { type: 'string' } },
    annotations,
    data: { type: 'string' },
    artifactType: mediaType,
  },
};
const EMPTY = 'application/vnd.oci.empty.v1+json';
/** "Guidance for an Empty Descriptor": one digest and one size, and only of this type. */
const empty = implies(
  { properties: { mediaType: { const: EMPTY } }, required: ['mediaType'] },
  {
    properties: {
      size: { const: 2 },
      digest: { const: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a' },
    },
  },
);
const manifest = {
  type: 'object',
  required: ['schemaVersion', 'config', 'layers'],
  properties: {
    schemaVersion: { const: 2 },
    mediaType: { const: 'application/vnd.oci.image.manifest.v1+json' },
    artifactType: mediaType,
    config: { ...descriptor, ...empty },
    layers: { type: 'array', minItems: 1, items: { ...descriptor, ...empty } },
    subject: descriptor,
    annotations,
  },
  // "This MUST be set when config.mediaType is set to the empty value."
  ...implies(
    { properties: { config: { properties: { mediaType: { const: EMPTY } } } } },
    { required: ['artifactType'] },
  ),
};
const index = {
  type: 'object',
  required: ['schemaVersion', 'manifests'],
  properties: {
    schemaVersion: { const: 2 },
    mediaType: { const: 'application/vnd.oci.image.index.v1+json' },
    artifactType: mediaType,
    manifests: { type: 'array', items: descriptor },
    subject: descriptor,
    annotations,
  },
};

const ajv = new Ajv2020({ strict: false, allErrors: true });
ajv.addFormat('rfc3339', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/);

/** What is wrong with a manifest, or an index; empty where nothing is. */
export function imageSpecErrors(kind: 'manifest' | 'index', value: unknown): string[] {
  const validate = ajv.compile(kind === 'manifest' ? manifest : index);
  return validate(value)
    ? []
    : validate.errors!.map(({ instancePath, message }) => `${instancePath} ${message}`);
}
