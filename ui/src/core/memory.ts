// A core that lives in memory: what tests and the demo talk to. It answers like the real one, remembers what it was asked,
// and can be told to refuse, to wait, or to be in trouble.
import type { Backend } from './backend';
import type {
  ActivityView,
  AppStatus,
  AuthorizationView,
  Change,
  ClientCheck,
  ClientView,
  ConnectionView,
  ConnectorView,
  Operations,
  Problem,
  SafetyView,
  TestReport,
  UnlockWays,
  VaultState,
  VaultView,
  Watches,
  WorkspaceEntry,
} from './contract';
import { SignIns } from './memory-sign-in';

type Name = keyof Operations;
type Answers = { [N in Name]: (input: Operations[N]['input']) => Operations[N]['output'] };

export interface World {
  status: AppStatus;
  connectors: ConnectorView[];
  connections: ConnectionView[];
  activity: Record<string, ActivityView[]>;
  clients: ClientView[];
  /** The current one's connections are those above. */
  workspaces: WorkspaceEntry[];
  safety: SafetyView;
  /** What opens the vault. */
  passphrase: string | undefined;
  recoveryKit: string | undefined;
}

/** A state of the vault, with the ways out of it. */
export function vaultIn(state: VaultState, ways: (keyof UnlockWays)[] = [], part: Partial<VaultView> = {}): VaultView {
  const has = (way: keyof UnlockWays) => ways.includes(way);
  return { state, unlock: { passphrase: has('passphrase'), recovery: has('recovery'), keychain: has('keychain') }, working: false, ...part };
}

/** How long a disconnected account can be brought back. */
const UNDO_MS = 30_000;
const RENEWED_FOR_MS = 3_600_000;
const RENEWS_BEFORE_MS = 900_000;
/** What is answered while Hearthkey is locked. */
const WHILE_LOCKED = new Set<string>(['app.status', 'vault.lock', 'vault.unlock', 'vault.retry']);

export class MemoryBackend implements Backend {
  readonly world: World;
  /** Everything that was asked, in order. */
  readonly asked: { name: string; input: unknown }[] = [];
  /** Operations that reject, and with what. */
  readonly refusals = new Map<Name, Problem>();
  /** Operations that answer only once told to. */
  readonly #held = new Map<Name, (() => void)[]>();
  /** What a test of a connection or a key finds; fine when nothing is set. */
  report: ((input: { connection?: string; secrets?: Record<string, string> }) => TestReport) | undefined;
  /** What a check of an OAuth client finds. */
  clientCheck: ClientCheck = {
    verdict: 'fine',
    message: 'The service takes this client and its redirect, as far as can be seen before a sign-in.',
    redirect: 'http://127.0.0.1:49152/oauth/callback',
    register: 'http://127.0.0.1/oauth/callback',
  };
  /** How long an answer takes. */
  delayMs = 0;
  /** What the vault says to the next try. */
  vaultAfterRetry: VaultView = vaultIn('open');
  /** Nobody comes in, whatever is with the vault. */
  closed = false;

  #next = 1;
  #changes = new Set<(change: Change) => void>();
  /** The connections of the workspaces that are not the current one. */
  #elsewhere = new Map<string, ConnectionView[]>();
  readonly #signIns = new SignIns({
    connector: (id) => this.#connector(id),
    add: (connector, method, label, identity) => this.#make(connector, method, label, identity),
    renew: (connection, scopes) => void this.#renew(connection, scopes),
    refuse: (word, detail) => problem('invalid_input', detail, 422, word),
  });

  constructor(world: World) {
    this.world = world;
  }

  async call<N extends Name>(name: N, input: Operations[N]['input']): Promise<Operations[N]['output']> {
    this.asked.push({ name, input: structuredClone(input) });
    const waiting = this.#held.get(name);
    if (waiting) await new Promise<void>((go) => waiting.push(go));
    if (this.delayMs > 0) await new Promise((go) => setTimeout(go, this.delayMs));
    const refusal = this.refusals.get(name);
    if (refusal) throw refusal;
    if ((this.closed || this.world.status.vault.state === 'locked') && !WHILE_LOCKED.has(name)) throw problem('locked', 'Hearthkey is locked', 423);
    return structuredClone(this.#answers[name](input));
  }

  async watch<N extends keyof Watches>(
    name: N,
    input: Watches[N]['input'],
    onMessage: (message: Watches[N]['message']) => void,
  ): Promise<() => void> {
    this.asked.push({ name, input: structuredClone(input) });
    if (name === 'changes.watch') {
      const listener = onMessage as (change: Change) => void;
      this.#changes.add(listener);
      return () => this.#changes.delete(listener);
    }
    const { authorization } = input as { authorization: string };
    return this.#signIns.listen(authorization, onMessage as (view: AuthorizationView) => void);
  }

  /** How often an operation was asked. */
  count(name: Name): number {
    return this.asked.filter((one) => one.name === name).length;
  }

  /** The input of the latest call of an operation. */
  last<N extends Name>(name: N): Operations[N]['input'] | undefined {
    return this.asked.findLast((one) => one.name === name)?.input as Operations[N]['input'] | undefined;
  }

  /** Makes an operation wait; the returned function lets the n-th waiting call answer. */
  hold(name: Name): (index?: number) => void {
    const waiting: (() => void)[] = [];
    this.#held.set(name, waiting);
    return (index = 0) => waiting[index]?.();
  }

  tell(change: Change): void {
    for (const listener of this.#changes) listener(change);
  }

  /** The browser came back, or did not. */
  finish(state: AuthorizationView['state'], problem?: Problem, part?: Partial<AuthorizationView>): void {
    this.#signIns.finish(state, problem, part);
    if (state === 'connected' || state === 'already_connected') this.tell({ topic: 'connections' });
  }

  readonly #answers: Answers = {
    'app.status': () => this.world.status,
    'connectors.list': () => ({ connectors: this.world.connectors }),
    'connections.list': () => ({ connections: this.world.connections }),
    'connections.show': ({ connection }) => ({
      connection: this.#connection(connection),
      activity: this.world.activity[connection] ?? [],
    }),
    'authorizations.begin': (input) => this.#signIns.begin(input),
    'authorizations.paste': (input) => {
      const view = this.#signIns.paste(input);
      this.tell({ topic: 'connections' });
      return view;
    },
    'authorizations.reopen': () => ({}),
    'authorizations.cancel': ({ authorization }) => {
      this.#signIns.cancel(authorization);
      return {};
    },
    'credentials.check': (input) => this.#report(input),
    'connections.add': ({ connector, method, label, secrets }) => {
      const report = this.#report({ secrets });
      if (!report.ok) {
        throw { type: 'about:blank', kind: 'provider_rejected', title: report.message, status: 422, hint: report.hint } satisfies Problem;
      }
      const found = this.#connector(connector);
      const made = this.#make(found, method ?? found.methods[0]?.id ?? 'key', label ?? found.name, report.identity ?? {});
      this.tell({ topic: 'connections' });
      return made;
    },
    'connections.test': ({ connection }) => {
      const report = this.#report({ connection });
      this.#change(connection, {
        last_tested_at: report.tested_at,
        ...(report.ok && { status: 'active', reason: undefined, trouble: null }),
      });
      return report;
    },
    'connections.refresh': ({ connection }) => this.#renew(connection),
    'connections.disconnect': ({ connection }) =>
      this.#change(connection, { status: 'deleting', purge_after: new Date(Date.now() + UNDO_MS).toISOString() }),
    'connections.restore': ({ connection }) => this.#change(connection, { status: 'active', purge_after: undefined }),
    'connections.rename': ({ connection, label }) => this.#change(connection, { label }),
    'vault.retry': () => this.#vault(this.vaultAfterRetry),
    'vault.lock': () => {
      const { passphrase, recoveryKit } = this.world;
      const ways = [passphrase ? ('passphrase' as const) : ('keychain' as const), ...(recoveryKit ? ['recovery' as const] : [])];
      return this.#vault(vaultIn('locked', ways), 'all');
    },
    'vault.unlock': ({ passphrase, recovery_kit: kit }) => {
      const { world } = this;
      if (passphrase != null && passphrase !== world.passphrase)
        throw problem('permission_denied', 'that is not this vault’s passphrase', 403, 'wrong_passphrase');
      if (kit != null && (!world.recoveryKit || !kit.includes(world.recoveryKit)))
        throw problem('permission_denied', 'that recovery kit is not of this vault', 403, 'wrong_recovery_key');
      const brought = passphrase != null || kit != null;
      if (!brought && world.status.vault.state !== 'locked' && this.vaultAfterRetry.state !== 'open')
        throw problem('keychain_unavailable', 'the keychain is still locked', 503);
      this.closed = false;
      return this.#vault(vaultIn('open'), 'all');
    },
    'vault.touch': () => ({}),
    'vault.show': () => this.world.safety,
    'passphrase.set': ({ passphrase, keychain, current }) => {
      const { world } = this;
      if (world.passphrase && current !== world.passphrase)
        throw problem('permission_denied', 'that is not this vault’s passphrase', 403, 'wrong_passphrase');
      world.passphrase = passphrase;
      const { in_clear, ...safety } = world.safety;
      world.safety = { ...safety, passphrase: true, keychain, ...(keychain && in_clear && { in_clear }) };
      const first = world.workspaces[0] ?? missing();
      world.status = { ...world.status, workspace: world.status.workspace ?? { id: first.id, name: first.name } };
      this.#vault(vaultIn('open'));
      return world.safety;
    },
    'workspaces.list': () => {
      const workspaces = this.world.workspaces.map((one) => (one.current ? { ...one, connections: this.world.connections.length } : one));
      return { workspaces };
    },
    'workspaces.add': ({ name }) => {
      this.#freeName(name);
      const made: WorkspaceEntry = { id: `ws_new_${this.#next++}`, name: name.trim(), connections: 0, current: false, created_at: new Date().toISOString() };
      this.world.workspaces = [...this.world.workspaces, made];
      this.tell({ topic: 'workspaces' });
      return made;
    },
    'workspaces.rename': ({ workspace, name }) => {
      const found = this.#workspace(workspace);
      this.#freeName(name, found.id);
      const { world } = this;
      world.workspaces = world.workspaces.map((one) => (one.id === found.id ? { ...one, name } : one));
      if (world.status.workspace?.id === found.id) world.status = { ...world.status, workspace: { id: found.id, name } };
      this.tell({ topic: 'workspaces' });
      return { id: found.id, name };
    },
    'workspaces.switch': ({ workspace }) => {
      const { id, name } = this.#workspace(workspace);
      const { world } = this;
      const left = world.workspaces.find(({ current }) => current) ?? missing();
      this.#elsewhere.set(left.id, world.connections);
      world.workspaces = world.workspaces.map((one) => ({
        ...one,
        current: one.id === id,
        ...(one.id === left.id && { connections: world.connections.length }),
      }));
      world.connections = this.#elsewhere.get(id) ?? [];
      world.status = { ...world.status, workspace: { id, name } };
      this.tell({ topic: 'all' });
      return { id, name };
    },
    'links.open': () => ({}),
    'clients.list': () => ({ clients: this.world.clients }),
    'clients.add': ({ connector: id, client_id, client_secret }) => {
      const { name, icon, category, methods } = this.#connector(id);
      if (this.world.clients.some((client) => client.connector.id === id && client.client_id === client_id))
        throw problem('invalid_input', 'client_id: a client that is not kept yet was expected', 422);
      const need = methods.find(({ client }) => client)?.client;
      const made: ClientView = {
        id: `client_new_${this.#next++}`,
        connector: { id, name, icon, category },
        source: 'own',
        issuer: '',
        client_id,
        confidential: client_secret !== undefined,
        created_at: new Date().toISOString(),
        proven: false,
        next: true,
        used_by: 0,
        redirects: need?.redirects ?? [],
        console: need?.console ?? null,
      };
      this.world.clients = [made, ...this.world.clients];
      return made;
    },
    'clients.update': ({ client }) => this.#client(client),
    'clients.check': ({ client }) => {
      this.#client(client);
      return this.clientCheck;
    },
    'clients.remove': ({ client, force }) => {
      const { id, used_by } = this.#client(client);
      if (used_by > 0 && !force) throw problem('conflict', 'connections go with this client', 409);
      this.world.clients = this.world.clients.filter((one) => one.id !== id);
      return {};
    },
  };

  #vault(vault: VaultView, topic: Change['topic'] = 'vault'): VaultView {
    this.world.status = { ...this.world.status, vault };
    this.tell({ topic });
    return vault;
  }

  #workspace(id: string): WorkspaceEntry {
    return this.world.workspaces.find((workspace) => workspace.id === id) ?? missing();
  }

  #freeName(name: string, own?: string): void {
    const taken = this.world.workspaces.some((one) => one.id !== own && one.name.toLowerCase() === name.trim().toLowerCase());
    if (taken) throw problem('conflict', `the name "${name}" is taken`, 409);
  }

  #report(input: { connection?: string; secrets?: Record<string, string> }): TestReport {
    if (this.report) return this.report(input);
    const identity = { name: 'Studio Nord' };
    return { ok: true, message: 'Works · Studio Nord', identity, http_status: 200, tested_at: new Date().toISOString() };
  }

  #connector(id: string): ConnectorView {
    return this.world.connectors.find((connector) => connector.id === id) ?? missing();
  }

  #connection(id: string): ConnectionView {
    return this.world.connections.find((connection) => connection.id === id) ?? missing();
  }

  #client(id: string): ClientView {
    return this.world.clients.find((client) => client.id === id || client.client_id === id) ?? missing();
  }

  /** New tokens: nothing is wrong any more, and what was asked for more is granted. */
  #renew(id: string, scopes: string[] = []): ConnectionView {
    const now = Date.now();
    const { scopes: known } = this.#connection(id);
    return this.#change(id, {
      status: 'active',
      reason: undefined,
      trouble: null,
      last_refreshed_at: new Date(now).toISOString(),
      expires_at: new Date(now + RENEWED_FOR_MS).toISOString(),
      next_refresh_at: new Date(now + RENEWED_FOR_MS - RENEWS_BEFORE_MS).toISOString(),
      scopes: { ...known, each: known.each.map((scope) => (scopes.includes(scope.name) ? { ...scope, state: 'granted' as const } : scope)) },
    });
  }

  #change(id: string, change: Partial<ConnectionView>): ConnectionView {
    const changed = { ...this.#connection(id), ...change };
    this.world.connections = this.world.connections.map((connection) => (connection.id === id ? changed : connection));
    this.tell({ topic: 'connections' });
    return changed;
  }

  #make(connector: ConnectorView, methodId: string, label: string, identity: ConnectionView['identity']): ConnectionView {
    const method = connector.methods.find(({ id }) => id === methodId);
    const scopes = method?.scopes.map(({ name }) => name) ?? [];
    const made: ConnectionView = {
      id: `con_new_${this.#next++}`,
      label,
      connector: { id: connector.id, name: connector.name, icon: connector.icon, category: connector.category },
      method: { id: methodId, kind: method?.kind ?? 'api_key' },
      status: 'active',
      identity,
      scopes: { requested: scopes, granted: scopes, each: method?.scopes.map((scope) => ({ ...scope, state: 'granted' as const })) ?? [] },
      hosts: method?.hosts ?? [],
      values: {},
      renewable: method?.kind === 'oauth2',
      created_at: new Date().toISOString(),
    };
    this.world.connections = [...this.world.connections, made];
    return made;
  }
}

export function problem(kind: Problem['kind'], detail: string, status: number, word: string = kind): Problem {
  return { type: `urn:hearthkey:problem:${word}`, kind, title: kind, status, detail };
}

function missing(): never {
  throw { type: 'about:blank', kind: 'not_found', title: 'It is not there', status: 404 } satisfies Problem;
}
