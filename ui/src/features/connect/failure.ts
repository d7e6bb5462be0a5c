// Why a sign-in failed, sorted into the few cases a person acts on differently.
import type { Problem } from '../../core/contract';

export type Failure =
  | 'denied'
  | 'expired'
  | 'mismatch'
  | 'redirect'
  | 'unreachable'
  | 'client'
  | 'refused'
  | 'account'
  | 'vault'
  | 'other';

/** The last word of a problem's type, where it is finer than its kind. */
const BY_TYPE: Record<string, Failure> = {
  authorization_denied: 'denied',
  authorization_expired: 'expired',
  wrong_issuer: 'mismatch',
  state_mismatch: 'mismatch',
  wrong_signature: 'mismatch',
  answer_unusable: 'refused',
  redirect_mismatch: 'redirect',
  redirect_uri_mismatch: 'redirect',
  client_refused: 'client',
  invalid_client: 'client',
  other_account: 'account',
};

export function failureOf({ type, kind }: Problem): Failure {
  const known = BY_TYPE[type.slice(type.lastIndexOf(':') + 1)];
  if (known) return known;
  switch (kind) {
    case 'provider_rejected':
      return 'refused';
    case 'upstream_unavailable':
    case 'rate_limited':
      return 'unreachable';
    case 'keychain_unavailable':
    case 'key_lost':
      return 'vault';
    default:
      return 'other';
  }
}
