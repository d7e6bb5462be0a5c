// Short messages that pass, at the lower right. One may carry one action.

export interface Toast {
  id: number;
  words: string;
  tone: 'plain' | 'ok' | 'bad';
  action?: { label: string; run: () => void };
}

/** Long enough to read two lines and reach the button. */
const SHOWN_MS = 7_000;

class Toasts {
  list: Toast[] = $state([]);
  #next = 1;
  #muted = false;
  #timers = new Map<number, ReturnType<typeof setTimeout>>();

  say(words: string, options: Partial<Pick<Toast, 'tone' | 'action'>> = {}): number {
    const id = this.#next++;
    if (this.#muted) return id;
    this.list.push({ id, words, tone: options.tone ?? 'plain', ...(options.action && { action: options.action }) });
    this.#expire(id);
    return id;
  }

  dismiss = (id: number): void => {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    this.list = this.list.filter((toast) => toast.id !== id);
  };

  /** Nobody loses a message while the pointer or the focus is on it. */
  hold = (): void => {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  };

  release = (): void => {
    for (const { id } of this.list) if (!this.#timers.has(id)) this.#expire(id);
  };

  /** Drops what is shown, and takes nothing until it is over. */
  mute(muted: boolean): void {
    this.#muted = muted;
    if (muted) this.clear();
  }

  clear(): void {
    this.hold();
    this.list = [];
  }

  #expire(id: number): void {
    this.#timers.set(
      id,
      setTimeout(() => this.dismiss(id), SHOWN_MS),
    );
  }
}

export const toasts = new Toasts();
