// A certified OpenID Connect server on 127.0.0.1, as strict as they come: PKCE, rotation with reuse detection, `iss`.
//
// node oidc.mjs [--access-token-seconds N]
// It prints where it listens, ends when standard input closes, and has control routes beside the protocol:
// GET /_control/journal, GET /_control/access-tokens, POST /_control/expire-access-tokens, POST /_control/revoke-grants;
// and GET /echo, which repeats the headers it was sent, as careless services do.
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { Provider } from 'oidc-provider';

const { values: options } = parseArgs({ options: { 'access-token-seconds': { type: 'string', default: '3600' } } });

const server = createServer((request, response) => void answer(request, response));
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'hearthkey',
      client_name: 'Hearthkey',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      redirect_uris: ['http://127.0.0.1/oauth/callback'],
    },
  ],
  claims: { email: ['email', 'email_verified'], profile: ['name', 'preferred_username'] },
  scopes: ['openid', 'offline_access'],
  cookies: { keys: ['these cookies live as long as the test'] },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  features: { devInteractions: { enabled: false }, revocation: { enabled: true } },
  interactions: { url: (_, { uid }) => `/interaction/${uid}` },
  ttl: {
    AccessToken: Number(options['access-token-seconds']),
    AuthorizationCode: 60,
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
provider.use(async (context, next) => {
  await next();
  const { grant_type: grant } = context.oidc?.params ?? {};
  journal.push({ method: context.method, path: context.path, status: context.status, ...(grant && { grant }) });
});

const tokens = new Set();
const grants = new Set();
provider.on('access_token.saved', ({ jti }) => tokens.add(jti));
provider.on('grant.saved', ({ jti }) => grants.add(jti));
provider.on('server_error', (_, error) => console.error(error));

const endAll = async (model, ids) => {
  for (const id of ids) await (await model.find(id))?.destroy();
  ids.clear();
};

async function answer(request, response) {
  const { pathname } = new URL(request.url, issuer);
  const reply = (status, body = '', type = 'application/json') => response.writeHead(status, { 'content-type': type }).end(body);
  switch (`${request.method} ${pathname}`) {
    case 'GET /_control/journal':
      return reply(200, JSON.stringify(journal));
    case 'GET /_control/access-tokens':
      return reply(200, JSON.stringify([...tokens]));
    case 'GET /echo':
      return reply(200, JSON.stringify(request.headers));
    case 'POST /_control/expire-access-tokens':
      await endAll(provider.AccessToken, tokens);
      return reply(204);
    case 'POST /_control/revoke-grants':
      await endAll(provider.Grant, grants);
      return reply(204);
  }
  if (!pathname.startsWith('/interaction/')) return provider.callback()(request, response);
  try {
    await interact(request, response, (html) => reply(200, html, 'text/html; charset=utf-8'));
  } catch (error) {
    reply(400, String(error), 'text/plain');
  }
}

/** The pages of the person: who they are, and whether Hearthkey may. */
async function interact(request, response, page) {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (request.method === 'GET') return page(prompt.name === 'login' ? LOGIN : consent(session.accountId, params.scope));
  let body = '';
  for await (const chunk of request) body += chunk;
  const form = new URLSearchParams(body);
  if (form.get('answer') === 'deny') {
    const denied = { error: 'access_denied', error_description: 'The person said no' };
    return provider.interactionFinished(request, response, denied);
  }
  if (prompt.name === 'login')
    return provider.interactionFinished(request, response, { login: { accountId: form.get('name') } });
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const result = { consent: { grantId: await grant.save() } };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

const html = (title, body) =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><h1>${title}</h1><form method="post">${body}</form></html>`;
const LOGIN = html('Sign in', '<label>Name <input name="name" id="name" required></label><button id="sign-in">Sign in</button>');
const consent = (account, scope) =>
  html(
    'Allow Hearthkey?',
    `<p>${account}: ${scope}</p><button id="allow" name="answer" value="allow">Allow</button><button id="deny" name="answer" value="deny">Deny</button>`,
  );

process.stdin.resume().on('end', () => process.exit(0));
console.log(`listening on ${issuer}`);
