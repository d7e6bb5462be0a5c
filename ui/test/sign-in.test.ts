import { screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, test, vi } from 'vitest';
import type { Problem, Strategy } from '../src/core/contract';
import { ways } from '../src/core/memory-world';
import { groups } from '../src/features/connect/code';
import { openSettled, row, rowButton } from './app';

const SECRET = 'app.hearthkey:/oauth/callback?code=c0de&state=u1Zt7w';

/** A sign-in at a service that waits for the browser. */
async function waiting(service = 'sandbox', prepare?: Parameters<typeof openSettled>[0]) {
  const opened = await openSettled(prepare);
  await opened.user.click(screen.getByTestId(`connector-card-${service}`));
  await opened.user.click(await screen.findByTestId('dialog-submit'));
  await screen.findByTestId('waiting');
  return { ...opened, dialog: screen.getByRole('dialog') };
}

async function late(...from: Parameters<typeof waiting>) {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  const opened = await waiting(...from);
  await vi.advanceTimersByTimeAsync(21_000);
  await screen.findByText('Nothing back yet?');
  return opened;
}

describe('while nothing comes back', () => {
  test('other ways are offered only after a while, in a place that was kept for them', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    await waiting();
    const way = screen.getByTestId('way-device');
    expect(way.closest('.layer')).not.toHaveClass('shown');
    // jsdom knows the property only.
    expect(way.closest<HTMLElement>('.layer')?.inert).toBe(true);
    expect(screen.queryByText('Nothing back yet?')).not.toBeInTheDocument();
    await vi.advanceTimersByTimeAsync(21_000);
    expect(await screen.findByText('Nothing back yet?')).toBeInTheDocument();
    expect(way.closest('.layer')).toHaveClass('shown');
    expect(way.closest<HTMLElement>('.layer')?.inert).toBe(false);
  });

  test('they are offered at once where no browser opened', async () => {
    await waiting('sandbox', (core) => {
      const call = core.call.bind(core);
      core.call = (name, input) => {
        if (name === 'authorizations.begin') (input as { open_browser: boolean }).open_browser = false;
        return call(name, input);
      };
    });
    expect(await screen.findByText('Nothing back yet?')).toBeInTheDocument();
    expect(screen.getByText(/No browser could be opened/)).toBeInTheDocument();
  });

  test.each<[Strategy, string, Strategy[]]>([
    ['deep_link', 'Let the browser come back to this app', ['loopback', 'deep_link']],
    ['device', 'Use a code instead', ['loopback', 'device']],
    ['https_bounce', 'Come back by the gateway', ['loopback', 'https_bounce']],
    ['loopback', 'Come back by a local address', ['deep_link', 'loopback']],
  ])('another way, %s, carries everything typed over', async (strategy, words, strategies) => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    const { backend, user } = await openSettled((_, world) => {
      for (const method of world.connectors.find(({ id }) => id === 'openid')!.methods) method.client = method.client ? { ...method.client, ...ways(...strategies) } : null;
    });
    await user.click(screen.getByTestId('connector-card-openid'));
    await user.type(await screen.findByTestId('field-issuer'), 'https://login.example.com');
    await user.type(screen.getByTestId('client-id'), 'app');
    await user.clear(screen.getByTestId('field-label'));
    await user.type(screen.getByTestId('field-label'), 'Door');
    await user.click(screen.getByTestId('dialog-submit'));
    await screen.findByTestId('waiting');
    await vi.advanceTimersByTimeAsync(21_000);
    await user.click(await screen.findByRole('button', { name: words }));
    await waitFor(() => expect(screen.getByTestId('waiting').dataset['strategy']).toBe(strategy));
    expect(backend.last('authorizations.begin')).toEqual({
      connector: 'openid',
      method: 'oauth',
      label: 'Door',
      values: { issuer: 'https://login.example.com' },
      client: { client_id: 'app' },
      strategy,
      instead_of: 'auth_1',
      open_browser: strategy !== 'device',
    });
    backend.finish('connected');
    expect(await screen.findByTestId('connected')).toBeInTheDocument();
    expect(backend.count('authorizations.begin')).toBe(2);
  });

  test('a way that cannot be begun is said, and the first one goes on', async () => {
    const { backend, user } = await late();
    backend.refusals.set('authorizations.begin', { type: 'about:blank', kind: 'upstream_unavailable', title: 'x', status: 503, detail: 'the service does not answer' });
    await user.click(screen.getByTestId('way-device'));
    expect(await screen.findByText('That way could not be begun. The service does not answer.')).toBeInTheDocument();
    backend.finish('connected');
    expect(await screen.findByTestId('connected')).toBeInTheDocument();
  });

  test('the answer of the first way counts when it arrives while another one is begun', async () => {
    const { backend, user } = await late();
    const answer = backend.hold('authorizations.begin');
    await user.click(screen.getByTestId('way-device'));
    backend.finish('connected');
    expect(await screen.findByTestId('connected')).toBeInTheDocument();
    answer();
    await waitFor(() => expect(backend.last('authorizations.cancel')).toEqual({ authorization: 'auth_2' }));
    expect(screen.getByTestId('connected')).toBeInTheDocument();
  });
});

describe('the paste box', () => {
  test('hides what is pasted, clears it at once, and goes on with it', async () => {
    const { backend, user } = await late();
    const box = screen.getByTestId('paste-address');
    expect(box).toHaveAttribute('type', 'password');
    const answer = backend.hold('authorizations.paste');
    await user.click(box);
    await user.paste(` ${SECRET} `);
    await user.keyboard('{Enter}');
    expect(box).toHaveValue('');
    expect(backend.last('authorizations.paste')).toEqual({ authorization: 'auth_1', address: SECRET });
    answer();
    expect(await screen.findByTestId('connected')).toBeInTheDocument();
  });

  test('says beside it what is wrong, and keeps nothing', async () => {
    const { backend, user } = await late();
    const box = screen.getByTestId('paste-address');
    await user.click(screen.getByTestId('paste-go'));
    expect(box).toHaveAccessibleDescription('Copy the whole address from the browser, then paste it here.');
    expect(backend.count('authorizations.paste')).toBe(0);
    await user.type(box, 'https://example.com/');
    expect(box).not.toBeInvalid();
    await user.click(screen.getByTestId('paste-go'));
    await waitFor(() => expect(box).toHaveAccessibleDescription('This is not an address a sign-in returns to.'));
    expect(box).toHaveValue('');
    expect(box).toHaveFocus();
    expect(screen.getByTestId('waiting').dataset['state']).toBe('waiting');
  });
});

describe('a code', () => {
  async function device() {
    const opened = await late();
    await opened.user.click(screen.getByTestId('way-device'));
    await screen.findByTestId('device-code');
    return opened;
  }

  test('is large for the eye, spelled for the ear, and copied as it is', async () => {
    const { backend, user } = await device();
    expect(screen.getByTestId('device-code')).toHaveTextContent('WDJBMJHT');
    expect(Array.from(screen.getByTestId('device-code').children, ({ textContent }) => textContent)).toEqual(['WDJB', 'MJHT']);
    expect(screen.getByTestId('device-code')).toHaveAttribute('aria-hidden', 'true');
    expect(screen.getByTestId('code-spelled')).toHaveTextContent('Your code: W, D, J, B, dash, M, J, H, T');
    await user.click(screen.getByRole('button', { name: 'Copy code' }));
    expect(await navigator.clipboard.readText()).toBe('WDJB-MJHT');
    await waitFor(() => expect(screen.getByTestId('open-page')).toBeInTheDocument());
    await user.click(screen.getByTestId('open-page'));
    expect(backend.last('authorizations.reopen')).toEqual({ authorization: 'auth_2' });
  });

  test('counts down, offers the other ways, and no box for an address', async () => {
    const { dialog } = await device();
    await vi.advanceTimersByTimeAsync(63_000);
    expect(dialog).toHaveTextContent(/8:5\d left/);
    expect(screen.getByTestId('way-loopback')).toBeVisible();
    expect(screen.queryByTestId('paste-address')).not.toBeInTheDocument();
  });

  test.each([
    ['WDJB-MJHT', ['WDJB', 'MJHT']],
    ['ABC DEF', ['ABC', 'DEF']],
    ['ABCDEFGH', ['ABCD', 'EFGH']],
    ['123456789', ['123', '456', '789']],
    ['AB12', ['AB12']],
  ])('%s is read as %j', (code, parts) => expect(groups(code)).toEqual(parts));
});

describe('ends', () => {
  test('an answer that waits for the vault says so and opens it', async () => {
    const { backend, user } = await waiting();
    backend.finish('waiting_for_unlock');
    expect(await screen.findByText('Unlock to finish')).toBeInTheDocument();
    await user.click(screen.getByTestId('open-vault'));
    expect(backend.count('vault.retry')).toBe(1);
    backend.finish('connected');
    expect(await screen.findByTestId('connected')).toBeInTheDocument();
  });

  test('an account that is there already is named, and a second connection is one button away', async () => {
    const { backend, user } = await waiting('github');
    backend.finish('already_connected', undefined, { connection: 'con_github' });
    const end = await screen.findByTestId('connected');
    await waitFor(() => expect(end).toHaveTextContent('Studio repositories has this account already'));
    expect(end).toHaveTextContent('It is connected as anna@studio-nord.example.');
    await user.click(screen.getByTestId('add-second'));
    await waitFor(() => expect(backend.last('authorizations.begin')).toMatchObject({ connector: 'github', duplicate: true }));
    expect(backend.last('authorizations.begin')).not.toHaveProperty('instead_of');
    expect(backend.last('authorizations.begin')).not.toHaveProperty('connection');
    await screen.findByTestId('waiting');
  });

  test('what was not allowed is named, and can be asked for again or left', async () => {
    const { backend, user } = await waiting('github');
    const declined = [{ name: 'repo', reason: 'read and write your repositories' }];
    backend.finish('connected', undefined, { declined });
    const note = await screen.findByTestId('declined');
    expect(note).toHaveTextContent('GitHub left out one permission');
    expect(note).toHaveTextContent('read and write your repositories');
    expect(screen.getByTestId('dialog-done')).toHaveTextContent('Keep it like this');
    await user.click(screen.getByRole('button', { name: 'Sign in again and tick all boxes' }));
    await waitFor(() => expect(backend.last('authorizations.begin')).toMatchObject({ scopes: ['repo'], connection: expect.stringMatching(/^con_new/) as string }));
  });

  test('a redirect that is not registered is shown exactly, to be copied', async () => {
    const { backend, user } = await waiting('github');
    const cause: Problem = { type: 'urn:hearthkey:problem:redirect_mismatch', kind: 'provider_rejected', title: 'x', status: 502 };
    backend.finish('failed', cause);
    const end = await screen.findByTestId('connect-failed');
    expect(within(end).getByTestId('redirect-uri')).toHaveTextContent('http://127.0.0.1/oauth/callback');
    await user.click(within(end).getByRole('button', { name: 'Copy the redirect address' }));
    expect(await navigator.clipboard.readText()).toBe('http://127.0.0.1/oauth/callback');
    expect(within(end).getByRole('link', { name: /Open the page at GitHub/ })).toBeInTheDocument();
  });

  test('the redirect of the way that was taken, not of another', async () => {
    const { backend, user } = await late('github');
    await user.click(screen.getByTestId('way-deep_link'));
    await waitFor(() => expect(screen.getByTestId('waiting').dataset['strategy']).toBe('deep_link'));
    backend.finish('failed', { type: 'urn:hearthkey:problem:redirect_mismatch', kind: 'provider_rejected', title: 'x', status: 502 });
    expect(await screen.findByTestId('redirect-uri')).toHaveTextContent('app.hearthkey:/oauth/callback');
  });

  test('a refused client leads to its fields, with the ID there already', async () => {
    const { backend, user } = await waiting('github');
    backend.finish('failed', { type: 'urn:hearthkey:problem:client_refused', kind: 'provider_rejected', title: 'x', status: 502 });
    await user.click(await screen.findByRole('button', { name: 'Edit client' }));
    expect(screen.getByTestId('client-id')).toHaveValue('Iv1.8a61f9b3a7aba766');
    const secret = screen.getByTestId('client-secret');
    expect(secret).not.toBeInvalid();
    await waitFor(() => expect(secret).toHaveFocus());
    await user.type(secret, 'new-secret');
    await user.click(screen.getByTestId('dialog-submit'));
    await waitFor(() => expect(backend.last('authorizations.begin')).toMatchObject({ client: { client_id: 'Iv1.8a61f9b3a7aba766', client_secret: 'new-secret' } }));
  });
});

test('a sign-in goes on behind the lock, and is called off only by the person', async () => {
  const { backend, user } = await waiting();
  await user.keyboard('{Control>}l{/Control}');
  await screen.findByTestId('unlock-button');
  expect(backend.count('vault.lock')).toBe(1);
  expect(backend.count('authorizations.cancel')).toBe(0);
});

describe('from anywhere', () => {
  test('C on a row signs in again at once, with everything known', async () => {
    const { backend, user } = await openSettled();
    rowButton('Work calendar').focus();
    await user.keyboard('c');
    expect(await screen.findByRole('dialog', { name: 'Reconnect Work calendar' })).toBeInTheDocument();
    expect(backend.last('authorizations.begin')).toMatchObject({ connector: 'google-calendar', connection: 'con_calendar' });
  });

  test('C on a row with a key asks for the new key alone', async () => {
    const { user } = await openSettled();
    rowButton('Payments').focus();
    await user.keyboard('c');
    const dialog = await screen.findByRole('dialog', { name: 'New key for Payments' });
    expect(within(dialog).getByTestId('field-key')).toBeInTheDocument();
    expect(within(dialog).queryByTestId('field-label')).not.toBeInTheDocument();
  });

  test('Allow signs in again for that permission', async () => {
    const { backend, user } = await openSettled();
    await user.click(rowButton('Work calendar'));
    const missing = screen.getAllByTestId('scope-missing');
    expect(missing.map(({ dataset }) => dataset['state'])).toEqual(['declined', 'not_asked']);
    await user.click(screen.getByRole('button', { name: 'Allow: see when others are busy' }));
    await screen.findByRole('dialog', { name: 'Allow more for Work calendar' });
    const notAsked = 'https://www.googleapis.com/auth/calendar.freebusy';
    expect(backend.last('authorizations.begin')).toMatchObject({ connection: 'con_calendar', scopes: [notAsked] });
    backend.finish('connected');
    await user.click(await screen.findByTestId('dialog-done'));
    await waitFor(() => expect(screen.getAllByTestId('scope-missing')).toHaveLength(1));
    expect(row('Work calendar').dataset['status']).toBe('active');
  });
});
