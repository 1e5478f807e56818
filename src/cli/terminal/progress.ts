import { Writable } from 'node:stream';
import type { SingleBar } from 'cli-progress';
import { ifInterrupted } from '../../base/interrupt.ts';
import { formatBytes, formatCount, printable } from './output.ts';

export type Unit = 'bytes' | 'files' | 'entries';

/** One stretch of work: what it was, how much of it, how long it took. */
export interface Phase {
  readonly what: string;
  readonly done: number;
  /** Undefined where nobody knows, as of what comes through a pipe. */
  readonly total: number | undefined;
  /** Milliseconds. */
  readonly duration: number;
}

export interface ProgressOptions {
  /** Where the bar is drawn; without it nothing is. */
  readonly draw: ((text: string) => void) | undefined;
  readonly columns: number;
  /** Milliseconds from any beginning. */
  readonly clock: () => number;
  /** Told of every stretch of work when it ends, if anybody wants to know. */
  readonly onPhase: ((phase: Phase) => void) | undefined;
}

/** Work below this is over before anybody wonders. Milliseconds. */
const SHOWN_AFTER = 1000;
const REDRAW_EVERY = 100;

/** Shows how far the work is, how fast it goes, and how long it will take; gone without a trace when it ends. */
export class Progress {
  readonly #options: ProgressOptions;
  #bar: SingleBar | undefined;
  #forget: (() => void) | undefined;
  #isLoading = false;
  #phase: (State & { began: number }) | undefined;
  #drawn = 0;

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  /** @param total how much there is of `unit`; `done` beyond it counts as all of it; undefined where nobody knows */
  report(what: string, done: number, total: number | undefined, unit: Unit): void {
    if (!this.#options.draw && !this.#options.onPhase) return;
    const now = this.#options.clock();
    if (this.#phase?.what !== what) {
      this.#end(now);
      this.#phase = { what, unit, done, total, began: now };
    }
    Object.assign(this.#phase, { done, total });
    if (!this.#options.draw || now - this.#phase.began < SHOWN_AFTER || now - this.#drawn < REDRAW_EVERY)
      return;
    this.#drawn = now;
    if (this.#bar) this.#bar.update(Math.min(done, total ?? done));
    else if (!this.#isLoading) void this.#show();
  }

  /** Takes the bar away. Call it before anything else is printed, and at the end. */
  clear(): void {
    this.#bar?.stop();
    this.#bar = undefined;
    this.#forget?.();
    this.#forget = undefined;
  }

  /** Ends the last stretch of work. */
  close(): void {
    if (this.#phase) this.#end(this.#options.clock());
  }

  #end(now: number): void {
    this.clear();
    const phase = this.#phase;
    this.#phase = undefined;
    if (phase)
      this.#options.onPhase?.({
        what: phase.what,
        done: phase.done,
        total: phase.total,
        duration: now - phase.began,
      });
  }

  async #show(): Promise<void> {
    this.#isLoading = true;
    const { default: library } = await import('cli-progress');
    this.#isLoading = false;
    const phase = this.#phase;
    const { draw, columns, clock } = this.#options;
    if (!phase || !draw || this.#bar) return;
    this.#bar = new library.SingleBar({
      stream: terminalStream(draw),
      clearOnComplete: true,
      gracefulExit: false,
      hideCursor: null,
      fps: 1000 / REDRAW_EVERY,
      format: (_options, { value }) =>
        formatProgress({ ...phase, done: value, elapsed: clock() - phase.began }, columns),
    });
    // An interrupted process must not leave half a line, nor a terminal that wraps no lines.
    this.#forget = ifInterrupted(() => this.clear());
    const { done, total } = phase;
    this.#bar.start(total ?? Number.MAX_SAFE_INTEGER, Math.min(done, total ?? done));
  }
}

/** cli-progress draws on streams that are terminals; ours is a function. */
function terminalStream(draw: (text: string) => void): NodeJS.WritableStream {
  const stream = new Writable({
    decodeStrings: false,
    write: (text: string, _encoding, done) => {
      draw(text);
      done();
    },
  });
  return Object.assign(stream, { isTTY: true });
}

interface State {
  readonly what: string;
  readonly unit: Unit;
  readonly done: number;
  readonly total: number | undefined;
}

/**
 * One line, never wider than the terminal: `sealing [====    ] 42 % 12.3 MiB/s, 7 s left`, and where nobody knows how much
 * there is `appending 65,536 entries  20,000 entries/s`.
 */
export function formatProgress(state: State & { readonly elapsed: number }, columns: number): string {
  const { unit, done, total, elapsed } = state;
  const most = columns - 1;
  const what = printable(state.what).slice(0, Math.max(8, Math.floor(most / 3)));
  const perSecond = elapsed === 0 ? 0 : done / (elapsed / 1000);
  const rate = `${formatAmount(Math.round(perSecond), unit)}/s`;
  if (total === undefined) return `${what} ${formatAmount(done, unit)}  ${rate}`.slice(0, most);
  const share = total === 0 ? 1 : Math.min(done / total, 1);
  const left = perSecond === 0 ? '' : `, ${formatSeconds((total - done) / perSecond)} left`;
  const percent = `${String(Math.floor(share * 100)).padStart(3)} %`;
  const facts = `${percent}  ${rate}${left}`;
  const bar = Math.min(30, most - what.length - facts.length - 4);
  if (bar < 5) return `${what} ${facts}`.slice(0, most);
  const full = Math.round(share * bar);
  return `${what} [${'='.repeat(full)}${' '.repeat(bar - full)}] ${facts}`;
}

function formatAmount(count: number, unit: Unit): string {
  if (unit === 'bytes') return formatBytes(count);
  return unit === 'files' ? formatCount(count, 'file') : formatCount(count, 'entry', 'entries');
}

function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
