/** What the groups of commands are for, in the order in which help lists them. */
export const GROUPS = {
  trust: 'bring trust in, look at it, carry it',
  attest: 'verify and make attestations',
  repo: 'author a TUF repository',
  key: 'make and look at signing keys',
  log: 'keep and check an embedded transparency log',
  config: 'look at the configuration',
  audit: 'the record of what happened to the trust store',
} as const;
