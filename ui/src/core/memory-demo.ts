// The demo's stories, chosen in the address: ?story=empty&theme=dark&outcome=denied
import { MemoryBackend } from './memory';
import type { Problem } from './contract';
import { manyConnections, sampleWorld } from './memory-world';

/** How long the demo's person takes in the browser. */
const BROWSER_MS = 4_000;

const PROBLEMS: Record<string, Problem> = {
  denied: { type: 'urn:hearthkey:problem:authorization_denied', kind: 'provider_rejected', title: 'The service refused', status: 502, detail: 'the sign-in was declined' },
  expired: { type: 'urn:hearthkey:problem:authorization_expired', kind: 'provider_rejected', title: 'The service refused', status: 502 },
  mismatch: { type: 'urn:hearthkey:problem:wrong_issuer', kind: 'provider_rejected', title: 'The service refused', status: 502 },
  unreachable: { type: 'about:blank', kind: 'upstream_unavailable', title: 'The token endpoint did not answer', status: 503, detail: 'connect timeout after 10 s' },
};

export function demo(parameters: URLSearchParams): MemoryBackend {
  const theme = parameters.get('theme');
  if (theme) document.documentElement.dataset['theme'] = theme;

  const world = sampleWorld();
  const backend = new MemoryBackend(world);
  backend.delayMs = 40;
  switch (parameters.get('story')) {
    case 'empty':
      world.connections = [];
      break;
    case 'many':
      world.connections = manyConnections(240);
      break;
    case 'trouble':
      world.status.vault = { state: 'keychain_locked', detail: 'org.freedesktop.Secret.Error.IsLocked: collection "login" is locked' };
      backend.vaultAfterRetry = world.status.vault;
      break;
    case 'loading':
      backend.hold('connections.list');
      backend.hold('connectors.list');
      break;
    case 'problem':
      backend.refusals.set('connections.list', { type: 'about:blank', kind: 'internal', title: 'The list could not be read', status: 500, detail: 'database disk image is malformed' });
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
  const outcome = parameters.get('outcome') ?? 'connected';
  const begin = backend.call.bind(backend);
  backend.call = async (name, input) => {
    const answer = await begin(name, input);
    if (name === 'authorizations.begin' && outcome !== 'never') {
      const problem = PROBLEMS[outcome];
      setTimeout(() => backend.finish(problem ? 'failed' : 'connected', problem), BROWSER_MS);
    }
    return answer;
  };
  return backend;
}
