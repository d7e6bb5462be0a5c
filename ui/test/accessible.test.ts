import { render, screen } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import axe from 'axe-core';
import { afterEach, expect, test, vi } from 'vitest';
import App from '../src/App.svelte';
import type { AuthorizationView } from '../src/core/contract';
import { MemoryBackend, vaultIn } from '../src/core/memory';
import { FAILURES, troubled } from '../src/core/memory-troubles';
import { sampleWorld } from '../src/core/memory-world';
import { openSettled, rowButton } from './app';

/** jsdom draws nothing, so colours are tested in `contrast.test.ts`. */
async function faults(): Promise<string[]> {
  const { violations } = await axe.run(document.body, { rules: { 'color-contrast': { enabled: false } } });
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
}

test('the list with its detail', async () => {
  await openSettled();
  expect(await faults()).toEqual([]);
});

test('the first start', async () => {
  await openSettled((_, world) => (world.connections = []));
  expect(await faults()).toEqual([]);
});

test('a closed vault and a disconnected account', async () => {
  const { user } = await openSettled((_, world) => (world.status.vault = vaultIn('keychain_locked')));
  rowButton('Payments').focus();
  await user.keyboard('d');
  await screen.findByTestId('undo-button');
  expect(await faults()).toEqual([]);
});

test.each([
  ['a passphrase', ['passphrase', 'recovery']],
  ['the keychain', ['keychain']],
] as const)('the lock screen with %s', async (_, ways) => {
  render(App, { backend: new MemoryBackend({ ...sampleWorld(), status: { ...sampleWorld().status, vault: vaultIn('locked', [...ways]) } }) });
  await screen.findByTestId('unlock-button');
  expect(await faults()).toEqual([]);
});

test('the lock screen with a kit that was refused', async () => {
  const user = userEvent.setup({ pointerEventsCheck: 0 });
  render(App, { backend: new MemoryBackend({ ...sampleWorld(), status: { ...sampleWorld().status, vault: vaultIn('locked', ['recovery']) } }) });
  await user.type(await screen.findByTestId('unlock-kit'), 'x{Enter}');
  await screen.findAllByText(/does not open this vault/);
  expect(await faults()).toEqual([]);
});

test('the menu of workspaces', async () => {
  const { user } = await openSettled();
  await user.click(screen.getByTestId('workspace-menu'));
  await screen.findAllByTestId('workspace-choice');
  expect(await faults()).toEqual([]);
});

test('a safety notice and its dialog', async () => {
  const { user } = await openSettled((_, world) => (world.safety.in_clear = '/home/anna/keyring'));
  await screen.findByTestId('safety-notice');
  expect(await faults()).toEqual([]);
  await user.click(screen.getByTestId('set-passphrase'));
  await user.click(await screen.findByTestId('dialog-submit'));
  expect(await faults()).toEqual([]);
});

test('the chooser', async () => {
  const { user } = await openSettled();
  await user.click(screen.getByTestId('connect-button'));
  await screen.findByTestId('chooser-search');
  expect(await faults()).toEqual([]);
});

test.each(['stripe', 'github', 'google-calendar', 'openid'])('the dialog of %s, with its faults shown', async (service) => {
  const { user } = await openSettled();
  await user.click(screen.getByTestId(`connector-card-${service}`));
  await user.click(await screen.findByTestId('dialog-submit'));
  expect(await faults()).toEqual([]);
});

afterEach(() => vi.useRealTimers());

test('a sign-in that waits, offers other ways, and shows a code', async () => {
  const now = vi.spyOn(Date, 'now');
  const { user } = await openSettled();
  await user.click(screen.getByTestId('connector-card-sandbox'));
  await user.click(await screen.findByTestId('dialog-submit'));
  await screen.findByTestId('waiting');
  expect(await faults()).toEqual([]);
  now.mockReturnValue(new Date().getTime() + 21_000);
  await screen.findByText('Nothing back yet?', {}, { timeout: 3_000 });
  expect(await faults()).toEqual([]);
  await user.click(screen.getByTestId('paste-go'));
  expect(await faults()).toEqual([]);
  await user.click(screen.getByTestId('way-device'));
  await screen.findByTestId('device-code');
  expect(await faults()).toEqual([]);
});

test.each([
  ['already_connected', { connection: 'con_github' }],
  ['connected', { declined: [{ name: 'repo', reason: 'read and write your repositories' }] }],
] as const)('a sign-in that ends as %s', async (state, part) => {
  const { backend, user } = await openSettled();
  await user.click(screen.getByTestId('connector-card-github'));
  await user.click(await screen.findByTestId('dialog-submit'));
  await screen.findByTestId('waiting');
  backend.finish(state, undefined, structuredClone(part) as Partial<AuthorizationView>);
  await screen.findByTestId('connected');
  expect(await faults()).toEqual([]);
});

test('the clients, and one of them', async () => {
  const { user } = await openSettled();
  await user.click(rowButton('Studio repositories'));
  await user.click(screen.getByTestId('clients-link'));
  await screen.findAllByTestId('client-row');
  expect(await faults()).toEqual([]);
  await user.click(screen.getAllByRole('button', { name: /More for Google/ })[0]!);
  await user.click(await screen.findByTestId('client-edit'));
  await screen.findByTestId('client-secret');
  expect(await faults()).toEqual([]);
});

test('accounts in every trouble', async () => {
  await openSettled((_, world) => {
    const account = world.connections[0]!;
    world.connections = FAILURES.map((failure) => troubled({ ...account, id: failure, label: failure }, failure));
  });
  await screen.findByTestId('trouble');
  expect(await faults()).toEqual([]);
});
