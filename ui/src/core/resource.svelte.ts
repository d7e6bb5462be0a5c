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

  /** Takes what an operation just answered for the value; answers that are under way are of an older time. */
  set(value: Value): void {
    this.#turn += 1;
    this.value = value;
    this.problem = undefined;
    this.loading = false;
  }

  /** Forgets everything, and drops what is under way. */
  clear(): void {
    this.#turn += 1;
    this.value = undefined;
    this.problem = undefined;
    this.loading = false;
  }

  /** Shows what an operation just answered, without waiting for the list, and asks for the list again. */
  replace(change: (value: Value) => Value): void {
    if (this.value !== undefined) this.value = change(this.value);
    void this.refresh();
  }
}
