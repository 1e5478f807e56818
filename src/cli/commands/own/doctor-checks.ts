/** What `stella doctor` looks at; the words are those that it prints. */
export const DOCTOR_CHECKS = [
  'clock',
  'configuration',
  'store',
  'space',
  'signing key',
  'network',
  'trust',
  'audit',
  'keys',
  'pin',
  'freshness',
  'expiry',
  'sync',
  'services',
] as const;

/** One of {@link DOCTOR_CHECKS}. */
export type DoctorCheck = (typeof DOCTOR_CHECKS)[number];
