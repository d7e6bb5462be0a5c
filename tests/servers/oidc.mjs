// A certified OpenID Connect server on 127.0.0.1, as strict as they come: PKCE, rotation with reuse detection, `iss`.
//
// node oidc.mjs [--access-token-seconds N] [--keep-refresh-tokens] [--device]
// With --device it has the device grant as well.
// It prints where it listens, ends when standard input closes, and has control routes beside the protocol:
//   GET  /_control/journal                what was asked, in order
//   GET  /_control/token-requests         how many token requests there were, by grant type
//   GET  /_control/access-tokens          what it gave out; /_control/refresh-tokens alike
//   POST /_control/expire-access-tokens   ends every access token; /_control/revoke-grants every grant
//   PUT  /_control/token-reply            the next token requests are answered with this instead of being served:
//                                         {"status", "headers", "body"}; {"swallow": true} serves them, and cuts the
//                                         connection without an answer; {"late": N} serves them N milliseconds later;
//                                         null ends it
//   PUT  /_control/metadata               puts these members into the metadata, and takes out those that are null
// and GET /echo, which repeats the headers it was sent, as careless services do.
import { createServer } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Provider } from 'oidc-provider';

const { values: options } = parseArgs({
  options: {
    'access-token-seconds': { type: 'string', default: '3600' },
    device: { type: 'boolean', default: false },
    'keep-refresh-tokens': { type: 'boolean', default: false },
  },
});

const server = createServer((request, response) => void answer(request, response));
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';

const html = (title, body) =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><h1>${title}</h1>${body}</html>`;
const form = (fields) => `<form method="post">${fields}</form>`;
const LOGIN = html(
  'Sign in',
  form('<label>Name <input name="name" id="name" required></label><button id="sign-in">Sign in</button>'),
);
const consent = (account, scope) =>
  html(
    'Allow Hearthkey?',
    form(
      `<p>${account}: ${scope}</p><button id="allow" name="answer" value="allow">Allow</button><button id="deny" name="answer" value="deny">Deny</button>`,
    ),
  );

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'hearthkey',
      client_name: 'Hearthkey',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token', ...(options.device ? [DEVICE] : [])],
      response_types: ['code'],
      redirect_uris: ['http://127.0.0.1/oauth/callback', 'app.hearthkey:/oauth/callback'],
    },
  ],
  claims: { email: ['email', 'email_verified'], profile: ['name', 'preferred_username'] },
  scopes: ['openid', 'offline_access'],
  cookies: { keys: ['these cookies live as long as the test'] },
  pkce: { required: () => true },
  rotateRefreshToken: !options['keep-refresh-tokens'],
  // A device has no `prompt` to ask with, so that `offline_access` would be dropped.
  issueRefreshToken: (_, client, source) =>
    client.grantTypeAllowed('refresh_token') && (source.kind === 'DeviceCode' || source.scopes.has('offline_access')),
  features: {
    devInteractions: { enabled: false },
    revocation: { enabled: true },
    deviceFlow: {
      enabled: options.device,
      userCodeInputSource: (context, fields, _, error) => {
        context.body = html('Connect a device', `${error ? '<p role="alert">This code is not known.</p>' : ''}${fields}`);
      },
      userCodeConfirmSource: (context, fields, _client, _info, code) => {
        context.body = html('Is this your device?', `<p>${code}</p>${fields}`);
      },
      successSource: (context) => {
        context.body = html('Connected', '<p>You can close this page.</p>');
      },
    },
  },
  interactions: { url: (_, { uid }) => `/interaction/${uid}` },
  ttl: {
    AccessToken: Number(options['access-token-seconds']),
    AuthorizationCode: 60,
    DeviceCode: 600,
    Grant: 86_400,
    IdToken: 3600,
    Interaction: 600,
    RefreshToken: 86_400,
    Session: 86_400,
  },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@id.example`, email_verified: true, name: `${id} of the Test`, preferred_username: id }),
  }),
});

const journal = [];
let tokenReply = null;
let metadata = {};

provider.use(async (context, next) => {
  await next();
  if (context.path === '/.well-known/openid-configuration') {
    const told = Object.entries({ ...context.body, ...metadata }).filter(([, value]) => value !== null);
    context.body = Object.fromEntries(told);
  }
  const { grant_type: grant } = context.oidc?.params ?? {};
  note(context.method, context.path, context.status, grant);
});

const note = (method, path, status, grant) => journal.push({ method, path, status, ...(grant && { grant }) });

const tokens = { access: new Set(), refresh: new Set() };
const grants = new Set();
provider.on('access_token.saved', ({ jti }) => tokens.access.add(jti));
provider.on('refresh_token.saved', ({ jti }) => tokens.refresh.add(jti));
provider.on('grant.saved', ({ jti }) => grants.add(jti));
provider.on('server_error', (_, error) => console.error(error));

const endAll = async (model, ids) => {
  for (const id of ids) await (await model.find(id))?.destroy();
  ids.clear();
};

/** How many there were of each grant type. */
const counted = () => {
  const counts = {};
  for (const { grant } of journal) if (grant) counts[grant] = (counts[grant] ?? 0) + 1;
  return counts;
};

const read = async (request) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  return body;
};

async function answer(request, response) {
  const { pathname } = new URL(request.url, issuer);
  const reply = (status, body = '', type = 'application/json') => response.writeHead(status, { 'content-type': type }).end(body);
  const tell = (value) => reply(200, JSON.stringify(value));
  const asked = `${request.method} ${pathname}`;
  switch (asked) {
    case 'GET /_control/journal':
      return tell(journal);
    case 'GET /_control/token-requests':
      return tell(counted());
    case 'GET /_control/access-tokens':
      return tell([...tokens.access]);
    case 'GET /_control/refresh-tokens':
      return tell([...tokens.refresh]);
    case 'GET /echo':
      return tell(request.headers);
    case 'POST /_control/expire-access-tokens':
      await endAll(provider.AccessToken, tokens.access);
      return reply(204);
    case 'POST /_control/revoke-grants':
      await endAll(provider.Grant, grants);
      return reply(204);
    case 'PUT /_control/token-reply':
      tokenReply = JSON.parse(await read(request));
      return reply(204);
    case 'PUT /_control/metadata':
      metadata = JSON.parse(await read(request));
      return reply(204);
  }
  if (asked === 'POST /token' && tokenReply?.status) {
    const { status, headers, body = '' } = tokenReply;
    note('POST', pathname, status, new URLSearchParams(await read(request)).get('grant_type'));
    return response.writeHead(status, headers).end(body);
  }
  if (asked === 'POST /token' && tokenReply?.late) await setTimeout(tokenReply.late);
  if (asked === 'POST /token' && tokenReply?.swallow) response.end = () => request.socket.destroy();
  if (!pathname.startsWith('/interaction/')) return provider.callback()(request, response);
  try {
    await interact(request, response, (page) => reply(200, page, 'text/html; charset=utf-8'));
  } catch (error) {
    reply(400, String(error), 'text/plain');
  }
}

/** The pages of the person: who they are, and whether Hearthkey may. */
async function interact(request, response, page) {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (request.method === 'GET') return page(prompt.name === 'login' ? LOGIN : consent(session.accountId, params.scope));
  const answers = new URLSearchParams(await read(request));
  if (answers.get('answer') === 'deny') {
    const denied = { error: 'access_denied', error_description: 'The person said no' };
    return provider.interactionFinished(request, response, denied);
  }
  if (prompt.name === 'login')
    return provider.interactionFinished(request, response, { login: { accountId: answers.get('name') } });
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const result = { consent: { grantId: await grant.save() } };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

process.stdin.resume().on('end', () => process.exit(0));
console.log(`listening on ${issuer}`);
