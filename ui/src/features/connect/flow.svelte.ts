// Connecting one account, from the first field to the end, as states: the form, waiting for the browser, connected, failed.
import { SvelteSet } from 'svelte/reactivity';
import type { Backend } from '../../core/backend';
import { toProblem } from '../../core/backend';
import type { AuthorizationView, ConnectionView, ConnectorView, FieldView, MethodView, Problem, ScopeView, Strategy } from '../../core/contract';
import { text } from '../../shared/text';
import { ClientDraft } from './client-draft.svelte';
import { KeyCheck } from './key-check.svelte';
import { fault } from './validate';

export type Stage =
  | { name: 'form' }
  | { name: 'waiting'; authorization: AuthorizationView }
  | { name: 'connected'; authorization: AuthorizationView }
  | { name: 'failed'; problem: Problem; authorization?: AuthorizationView | undefined };

export interface Start {
  /** The account to sign in again. */
  reconnect?: ConnectionView | undefined;
  /** What it shall be allowed besides. */
  scopes?: string[] | undefined;
  /** Begins with the fields of a client of the person's own. */
  ownClient?: boolean | undefined;
  /** Names that are taken, so that the default is a free one. */
  taken: string[];
}

/** What is different about this sign-in. */
export interface Turn {
  strategy?: Strategy;
  connection?: string;
  scopes?: string[];
  duplicate?: boolean;
}

export class Flow {
  readonly connector: ConnectorView;
  readonly reconnect: ConnectionView | undefined;
  readonly client: ClientDraft;
  readonly keyCheck: KeyCheck;

  methodId = $state('');
  label = $state('');
  values: Record<string, string> = $state({});
  /** The person wants another client than the stored one. */
  ownClient = $state(false);
  /** Permissions that are only asked for when they are wanted. */
  readonly wanted = new SvelteSet<string>();
  stage: Stage = $state.raw({ name: 'form' });
  busy = $state(false);
  /** The way that is being changed to. */
  turningTo: Strategy | undefined = $state();
  problem: Problem | undefined = $state.raw();

  /** Fields the person has left, whose faults are now said. */
  #left: Record<string, boolean> = $state({});
  readonly #backend: Backend;
  #attempt = 0;
  /** The sign-in whose news count. */
  #followed: string | undefined;
  #stopWatching = () => {};

  constructor(backend: Backend, connector: ConnectorView, { reconnect, scopes = [], ownClient = false, taken }: Start) {
    this.#backend = backend;
    this.connector = connector;
    this.reconnect = reconnect;
    this.label = reconnect?.label ?? freeName(connector.name, taken);
    this.client = new ClientDraft(backend, () => this.method?.client?.secret ?? 'none');
    this.keyCheck = new KeyCheck(() => this.#askAboutKey());
    this.choose(reconnect?.method.id ?? connector.methods[0]?.id ?? '');
    for (const scope of scopes) this.wanted.add(scope);
    if (ownClient) this.editClient();
  }

  get method(): MethodView | undefined {
    return this.connector.methods.find(({ id }) => id === this.methodId) ?? this.connector.methods[0];
  }

  /** What is asked for in any case, and what was wanted besides. */
  get asked(): ScopeView[] {
    return (this.method?.scopes ?? []).filter(({ name, optional }) => !optional || this.wanted.has(name));
  }

  /** What can be asked for besides. */
  get optional(): ScopeView[] {
    return (this.method?.scopes ?? []).filter(({ optional }) => optional);
  }

  want(scope: string, wanted: boolean): void {
    if (wanted) this.wanted.add(scope);
    else this.wanted.delete(scope);
  }

  /** Whether the form asks for an OAuth client of the person's own. */
  get asksClient(): boolean {
    const client = this.method?.client;
    // A connection goes on with the client it was made with.
    return !!client && (this.ownClient || !(client.ready || this.reconnect));
  }

  /** Nothing has to be asked before the browser opens. */
  get readyAtOnce(): boolean {
    const { method } = this;
    return method?.kind === 'oauth2' && !this.asksClient && method.fields.every((field) => fault(field, this.valueOf(field)) === undefined);
  }

  /** Whether there was anything to fill in that may be wrong. */
  get hasDetails(): boolean {
    return this.asksClient || (this.method?.fields.length ?? 0) > 0;
  }

  choose(methodId: string): void {
    this.methodId = methodId;
    this.values = Object.fromEntries((this.method?.fields ?? []).map((field) => [field.name, this.reconnect?.values?.[field.name] ?? field.default ?? '']));
    this.problem = undefined;
    this.#left = {};
    this.wanted.clear();
    this.keyCheck.forget();
  }

  valueOf(field: FieldView): string {
    return this.values[field.name] ?? '';
  }

  type(field: FieldView, value: string): void {
    this.values[field.name] = value;
    this.problem = undefined;
    this.keyCheck.forget();
    this.client.checking.forget();
    if (this.method?.kind === 'api_key' && this.#fieldsFine) this.keyCheck.soon();
  }

  leave(name: string): void {
    if ((this.values[name] ?? '').trim() !== '') this.#left[name] = true;
  }

  /** The fault of a field as far as the person should already hear of it. */
  faultOf(field: FieldView): string | undefined {
    return this.#left[field.name] ? fault(field, this.valueOf(field)) : undefined;
  }

  /** Saves a key or opens the browser. Answers the new connection when a key was saved. */
  async submit(): Promise<ConnectionView | undefined> {
    const { method } = this;
    if (this.busy || !method) return undefined;
    this.#sayFaults(method);
    this.client.sayFaults();
    if (!this.#fieldsFine || (this.asksClient && !this.client.fine)) return undefined;
    if (method.kind === 'api_key') return this.#add(method);
    await this.begin();
    return undefined;
  }

  /** Asks the service about the client before anybody signs in with it. */
  async checkClient(): Promise<void> {
    const { method } = this;
    if (!method) return;
    this.#sayFaults(method);
    this.client.sayFaults();
    if (!this.#fieldsFine) return;
    await this.client.check({ connector: this.connector.id, method: method.id, values: this.#split(method).values });
  }

  /** Begins a sign-in. One that waits is given up for it once it stands, and everything typed counts again. */
  async begin(turn: Turn = {}): Promise<void> {
    const { method } = this;
    if (!method || this.busy) return;
    const attempt = ++this.#attempt;
    const earlier = this.stage.name === 'waiting' ? this.stage.authorization.id : undefined;
    const connection = turn.duplicate ? undefined : (turn.connection ?? this.reconnect?.id);
    const scopes = turn.scopes ?? Array.from(this.wanted);
    let begun = false;
    this.busy = true;
    this.turningTo = turn.strategy;
    this.problem = undefined;
    try {
      const authorization = await this.#backend.call('authorizations.begin', {
        connector: this.connector.id,
        method: method.id,
        ...(connection ? { connection } : this.#name),
        values: this.#split(method).values,
        ...(this.asksClient && this.client.input),
        ...(turn.strategy && { strategy: turn.strategy }),
        ...(earlier && { instead_of: earlier }),
        ...(scopes.length > 0 && { scopes }),
        ...(turn.duplicate && { duplicate: true }),
        // A code is read here before it is typed there.
        open_browser: turn.strategy !== 'device',
      });
      begun = true;
      // The dialog was closed, or the earlier sign-in came to its end after all.
      if (attempt !== this.#attempt || (earlier && this.stage.name !== 'waiting')) return this.#cancel(authorization.id);
      await this.#watch(authorization);
    } catch (thrown) {
      if (attempt !== this.#attempt) return;
      const problem = toProblem(thrown);
      if (begun || (this.stage.name !== 'form' && !earlier)) this.stage = { name: 'failed', problem };
      else this.problem = problem;
    } finally {
      if (attempt === this.#attempt) {
        this.busy = false;
        this.turningTo = undefined;
      }
    }
  }

  /** Takes the address the browser ended on. Answers the problem for the box to show. */
  async paste(address: string): Promise<Problem | undefined> {
    if (this.stage.name !== 'waiting') return undefined;
    const { id } = this.stage.authorization;
    try {
      const now = await this.#backend.call('authorizations.paste', { authorization: id, address });
      if (now.id === this.#followed) this.#follow(now);
      return undefined;
    } catch (thrown) {
      return toProblem(thrown);
    }
  }

  backToForm(): void {
    this.stage = { name: 'form' };
    this.problem = undefined;
  }

  /** The form again, with the fields of the client open. */
  editClient(): void {
    this.ownClient = true;
    this.client.startWith(this.method?.client?.client_id ?? '');
    this.backToForm();
  }

  /**
   * The dialog goes, and with it what was typed. A person who closes it calls off what waits in the browser; where
   * Hearthkey was locked instead, that comes to its end by itself.
   */
  close(locked = false): void {
    this.#attempt += 1;
    this.#followed = undefined;
    this.keyCheck.forget();
    this.#stopWatching();
    if (this.stage.name === 'waiting' && !locked) this.#cancel(this.stage.authorization.id);
    this.values = {};
    this.client.forget();
  }

  get #name(): { label?: string } {
    const label = this.label.trim();
    return label === '' ? {} : { label };
  }

  get #fieldsFine(): boolean {
    return (this.method?.fields ?? []).every((field) => fault(field, this.valueOf(field)) === undefined);
  }

  #sayFaults(method: MethodView): void {
    for (const { name } of method.fields) this.#left[name] = true;
  }

  #split(method: MethodView): { values: Record<string, string>; secrets: Record<string, string> } {
    const typed = method.fields
      .map((field) => ({ field, value: this.valueOf(field).trim() }))
      .filter(({ value }) => value !== '');
    const of = (secret: boolean) =>
      Object.fromEntries(typed.filter(({ field }) => (field.kind === 'secret') === secret).map(({ field, value }) => [field.name, value]));
    return { values: of(false), secrets: of(true) };
  }

  async #add(method: MethodView): Promise<ConnectionView | undefined> {
    this.busy = true;
    this.problem = undefined;
    this.keyCheck.rest();
    try {
      return await this.#backend.call('connections.add', {
        connector: this.connector.id,
        method: method.id,
        ...(this.reconnect ? { connection: this.reconnect.id } : this.#name),
        ...this.#split(method),
      });
    } catch (thrown) {
      this.keyCheck.forget();
      this.problem = toProblem(thrown);
      return undefined;
    } finally {
      this.busy = false;
    }
  }

  async #askAboutKey() {
    const method = this.method;
    const split = method ? this.#split(method) : { values: {}, secrets: {} };
    return this.#backend.call('credentials.check', { connector: this.connector.id, method: this.methodId, ...split });
  }

  async #watch(authorization: AuthorizationView): Promise<void> {
    this.#stopWatching();
    this.#stopWatching = () => {};
    this.#followed = authorization.id;
    this.#follow(authorization);
    const stop = await this.#backend.watch('authorizations.watch', { authorization: authorization.id }, (now) => {
      if (now.id === this.#followed) this.#follow(now);
    });
    if (this.#followed === authorization.id) this.#stopWatching = stop;
    else stop();
  }

  #follow(authorization: AuthorizationView): void {
    switch (authorization.state) {
      case 'waiting':
      case 'exchanging':
      case 'waiting_for_unlock':
        this.stage = { name: 'waiting', authorization };
        return;
      case 'connected':
      case 'already_connected':
        this.stage = { name: 'connected', authorization };
        break;
      case 'failed':
        this.stage = { name: 'failed', problem: authorization.problem ?? toProblem(text.connect.noReason), authorization };
        break;
      case 'cancelled':
        // Given up for another way that is about to begin.
        if (this.turningTo) return;
        this.stage = { name: 'form' };
    }
    this.#stopWatching();
  }

  #cancel(authorization: string): void {
    // It may have ended by itself in the meantime, which is as good.
    this.#backend.call('authorizations.cancel', { authorization }).catch(() => {});
  }
}

function freeName(wanted: string, taken: string[]): string {
  const used = new Set(taken.map((name) => name.toLocaleLowerCase()));
  let name = wanted;
  for (let count = 2; used.has(name.toLocaleLowerCase()); count += 1) name = `${wanted} ${count}`;
  return name;
}
