// What a person can do with a connection, from the list, its menu, a key or the detail pane: one place for all four.
import { SvelteMap } from 'svelte/reactivity';
import { toProblem } from '../../core/backend';
import type { ConnectionView, Problem, TestReport } from '../../core/contract';
import type { Hearth } from '../../core/hearth.svelte';
import { whatHappened } from '../../shared/problems';
import { text } from '../../shared/text';
import { toasts } from '../../shared/toasts.svelte';

export type TestState =
  | { stage: 'running' }
  | { stage: 'answered'; report: TestReport }
  | { stage: 'refused'; problem: Problem };

export class Actions {
  readonly tests = new SvelteMap<string, TestState>();
  renaming: ConnectionView | undefined = $state.raw();

  readonly #hearth: Hearth;

  constructor(hearth: Hearth) {
    this.#hearth = hearth;
  }

  testing(id: string): boolean {
    return this.tests.get(id)?.stage === 'running';
  }

  test = async ({ id }: ConnectionView): Promise<void> => {
    if (this.testing(id)) return;
    this.tests.set(id, { stage: 'running' });
    try {
      const report = await this.#hearth.backend.call('connections.test', { connection: id });
      this.tests.set(id, { stage: 'answered', report });
    } catch (thrown) {
      this.tests.set(id, { stage: 'refused', problem: toProblem(thrown) });
    }
    void this.#hearth.connections.refresh();
    this.#hearth.revision += 1;
  };

  disconnect = async (connection: ConnectionView): Promise<void> => {
    if (connection.status === 'deleting') return;
    try {
      const left = await this.#hearth.backend.call('connections.disconnect', { connection: connection.id });
      this.tests.delete(connection.id);
      if (left) this.#hearth.put(left);
      else this.#hearth.refreshAll();
      toasts.say(text.connections.disconnectedToast(connection.label), {
        ...(left && { action: { label: text.common.undo, run: () => void this.restore(connection) } }),
      });
    } catch (thrown) {
      this.#complain(text.connections.disconnectFailed(connection.label), toProblem(thrown));
    }
  };

  restore = async (connection: ConnectionView): Promise<void> => {
    try {
      this.#hearth.put(await this.#hearth.backend.call('connections.restore', { connection: connection.id }));
      toasts.say(text.connections.restoredToast(connection.label), { tone: 'ok' });
    } catch (thrown) {
      this.#complain(text.connections.restoreFailed(connection.label), toProblem(thrown));
      this.#hearth.refreshAll();
    }
  };

  /** Answers the problem for the form to show; nothing when it worked. */
  rename = async ({ id }: ConnectionView, label: string): Promise<Problem | undefined> => {
    try {
      this.#hearth.put(await this.#hearth.backend.call('connections.rename', { connection: id, label }));
      return undefined;
    } catch (thrown) {
      return toProblem(thrown);
    }
  };

  #complain(words: string, problem: Problem): void {
    toasts.say(text.common.because(words, whatHappened(problem)), { tone: 'bad' });
  }
}
