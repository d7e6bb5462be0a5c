// The test of a key while it is typed. Of several answers only the one to the latest text counts.
import { toProblem } from '../../core/backend';
import type { Problem, TestReport } from '../../core/contract';

/** A pause in typing this long means the key is complete. */
const CHECK_AFTER_MS = 500;

export type Check =
  | { stage: 'none' }
  | { stage: 'running' }
  | { stage: 'answered'; report: TestReport }
  | { stage: 'refused'; problem: Problem };

export class KeyCheck {
  state: Check = $state.raw({ stage: 'none' });

  readonly #ask: () => Promise<TestReport>;
  #turn = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ask: () => Promise<TestReport>) {
    this.#ask = ask;
  }

  /** Asks after the pause. */
  soon(): void {
    this.#timer = setTimeout(() => void this.#run(), CHECK_AFTER_MS);
  }

  /** The key is being saved: nothing is asked any more, and what was said stays. */
  rest(): void {
    clearTimeout(this.#timer);
    this.#turn += 1;
  }

  forget(): void {
    this.rest();
    this.state = { stage: 'none' };
  }

  async #run(): Promise<void> {
    const turn = ++this.#turn;
    this.state = { stage: 'running' };
    let found: Check;
    try {
      found = { stage: 'answered', report: await this.#ask() };
    } catch (thrown) {
      found = { stage: 'refused', problem: toProblem(thrown) };
    }
    if (turn === this.#turn) this.state = found;
  }
}
