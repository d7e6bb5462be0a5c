// Sample accounts and services for tests and the demo. All names are made up.
import type { ActivityView, ClientNeed, ClientView, ConnectionView, ConnectorView, MethodView, ScopeOutcome, Strategy } from './contract';
import { vaultIn, type World } from './memory';
import { sampleTrouble } from './memory-troubles';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function at(offsetMs: number): string {
  return new Date(Date.now() + offsetMs).toISOString();
}

function oauth(part: Partial<MethodView>): MethodView {
  return { id: 'oauth', kind: 'oauth2', name: 'Sign in', fields: [], steps: [], client: null, scopes: [], hosts: [], ...part };
}

const REDIRECTS: Partial<Record<Strategy, string>> = {
  loopback: 'http://127.0.0.1/oauth/callback',
  deep_link: 'app.hearthkey:/oauth/callback',
  https_bounce: 'https://gateway.hearthkey.example/oauth/callback',
};

/** The ways a sample service knows, with what to register for each of them. */
export function ways(...strategies: Strategy[]): Pick<ClientNeed, 'redirect' | 'redirects' | 'strategies'> {
  const redirects = strategies.flatMap((strategy) => {
    const redirect = REDIRECTS[strategy];
    return redirect === undefined ? [] : [{ strategy, redirect }];
  });
  return { redirect: redirects[0]?.redirect ?? '', redirects, strategies };
}

const githubScopes = [
  { name: 'read:user', reason: 'read your profile' },
  { name: 'repo', reason: 'read and write your repositories' },
];

const calendarScopes = [
  { name: 'openid', reason: 'know that it is you' },
  { name: 'email', reason: 'see your address' },
  { name: 'https://www.googleapis.com/auth/calendar.events', reason: 'read and write events' },
];

const FREE_BUSY = { name: 'https://www.googleapis.com/auth/calendar.freebusy', reason: 'see when others are busy' };

const moreCalendarScopes: ScopeOutcome[] = [
  { name: 'https://www.googleapis.com/auth/calendar.calendarlist.readonly', reason: 'see the list of your calendars', state: 'declined' },
  { ...FREE_BUSY, state: 'not_asked' },
];

function granted(scopes: { name: string; reason: string }[]): ScopeOutcome[] {
  return scopes.map((scope) => ({ ...scope, state: 'granted' }));
}

export function sampleConnectors(): ConnectorView[] {
  return [
    {
      id: 'sandbox',
      name: 'Sandbox',
      category: 'demo',
      icon: 'hearthkey:sandbox',
      summary: 'A made-up service on this computer, to try things',
      methods: [
        oauth({
          summary: 'with a made-up account on this computer',
          client: { ready: true, bundled: true, ...ways('loopback', 'deep_link', 'device'), secret: 'none' },
          scopes: [
            { name: 'profile', reason: 'read the made-up profile' },
            { name: 'notes', reason: 'read and write made-up notes' },
          ],
          hosts: ['127.0.0.1'],
        }),
      ],
    },
    {
      id: 'google-calendar',
      name: 'Google Calendar',
      category: 'calendar',
      icon: 'logos:google-calendar',
      summary: 'Events and free times of your calendars',
      methods: [
        oauth({
          summary: 'with your Google account',
          steps: [
            { text: 'Open **Credentials** in your project', link: { label: 'Google Cloud console', url: 'https://console.cloud.google.com/apis/credentials' } },
            { text: 'Create an **OAuth client ID** of the type **Desktop app**' },
            { text: 'Paste its ID and secret here' },
          ],
          client: {
            ready: false,
            bundled: false,
            ...ways('loopback'),
            console: 'https://console.cloud.google.com/apis/credentials',
            secret: 'required',
          },
          scopes: [...calendarScopes, { ...FREE_BUSY, optional: true }],
          hosts: ['www.googleapis.com', 'oauth2.googleapis.com'],
        }),
      ],
    },
    {
      id: 'github',
      name: 'GitHub',
      category: 'code',
      icon: 'simple-icons:github',
      summary: 'Repositories, issues and pull requests',
      methods: [
        oauth({
          summary: 'with your GitHub account',
          client: {
            ready: true,
            bundled: false,
            ...ways('loopback', 'deep_link', 'device'),
            console: 'https://github.com/settings/developers',
            secret: 'required',
            client_id: 'Iv1.8a61f9b3a7aba766',
          },
          scopes: githubScopes,
          hosts: ['api.github.com'],
        }),
        {
          id: 'token',
          kind: 'api_key',
          name: 'Access token',
          summary: 'with a fine-grained token, which can be limited and revoked',
          fields: [
            {
              name: 'token',
              label: 'Token',
              kind: 'secret',
              required: true,
              placeholder: 'github_pat_…',
              pattern: '(github_pat_|ghp_)[A-Za-z0-9_]{8,}',
            },
          ],
          steps: [
            { text: 'Open', link: { label: 'GitHub → Settings → Developer settings', url: 'https://github.com/settings/tokens' } },
            { text: 'Create a **fine-grained token** for the repositories you want' },
            { text: 'Paste it here' },
          ],
          client: null,
          scopes: [],
          hosts: ['api.github.com'],
        },
      ],
    },
    {
      id: 'stripe',
      name: 'Stripe',
      category: 'payments',
      icon: 'simple-icons:stripe',
      summary: 'Payments, customers and invoices',
      methods: [
        {
          id: 'key',
          kind: 'api_key',
          name: 'Restricted key',
          summary: 'with a restricted key, which can be limited and revoked',
          fields: [
            {
              name: 'key',
              label: 'Key',
              kind: 'secret',
              required: true,
              placeholder: 'rk_live_…',
              pattern: '(rk|sk)_(live|test)_[A-Za-z0-9]{8,}',
            },
          ],
          steps: [
            { text: 'Open', link: { label: 'Stripe → Developers → API keys', url: 'https://dashboard.stripe.com/apikeys' } },
            { text: 'Create a **restricted key** with read access to Balance, Customers, Payments' },
            { text: 'Paste it here' },
          ],
          client: null,
          scopes: [],
          hosts: ['api.stripe.com'],
        },
      ],
    },
    {
      id: 'openid',
      name: 'OpenID Connect',
      category: 'identity',
      icon: 'simple-icons:openid',
      summary: 'Any sign-in service that speaks OpenID Connect',
      methods: [
        oauth({
          summary: 'with the address of your sign-in service',
          fields: [
            {
              name: 'issuer',
              label: 'Issuer',
              kind: 'url',
              required: true,
              placeholder: 'https://login.example.com',
              help: 'The address the service publishes its configuration under.',
            },
          ],
          client: { ready: false, bundled: false, ...ways('loopback'), secret: 'optional' },
          scopes: [{ name: 'openid', reason: 'know that it is you' }],
        }),
      ],
    },
  ];
}

function connection(part: Partial<ConnectionView> & Pick<ConnectionView, 'id' | 'label'>, connectorId: string): ConnectionView {
  const { id, name, icon, category, methods } = sampleConnectors().find((connector) => connector.id === connectorId) ?? never();
  const method = methods[0] ?? never();
  const scopes = method.scopes.map((scope) => scope.name);
  return {
    connector: { id, name, icon, category },
    method: { id: method.id, kind: method.kind },
    status: 'active',
    identity: {},
    scopes: { requested: scopes, granted: scopes, each: granted(method.scopes) },
    hosts: method.hosts,
    values: {},
    renewable: method.kind === 'oauth2',
    created_at: at(-40 * DAY),
    ...part,
  };
}

export function sampleConnections(): ConnectionView[] {
  return [
    connection(
      {
        id: 'con_calendar',
        label: 'Work calendar',
        identity: { email: 'anna.lindqvist-bergstroem@studio-nord.example', name: 'Anna Lindqvist' },
        expires_at: at(43 * MINUTE),
        next_refresh_at: at(28 * MINUTE),
        scopes: {
          requested: [...calendarScopes, ...moreCalendarScopes.slice(0, 1)].map(({ name }) => name),
          granted: calendarScopes.map(({ name }) => name),
          each: [...granted(calendarScopes), ...moreCalendarScopes],
        },
        last_used_at: at(-2 * MINUTE),
        last_tested_at: at(-26 * HOUR),
        last_refreshed_at: at(-17 * MINUTE),
      },
      'google-calendar',
    ),
    connection(
      {
        id: 'con_github',
        label: 'Studio repositories',
        status: 'needs_reconnect',
        reason: 'The access was revoked in the settings of the account at 08:12.',
        trouble: sampleTrouble('grant_ended', 'GitHub'),
        identity: { display: 'anna@studio-nord.example', name: 'Anna Lindqvist', email: 'anna@studio-nord.example' },
        last_used_at: at(-3 * HOUR),
        last_tested_at: at(-5 * DAY),
      },
      'github',
    ),
    connection(
      {
        id: 'con_stripe',
        label: 'Payments',
        identity: { name: 'Studio Nord', external_id: 'acct_1Nv0' },
        masked_key: 'rk_live_…4f2a',
        last_tested_at: at(-HOUR),
      },
      'stripe',
    ),
    connection(
      {
        id: 'con_openid',
        label: 'Intranet',
        status: 'expiring',
        renewable: false,
        identity: { email: 'anna@studio-nord.example' },
        hosts: ['login.studio-nord.example'],
        expires_at: at(3 * DAY),
        last_used_at: at(-DAY),
      },
      'openid',
    ),
    connection(
      {
        id: 'con_stripe_test',
        label: 'Payments (test)',
        status: 'error',
        reason: 'Stripe answered that it has a problem.',
        trouble: {
          class: 'provider_trouble',
          title: 'The last try failed',
          message: 'Stripe answered that it has a problem (500).',
          detail: 'Stripe answered that it has a problem (500).',
          hint: 'Test it again; if that fails too, enter another key.',
          remedy: 'try_again',
        },
        identity: { name: 'Studio Nord' },
        masked_key: 'rk_test_…91c0',
        last_used_at: at(-6 * HOUR),
        last_tested_at: at(-6 * HOUR),
      },
      'stripe',
    ),
    connection({ id: 'con_sandbox', label: 'Sandbox', status: 'paused', identity: { email: 'ada@sandbox.example', name: 'Ada' } }, 'sandbox'),
  ];
}

function sampleClients(): ClientView[] {
  return [
    client('client_github', 'github', 'Iv1.8a61f9b3a7aba766', -12, 1),
    client('client_google', 'google-calendar', '447190318254-q8m2v7kq0t6d1h5r9s3e.apps.googleusercontent.com', -40, 2),
    client('client_openid', 'openid', 'hearthkey-anna', -90, 0),
    { ...client('client_sandbox', 'sandbox', 'hearthkey', 0, 1), id: null, source: 'bundled', created_at: null },
  ];
}

function client(id: string, connectorId: string, clientId: string, days: number, used_by: number): ClientView {
  const { methods, name, icon, category } = sampleConnectors().find((connector) => connector.id === connectorId) ?? never();
  const need = methods[0]?.client;
  return {
    id,
    connector: { id: connectorId, name, icon, category },
    source: 'own',
    issuer: '',
    client_id: clientId,
    confidential: need?.secret === 'required',
    created_at: at(days * DAY),
    proven: used_by > 0,
    next: true,
    used_by,
    redirects: need?.redirects ?? [],
    console: need?.console ?? null,
  };
}

function sampleActivity(): Record<string, ActivityView[]> {
  return {
    con_calendar: [
      { id: 'act_1', at: at(-2 * MINUTE), deed: 'used', door: 'socket', program: 'hearthkey', detail: 'GET /calendar/v3/calendars/primary/events' },
      { id: 'act_2', at: at(-17 * MINUTE), deed: 'refreshed', door: 'background', detail: '' },
      { id: 'act_3', at: at(-26 * HOUR), deed: 'tested', door: 'desktop', detail: 'Works' },
      { id: 'act_4', at: at(-40 * DAY), deed: 'connected', door: 'redirect', detail: '' },
    ],
    con_github: [
      { id: 'act_5', at: at(-3 * HOUR), deed: 'refresh_failed', door: 'background', detail: 'invalid_grant' },
      { id: 'act_6', at: at(-3 * HOUR - 4 * MINUTE), deed: 'used', door: 'socket', program: 'weekly-digest', detail: '' },
      { id: 'act_7', at: at(-12 * DAY), deed: 'connected', door: 'redirect', detail: '' },
    ],
  };
}

export function sampleWorld(): World {
  return {
    status: {
      version: '0.1.0',
      workspace: { id: 'ws_personal', name: 'Personal' },
      profile: 'default',
      owner: { kind: 'desktop', pid: 4471, since: at(-HOUR) },
      vault: vaultIn('open'),
      sandbox: true,
    },
    connectors: sampleConnectors(),
    connections: sampleConnections(),
    activity: sampleActivity(),
    clients: sampleClients(),
    workspaces: [
      { id: 'ws_personal', name: 'Personal', connections: 6, current: true, created_at: at(-90 * DAY) },
      { id: 'ws_studio', name: 'Studio Nord', connections: 0, current: false, created_at: at(-30 * DAY) },
    ],
    safety: {
      keychain: true,
      passphrase: false,
      recovery: 'tested',
      recovery_tested_at: at(-20 * DAY),
      generation: 1,
      rotated_at: at(-90 * DAY),
      rotation_pending: false,
      lock_after_minutes: 15,
    },
    passphrase: undefined,
    recoveryKit: undefined,
  };
}

export function manyConnections(count: number): ConnectionView[] {
  const samples = sampleConnections();
  return Array.from({ length: count }, (_, index) => {
    const sample = samples[index % samples.length] ?? never();
    return { ...sample, id: `con_${index}`, label: `${sample.label} ${index + 1}` };
  });
}

function never(): never {
  throw new Error('the sample names a service that is not in it');
}
