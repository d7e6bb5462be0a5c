import { screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, test } from 'vitest';
import { openSettled, rowButton } from './app';

type Prepare = Parameters<typeof openSettled>[0];

async function clients(prepare?: Prepare) {
  const opened = await openSettled(prepare);
  await opened.user.click(rowButton('Studio repositories'));
  await opened.user.click(screen.getByTestId('clients-link'));
  return { ...opened, dialog: await screen.findByRole('dialog') };
}

function clientRow(id: string): HTMLElement {
  return screen.getAllByTestId('client-row').find(({ dataset }) => dataset['id'] === id)!;
}

async function choose(user: Awaited<ReturnType<typeof clients>>['user'], id: string, item: string) {
  await user.click(within(clientRow(id)).getByRole('button'));
  // jsdom cannot place a floating box, so it stays invisible there.
  await user.click(await screen.findByTestId(item));
}

describe('the list of clients', () => {
  test('says where each is registered, its ID, and what uses it', async () => {
    await clients();
    await waitFor(() => expect(screen.getAllByTestId('client-row')).toHaveLength(3));
    expect(clientRow('client_github')).toHaveTextContent('Iv1.8a61f9b3a7aba766');
    expect(clientRow('client_github')).toHaveTextContent('used by 1 account');
    expect(clientRow('client_openid')).toHaveTextContent('not used');
  });

  test('teaches where there are none', async () => {
    await clients((_, world) => (world.clients = []));
    expect(await screen.findByTestId('clients-empty')).toHaveTextContent('No clients of your own yet');
  });

  test('shows its shape while it loads, and a problem with a way on', async () => {
    const { backend, user, dialog } = await clients((core) =>
      core.refusals.set('clients.list', { type: 'about:blank', kind: 'internal', title: 'x', status: 500, detail: 'disk' }),
    );
    const note = await within(dialog).findByRole('alert');
    expect(note).toHaveTextContent('Your clients could not be listed');
    backend.refusals.clear();
    await user.click(within(note).getByRole('button', { name: 'Try again' }));
    await waitFor(() => expect(screen.getAllByTestId('client-row')).toHaveLength(3));
  });

  test('is reached from a service that has one', async () => {
    const { user } = await openSettled();
    await user.click(screen.getByTestId('connector-card-github'));
    await user.click(await screen.findByTestId('all-clients'));
    expect(await screen.findByRole('dialog', { name: 'Clients' })).toBeInTheDocument();
  });
});

describe('changing a client', () => {
  async function editing(prepare?: Prepare) {
    const opened = await clients(prepare);
    await screen.findAllByTestId('client-row');
    await choose(opened.user, 'client_google', 'client-edit');
    await screen.findByTestId('client-secret');
    return opened;
  }

  test('takes a new secret, and asks for one', async () => {
    const { backend, user } = await editing();
    const secret = screen.getByTestId('client-secret');
    await waitFor(() => expect(secret).toHaveFocus());
    await user.click(screen.getByTestId('dialog-submit'));
    expect(secret).toBeInvalid();
    await user.type(secret, ' GOCSPX-2 {Enter}');
    expect(await screen.findByText('The client at Google Calendar is saved.')).toBeInTheDocument();
    expect(backend.last('clients.update')).toEqual({ client: 'client_google', client_secret: 'GOCSPX-2' });
    await waitFor(() => expect(screen.getAllByTestId('client-row')).toHaveLength(3));
  });

  test('asks the service whether it knows the one that is kept', async () => {
    const { backend, user } = await editing(
      (core) => (core.clientCheck = { ...core.clientCheck, verdict: 'refused', message: 'Google does not know this client ID.' }),
    );
    await user.click(screen.getByTestId('client-check'));
    await waitFor(() => expect(screen.getByTestId('client-checked')).toHaveTextContent('Google does not know this client ID.'));
    expect(backend.last('clients.check')).toEqual({ client: 'client_google' });
  });

  test('a refusal to save stays in the dialog', async () => {
    const { backend, user } = await editing();
    backend.refusals.set('clients.update', { type: 'about:blank', kind: 'keychain_unavailable', title: 'x', status: 503, detail: 'the vault is closed' });
    await user.type(screen.getByTestId('client-secret'), 'GOCSPX-2{Enter}');
    expect(await screen.findByRole('alert')).toHaveTextContent('The vault is closed.');
    expect(screen.getByTestId('client-secret')).toHaveValue('GOCSPX-2');
  });
});

describe('removing a client', () => {
  test('one that nothing uses goes at once', async () => {
    const { backend, user } = await clients();
    await screen.findAllByTestId('client-row');
    await choose(user, 'client_openid', 'client-remove');
    await waitFor(() => expect(screen.getAllByTestId('client-row')).toHaveLength(2));
    expect(backend.last('clients.remove')).toEqual({ client: 'client_openid' });
  });

  test('one in use says what goes with it first', async () => {
    const { backend, user } = await clients();
    await screen.findAllByTestId('client-row');
    await choose(user, 'client_google', 'client-remove');
    expect(await screen.findByText('2 accounts sign in with it')).toBeInTheDocument();
    expect(backend.count('clients.remove')).toBe(0);
    await waitFor(() => expect(screen.getByTestId('dialog-back')).toHaveFocus());
    await user.click(screen.getByTestId('remove-anyway'));
    await waitFor(() => expect(backend.last('clients.remove')).toEqual({ client: 'client_google', force: true }));
    await waitFor(() => expect(screen.getAllByTestId('client-row')).toHaveLength(2));
  });
});

describe('the form for an own client', () => {
  test('shows one redirect per way, each to be copied', async () => {
    const { user } = await openSettled();
    await user.click(screen.getByTestId('connector-card-github'));
    await user.click(await screen.findByRole('button', { name: 'Use another' }));
    expect(screen.getAllByTestId('redirect-uri').map(({ textContent }) => textContent)).toEqual([
      'http://127.0.0.1/oauth/callback',
      'app.hearthkey:/oauth/callback',
    ]);
    await user.click(screen.getByRole('button', { name: 'Copy the redirect address: This app' }));
    expect(await navigator.clipboard.readText()).toBe('app.hearthkey:/oauth/callback');
    await user.click(screen.getByRole('link', { name: /Open the page at GitHub/ }));
  });

  test.each([
    ['fine', 'It is known there.'],
    ['refused', 'It is not known there.'],
    ['cannot_tell', 'The service does not say.'],
  ] as const)('a check that finds it %s says so before anybody signs in', async (verdict, message) => {
    const { backend, user } = await openSettled((core) => (core.clientCheck = { ...core.clientCheck, verdict, message }));
    await user.click(screen.getByTestId('connector-card-google-calendar'));
    await user.click(await screen.findByTestId('client-check'));
    expect(screen.getByTestId('client-id')).toBeInvalid();
    expect(backend.count('clients.check')).toBe(0);
    await user.type(screen.getByTestId('client-id'), '4471.apps');
    await user.type(screen.getByTestId('client-secret'), 'GOCSPX-1');
    await user.click(screen.getByTestId('client-check'));
    await waitFor(() => expect(screen.getByTestId('client-checked')).toHaveTextContent(message));
    expect(backend.last('clients.add')).toEqual({ connector: 'google-calendar', method: 'oauth', values: {}, client_id: '4471.apps', client_secret: 'GOCSPX-1' });
    expect(backend.last('clients.check')).toEqual({ client: 'client_new_1', values: {} });
    expect(backend.count('authorizations.begin')).toBe(0);
  });

  test('what was kept for a check is not brought again, unless it was changed', async () => {
    const { backend, user } = await openSettled();
    await user.click(screen.getByTestId('connector-card-google-calendar'));
    await user.type(await screen.findByTestId('client-id'), '4471.apps');
    await user.type(screen.getByTestId('client-secret'), 'GOCSPX-1');
    await user.click(screen.getByTestId('client-check'));
    await waitFor(() => expect(screen.getByTestId('client-checked').dataset['stage']).toBe('ok'));
    await user.click(screen.getByTestId('dialog-submit'));
    await screen.findByTestId('waiting');
    expect(backend.last('authorizations.begin')).not.toHaveProperty('client');
  });

  test('one that is kept already gets the secret that was typed', async () => {
    const { backend, user } = await openSettled((_, world) => {
      world.clients = world.clients.map((one) => (one.id === 'client_google' ? { ...one, client_id: '4471.apps' } : one));
    });
    await user.click(screen.getByTestId('connector-card-google-calendar'));
    await user.type(await screen.findByTestId('client-id'), '4471.apps');
    await user.type(screen.getByTestId('client-secret'), 'GOCSPX-1');
    await user.click(screen.getByTestId('client-check'));
    await waitFor(() => expect(screen.getByTestId('client-checked').dataset['stage']).toBe('ok'));
    expect(backend.last('clients.update')).toEqual({ client: '4471.apps', client_secret: 'GOCSPX-1' });
    expect(backend.last('clients.check')).toEqual({ client: '4471.apps', values: {} });
  });
});
