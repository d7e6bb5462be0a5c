// Signing in with the core in memory: the ways there are, the browser that comes back or does not, and every end.
import type { AuthorizationView, ConnectionView, ConnectorView, IdentityView, Operations, Problem, Strategy } from './contract';

const LIVES_MS = 600_000;

const REDIRECTS: Record<Strategy, string | null> = {
  loopback: 'http://127.0.0.1:49152/oauth/callback',
  deep_link: 'app.hearthkey:/oauth/callback',
  https_bounce: 'https://gateway.hearthkey.example/oauth/callback',
  device: null,
};

type Input = Operations['authorizations.begin']['input'];

interface SignIn {
  view: AuthorizationView;
  input: Input;
  listeners: Set<(view: AuthorizationView) => void>;
}

/** What signing in needs of the rest. */
export interface Rest {
  connector: (id: string) => ConnectorView;
  add: (connector: ConnectorView, methodId: string, label: string, identity: IdentityView) => ConnectionView;
  renew: (connection: string, scopes: string[]) => void;
  refuse: (word: string, detail: string) => Problem;
}

export class SignIns {
  #next = 1;
  readonly #all = new Map<string, SignIn>();
  readonly #rest: Rest;

  constructor(rest: Rest) {
    this.#rest = rest;
  }

  begin(input: Input): AuthorizationView {
    const replaced = input.instead_of ? this.#all.get(input.instead_of) : undefined;
    if (input.instead_of) this.cancel(input.instead_of);
    const asked = { ...replaced?.input, ...input };
    const ways = this.#ways(asked);
    const strategy = input.strategy ?? ways[0] ?? 'loopback';
    const redirect = REDIRECTS[strategy];
    const page = `https://${asked.connector}.example/login/device`;
    const view: AuthorizationView = {
      id: `auth_${this.#next++}`,
      connector: asked.connector,
      strategy,
      others: ways.filter((way) => way !== strategy),
      redirect_uri: redirect,
      expires_at: new Date(Date.now() + LIVES_MS).toISOString(),
      browser_opened: input.open_browser ?? true,
      state: 'waiting',
      authorize_url: redirect
        ? `https://accounts.${asked.connector}.example/o/oauth2/v2/auth?response_type=code&client_id=4471-q8m2&redirect_uri=${encodeURIComponent(redirect)}&scope=openid%20email&state=u1Zt7w&code_challenge=E9Melhoa2Owv&code_challenge_method=S256`
        : page,
      ...(strategy === 'device' && {
        device: {
          user_code: 'WDJB-MJHT',
          verification_uri: page,
          verification_uri_complete: `${page}?user_code=WDJB-MJHT`,
        },
      }),
    };
    this.#all.set(view.id, { view, input: asked, listeners: new Set() });
    return view;
  }

  cancel(id: string): void {
    const found = this.#all.get(id);
    if (found?.view.state === 'waiting') found.view = { ...found.view, state: 'cancelled' };
  }

  /** What a person pastes counts when there is a code in it. */
  paste({ authorization, address }: Operations['authorizations.paste']['input']): AuthorizationView {
    const found = (authorization && this.#all.get(authorization)) || this.#latest();
    if (!found) throw this.#rest.refuse('not_found', 'no sign-in is waiting for this address');
    if (!/[?&]code=/.test(address)) throw this.#rest.refuse('invalid_input', 'this is not an address a sign-in returns to');
    this.#end(found, 'connected');
    return found.view;
  }

  listen(id: string, listener: (view: AuthorizationView) => void): () => void {
    const found = this.#all.get(id);
    found?.listeners.add(listener);
    if (found) listener(structuredClone(found.view));
    return () => found?.listeners.delete(listener);
  }

  /** The browser came back, or did not. */
  finish(state: AuthorizationView['state'], problem?: Problem, part: Partial<AuthorizationView> = {}): void {
    const found = this.#latest();
    if (found) this.#end(found, state, problem, part);
  }

  #end(found: SignIn, state: AuthorizationView['state'], problem?: Problem, part: Partial<AuthorizationView> = {}): void {
    const ended = state === 'connected' || state === 'already_connected';
    const connection = ended ? this.#connected(found.input, part.connection) : undefined;
    found.view = { ...found.view, ...part, state, ...(connection && { connection }), ...(problem && { problem }) };
    for (const listener of found.listeners) listener(structuredClone(found.view));
  }

  #connected(input: Input, already: string | null | undefined): string {
    const connector = this.#rest.connector(input.connector);
    const known = already ?? input.connection;
    if (known) {
      this.#rest.renew(known, input.scopes ?? []);
      return known;
    }
    return this.#rest.add(connector, input.method ?? connector.methods[0]?.id ?? 'oauth', input.label ?? connector.name, {
      display: 'anna@studio-nord.example',
      email: 'anna@studio-nord.example',
      name: 'Anna Lindqvist',
    }).id;
  }

  #ways({ connector, method }: Input): Strategy[] {
    const { methods } = this.#rest.connector(connector);
    return (methods.find(({ id }) => id === method) ?? methods[0])?.client?.strategies ?? ['loopback'];
  }

  #latest(): SignIn | undefined {
    return Array.from(this.#all.values()).findLast(({ view }) => ['waiting', 'exchanging', 'waiting_for_unlock'].includes(view.state));
  }
}
