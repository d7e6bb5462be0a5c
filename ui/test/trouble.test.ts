import { screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, test } from 'vitest';
import type { FailureClass, Remedy } from '../src/core/contract';
import { FAILURES, sampleTrouble, troubled } from '../src/core/memory-troubles';
import { openSettled, row, rowButton } from './app';

const LATER = new Date();
LATER.setHours(23, 59, 0, 0);

/** The window with one account in that trouble. */
async function inTrouble(failure: FailureClass) {
  const opened = await openSettled((_, world) => {
    const account = world.connections.find(({ id }) => id === (failure === 'key_refused' ? 'con_stripe' : 'con_calendar'))!;
    const found = troubled(account, failure);
    if (found.trouble?.retry_at) found.trouble.retry_at = LATER.toISOString();
    world.connections = [found];
  });
  await opened.user.click(document.querySelector<HTMLElement>('[data-testid="connection-row"] button')!);
  return { ...opened, banner: await screen.findByTestId('trouble') };
}

const BUTTONS: Record<Remedy, string | undefined> = {
  reconnect: 'Reconnect',
  edit_client: 'Edit client',
  update_key: 'Update key',
  try_again: 'Try again',
  wait: undefined,
};

describe('each failure class produces its own words and button in the window', () => {
  test.each(FAILURES)('%s', async (failure) => {
    const { backend, banner, user } = await inTrouble(failure);
    const service = failure === 'key_refused' ? 'Stripe' : 'Google Calendar';
    const { title, detail, hint, remedy, retry_at } = sampleTrouble(failure, service);
    expect(banner.dataset).toMatchObject({ class: failure, remedy });
    expect(banner).toHaveTextContent(title);
    expect(banner).toHaveTextContent(detail);
    expect(banner).toHaveTextContent(hint);
    const buttons = within(banner).queryAllByRole('button');
    expect(buttons.map(({ textContent }) => textContent?.trim())).toEqual(BUTTONS[remedy] ? [BUTTONS[remedy]] : []);
    if (retry_at) expect(banner).toHaveTextContent('Next try at 23:59');
    else expect(banner).not.toHaveTextContent('Next try');

    if (buttons[0]) await user.click(buttons[0]);
    switch (remedy) {
      case 'reconnect':
        expect(await screen.findByTestId('waiting')).toBeInTheDocument();
        expect(backend.last('authorizations.begin')).toMatchObject({ connection: 'con_calendar' });
        break;
      case 'edit_client':
        expect(await screen.findByRole('dialog', { name: 'Client at Google Calendar' })).toBeInTheDocument();
        break;
      case 'update_key':
        expect(await screen.findByTestId('field-key')).toBeInTheDocument();
        break;
      case 'try_again':
        await waitFor(() => expect(backend.last('connections.refresh')).toEqual({ connection: 'con_calendar' }));
        await waitFor(() => expect(screen.queryByTestId('trouble')).not.toBeInTheDocument());
        break;
      case 'wait':
        expect(backend.count('connections.refresh') + backend.count('authorizations.begin')).toBe(0);
    }
  });

  test('no two of them say the same', () => {
    const troubles = FAILURES.map((failure) => sampleTrouble(failure));
    expect(new Set(troubles.map(({ title }) => title)).size).toBe(FAILURES.length);
    expect(new Set(troubles.map(({ detail }) => detail)).size).toBe(FAILURES.length);
  });
});

test('an account whose last request failed is tested again, not renewed', async () => {
  const { backend, user } = await openSettled((_, world) => {
    world.connections = world.connections.map((one) => (one.id === 'con_calendar' ? { ...troubled(one, 'malformed'), status: 'error' } : one));
  });
  await user.click(rowButton('Work calendar'));
  await user.click(screen.getByTestId('try-again-button'));
  await waitFor(() => expect(backend.last('connections.test')).toEqual({ connection: 'con_calendar' }));
  await waitFor(() => expect(screen.queryByTestId('trouble')).not.toBeInTheDocument());
  expect(backend.count('connections.refresh')).toBe(0);
});

test('a row in trouble shows when it is tried again', async () => {
  await inTrouble('rate_limited');
  expect(row('Work calendar')).toHaveTextContent(/next try in/);
});

test('a client that was refused and saved anew is tried at once', async () => {
  const { backend, user } = await inTrouble('client_refused');
  await user.click(screen.getByTestId('edit-client-button'));
  await user.type(await screen.findByTestId('client-secret'), 'GOCSPX-new');
  await user.click(screen.getByTestId('dialog-submit'));
  await waitFor(() => expect(backend.last('clients.update')).toMatchObject({ client: 'client_google', client_secret: 'GOCSPX-new' }));
  await waitFor(() => expect(backend.last('connections.refresh')).toEqual({ connection: 'con_calendar' }));
  await waitFor(() => expect(row('Work calendar').dataset['status']).toBe('active'));
});

test('where the client is not the person’s own, an own one takes its place', async () => {
  const { user } = await openSettled((_, world) => {
    const sandbox = world.connections.find(({ id }) => id === 'con_sandbox')!;
    world.connections = [troubled(sandbox, 'client_refused')];
  });
  await user.click(rowButton('Sandbox'));
  await user.click(screen.getByTestId('edit-client-button'));
  expect(await screen.findByTestId('client-id')).toBeInTheDocument();
});

test('an own client that is gone gives way to another', async () => {
  const { user } = await inTrouble('client_refused');
  await user.click(screen.getByTestId('edit-client-button'));
  await user.click(await screen.findByTestId('another-client'));
  expect(await screen.findByRole('dialog', { name: 'Reconnect Work calendar' })).toBeInTheDocument();
  expect(screen.getByTestId('client-id')).toBeInTheDocument();
});

describe('renewing by hand', () => {
  test('says that it works and when the next time is', async () => {
    const { backend, user } = await openSettled();
    await user.click(rowButton('Work calendar'));
    const answer = backend.hold('connections.refresh');
    const button = screen.getByTestId('renew-button');
    await user.click(button);
    expect(button).toHaveAttribute('aria-busy', 'true');
    expect(row('Work calendar')).toHaveTextContent('Renewing');
    await user.click(button);
    expect(backend.count('connections.refresh')).toBe(1);
    answer();
    expect(await screen.findByText('Work calendar is renewed, the next time in 45 min.')).toBeInTheDocument();
    expect(screen.getByTestId('detail')).toHaveTextContent(/Renews\s*in 45 min/);
  });

  test('a refusal is said, and the account is looked at again', async () => {
    const { backend, user } = await openSettled((core) =>
      core.refusals.set('connections.refresh', { type: 'about:blank', kind: 'upstream_unavailable', title: 'x', status: 503, detail: 'no answer within 30 s' }),
    );
    const before = backend.count('connections.list');
    rowButton('Work calendar').focus();
    await user.keyboard('n');
    expect(await screen.findByText('Work calendar could not be renewed. No answer within 30 s.')).toBeInTheDocument();
    expect(backend.count('connections.list')).toBe(before + 1);
  });

  test('a key has nothing to renew', async () => {
    const { backend, user } = await openSettled();
    rowButton('Payments').focus();
    await user.keyboard('n');
    expect(backend.count('connections.refresh')).toBe(0);
    await user.click(rowButton('Payments'));
    expect(screen.queryByTestId('renew-button')).not.toBeInTheDocument();
  });
});

test('an access that ends says when', async () => {
  const { user } = await openSettled();
  await user.click(rowButton('Intranet'));
  expect(screen.getByTestId('trouble')).toHaveTextContent('It ends in 3 days and does not renew by itself.');
  expect(screen.getByTestId('reconnect-button')).toBeInTheDocument();
});
