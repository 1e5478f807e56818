import { StellaError } from '../../base/errors.ts';
import type { JsonObject } from '../../base/json-fields.ts';

/**
 * What people hand over for an attestation and what is none, said by its name: with each, where the attestation is to be
 * found, or what judges it.
 * @returns `undefined` for what is not known either
 */
export function foreignDocument(fields: JsonObject, what: string): StellaError | undefined {
  const { bundle, bundle_url: url, signed, mediaType } = fields;
  if (bundle === null && typeof url === 'string')
    return new StellaError('PARSE_FAILED', `${what} names an attestation and does not hold it`, {
      hint: [
        `it lies at ${placeOf(url)}; fetch it on the connected side:`,
        'gh attestation download ARTIFACT --repo OWNER/NAME',
      ],
    });
  const type = signed !== null && typeof signed === 'object' ? (signed as JsonObject)['_type'] : undefined;
  if (type === 'link' || type === 'layout')
    return new StellaError('PARSE_FAILED', `${what} is an in-toto ${type}, in the form before attestations`, {
      hint: 'in-toto-verify judges links by a layout; stella judges in-toto attestations (DSSE)',
    });
  if (typeof mediaType === 'string' && mediaType.includes('trustedroot'))
    return new StellaError('PARSE_FAILED', `${what} is a Sigstore trusted root, no attestation`, {
      hint: 'give it with --trusted-root FILE',
    });
  return undefined;
}

/** Without what follows the path, which is the permission to fetch it. */
function placeOf(url: string): string {
  if (!URL.canParse(url)) return 'its bundle_url';
  const { origin, pathname } = new URL(url);
  return origin === 'null' ? 'its bundle_url' : `${origin}${pathname}`;
}
