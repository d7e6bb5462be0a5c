import { screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, test, vi } from 'vitest';
import { open, openSettled, row, rowButton, rows } from './app';
import { setWindowWidth } from './window';

describe('the list of accounts', () => {
  test('says the state of every account in words', async () => {
    await openSettled();
    const states = rows().map((one) => [one.dataset['label'], one.dataset['status'], one.textContent?.replace(/\s+/g, ' ')]);
    expect(states.map(([label]) => label)).toEqual(['Work calendar', 'Studio repositories', 'Payments', 'Intranet', 'Payments (test)', 'Sandbox']);
    for (const [label, words] of [
      ['Work calendar', 'Active'],
      ['Studio repositories', 'Reconnect needed'],
      ['Intranet', 'Expires soon'],
      ['Payments (test)', 'Not working'],
      ['Sandbox', 'Paused by you'],
    ] as const) {
      expect(row(label)).toHaveTextContent(words);
      expect(rowButton(label)).toHaveAccessibleName(expect.stringContaining(words));
    }
  });

  test('shows one moment that matters, with the exact time behind it', async () => {
    await openSettled();
    const time = row('Work calendar').querySelector('time');
    expect(time).toHaveTextContent('used 2 min ago');
    expect(time?.title).toMatch(/\d{4}/);
    expect(row('Intranet')).toHaveTextContent('expires in 3 days');
  });

  test('arrows move through the rows and the detail follows', async () => {
    const { user } = await openSettled();
    rowButton('Work calendar').focus();
    await user.keyboard('{ArrowDown}{ArrowDown}');
    expect(rowButton('Payments')).toHaveFocus();
    expect(within(screen.getByTestId('detail')).getByRole('heading', { name: 'Payments' })).toBeInTheDocument();
    await user.keyboard('{End}');
    expect(rowButton('Sandbox')).toHaveFocus();
    await user.keyboard('{ArrowDown}');
    expect(rowButton('Sandbox')).toHaveFocus();
    await user.keyboard('{Home}');
    expect(rowButton('Work calendar')).toHaveFocus();
  });

  test('only one row is in the tab order', async () => {
    await openSettled();
    const reachable = rows().filter((one) => one.querySelector('button')?.tabIndex === 0);
    expect(reachable).toHaveLength(1);
  });

  test('opens on the account that needs the person', async () => {
    await openSettled();
    expect(screen.getByTestId('detail')).toHaveTextContent('GitHub ended the sign-in');
    expect(rowButton('Studio repositories')).toHaveAttribute('aria-current', 'true');
  });

  test('slash and Ctrl K lead to the search, which narrows both lists', async () => {
    const { user } = await openSettled();
    await user.keyboard('/');
    expect(screen.getByTestId('search')).toHaveFocus();
    await user.keyboard('stripe');
    expect(rows().map((one) => one.dataset['label'])).toEqual(['Payments', 'Payments (test)']);
    expect(screen.getByRole('heading', { name: /Connected\s*2 of 6/ })).toBeInTheDocument();
    expect(screen.queryByTestId('connector-card-github')).not.toBeInTheDocument();
    await user.keyboard('{Escape}');
    expect(rows()).toHaveLength(6);
    rowButton('Payments').focus();
    await user.keyboard('{Control>}k{/Control}');
    expect(screen.getByTestId('search')).toHaveFocus();
    await user.keyboard('{ArrowDown}');
    expect(rows().some((one) => one.contains(document.activeElement))).toBe(true);
  });

  test('a search finds an account by its address and says when nothing fits', async () => {
    const { user } = await openSettled();
    await user.type(screen.getByTestId('search'), 'ADA@sandbox');
    expect(rows().map((one) => one.dataset['label'])).toEqual(['Sandbox']);
    await user.type(screen.getByTestId('search'), 'zzz');
    expect(screen.getByText('Nothing here matches “ADA@sandboxzzz”.')).toBeInTheDocument();
    await user.click(screen.getAllByRole('button', { name: 'Clear search' })[0]!);
    expect(rows()).toHaveLength(6);
  });

  test('a category narrows the services', async () => {
    const { user } = await openSettled();
    await user.click(screen.getByRole('button', { name: /^Payments\s*1$/ }));
    expect(screen.getByTestId('connector-card-stripe')).toBeInTheDocument();
    expect(screen.queryByTestId('connector-card-github')).not.toBeInTheDocument();
  });

  test('on a narrow window the detail is a page of its own with a way back', async () => {
    setWindowWidth(900);
    const { user } = await openSettled();
    expect(screen.queryByTestId('detail')).not.toBeInTheDocument();
    await user.click(rowButton('Payments'));
    expect(screen.getByTestId('detail')).toHaveTextContent('rk_live_…4f2a');
    expect(rows()).toHaveLength(0);
    await user.click(screen.getByTestId('back-button'));
    expect(rowButton('Payments')).toHaveFocus();
  });

  test('a first start teaches and offers the sandbox as the one thing to do', async () => {
    const { user } = await openSettled((_, world) => (world.connections = []));
    expect(screen.getByText(/Keys are sealed in a vault on this computer/)).toBeInTheDocument();
    await user.click(screen.getByTestId('try-sandbox'));
    expect(await screen.findByRole('dialog', { name: 'Connect Sandbox' })).toBeInTheDocument();
  });

  test('without a sandbox here the first start points at the services', async () => {
    await openSettled((_, world) => {
      world.connections = [];
      world.status.sandbox = false;
    });
    expect(screen.queryByTestId('try-sandbox')).not.toBeInTheDocument();
    expect(screen.getByText('Choose a service below to begin.')).toBeInTheDocument();
  });

  test('shows the shape of the lists while they load', async () => {
    const { backend } = await open((core) => {
      core.hold('connections.list');
      core.hold('connectors.list');
    });
    expect(backend.count('connections.list')).toBe(1);
    expect(screen.getAllByTestId('skeleton').length).toBeGreaterThan(1);
    expect(screen.getByTestId('connect-button')).toBeDisabled();
  });

  test('a list that could not be read says so and can be tried again', async () => {
    const { backend, user } = await openSettled((core) =>
      core.refusals.set('connections.list', { type: 'about:blank', kind: 'internal', title: 'The list could not be read', status: 500, detail: 'disk' }),
    );
    const note = await screen.findByRole('alert');
    expect(note).toHaveTextContent('Your accounts could not be listed');
    expect(note).toHaveTextContent('disk');
    backend.refusals.clear();
    await user.click(within(note).getByRole('button', { name: 'Try again' }));
    await waitFor(() => expect(rows()).toHaveLength(6));
  });
});

describe('live changes', () => {
  test('a change refetches what it names and keeps the selection', async () => {
    const { backend, user } = await openSettled();
    await user.click(rowButton('Payments'));
    const before = row('Payments');
    const asked = { services: backend.count('connectors.list'), status: backend.count('app.status') };
    backend.world.connections = backend.world.connections.map((one) => (one.id === 'con_stripe' ? { ...one, label: 'Shop' } : one));
    backend.tell({ topic: 'connections' });
    await waitFor(() => expect(row('Shop')).toBeInTheDocument());
    expect(row('Shop')).toBe(before);
    expect(screen.getByTestId('detail')).toHaveTextContent('Shop');
    expect(backend.count('connectors.list')).toBe(asked.services);
    expect(backend.count('app.status')).toBe(asked.status);
  });

  test('new services are fetched, and nothing else', async () => {
    const { backend } = await openSettled();
    const accounts = backend.count('connections.list');
    backend.world.connectors = backend.world.connectors.filter(({ id }) => id !== 'stripe');
    backend.tell({ topic: 'connectors' });
    await waitFor(() => expect(screen.queryByTestId('connector-card-stripe')).not.toBeInTheDocument());
    expect(backend.count('connections.list')).toBe(accounts);
  });

  test('after a lag everything is asked again', async () => {
    const { backend } = await openSettled();
    const before = backend.count('connectors.list') + backend.count('app.status');
    backend.tell({ topic: 'all' });
    await waitFor(() => expect(backend.count('connectors.list') + backend.count('app.status')).toBe(before + 2));
  });

  test('the old list stays while the new one is fetched, and an overtaken answer is dropped', async () => {
    const { backend } = await openSettled();
    const answer = backend.hold('connections.list');
    backend.tell({ topic: 'connections' });
    backend.tell({ topic: 'connections' });
    expect(rows()).toHaveLength(6);
    expect(screen.queryByTestId('skeleton')).not.toBeInTheDocument();
    backend.world.connections = backend.world.connections.slice(0, 2);
    answer(1);
    await waitFor(() => expect(rows()).toHaveLength(2));
    backend.world.connections = backend.world.connections.slice(0, 1);
    answer(0);
    await new Promise((done) => setTimeout(done, 20));
    expect(rows()).toHaveLength(2);
  });

  test('listening is tried again when the core was not there', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    let tries = 0;
    const { backend } = await openSettled((core) => {
      const watch = core.watch.bind(core);
      core.watch = async (name, input, onMessage) => {
        tries += 1;
        if (tries === 1) throw new Error('not yet');
        return watch(name, input, onMessage);
      };
    });
    await vi.advanceTimersByTimeAsync(3_000);
    expect(tries).toBe(2);
    backend.world.connections = [];
    backend.tell({ topic: 'connections' });
    expect(await screen.findByTestId('first-run')).toBeInTheDocument();
  });
});
