// What a person can do with a connection, from the list, its menu, a key or the detail pane: one place for all four.
import { SvelteMap, SvelteSet } from 'svelte/reactivity';
import { toProblem } from '../../core/backend';
import type { ConnectionView, Problem, Remedy, TestReport } from '../../core/contract';
import type { Hearth } from '../../core/hearth.svelte';
import { whatHappened } from '../../shared/problems';
import { text } from '../../shared/text';
import { relative } from '../../shared/time';
import { toasts } from '../../shared/toasts.svelte';
import { freshStart } from './trouble';

export type TestState =
  | { stage: 'running' }
  | { stage: 'answered'; report: TestReport }
  | { stage: 'refused'; problem: Problem };

/** What other features do for a connection; the view brings them together. */
export interface Repairs {
  /** Signs in again, or takes another key; perhaps to be allowed more. */
  reconnect: (connection: ConnectionView, scopes?: string[]) => void;
  editClient: (connection: ConnectionView) => void;
  showClients: () => void;
}

export class Actions {
  readonly tests = new SvelteMap<string, TestState>();
  readonly #renewals = new SvelteSet<string>();
  renaming: ConnectionView | undefined = $state.raw();

  readonly #hearth: Hearth;
  readonly #repairs: Repairs;

  constructor(hearth: Hearth, repairs: Repairs) {
    this.#hearth = hearth;
    this.#repairs = repairs;
  }

  /** Does the one thing that helps. */
  repair = (connection: ConnectionView, remedy: Remedy): void => {
    if (remedy === 'edit_client') this.#repairs.editClient(connection);
    else if (remedy === 'reconnect' || remedy === 'update_key') this.#repairs.reconnect(connection);
    else if (remedy === 'try_again') void (renews(connection) ? this.renew(connection) : this.test(connection));
  };

  startAfresh = (connection: ConnectionView): void => this.repair(connection, freshStart(connection));

  allow = (connection: ConnectionView, scopes: string[]): void => this.#repairs.reconnect(connection, scopes);

  showClients = (): void => this.#repairs.showClients();

  renewing(id: string): boolean {
    return this.#renewals.has(id);
  }

  /** Renews a sign-in at once. */
  renew = async ({ id, label, method }: ConnectionView): Promise<void> => {
    if (method.kind !== 'oauth2' || this.renewing(id)) return;
    this.#renewals.add(id);
    try {
      const renewed = await this.#hearth.backend.call('connections.refresh', { connection: id });
      this.#hearth.put(renewed);
      const next = renewed.next_refresh_at ?? undefined;
      toasts.say(text.connections.renewed(label, next && relative(next, Date.now())), { tone: 'ok' });
    } catch (thrown) {
      const said = whatHappened(toProblem(thrown));
      // The core may have named the account already.
      toasts.say(said.includes(label) ? said : text.common.because(text.connections.renewFailed(label), said), { tone: 'bad' });
      void this.#hearth.connections.refresh();
      this.#hearth.revision += 1;
    }
    this.#renewals.delete(id);
  };

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

/** Whether it is a renewal that did not come off, and not a request. */
function renews({ method, status }: ConnectionView): boolean {
  return method.kind === 'oauth2' && status !== 'error';
}
