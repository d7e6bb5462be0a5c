// A new secret for a client that is kept.
import { toProblem, type Backend } from '../../core/backend';
import type { ClientView, Problem } from '../../core/contract';
import { Checking } from '../../shared/client-check.svelte';
import { text } from '../../shared/text';

export class ClientEdit {
  readonly client: ClientView;
  readonly checking = new Checking();
  secret = $state('');
  busy = $state(false);
  problem: Problem | undefined = $state.raw();

  readonly #backend: Backend;
  #tried = $state(false);

  constructor(backend: Backend, client: ClientView) {
    this.#backend = backend;
    this.client = client;
  }

  get fault(): string | undefined {
    return this.#tried && this.secret.trim() === '' ? text.form.required(text.clients.newSecret) : undefined;
  }

  /** Asks about the client as it is kept: the secret has no part in that. */
  check(): Promise<void> {
    return this.checking.run(() => this.#backend.call('clients.check', { client: this.#name }));
  }

  async save(): Promise<ClientView | undefined> {
    this.#tried = true;
    const client_secret = this.secret.trim();
    if (this.busy || client_secret === '') return undefined;
    this.busy = true;
    this.problem = undefined;
    try {
      const saved = await this.#backend.call('clients.update', { client: this.#name, client_secret });
      this.forget();
      return saved;
    } catch (thrown) {
      this.problem = toProblem(thrown);
      return undefined;
    } finally {
      this.busy = false;
    }
  }

  forget(): void {
    this.#tried = false;
    this.secret = '';
  }

  get #name(): string {
    return this.client.id ?? this.client.client_id;
  }
}
