import { isStellaError } from '../../base/errors.ts';
import { DerReader, oidOf, TAG } from './der.ts';

const ORGANIZATION = oidOf('2.5.4.10');

/** The organization in a distinguished name (RFC 5280 §4.1.2.4), as far as it has one that can be read. For advice only. */
export function organizationIn(name: Buffer): string | undefined {
  try {
    for (const parts = new DerReader(name, 'CERTIFICATE_INVALID').enter(TAG.sequence); !parts.isDone(); ) {
      for (const part = parts.enter(TAG.set); !part.isDone(); ) {
        const attribute = part.enter(TAG.sequence);
        if (attribute.oid() === ORGANIZATION) return attribute.content(attribute.next()).toString('utf8');
      }
    }
  } catch (error) {
    if (!isStellaError(error)) throw error;
  }
  return undefined;
}
