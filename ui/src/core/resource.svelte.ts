// Something the core knows and the window shows. The last good value stays visible while a newer one is fetched, and an
// answer that was overtaken by a later question is dropped.
import { toProblem } from './backend';
import type { Problem } from './contract';

export class Resource<Value> {
  value: Value | undefined = $state.raw();
  problem: Problem | undefined = $state.raw();
  loading = $state(false);

  readonly #load: () => Promise<Value>;
  #turn = 0;

  constructor(load: () => Promise<Value>) {
    this.#load = load;
  }

  refresh = async (): Promise<void> => {
    const turn = ++this.#turn;
    this.loading = true;
    try {
      const value = await this.#load();
      if (turn !== this.#turn) return;
      this.value = value;
      this.problem = undefined;
    } catch (thrown) {
      if (turn !== this.#turn) return;
      this.problem = toProblem(thrown);
    }
    this.loading = false;
  };

  /** Shows what an operation just answered, without waiting for the list, and asks for the list again. */
  replace(change: (value: Value) => Value): void {
    if (this.value !== undefined) this.value = change(this.value);
    void this.refresh();
  }
}
