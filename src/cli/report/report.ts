/**
 * cli/report/: what status and bundles look like to people: tables of text, and pages of HTML with pictures. It is
 * made from values that the rooms below have verified or marked as unverified, and says which. It never fetches, and a
 * page loads nothing from anywhere: styles and pictures are inside. Every text from outside is escaped where it enters
 * a page.
 * Start here, then page.ts for the page and status-text.ts for tables.
 */

import type { Instant } from '../../base/clock.ts';

/** What a report page shows. Every part may be empty; then the page does not have it. */
export interface Report {
  readonly title: string;
  /** One sentence on what was verified, and by whom. */
  readonly standing: string;
  readonly now: Instant;
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly roles: readonly ReportRole[];
  /** As of when roles must be valid: the present, or when the bundle was sealed that carried them. */
  readonly rolesAsOf: Instant;
  /** How old the trust may be here. */
  readonly window: ReportWindow;
  /** Until when the producer advises to use it, where it does. */
  readonly advisedUntil: Instant | undefined;
  readonly keys: readonly ReportKey[];
  readonly logs: readonly ReportLog[];
  readonly checks: readonly ReportCheck[];
  readonly sizes: readonly ReportSize[];
}

export interface ReportRole {
  readonly name: string;
  readonly version: number;
  readonly expires: Instant;
  /** The role that delegates to it; nobody does to the root. */
  readonly parent: string | undefined;
  /** Absent where the metadata that says so is not at hand. */
  readonly signers: { readonly threshold: number; readonly keyIds: readonly string[] } | undefined;
}

export interface ReportWindow {
  /** What the age is counted from. */
  readonly reference: Instant;
  readonly freshUntil: Instant;
  readonly acceptedUntil: Instant;
}

export interface ReportKey {
  readonly name: string;
  readonly usage: string;
  readonly life: 'active' | 'grace' | 'retired' | 'revoked';
  readonly since: Instant | undefined;
  readonly until: Instant | undefined;
  readonly id: string;
}

export interface ReportLog {
  readonly origin: string;
  readonly size: number;
  /** Entries from here on are provable. */
  readonly firstIndex: number;
  /** Earlier sizes from which growth is provable; absent where that is not at hand. */
  readonly consistentFrom: readonly number[] | undefined;
  readonly rootHash: string;
}

export interface ReportCheck {
  readonly name: string;
  readonly result: 'ok' | 'warning' | 'problem';
  readonly detail: string;
}

export interface ReportSize {
  readonly name: string;
  readonly entries: number;
  readonly bytes: number;
}
