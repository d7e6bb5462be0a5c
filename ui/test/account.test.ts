import { screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, test, vi } from 'vitest';
import { troubled } from '../src/core/memory-troubles';
import { openSettled, row, rowButton, rows } from './app';

describe('testing an account', () => {
  test('shows that it runs, then that it works', async () => {
    const { backend, user } = await openSettled();
    await user.click(rowButton('Payments'));
    const answer = backend.hold('connections.test');
    await user.click(screen.getByTestId('test-button'));
    expect(screen.getByTestId('test-button')).toHaveAttribute('aria-busy', 'true');
    expect(row('Payments')).toHaveTextContent('Testing');
    await user.click(screen.getByTestId('test-button'));
    rowButton('Payments').focus();
    await user.keyboard('t');
    expect(backend.count('connections.test')).toBe(1);
    answer();
    const result = await screen.findByTestId('test-result');
    expect(result).toHaveTextContent('Works · Studio Nord');
    expect(result.dataset['ok']).toBe('true');
    await waitFor(() => expect(row('Payments')).toHaveTextContent('tested just now'));
  });

  test('a failure has words, a hint, and the technical cause one click away', async () => {
    const { user } = await openSettled((core) => {
      core.report = () => ({
        ok: false,
        message: 'Stripe did not accept this key.',
        hint: 'Create a new one.',
        http_status: 401,
        tested_at: new Date().toISOString(),
      });
    });
    rowButton('Payments').focus();
    await user.keyboard('t');
    await user.click(rowButton('Payments'));
    const result = await screen.findByTestId('test-result');
    expect(result.dataset['ok']).toBe('false');
    expect(result).toHaveTextContent('Create a new one.');
    const cause = within(result).getByText('Technical cause').closest('details');
    expect(cause).not.toHaveAttribute('open');
    expect(cause).toHaveTextContent('HTTP 401');
  });

  test('a result never shows under another account', async () => {
    const { user } = await openSettled();
    await user.click(rowButton('Payments'));
    await user.click(screen.getByTestId('test-button'));
    await screen.findByTestId('test-result');
    await user.click(rowButton('Work calendar'));
    expect(screen.queryByTestId('test-result')).not.toBeInTheDocument();
  });
});

describe('disconnecting', () => {
  test('happens at once, counts down, and can be undone', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    const { backend, user } = await openSettled();
    await user.click(rowButton('Payments'));
    await user.click(screen.getByTestId('disconnect-button'));
    const undo = await screen.findByTestId('undo-button');
    expect(undo).toHaveTextContent('Undo (30 s)');
    expect(row('Payments').dataset['status']).toBe('deleting');
    expect(screen.getByText('Payments is disconnected.')).toBeInTheDocument();
    await vi.advanceTimersByTimeAsync(3_000);
    expect(undo).toHaveTextContent('Undo (27 s)');
    await user.click(undo);
    await waitFor(() => expect(row('Payments').dataset['status']).toBe('active'));
    expect(backend.last('connections.restore')).toEqual({ connection: 'con_stripe' });
    expect(screen.queryByTestId('undo-button')).not.toBeInTheDocument();
  });

  test('ends in removing, and the row goes when the core says so', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    const { backend, user } = await openSettled();
    rowButton('Payments').focus();
    await user.keyboard('d');
    await screen.findByTestId('undo-button');
    await vi.advanceTimersByTimeAsync(31_000);
    expect(row('Payments')).toHaveTextContent('Removing');
    backend.world.connections = backend.world.connections.filter(({ id }) => id !== 'con_stripe');
    backend.tell({ topic: 'connections' });
    await waitFor(() => expect(rows()).toHaveLength(5));
  });

  test('the message offers Undo too', async () => {
    const { backend, user } = await openSettled();
    rowButton('Payments').focus();
    await user.keyboard('d');
    await user.click(await screen.findByTestId('toast-action'));
    await waitFor(() => expect(row('Payments').dataset['status']).toBe('active'));
    expect(backend.count('connections.restore')).toBe(1);
  });

  test('a refusal is said and the account stays', async () => {
    const { user } = await openSettled((core) =>
      core.refusals.set('connections.disconnect', { type: 'about:blank', kind: 'conflict', title: 'It changed', status: 409 }),
    );
    rowButton('Payments').focus();
    await user.keyboard('d');
    expect(await screen.findByText('Payments could not be disconnected. It changed.')).toBeInTheDocument();
    expect(row('Payments').dataset['status']).toBe('active');
  });
});

describe('the menu and renaming', () => {
  // jsdom cannot place a floating box, so it stays invisible there.
  test('the menu names its keys and does the same', async () => {
    const { user } = await openSettled();
    await user.click(screen.getByRole('button', { name: 'More for Payments' }));
    const menu = await screen.findByRole('menu', { hidden: true });
    expect(within(menu).getAllByRole('menuitem', { hidden: true }).map((item) => item.textContent?.replace(/\s+/g, ''))).toEqual(['TestT', 'UpdatekeyC', 'RenameR', 'DisconnectD']);
    await user.click(within(menu).getByText('Disconnect'));
    await waitFor(() => expect(row('Payments').dataset['status']).toBe('deleting'));
  });

  test('R renames; an empty name is refused before the core is asked', async () => {
    const { backend, user } = await openSettled();
    rowButton('Payments').focus();
    await user.keyboard('r');
    const dialog = await screen.findByRole('dialog', { name: 'Rename Payments' });
    const field = within(dialog).getByTestId('field-label');
    await user.clear(field);
    await user.click(within(dialog).getByTestId('dialog-submit'));
    expect(field).toBeInvalid();
    expect(backend.count('connections.rename')).toBe(0);
    await user.type(field, '  Shop  {Enter}');
    await waitFor(() => expect(row('Shop')).toBeInTheDocument());
    expect(backend.last('connections.rename')).toEqual({ connection: 'con_stripe', label: 'Shop' });
  });

  test('letters typed with a modifier are left to the system', async () => {
    const { backend, user } = await openSettled();
    rowButton('Payments').focus();
    await user.keyboard('{Control>}t{/Control}{Meta>}d{/Meta}');
    expect(backend.count('connections.test') + backend.count('connections.disconnect')).toBe(0);
  });
});

describe('the detail', () => {
  test('says what an account may do, where its key goes, and what happened', async () => {
    const { user } = await openSettled();
    await user.click(rowButton('Work calendar'));
    const detail = screen.getByTestId('detail');
    expect(detail).toHaveTextContent('read and write events');
    expect(detail).toHaveTextContent('www.googleapis.com');
    expect(detail).toHaveTextContent(/Renews\s*in 28 min/);
    await waitFor(() => expect(detail).toHaveTextContent('Sign-in renewed'));
    expect(detail).toHaveTextContent('by hearthkey');
  });

  test('names a permission that was asked for and not given', async () => {
    await openSettled((_, world) => {
      world.connections = world.connections.map((one) =>
        one.id === 'con_github' ? { ...one, scopes: { ...one.scopes, each: one.scopes.each.map((scope) => (scope.name === 'repo' ? { ...scope, state: 'declined' as const } : scope)) } } : one,
      );
    });
    const fact = within(screen.getByTestId('detail')).getByText('May not').parentElement;
    expect(fact).toHaveTextContent('read and write your repositories');
  });

  test('Reconnect goes straight to the browser, for the same account', async () => {
    const { backend, user } = await openSettled();
    await user.click(screen.getByTestId('reconnect-button'));
    expect(await screen.findByTestId('authorize-url')).toBeInTheDocument();
    expect(backend.last('authorizations.begin')).toMatchObject({ connector: 'github', connection: 'con_github' });
    expect(backend.last('authorizations.begin')).not.toHaveProperty('label');
  });

  test('A key the service refused is replaced in place', async () => {
    const KEY = 'rk_live_51Nv0000000000004f2a';
    const { backend, user } = await openSettled((_, world) => {
      world.connections = world.connections.map((one) =>
        one.id === 'con_stripe' ? troubled(one, 'key_refused') : one,
      );
    });
    await user.click(rowButton('Payments'));
    await user.click(screen.getByRole('button', { name: 'Update key' }));
    await user.type(await screen.findByTestId('field-key'), KEY);
    await user.click(screen.getByTestId('dialog-submit'));
    await waitFor(() => expect(backend.last('connections.add')).toMatchObject({ connector: 'stripe', connection: 'con_stripe' }));
    expect(backend.last('connections.add')).not.toHaveProperty('label');
  });
});
