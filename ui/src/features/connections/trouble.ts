// What is wrong with a connection, and the one thing to do about it.
import type { ConnectionView, Remedy } from '../../core/contract';
import { text } from '../../shared/text';

export interface Trouble {
  tone: 'warn' | 'bad' | 'plain';
  title: string;
  words: string[];
  remedy: Remedy;
  /** When it is tried again by itself. */
  retryAt?: string | undefined;
}

/** As the core says it. Where all is well but an end is near, `ends` says when. */
export function troubleOf(connection: ConnectionView, ends: string): Trouble | undefined {
  const { trouble, status, connector, renewable } = connection;
  if (status === 'deleting') return undefined;
  if (trouble) {
    const { title, detail, hint, remedy, retry_at } = trouble;
    // Amber needs the person, red has failed, grey goes on by itself.
    const tone = remedy === 'wait' ? 'plain' : status === 'error' ? 'bad' : 'warn';
    const words = [detail, hint].filter((one) => one !== '').map(text.common.sentence);
    return { tone, title, words, remedy, retryAt: retry_at ?? undefined };
  }
  if (status !== 'expiring' || renewable) return undefined;
  return { tone: 'warn', title: text.detail.endsSoon(connector.name), words: [text.detail.renewInTime(ends)], remedy: freshStart(connection) };
}

/** Whether it stays as it is until a person does something. */
export function needsPerson({ status, trouble }: ConnectionView): boolean {
  return status === 'needs_reconnect' || status === 'error' || (!!trouble && trouble.remedy !== 'wait' && status !== 'deleting');
}

/** The remedy a person can always take: to sign in again, or to enter another key. */
export function freshStart({ method }: ConnectionView): 'reconnect' | 'update_key' {
  return method.kind === 'oauth2' ? 'reconnect' : 'update_key';
}
