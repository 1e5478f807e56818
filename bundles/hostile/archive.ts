import type { ErrorCode } from '../../src/base/codes.ts';

/** An archive that must be refused. */
export interface HostileArchive {
  readonly name: string;
  readonly bytes: Buffer;
  /** How it is refused. */
  readonly code: ErrorCode;
  /** How it is refused from a pipe, where that is not the same: what comes last is not known first there. */
  readonly pipeCode?: ErrorCode;
}
