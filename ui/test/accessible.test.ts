import { screen } from '@testing-library/svelte';
import axe from 'axe-core';
import { expect, test } from 'vitest';
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
  const { user } = await openSettled((_, world) => (world.status.vault = { state: 'keychain_locked' }));
  rowButton('Payments').focus();
  await user.keyboard('d');
  await screen.findByTestId('undo-button');
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
