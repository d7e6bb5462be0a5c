// Connecting one account, from the first field to the end, as states: the form, waiting for the browser, connected, failed.
// A typed key is tested while the person types; of several answers only the one to the latest text counts.
import type { Backend } from '../../core/backend';
import { toProblem } from '../../core/backend';
import type {
  AuthorizationView,
  ConnectionView,
  ConnectorView,
  FieldView,
  MethodView,
  Problem,
  TestReport,
} from '../../core/contract';
import { text } from '../../shared/text';
import { fault } from './validate';

/** A pause in typing this long means the key is complete. */
const CHECK_AFTER_MS = 500;

export type Check =
  | { stage: 'none' }
  | { stage: 'running' }
  | { stage: 'answered'; report: TestReport }
  | { stage: 'refused'; problem: Problem };

export type Stage =
  | { name: 'form' }
  | { name: 'waiting'; authorization: AuthorizationView }
  | { name: 'connected'; connection: string | undefined }
  | { name: 'failed'; problem: Problem };

export interface Start {
  /** The account to sign in again. */
  reconnect?: ConnectionView | undefined;
  /** Names that are taken, so that the default is a free one. */
  taken: string[];
}

export class Flow {
  readonly connector: ConnectorView;
  readonly reconnect: ConnectionView | undefined;

  methodId = $state('');
  label = $state('');
  values: Record<string, string> = $state({});
  clientId = $state('');
  clientSecret = $state('');
  /** The person wants another client than the stored one. */
  ownClient = $state(false);
  stage: Stage = $state.raw({ name: 'form' });
  check: Check = $state.raw({ stage: 'none' });
  busy = $state(false);
  problem: Problem | undefined = $state.raw();

  /** Fields the person has left, whose faults are now said. */
  #left: Record<string, boolean> = $state({});
  readonly #backend: Backend;
  #checkTurn = 0;
  #checkTimer: ReturnType<typeof setTimeout> | undefined;
  #attempt = 0;
  #stopWatching = () => {};

  constructor(backend: Backend, connector: ConnectorView, { reconnect, taken }: Start) {
    this.#backend = backend;
    this.connector = connector;
    this.reconnect = reconnect;
    this.label = reconnect?.label ?? freeName(connector.name, taken);
    this.choose(reconnect?.method.id ?? connector.methods[0]?.id ?? '');
  }

  get method(): MethodView | undefined {
    return this.connector.methods.find(({ id }) => id === this.methodId) ?? this.connector.methods[0];
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

  choose(methodId: string): void {
    this.methodId = methodId;
    this.values = Object.fromEntries((this.method?.fields ?? []).map((field) => [field.name, this.reconnect?.values?.[field.name] ?? field.default ?? '']));
    this.problem = undefined;
    this.#left = {};
    this.#forgetCheck();
  }

  valueOf(field: FieldView): string {
    return this.values[field.name] ?? '';
  }

  type(field: FieldView, value: string): void {
    this.values[field.name] = value;
    this.problem = undefined;
    this.#forgetCheck();
    if (this.method?.kind !== 'api_key' || !this.#fieldsFine) return;
    this.#checkTimer = setTimeout(() => void this.#runCheck(), CHECK_AFTER_MS);
  }

  leave(name: string): void {
    if ((this.values[name] ?? (name === CLIENT_ID ? this.clientId : this.clientSecret)).trim() !== '') this.#left[name] = true;
  }

  /** The fault of a field as far as the person should already hear of it. */
  faultOf(field: FieldView): string | undefined {
    return this.#left[field.name] ? fault(field, this.valueOf(field)) : undefined;
  }

  get clientIdFault(): string | undefined {
    return this.#left[CLIENT_ID] && this.clientId.trim() === '' ? text.form.required(text.connect.clientId) : undefined;
  }

  get clientSecretFault(): string | undefined {
    const missing = this.method?.client?.secret === 'required' && this.clientSecret.trim() === '';
    return this.#left[CLIENT_SECRET] && missing ? text.form.required(text.connect.clientSecret) : undefined;
  }

  /** Saves a key or opens the browser. Answers the new connection when a key was saved. */
  async submit(): Promise<ConnectionView | undefined> {
    const { method } = this;
    if (this.busy || !method) return undefined;
    for (const name of [...method.fields.map((field) => field.name), CLIENT_ID, CLIENT_SECRET]) this.#left[name] = true;
    if (!this.#fieldsFine || (this.asksClient && (this.clientIdFault || this.clientSecretFault))) return undefined;
    return method.kind === 'oauth2' ? this.begin() : this.#add(method);
  }

  async begin(): Promise<undefined> {
    const { method } = this;
    if (!method) return;
    const attempt = ++this.#attempt;
    this.#stopWatching();
    this.busy = true;
    this.problem = undefined;
    try {
      const authorization = await this.#backend.call('authorizations.begin', {
        connector: this.connector.id,
        method: method.id,
        ...(this.reconnect ? { connection: this.reconnect.id } : this.#name),
        values: this.#split(method).values,
        ...(this.asksClient && { client: this.#client }),
        open_browser: true,
      });
      if (attempt !== this.#attempt) return void this.#cancel(authorization.id);
      this.#follow(authorization);
      const stop = await this.#backend.watch('authorizations.watch', { authorization: authorization.id }, (now) => {
        if (attempt === this.#attempt) this.#follow(now);
      });
      if (attempt === this.#attempt) this.#stopWatching = stop;
      else stop();
    } catch (thrown) {
      if (attempt !== this.#attempt) return;
      const problem = toProblem(thrown);
      if (this.stage.name === 'form') this.problem = problem;
      else this.stage = { name: 'failed', problem };
    } finally {
      if (attempt === this.#attempt) this.busy = false;
    }
  }

  backToForm(): void {
    this.stage = { name: 'form' };
    this.problem = undefined;
  }

  /** The person closes the dialog: what waits in the browser is called off, and what was typed is dropped. */
  close(): void {
    this.#attempt += 1;
    this.#forgetCheck();
    this.#stopWatching();
    if (this.stage.name === 'waiting') this.#cancel(this.stage.authorization.id);
    this.values = {};
    this.clientSecret = '';
  }

  get #name(): { label?: string } {
    const label = this.label.trim();
    return label === '' ? {} : { label };
  }

  get #client(): { client_id: string; client_secret?: string } {
    const secret = this.clientSecret.trim();
    return { client_id: this.clientId.trim(), ...(secret !== '' && { client_secret: secret }) };
  }

  get #fieldsFine(): boolean {
    return (this.method?.fields ?? []).every((field) => fault(field, this.valueOf(field)) === undefined);
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
    this.#checkTurn += 1;
    clearTimeout(this.#checkTimer);
    try {
      return await this.#backend.call('connections.add', {
        connector: this.connector.id,
        method: method.id,
        ...(this.reconnect ? { connection: this.reconnect.id } : this.#name),
        ...this.#split(method),
      });
    } catch (thrown) {
      this.#forgetCheck();
      this.problem = toProblem(thrown);
      return undefined;
    } finally {
      this.busy = false;
    }
  }

  async #runCheck(): Promise<void> {
    const { method } = this;
    if (!method) return;
    const turn = ++this.#checkTurn;
    this.check = { stage: 'running' };
    let found: Check;
    try {
      const input = { connector: this.connector.id, method: method.id, ...this.#split(method) };
      found = { stage: 'answered', report: await this.#backend.call('credentials.check', input) };
    } catch (thrown) {
      found = { stage: 'refused', problem: toProblem(thrown) };
    }
    if (turn === this.#checkTurn) this.check = found;
  }

  #forgetCheck(): void {
    clearTimeout(this.#checkTimer);
    this.#checkTurn += 1;
    this.check = { stage: 'none' };
  }

  #follow(authorization: AuthorizationView): void {
    switch (authorization.state) {
      case 'waiting':
      case 'exchanging':
        this.stage = { name: 'waiting', authorization };
        return;
      case 'connected':
        this.stage = { name: 'connected', connection: authorization.connection ?? undefined };
        break;
      case 'failed':
        this.stage = { name: 'failed', problem: authorization.problem ?? toProblem(text.connect.noReason) };
        break;
      case 'cancelled':
        this.stage = { name: 'form' };
    }
    this.#stopWatching();
  }

  #cancel(authorization: string): void {
    // It may have ended by itself in the meantime, which is as good.
    this.#backend.call('authorizations.cancel', { authorization }).catch(() => {});
  }
}

export const CLIENT_ID = 'client_id';
export const CLIENT_SECRET = 'client_secret';

function freeName(wanted: string, taken: string[]): string {
  const used = new Set(taken.map((name) => name.toLocaleLowerCase()));
  let name = wanted;
  for (let count = 2; used.has(name.toLocaleLowerCase()); count += 1) name = `${wanted} ${count}`;
  return name;
}
