// Asking a service whether it knows an OAuth client and its redirect, before anybody signs in with it.
import { toProblem } from '../core/backend';
import type { ClientCheck, Problem } from '../core/contract';

export type ClientChecked =
  | { stage: 'none' }
  | { stage: 'running' }
  | { stage: 'answered'; check: ClientCheck }
  | { stage: 'refused'; problem: Problem };

export class Checking {
  state: ClientChecked = $state.raw({ stage: 'none' });
  #turn = 0;

  async run(ask: () => Promise<ClientCheck>): Promise<void> {
    if (this.state.stage === 'running') return;
    const turn = ++this.#turn;
    this.state = { stage: 'running' };
    let found: ClientChecked;
    try {
      found = { stage: 'answered', check: await ask() };
    } catch (thrown) {
      found = { stage: 'refused', problem: toProblem(thrown) };
    }
    if (turn === this.#turn) this.state = found;
  }

  /** What was asked about is no longer what stands there. */
  forget(): void {
    this.#turn += 1;
    this.state = { stage: 'none' };
  }
}
