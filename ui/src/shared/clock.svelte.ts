// The time of day as a reactive value. It ticks only while something on screen reads it.
import { createSubscriber } from 'svelte/reactivity';

class Clock {
  readonly #subscribe: () => void;

  constructor(intervalMs: number) {
    this.#subscribe = createSubscriber((update) => {
      const ticking = setInterval(update, intervalMs);
      return () => clearInterval(ticking);
    });
  }

  get now(): number {
    this.#subscribe();
    return Date.now();
  }
}

/** For countdowns. */
export const seconds = new Clock(1_000);
/** For "3 min ago". */
export const minutes = new Clock(15_000);
