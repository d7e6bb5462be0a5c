import { screen, waitFor, within } from '@testing-library/svelte';
import { expect, test } from 'vitest';
import { problem } from '../src/core/memory';
import { openSettled, rowButton, rows } from './app';

async function openMenu(prepare?: Parameters<typeof openSettled>[0]) {
  const opened = await openSettled(prepare);
  await opened.user.click(screen.getByTestId('workspace-menu'));
  await screen.findAllByTestId('workspace-choice');
  return opened;
}

const choices = () => screen.getAllByTestId('workspace-choice');
const choice = (name: string) => choices().find((one) => one.textContent?.includes(name)) ?? choices()[0]!;

test('the menu has every workspace with its accounts, and marks the current one', async () => {
  await openMenu();
  await waitFor(() => expect(choices()).toHaveLength(2));
  expect(choices().map((one) => one.textContent?.replace(/\s+/g, ' ').trim())).toEqual(['Personal 6 accounts', 'Studio Nord no accounts']);
  expect(choices().map((one) => [one.getAttribute('role'), one.getAttribute('aria-checked')])).toEqual([
    ['menuitemradio', 'true'],
    ['menuitemradio', 'false'],
  ]);
});

test('switching fetches everything anew, and nothing of the other workspace stays', async () => {
  const { backend, user } = await openMenu();
  await user.click(choice('Studio Nord'));
  await waitFor(() => expect(screen.getByTestId('workspace-menu')).toHaveTextContent('Studio Nord'));
  expect(backend.last('workspaces.switch')).toEqual({ workspace: 'ws_studio' });
  expect(await screen.findByTestId('first-run')).toBeInTheDocument();
  expect(rows()).toHaveLength(0);
  expect(document.body.textContent).not.toContain('Payments (test)');

  await user.click(screen.getByTestId('workspace-menu'));
  await user.click(choice('Personal'));
  await waitFor(() => expect(rows()).toHaveLength(6));
});

test('a page begins anew in another workspace', async () => {
  const { backend, user } = await openSettled();
  await user.click(rowButton('Payments'));
  await user.type(screen.getByTestId('search'), 'stripe');
  await backend.call('workspaces.switch', { workspace: 'ws_studio' });
  await screen.findByTestId('first-run');
  expect(screen.getByTestId('search')).toHaveValue('');
});

test('the first account does not count as another workspace', async () => {
  const { backend, user } = await openSettled((_, world) => {
    world.status.workspace = null;
    world.connections = [];
  });
  await user.type(screen.getByTestId('search'), 'pay');
  backend.world.status = { ...backend.world.status, workspace: { id: 'ws_personal', name: 'Personal' } };
  backend.tell({ topic: 'vault' });
  await screen.findByTestId('workspace-menu');
  expect(screen.getByTestId('search')).toHaveValue('pay');
});

test('the current one is not switched to', async () => {
  const { backend, user } = await openMenu();
  await user.click(choice('Personal'));
  expect(backend.count('workspaces.switch')).toBe(0);
  expect(rows()).toHaveLength(6);
});

test('a workspace that is gone is said', async () => {
  const { user } = await openMenu((core) => core.refusals.set('workspaces.switch', problem('not_found', 'there is no workspace "Studio Nord"', 404)));
  await user.click(choice('Studio Nord'));
  expect(await screen.findByText('Studio Nord could not be opened. There is no workspace "Studio Nord".')).toBeInTheDocument();
  expect(rows()).toHaveLength(6);
});

test('with one workspace the menu still leads to a second, which is switched to', async () => {
  const { backend, user } = await openMenu((_, world) => (world.workspaces = world.workspaces.slice(0, 1)));
  expect(choices()).toHaveLength(1);
  await user.click(screen.getByTestId('workspace-add'));
  const dialog = await screen.findByRole('dialog', { name: 'New workspace' });
  const field = within(dialog).getByTestId('field-name');
  await waitFor(() => expect(field).toHaveFocus());
  await user.keyboard('{Enter}');
  expect(field).toHaveAccessibleDescription('Name is needed.');
  await user.keyboard('personal{Enter}');
  await waitFor(() => expect(field).toHaveAccessibleDescription('The name "personal" is taken.'));
  expect(field).toHaveFocus();
  await user.keyboard('  Side projects {Enter}');
  await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument());
  expect(backend.last('workspaces.add')).toEqual({ name: 'Side projects' });
  await waitFor(() => expect(screen.getByTestId('workspace-menu')).toHaveTextContent('Side projects'));
  expect(await screen.findByTestId('first-run')).toBeInTheDocument();
});

test('renaming keeps the page as it is', async () => {
  const { backend, user } = await openSettled();
  await user.type(screen.getByTestId('search'), 'stripe');
  await user.click(screen.getByTestId('workspace-menu'));
  await user.click(await screen.findByTestId('workspace-rename'));
  const field = await screen.findByTestId('field-name');
  expect(field).toHaveValue('Personal');
  await user.clear(field);
  await user.type(field, 'Home{Enter}');
  await waitFor(() => expect(screen.getByTestId('workspace-menu')).toHaveTextContent('Home'));
  expect(backend.last('workspaces.rename')).toEqual({ workspace: 'ws_personal', name: 'Home' });
  expect(screen.getByTestId('search')).toHaveValue('stripe');
});

test('before the first account there is a name and no menu', async () => {
  const { backend } = await openSettled((_, world) => {
    world.status.workspace = null;
    world.connections = [];
  });
  expect(screen.queryByTestId('workspace-menu')).not.toBeInTheDocument();
  expect(screen.getByRole('complementary')).toHaveTextContent('Hearthkey');
  expect(backend.count('workspaces.list')).toBe(0);
});
