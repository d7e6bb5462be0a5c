// What every page knows: the state of the app, the services and the connections, kept current by the core's changes.
import { createContext } from 'svelte';
import type { Backend } from './backend';
import type { AppStatus, Change, ConnectionView, ConnectorView } from './contract';
import { Resource } from './resource.svelte';

/** Before listening is tried again after the core refused or could not be reached. */
const LISTEN_AGAIN_MS = 3_000;

export class Hearth {
  readonly backend: Backend;
  readonly status: Resource<AppStatus>;
  readonly connectors: Resource<ConnectorView[]>;
  readonly connections: Resource<ConnectionView[]>;
  /** Grows when connections may have changed, for pages that show more than the list. */
  revision = $state(0);

  constructor(backend: Backend) {
    this.backend = backend;
    this.status = new Resource(() => backend.call('app.status', {}));
    this.connectors = new Resource(async () => (await backend.call('connectors.list', {})).connectors);
    this.connections = new Resource(async () => (await backend.call('connections.list', {})).connections);
  }

  get vaultOpen(): boolean {
    return ['open', 'opening'].includes(this.status.value?.vault.state ?? 'open');
  }

  connection(id: string | undefined): ConnectionView | undefined {
    return this.connections.value?.find((connection) => connection.id === id);
  }

  connector(id: string | undefined): ConnectorView | undefined {
    return this.connectors.value?.find((connector) => connector.id === id);
  }

  /** Puts one connection, as an operation answered it, into the list at once. */
  put(changed: ConnectionView): void {
    this.connections.replace((list) =>
      list.some(({ id }) => id === changed.id)
        ? list.map((connection) => (connection.id === changed.id ? changed : connection))
        : [...list, changed],
    );
    this.revision += 1;
  }

  refreshAll = (): void => this.#refetch({ topic: 'all' });

  /** Loads everything and keeps it current until the returned function is called. */
  start(): () => void {
    let stopped = false;
    let stopListening = () => {};
    let again: ReturnType<typeof setTimeout> | undefined;
    const listen = async (): Promise<void> => {
      try {
        const stop = await this.backend.watch('changes.watch', {}, this.#refetch);
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

  #refetch = ({ topic }: Change): void => {
    const all = topic === 'all';
    if (all || topic === 'vault') void this.status.refresh();
    if (all || topic === 'connectors') void this.connectors.refresh();
    if (all || topic === 'connections') {
      void this.connections.refresh();
      this.revision += 1;
    }
  };
}

export const [useHearth, provideHearth] = createContext<Hearth>();
