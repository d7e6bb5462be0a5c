// Every way a sample account can be in trouble, in the words the core would have for it.
import type { ConnectionView, FailureClass, TroubleView } from './contract';

const MINUTE = 60_000;

export const FAILURES: FailureClass[] = [
  'grant_ended',
  'reply_lost',
  'not_renewable',
  'client_refused',
  'request_refused',
  'rate_limited',
  'provider_trouble',
  'unreachable',
  'malformed',
  'key_refused',
];

export function sampleTrouble(failure: FailureClass, service = 'GitHub'): TroubleView {
  const later = new Date(Date.now() + 12 * MINUTE).toISOString();
  const troubles: Record<FailureClass, Omit<TroubleView, 'class' | 'message'>> = {
    grant_ended: {
      title: `${service} ended the sign-in`,
      detail: 'The access was revoked in the settings of the account at 08:12.',
      hint: 'Sign in again. Whatever uses it waits and continues then.',
      remedy: 'reconnect',
    },
    reply_lost: {
      title: 'The answer to a renewal was lost',
      detail: `${service} may have replaced the keys in the meantime.`,
      hint: 'Sign in again, to be sure that it goes on.',
      remedy: 'reconnect',
    },
    not_renewable: {
      title: 'This sign-in cannot be renewed',
      detail: `${service} gave keys that end, and none to renew them with.`,
      hint: 'Sign in again before they end.',
      remedy: 'reconnect',
    },
    client_refused: {
      title: `${service} does not accept your client`,
      detail: 'Its secret was replaced, or the client was deleted.',
      hint: 'Enter the current secret, and it goes on.',
      remedy: 'edit_client',
    },
    request_refused: {
      title: `${service} refused the renewal`,
      detail: 'It does not say that the sign-in has ended.',
      hint: 'Nothing was thrown away. Try again, or sign in again.',
      remedy: 'try_again',
    },
    rate_limited: {
      title: `${service} asks for a pause`,
      detail: 'Too many requests were made in a short time.',
      hint: 'The keys you have still work.',
      remedy: 'wait',
      retry_at: later,
    },
    provider_trouble: {
      title: `${service} has trouble of its own`,
      detail: 'It answered with an error of its own (503).',
      hint: 'The keys you have still work.',
      remedy: 'wait',
      retry_at: later,
    },
    unreachable: {
      title: `${service} could not be reached`,
      detail: 'The network did not answer.',
      hint: 'Look at the network. It is tried again by itself.',
      remedy: 'try_again',
      retry_at: later,
    },
    malformed: {
      title: `The answer of ${service} made no sense`,
      detail: 'A page came back where keys were expected.',
      hint: 'A network that asks for a sign-in of its own can cause this.',
      remedy: 'try_again',
    },
    key_refused: {
      title: `${service} no longer accepts this key`,
      detail: 'It was rolled or deleted there.',
      hint: 'Create a new one and enter it here.',
      remedy: 'update_key',
    },
  };
  const trouble = troubles[failure];
  return { class: failure, message: `${trouble.title}: ${trouble.detail}`, ...trouble };
}

/** The account in that trouble. */
export function troubled(connection: ConnectionView, failure: FailureClass): ConnectionView {
  const trouble = sampleTrouble(failure, connection.connector.name);
  const needed = ['reconnect', 'edit_client', 'update_key'].includes(trouble.remedy);
  // What may pass by itself leaves an account as it was.
  return { ...connection, status: needed ? 'needs_reconnect' : 'active', trouble };
}
