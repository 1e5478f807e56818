export type { ErrorCode, ExitStatus } from './base/codes.ts';
export { CODES, EXIT } from './base/codes.ts';
export { isStellaError, StellaError } from './base/errors.ts';
