import { spawn } from 'node:child_process';
import { type Duration, formatDuration, minutes } from '../../base/clock.ts';
import { StellaError } from '../../base/errors.ts';
import { ifInterrupted } from '../../base/interrupt.ts';
import type { PublicKey, Signer } from '../../base/keys.ts';
import { isSignature } from '../../base/keys.ts';

/** How to run an external signer. */
export interface CommandSignerOptions {
  /** Where the command runs. */
  readonly directory: string;
  /** How long until it is given up; a person may have to enter a PIN or touch a token. Default: 5 minutes. */
  readonly timeout?: Duration;
  /** Is told what the command writes to stderr, e.g. `touch the token`. */
  readonly onMessage?: (text: string) => void;
}

const MOST_SIGNATURE_BYTES = 16 * 1024;
const MOST_COMPLAINT_BYTES = 4096;

/**
 * A signer in front of an HSM, a token or a key service: a shell command that reads the bytes to be signed from stdin
 * and writes the raw signature to stdout. It may talk to whoever holds the key on stderr and the terminal. The signature is
 * checked before it is used.
 */
export function commandSigner(command: string, publicKey: PublicKey, options: CommandSignerOptions): Signer {
  return {
    publicKey,
    async sign(data, form) {
      const signature = await runSigner(command, data, options);
      if (!isSignature(publicKey, data, signature, form))
        throw new StellaError(
          'SIGNER_FAILED',
          `the external signer wrote ${signature.length} bytes that are no signature by its key`,
          {
            hint: 'the command must hash and sign all of stdin itself and write the raw signature (ECDSA in ASN.1, RSA-PSS with a salt as long as the hash)',
            details: { command },
          },
        );
      return signature;
    },
  };
}

function runSigner(command: string, data: Uint8Array, options: CommandSignerOptions): Promise<Uint8Array> {
  const timeout = options.timeout ?? minutes(5);
  return new Promise((done, fail) => {
    const refuse = (why: string, cause?: unknown) =>
      fail(new StellaError('SIGNER_FAILED', `the external signer ${why}`, { cause, details: { command } }));
    const child = spawn(command, {
      shell: true,
      cwd: options.directory,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    // It stays in our session, for its questions on the terminal; so what it has started itself is cut off, not killed.
    const giveUp = (why: string) => {
      child.kill('SIGKILL');
      child.stdout.destroy();
      child.stderr.destroy();
      refuse(why);
    };
    // At a terminal Ctrl-C reaches it, too; a signal to this process alone does not.
    const ended = ifInterrupted(() => child.kill());
    const timer = setTimeout(() => giveUp(`did not finish within ${formatDuration(timeout)}`), timeout);
    const output: Buffer[] = [];
    let size = 0;
    let complaint = '';
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MOST_SIGNATURE_BYTES) giveUp('wrote more than any signature has');
      else output.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      const text = chunk.toString('utf8');
      options.onMessage?.(text);
      complaint = (complaint + text).slice(-MOST_COMPLAINT_BYTES);
    });
    child.on('error', (cause) => {
      ended();
      clearTimeout(timer);
      refuse('could not be started', cause);
    });
    // A command that does not read everything closes its end: what counts is what it answers.
    child.stdin.on('error', () => {});
    child.on('close', (status, signal) => {
      const said = complaint.trim().split('\n').at(-1);
      ended();
      clearTimeout(timer);
      if (status !== 0) refuse(`failed with status ${status ?? signal}${said ? `: ${said}` : ''}`);
      else done(Buffer.concat(output));
    });
    child.stdin.end(data);
  });
}
