// The demo's stories, chosen in the address: ?story=empty&theme=dark&outcome=denied, and the vault's states:
// ?vault=locked&ways=passphrase,recovery&working, ?vault=keychain_absent&unfounded, ?vault=key_missing&closed, ?safety=in-clear
import { MemoryBackend, vaultIn } from './memory';
import type { AuthorizationView, Problem, UnlockWays, VaultState } from './contract';
import { FAILURES, troubled } from './memory-troubles';
import { manyConnections, sampleWorld } from './memory-world';

/** How long the demo's person takes in the browser. */
const BROWSER_MS = 4_000;
/** How long what is to be slow takes: ?slow=vault.unlock */
const SLOW_MS = 1_200;
/** What opens the demo's vault. */
const PASSPHRASE = 'correct horse battery staple';
const RECOVERY_KIT = 'AGE-SECRET-KEY-1DEMO';

const PROBLEMS: Record<string, Problem> = {
  denied: { type: 'urn:hearthkey:problem:authorization_denied', kind: 'provider_rejected', title: 'The service refused', status: 502, detail: 'the sign-in was declined' },
  expired: { type: 'urn:hearthkey:problem:authorization_expired', kind: 'provider_rejected', title: 'The service refused', status: 502 },
  mismatch: { type: 'urn:hearthkey:problem:wrong_issuer', kind: 'provider_rejected', title: 'The service refused', status: 502 },
  redirect: { type: 'urn:hearthkey:problem:redirect_mismatch', kind: 'provider_rejected', title: 'The service refused', status: 502, detail: 'redirect_uri_mismatch' },
  client: { type: 'urn:hearthkey:problem:client_refused', kind: 'provider_rejected', title: 'The service refused', status: 502, detail: 'invalid_client' },
  unreachable: { type: 'about:blank', kind: 'upstream_unavailable', title: 'The token endpoint did not answer', status: 503, detail: 'connect timeout after 10 s' },
};

/** Ends of a sign-in that are more than connected or failed. */
const ENDS: Record<string, Partial<AuthorizationView>> = {
  already: { connection: 'con_github' },
  declined: { declined: [{ name: 'repo', reason: 'read and write your repositories' }] },
};

/** What the core would say of these states. */
const SEEN: Partial<Record<VaultState, { detail: string; fix: string }>> = {
  keychain_absent: {
    detail: 'there is no keychain in this session: org.freedesktop.secrets has no owner',
    fix: 'Start a keychain in this session (on Linux gnome-keyring or KWallet, on a D-Bus session bus), then try again; or keep the key under a passphrase of your own instead.',
  },
  keychain_locked: { detail: 'the keychain is locked', fix: 'Unlock the keychain of your account, then try again.' },
  keychain_hanging: {
    detail: 'the keychain did not answer within 10 s',
    fix: 'Look for a prompt of the keychain that waits behind other windows, or sign out and in again, then try again.',
  },
  keychain_refused: {
    detail: 'the keychain refused: org.freedesktop.DBus.Error.AccessDenied',
    fix: 'Look at the keychain’s own application for the cause, then try again.',
  },
  key_missing: {
    detail: 'the keychain no longer holds the key of this vault',
    fix: 'Unlock with your recovery kit or passphrase, which puts the key back; or restore the keychain entry "Hearthkey vault key" from a backup of the keychain. Nothing was changed, and no new key is made while sealed data exists.',
  },
  wrong_key: {
    detail: 'the keychain holds another key than the one this vault was sealed with',
    fix: 'Sign in to the account, or restore the keychain, that this profile was made with; or unlock with your recovery kit or passphrase. Nothing was changed.',
  },
  unreadable: {
    detail: 'the workspace’s sealed key does not open: its row is damaged',
    fix: 'End Hearthkey, then: hearthkey doctor --restore puts the newest copy of vault.db in its place. Nothing was changed.',
  },
};

const STATES: Record<string, AuthorizationView['state']> = { already: 'already_connected', exchanging: 'exchanging', unlock: 'waiting_for_unlock' };

/** One account in each trouble there is. */
function troubles(backend: MemoryBackend): void {
  const { world } = backend;
  const calendar = world.connections[0];
  const key = world.connections.find(({ id }) => id === 'con_stripe');
  if (!calendar || !key) return;
  world.connections = FAILURES.map((failure) => {
    const account = failure === 'key_refused' ? key : calendar;
    return troubled({ ...account, id: `con_${failure}`, label: failure.replaceAll('_', ' ') }, failure);
  });
}

function setVault(backend: MemoryBackend, parameters: URLSearchParams): void {
  const { world } = backend;
  const state = parameters.get('vault') as VaultState | null;
  const ways = (parameters.get('ways')?.split(',') ?? []) as (keyof UnlockWays)[];
  if (ways.includes('passphrase') || parameters.has('passphrase')) {
    world.passphrase = PASSPHRASE;
    world.safety.passphrase = true;
  }
  if (ways.includes('recovery')) world.recoveryKit = RECOVERY_KIT;
  if (state) {
    world.status.vault = vaultIn(state, ways, { ...SEEN[state], working: parameters.has('working') });
    backend.vaultAfterRetry = world.status.vault;
  }
  backend.closed = parameters.has('closed');
  if (parameters.has('unfounded')) {
    world.status.workspace = null;
    world.connections = [];
  }
  const safety = parameters.get('safety');
  if (safety === 'in-clear') world.safety.in_clear = '/home/anna/.local/share/keyrings/Default_keyring.keyring';
  if (safety === 'none' || safety === 'untested') world.safety.recovery = safety;
}

export function demo(parameters: URLSearchParams): MemoryBackend {
  const theme = parameters.get('theme');
  if (theme) document.documentElement.dataset['theme'] = theme;

  const world = sampleWorld();
  const backend = new MemoryBackend(world);
  backend.delayMs = 40;
  setVault(backend, parameters);
  switch (parameters.get('story')) {
    case 'empty':
      world.connections = [];
      break;
    case 'many':
      world.connections = manyConnections(240);
      break;
    case 'loading':
      backend.hold('connections.list');
      backend.hold('connectors.list');
      break;
    case 'problem':
      backend.refusals.set('connections.list', { type: 'about:blank', kind: 'internal', title: 'The list could not be read', status: 500, detail: 'database disk image is malformed' });
      break;
    case 'troubles':
      troubles(backend);
      break;
    case 'no-clients':
      world.clients = [];
      break;
    case 'clients-problem':
      backend.refusals.set('clients.list', { type: 'about:blank', kind: 'internal', title: 'The list could not be read', status: 500, detail: 'database disk image is malformed' });
      break;
    case 'client-refused':
      backend.clientCheck = {
        ...backend.clientCheck,
        verdict: 'refused',
        fault: 'client',
        message: 'Google Calendar does not know this client ID. Compare it with the one that is shown there.',
      };
      break;
    case 'refresh-failed':
      backend.refusals.set('connections.refresh', { type: 'about:blank', kind: 'upstream_unavailable', title: 'The service could not be reached', status: 503, detail: 'no answer within 30 s' });
      break;
    case 'failed-test':
      backend.report = () => ({
        ok: false,
        message: 'Stripe did not accept this key.',
        hint: 'It may have been rolled or deleted. Create a new one and connect again.',
        http_status: 401,
        tested_at: new Date().toISOString(),
      });
  }
  const slow = parameters.get('slow');
  const outcome = parameters.get('outcome') ?? 'connected';
  const begin = backend.call.bind(backend);
  backend.call = async (name, input) => {
    if (name === slow) await new Promise((go) => setTimeout(go, SLOW_MS));
    const answer = await begin(name, input);
    if (name === 'authorizations.begin' && outcome !== 'never') {
      const problem = PROBLEMS[outcome];
      const state = STATES[outcome] ?? (problem ? 'failed' : 'connected');
      setTimeout(() => backend.finish(state, problem, ENDS[outcome]), BROWSER_MS);
    }
    return answer;
  };
  return backend;
}
