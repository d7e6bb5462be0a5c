// A connection's state in the words and colour a row shows.
import type { ConnectionStatus, ConnectionView } from '../../core/contract';
import type { Tone } from '../../shared/StatusDot.svelte';
import { text } from '../../shared/text';
import { needsPerson } from './trouble';

const TONES: Record<ConnectionStatus, Tone> = {
  active: 'ok',
  expiring: 'warn',
  needs_reconnect: 'warn',
  error: 'bad',
  paused: 'rest',
  deleting: 'rest',
};

export function tone(connection: ConnectionView): Tone {
  const { status } = connection;
  return status === 'active' && needsPerson(connection) ? 'warn' : TONES[status];
}

export function stateWords({ status }: ConnectionView): string {
  return text.connections.status[status];
}

/** Who the account belongs to, in the most telling form there is. */
export function who({ identity, masked_key }: ConnectionView): string | undefined {
  return identity.display ?? identity.email ?? identity.name ?? masked_key ?? identity.external_id ?? undefined;
}

/** The one moment that matters in a list, and how to say it. */
export function momentThatMatters(connection: ConnectionView): { at: string; say: (words: string) => string } | undefined {
  const { status, expires_at, last_used_at, last_tested_at, created_at, trouble } = connection;
  if (status === 'deleting' || status === 'paused') return undefined;
  if (trouble?.retry_at) return { at: trouble.retry_at, say: text.connections.nextTry };
  if (status === 'expiring' && expires_at) return { at: expires_at, say: text.connections.expires };
  if (last_used_at) return { at: last_used_at, say: text.connections.used };
  if (last_tested_at) return { at: last_tested_at, say: text.connections.tested };
  return { at: created_at, say: text.connections.connected };
}

/** Whether a word typed into the search is found in what the row shows. */
export function matches(connection: ConnectionView, query: string): boolean {
  const { label, connector, identity, masked_key } = connection;
  return [label, connector.name, connector.category, ...Object.values(identity), masked_key, stateWords(connection)].some((part) =>
    part?.toLocaleLowerCase().includes(query),
  );
}
