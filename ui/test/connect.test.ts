import { screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, test, vi } from 'vitest';
import type { Problem } from '../src/core/contract';
import { vaultIn } from '../src/core/memory';
import { openSettled, row } from './app';

const KEY = 'rk_live_51Nv0000000000004f2a';

async function connect(service: string, prepare?: Parameters<typeof openSettled>[0]) {
  const opened = await openSettled(prepare);
  await opened.user.click(screen.getByTestId(`connector-card-${service}`));
  const dialog = await screen.findByRole('dialog');
  return { ...opened, dialog, submit: () => opened.user.click(screen.getByTestId('dialog-submit')) };
}

describe('choosing a service', () => {
  test('by keyboard alone', async () => {
    const { user } = await openSettled();
    await user.click(screen.getByTestId('connect-button'));
    const search = await screen.findByTestId('chooser-search');
    await waitFor(() => expect(search).toHaveFocus());
    await user.keyboard('{ArrowDown}{ArrowDown}');
    expect(screen.getByTestId('choose-github')).toHaveAttribute('aria-selected', 'true');
    await user.keyboard('pay');
    expect(screen.getAllByRole('option')).toHaveLength(1);
    await user.keyboard('{Enter}');
    expect(await screen.findByRole('dialog', { name: 'Connect Stripe' })).toBeInTheDocument();
  });
});

describe('connecting with a key', () => {
  test('says where to get it and where it goes', async () => {
    const { backend, dialog, user } = await connect('stripe');
    expect(within(dialog).getByText('restricted key')).toBeInTheDocument();
    expect(dialog).toHaveTextContent('Sealed on this computer. It goes to api.stripe.com only.');
    await user.click(within(dialog).getByRole('link', { name: /API keys/ }));
    expect(backend.last('links.open')).toEqual({ url: 'https://dashboard.stripe.com/apikeys' });
  });

  test('the key is hidden until asked for', async () => {
    const { user } = await connect('stripe');
    const field = screen.getByTestId('field-key');
    expect(field).toHaveAttribute('type', 'password');
    await user.click(screen.getByRole('button', { name: 'Show Key' }));
    expect(field).toHaveAttribute('type', 'text');
  });

  test('nothing is sent before it is complete, and the first fault gets the focus', async () => {
    const { backend, submit, user } = await connect('stripe');
    await submit();
    const field = screen.getByTestId('field-key');
    expect(field).toBeInvalid();
    expect(field).toHaveAccessibleDescription('Key is needed.');
    expect(field).toHaveFocus();
    await user.type(field, 'pk_wrong');
    expect(field).toHaveAccessibleDescription(/does not look right/);
    expect(backend.count('connections.add') + backend.count('credentials.check')).toBe(0);
  });

  test('is tested once after a pause in typing', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    const { backend, user } = await connect('stripe');
    await user.type(screen.getByTestId('field-key'), `  ${KEY}`);
    expect(backend.count('credentials.check')).toBe(0);
    await vi.advanceTimersByTimeAsync(500);
    expect(backend.count('credentials.check')).toBe(1);
    expect(backend.last('credentials.check')).toMatchObject({ connector: 'stripe', method: 'key', secrets: { key: KEY } });
    expect(await screen.findByText('Works · Studio Nord')).toBeInTheDocument();
  });

  test('only the answer to the latest key counts', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    const { backend, user } = await connect('stripe', (core) => {
      core.report = ({ secrets }) => ({ ok: true, message: `Works: ${secrets?.['key']?.slice(-4)}`, tested_at: new Date().toISOString() });
    });
    const answer = backend.hold('credentials.check');
    const field = screen.getByTestId('field-key');
    await user.type(field, KEY);
    await vi.advanceTimersByTimeAsync(500);
    await user.type(field, '9');
    await vi.advanceTimersByTimeAsync(500);
    answer(1);
    expect(await screen.findByText('Works: f2a9')).toBeInTheDocument();
    answer(0);
    await vi.advanceTimersByTimeAsync(50);
    expect(screen.getByText('Works: f2a9')).toBeInTheDocument();
  });

  test('a refused key is said beside it, and typing clears it', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    const { user } = await connect('stripe', (core) => {
      core.report = () => ({ ok: false, message: 'Stripe did not accept this key.', hint: 'Create a new one.', tested_at: new Date().toISOString() });
    });
    const field = screen.getByTestId('field-key');
    await user.type(field, KEY);
    await vi.advanceTimersByTimeAsync(500);
    const result = screen.getByTestId('check-result');
    await waitFor(() => expect(result).toHaveTextContent('Stripe did not accept this key. Create a new one.'));
    await user.type(field, '1');
    expect(result).toHaveTextContent('');
  });

  test('saves under a free name and selects the new account', async () => {
    const { backend, submit, user } = await connect('stripe', (_, world) => {
      world.connections = world.connections.map((one) => (one.id === 'con_stripe' ? { ...one, label: 'Stripe' } : one));
    });
    expect(screen.getByTestId('field-label')).toHaveValue('Stripe 2');
    await user.type(screen.getByTestId('field-key'), KEY);
    await submit();
    await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument());
    expect(backend.last('connections.add')).toEqual({ connector: 'stripe', method: 'key', label: 'Stripe 2', values: {}, secrets: { key: KEY } });
    expect(row('Stripe 2').querySelector('button')).toHaveAttribute('aria-current', 'true');
  });

  test('a problem while saving stays in the dialog with what was typed', async () => {
    const { backend, submit, user } = await connect('stripe');
    backend.refusals.set('connections.add', { type: 'about:blank', kind: 'rate_limited', title: 'Stripe asks for a pause', status: 429 });
    await user.type(screen.getByTestId('field-key'), KEY);
    await submit();
    expect(await screen.findByRole('alert')).toHaveTextContent('Stripe asks for a pause');
    expect(screen.getByTestId('field-key')).toHaveValue(KEY);
  });

  test('a closed vault is said before anything is typed', async () => {
    await connect('stripe', (_, world) => (world.status.vault = vaultIn('keychain_locked')));
    expect(screen.getByText('The vault is closed')).toBeInTheDocument();
    expect(screen.getByTestId('dialog-submit')).toBeDisabled();
  });
});

describe('connecting in the browser', () => {
  test('waits with the address, the time left, and a way to open it again', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    const { backend, submit, dialog, user } = await connect('sandbox');
    await submit();
    const address = (await screen.findByTestId('authorize-url')).textContent;
    expect(address).toMatch(/^https:\/\/accounts\.sandbox\.example/);
    expect(dialog).toHaveTextContent('Finish in your browser');
    await vi.advanceTimersByTimeAsync(61_000);
    expect(dialog).toHaveTextContent(/8:5\d left/);
    await user.click(screen.getByRole('button', { name: 'Open again' }));
    expect(backend.last('authorizations.reopen')).toEqual({ authorization: 'auth_1' });
    expect(backend.last('authorizations.begin')).toMatchObject({ connector: 'sandbox', open_browser: true });
  });

  test('ends as the account that was connected', async () => {
    const { backend, submit, user } = await connect('sandbox');
    await submit();
    await screen.findByTestId('authorize-url');
    backend.finish('exchanging');
    expect(await screen.findByText('Collecting the keys from Sandbox')).toBeInTheDocument();
    backend.finish('connected');
    expect(await screen.findByText('Connected as anna@studio-nord.example')).toBeInTheDocument();
    const done = screen.getByTestId('dialog-done');
    await waitFor(() => expect(done).toHaveFocus());
    await user.click(done);
    expect(row('Sandbox 2')).toBeInTheDocument();
    expect(backend.count('authorizations.cancel')).toBe(0);
  });

  test('closing the dialog calls the sign-in off', async () => {
    const { backend, submit, user } = await connect('sandbox');
    await submit();
    await screen.findByTestId('authorize-url');
    await user.keyboard('{Escape}');
    await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument());
    expect(backend.last('authorizations.cancel')).toEqual({ authorization: 'auth_1' });
  });

  test.each<[string, Problem, string, string]>([
    ['denied', problem('urn:hearthkey:problem:authorization_denied', 'provider_rejected'), 'You did not allow it at Sandbox', 'Try again'],
    ['expired', problem('urn:hearthkey:problem:authorization_expired', 'provider_rejected'), 'The time for this sign-in ran out', 'Start again'],
    ['mismatch', problem('urn:hearthkey:problem:wrong_issuer', 'provider_rejected'), 'The answer did not belong to this sign-in', 'Start again'],
    ['unreachable', problem('about:blank', 'upstream_unavailable'), 'Sandbox could not be reached', 'Try again'],
    ['client', problem('urn:hearthkey:problem:invalid_client', 'provider_rejected'), 'Sandbox did not accept the client', 'Edit client'],
    ['client', problem('urn:hearthkey:problem:client_refused', 'provider_rejected'), 'Sandbox did not accept the client', 'Edit client'],
    ['redirect', problem('urn:hearthkey:problem:redirect_mismatch', 'provider_rejected'), 'Sandbox does not know the redirect address', 'Try again'],
    ['refused', problem('urn:hearthkey:problem:provider_rejected', 'provider_rejected'), 'The exact cause.', 'Try again'],
    ['vault', problem('about:blank', 'keychain_unavailable'), 'The keys could not be sealed', 'Try again'],
    ['other', problem('about:blank', 'internal'), 'As the core says it', 'Try again'],
  ])('a sign-in that ended as %s has its own words and button', async (failure, cause, title, button) => {
    const { backend, submit, user } = await connect('sandbox');
    await submit();
    await screen.findByTestId('authorize-url');
    backend.finish('failed', cause);
    const end = await screen.findByTestId('connect-failed');
    expect(end.dataset['failure']).toBe(failure);
    expect(end).toHaveTextContent(title);
    expect(end).toHaveTextContent('the exact cause');
    await waitFor(() => expect(screen.getByTestId('dialog-retry')).toHaveFocus());
    const again = screen.getByRole('button', { name: button });
    await user.click(again);
    if (failure === 'client') expect(await screen.findByTestId('dialog-submit')).toBeInTheDocument();
    else await waitFor(() => expect(backend.count('authorizations.begin')).toBe(2));
  });

  test('a service without a client asks for one and shows the exact redirect', async () => {
    const { backend, submit, user } = await connect('google-calendar');
    expect(screen.getByTestId('redirect-uri')).toHaveTextContent('http://127.0.0.1/oauth/callback');
    await submit();
    expect(screen.getByTestId('client-id')).toBeInvalid();
    expect(screen.getByTestId('client-secret')).toBeInvalid();
    expect(backend.count('authorizations.begin')).toBe(0);
    await user.type(screen.getByTestId('client-id'), ' 4471.apps ');
    await user.type(screen.getByTestId('client-secret'), 'GOCSPX-1');
    expect(screen.getByTestId('client-secret')).toHaveAttribute('type', 'password');
    await submit();
    await screen.findByTestId('authorize-url');
    expect(backend.last('authorizations.begin')).toMatchObject({ client: { client_id: '4471.apps', client_secret: 'GOCSPX-1' } });
  });

  test('what a service need not allow is asked for only when it is wanted', async () => {
    const { backend, dialog, submit, user } = await connect('google-calendar');
    const wish = within(dialog).getByRole('checkbox', { name: 'see when others are busy' });
    expect(wish).not.toBeChecked();
    await user.type(screen.getByTestId('client-id'), 'app');
    await user.type(screen.getByTestId('client-secret'), 'secret');
    await user.click(wish);
    await submit();
    await screen.findByTestId('waiting');
    expect(backend.last('authorizations.begin')).toMatchObject({ scopes: ['https://www.googleapis.com/auth/calendar.freebusy'] });
  });

  test('a stored client is used unless the person wants another', async () => {
    const { backend, submit, user } = await connect('github');
    expect(screen.queryByTestId('client-id')).not.toBeInTheDocument();
    await user.click(screen.getByRole('button', { name: 'Use another' }));
    expect(screen.getByTestId('client-id')).toBeInTheDocument();
    await user.keyboard('{Escape}');
    await user.click(screen.getByTestId('connector-card-github'));
    await submit();
    await screen.findByTestId('authorize-url');
    expect(backend.last('authorizations.begin')).not.toHaveProperty('client');
  });

  test('several ways are tabs, each with its own form', async () => {
    const { user } = await connect('github');
    await user.click(screen.getByRole('tab', { name: 'Access token' }));
    expect(await screen.findByTestId('field-token')).toBeInTheDocument();
    expect(screen.getByTestId('dialog-submit')).toHaveTextContent('Save');
  });

  test('an address must be an address', async () => {
    const { backend, submit, user } = await connect('openid');
    await user.type(screen.getByTestId('field-issuer'), 'login.example.com');
    await user.type(screen.getByTestId('client-id'), 'app');
    await submit();
    expect(screen.getByTestId('field-issuer')).toHaveAccessibleDescription(/begins with https/);
    expect(backend.count('authorizations.begin')).toBe(0);
    await user.clear(screen.getByTestId('field-issuer'));
    await user.type(screen.getByTestId('field-issuer'), 'https://login.example.com');
    await submit();
    await screen.findByTestId('authorize-url');
    expect(backend.last('authorizations.begin')).toMatchObject({ values: { issuer: 'https://login.example.com' }, client: { client_id: 'app' } });
  });
});

function problem(type: string, kind: Problem['kind']): Problem {
  return { type, kind, title: 'As the core says it', status: 400, detail: 'the exact cause' };
}
