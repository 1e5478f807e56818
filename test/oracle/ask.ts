import { type ChildProcess, fork } from 'node:child_process';
import { resolve } from 'node:path';
import type { Answer, Question } from './tuf-js.ts';

/** The oracle as a process that questions are sent to, one after the other. */
export class TufJsOracle {
  readonly #process: ChildProcess;
  #next = 1;

  constructor() {
    this.#process = fork(resolve('test/oracle/tuf-js.ts'), [], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      serialization: 'advanced',
    });
  }

  async ask(question: Omit<Question, 'id'>): Promise<Answer> {
    const id = this.#next++;
    return await new Promise((done, fail) => {
      const onExit = (code: number | null) => fail(new Error(`the oracle ended with status ${code}`));
      const onMessage = (answer: Answer) => {
        if (answer.id !== id) return;
        this.#process.off('message', onMessage);
        this.#process.off('exit', onExit);
        done(answer);
      };
      this.#process.on('message', onMessage);
      this.#process.once('exit', onExit);
      this.#process.send({ id, ...question });
    });
  }

  stop(): void {
    this.#process.removeAllListeners('exit');
    this.#process.kill();
  }
}
