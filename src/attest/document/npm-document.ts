import type { JsonObject } from '../../base/json-fields.ts';
import type { Attestation } from './attestation.ts';

/** What npm attests itself: that it published a version of a package (npm/attestation, specs/publish/v0.1). */
export const PUBLISH_PREDICATE = 'https://github.com/npm/attestation/tree/main/specs/publish/v0.1';

type OrError<E> = { readonly attestation: Attestation } | { readonly error: E };

/**
 * npm's attestations document (GET /-/npm/v1/attestations/NAME@VERSION) is one answer about one package: the registry's
 * attestation that it published it goes with the others. What the document says of the kinds is a hint; each is judged.
 * @param items of the list, with what each was parsed to
 */
export function joinPublished<E>(items: readonly unknown[], parsed: readonly OrError<E>[]): OrError<E>[] {
  const at = items.findIndex(
    (item) =>
      item !== null &&
      typeof item === 'object' &&
      (item as JsonObject)['predicateType'] === PUBLISH_PREDICATE,
  );
  const publish = parsed[at];
  if (!publish || !('attestation' in publish)) return [...parsed];
  const { attestation: published } = publish;
  return parsed.map((each) =>
    each !== publish && 'attestation' in each ? { attestation: { ...each.attestation, published } } : each,
  );
}
