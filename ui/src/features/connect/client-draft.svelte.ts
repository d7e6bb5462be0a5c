// An OAuth client as a person types it: its two values, what is wrong with them, and what the service says to them.
import { toProblem, type Backend } from '../../core/backend';
import type { ClientNeed } from '../../core/contract';
import { Checking } from '../../shared/client-check.svelte';
import { text } from '../../shared/text';

/** The service, and what its server depends on. */
export interface Place {
  connector: string;
  method: string;
  values: Record<string, string>;
}

interface Typed {
  client_id: string;
  client_secret?: string;
}

export class ClientDraft {
  id = $state('');
  secret = $state('');
  readonly checking = new Checking();

  readonly #backend: Backend;
  readonly #need: () => ClientNeed['secret'];
  /** Fields the person has left, whose faults are now said. */
  #left: Record<'id' | 'secret', boolean> = $state({ id: false, secret: false });
  /** What was kept for a check, so that a sign-in needs not bring it again. */
  #kept: { client: string; typed: Typed } | undefined;

  constructor(backend: Backend, need: () => ClientNeed['secret']) {
    this.#backend = backend;
    this.#need = need;
  }

  get fine(): boolean {
    return this.id.trim() !== '' && (this.#need() !== 'required' || this.secret.trim() !== '');
  }

  get idFault(): string | undefined {
    return this.#left.id && this.id.trim() === '' ? text.form.required(text.clients.id) : undefined;
  }

  get secretFault(): string | undefined {
    const missing = this.#need() === 'required' && this.secret.trim() === '';
    return this.#left.secret && missing ? text.form.required(text.clients.secret) : undefined;
  }

  /** What a sign-in has to bring; nothing when exactly this is kept already. */
  get input(): { client?: Typed } {
    const typed = this.#typed;
    return this.#kept && same(this.#kept.typed, typed) ? {} : { client: typed };
  }

  typeId(value: string): void {
    this.id = value;
    this.checking.forget();
  }

  typeSecret(value: string): void {
    this.secret = value;
    this.checking.forget();
  }

  leave(field: 'id' | 'secret'): void {
    if (this[field].trim() !== '') this.#left[field] = true;
  }

  /** From now on every fault is said. */
  sayFaults(): void {
    this.#left = { id: true, secret: true };
  }

  /** Begins anew with an ID that is known; nothing is said before the person has typed. */
  startWith(id: string): void {
    if (this.id === '') this.id = id;
    this.#left = { id: false, secret: false };
    this.checking.forget();
  }

  /** Keeps the client and asks the service about it. */
  async check(place: Place): Promise<void> {
    this.sayFaults();
    if (!this.fine) return;
    await this.checking.run(async () =>
      this.#backend.call('clients.check', { client: await this.#keep(place), values: place.values }),
    );
  }

  forget(): void {
    this.checking.forget();
    this.secret = '';
    this.#kept = undefined;
  }

  get #typed(): Typed {
    const secret = this.secret.trim();
    return { client_id: this.id.trim(), ...(secret !== '' && { client_secret: secret }) };
  }

  /** Answers by what the client is called then. */
  async #keep(place: Place): Promise<string> {
    const typed = this.#typed;
    const { client_id, client_secret } = typed;
    if (this.#kept && same(this.#kept.typed, typed)) return this.#kept.client;
    let client = client_id;
    try {
      const added = await this.#backend.call('clients.add', { ...place, ...typed });
      client = added.id ?? client_id;
    } catch (thrown) {
      // One that is kept already gets what was typed.
      if (toProblem(thrown).kind !== 'invalid_input') throw thrown;
      if (client_secret !== undefined) await this.#backend.call('clients.update', { client, client_secret });
    }
    this.#kept = { client, typed };
    return client;
  }
}

function same(one: Typed, other: Typed): boolean {
  return one.client_id === other.client_id && one.client_secret === other.client_secret;
}
