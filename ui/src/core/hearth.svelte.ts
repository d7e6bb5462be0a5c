// What every page knows: the state of the app, the services, the connections and the workspaces, kept current by the core's
// changes. Nothing but the state is asked for before that is known, and nothing else is kept while Hearthkey is locked.
import { createContext } from 'svelte';
import { SvelteSet } from 'svelte/reactivity';
import { toProblem, type Backend } from './backend';
import type { AppStatus, Change, ChangeTopic, ConnectionView, ConnectorView, SafetyView, VaultView, WorkspaceEntry } from './contract';
import { Resource } from './resource.svelte';

/** Before listening is tried again after the core refused or could not be reached. */
const LISTEN_AGAIN_MS = 3_000;

export class Hearth {
  readonly backend: Backend;
  readonly status: Resource<AppStatus>;
  readonly connectors: Resource<ConnectorView[]>;
  readonly connections: Resource<ConnectionView[]>;
  readonly workspaces: Resource<WorkspaceEntry[]>;
  readonly safety: Resource<SafetyView>;
  /** Grows when connections may have changed, for pages that show more than the list. */
  revision = $state(0);
  /** Grows when calls begin to act in another workspace: a page begins anew then. */
  visit = $state(0);
  /** Notices the person has put away until the next start. */
  readonly dismissed = new SvelteSet<string>();

  /** A call was refused because Hearthkey is locked, and since then no answer said that it is open. */
  #refused = $state(false);
  /** Nothing was fetched yet, or everything was forgotten. */
  #bare = true;
  #workspace: string | undefined;

  constructor(backend: Backend) {
    this.backend = this.#guarded(backend);
    const { call } = this.backend;
    this.status = new Resource(() => call('app.status', {}));
    this.connectors = new Resource(async () => (await call('connectors.list', {})).connectors);
    this.connections = new Resource(async () => (await call('connections.list', {})).connections);
    this.workspaces = new Resource(async () => (await call('workspaces.list', {})).workspaces);
    this.safety = new Resource(() => call('vault.show', {}));
  }

  get vaultOpen(): boolean {
    return ['open', 'opening'].includes(this.status.value?.vault.state ?? 'open');
  }

  /** Whether nobody may look until a person unlocks. */
  get locked(): boolean {
    return this.#refused || this.status.value?.vault.state === 'locked';
  }

  /** Whether it is known that a person may look. While the vault is being opened, only the answer to a call tells. */
  get admitted(): boolean {
    const status = this.status.value;
    if (!status || this.locked) return false;
    return status.vault.state !== 'opening' || this.connections.value !== undefined || this.connections.problem !== undefined;
  }

  /** Whether the vault was ever founded: before, there is nothing to lock and no workspace. */
  get founded(): boolean {
    return !!this.status.value?.workspace;
  }

  connection(id: string | undefined): ConnectionView | undefined {
    return this.connections.value?.find((connection) => connection.id === id);
  }

  connector(id: string | undefined): ConnectorView | undefined {
    return this.connectors.value?.find((connector) => connector.id === id);
  }

  /** Puts one connection, as an operation answered it, into the list at once. */
  put(changed: ConnectionView): void {
    if (this.locked) return;
    this.connections.replace((list) =>
      list.some(({ id }) => id === changed.id)
        ? list.map((connection) => (connection.id === changed.id ? changed : connection))
        : [...list, changed],
    );
    this.revision += 1;
  }

  /** Takes over how an operation just said that the vault is. */
  noteVault(vault: VaultView): void {
    const status = this.status.value;
    if (status) this.status.set({ ...status, vault });
    this.#settle();
    this.#fetch('vault');
  }

  refreshAll = (): void => void this.#refetch({ topic: 'all' });

  /** Loads everything and keeps it current until the returned function is called. */
  start(): () => void {
    let stopped = false;
    let stopListening = () => {};
    let again: ReturnType<typeof setTimeout> | undefined;
    const listen = async (): Promise<void> => {
      try {
        const stop = await this.backend.watch('changes.watch', {}, (change) => void this.#refetch(change));
        if (stopped) stop();
        else stopListening = stop;
      } catch {
        if (!stopped) again = setTimeout(listen, LISTEN_AGAIN_MS);
      }
    };
    this.refreshAll();
    void listen();
    return () => {
      stopped = true;
      clearTimeout(again);
      stopListening();
    };
  }

  /** The state comes first: what else may be asked for hangs from it. */
  #refetch = async ({ topic }: Change): Promise<void> => {
    if (topic !== 'connections' && topic !== 'connectors') {
      await this.status.refresh();
      this.#settle();
    }
    this.#fetch(topic);
  };

  #fetch(topic: ChangeTopic): void {
    if (!this.status.value || this.locked) return;
    const all = topic === 'all' || this.#bare;
    this.#bare = false;
    if (all || topic === 'connectors') void this.connectors.refresh();
    if (all || topic === 'connections') {
      void this.connections.refresh();
      this.revision += 1;
    }
    if (!this.founded) return;
    if (all || topic === 'workspaces' || topic === 'vault') void this.workspaces.refresh();
    if ((all || topic === 'vault') && this.status.value.vault.state === 'open') void this.safety.refresh();
  }

  /** Forgets what must not be seen any more: everything once locked, and what is of a workspace once it was left. */
  #settle(): void {
    const status = this.status.value;
    if (!status) return;
    if (status.vault.state === 'open') this.#refused = false;
    if (this.locked) return this.#forget();
    const workspace = status.workspace?.id;
    if (this.#workspace !== undefined && workspace !== this.#workspace) {
      this.#forget();
      this.visit += 1;
    }
    this.#workspace = workspace;
  }

  #forget(): void {
    for (const resource of [this.connectors, this.connections, this.workspaces, this.safety]) resource.clear();
    this.#bare = true;
  }

  #shutOut(): void {
    if (this.#refused) return;
    this.#refused = true;
    this.#forget();
    void this.#refetch({ topic: 'vault' });
  }

  /** The backend, and an eye on it: whoever is told that Hearthkey is locked, the whole window is. */
  #guarded(backend: Backend): Backend {
    const look = (thrown: unknown): never => {
      if (toProblem(thrown).kind === 'locked') this.#shutOut();
      throw thrown;
    };
    return {
      call: (name, input) => backend.call(name, input).catch(look),
      watch: (name, input, onMessage) => backend.watch(name, input, onMessage).catch(look),
    };
  }
}

export const [useHearth, provideHearth] = createContext<Hearth>();
