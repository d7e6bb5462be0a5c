import { render, screen } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import axe from 'axe-core';
import { expect, test } from 'vitest';
import App from '../src/App.svelte';
import { MemoryBackend, vaultIn } from '../src/core/memory';
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
