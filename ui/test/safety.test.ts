import { screen, waitFor, within } from '@testing-library/svelte';
import { expect, test } from 'vitest';
import type { SafetyView } from '../src/core/contract';
import { vaultIn } from '../src/core/memory';
import { openSettled } from './app';

const FILE = '/home/anna/.local/share/keyrings/Default_keyring.keyring';
const PASSPHRASE = 'correct horse battery';

const notice = () => screen.queryByTestId('safety-notice');

function openWith(safety: Partial<SafetyView>, prepare?: Parameters<typeof openSettled>[0]) {
  return openSettled((core, world) => {
    world.safety = { ...world.safety, ...safety };
    prepare?.(core, world);
  });
}

test('there is nothing to say about a vault that is safe', async () => {
  const { backend } = await openWith({});
  await waitFor(() => expect(backend.count('vault.show')).toBeGreaterThan(0));
  expect(notice()).not.toBeInTheDocument();
});

test('one notice at a time, the most serious first, each put away for this session', async () => {
  const { user } = await openWith({ in_clear: FILE, recovery: 'none' });
  expect(await screen.findByTestId('safety-notice')).toHaveTextContent(`Your keyring has no password: the vault key lies readable in ${FILE}.`);
  expect(screen.getAllByTestId('safety-notice')).toHaveLength(1);
  await user.click(screen.getByTestId('dismiss-notice'));
  expect(notice()).toHaveTextContent('Without a recovery kit, a lost keychain means connecting everything again.');
  await user.click(screen.getByTestId('dismiss-notice'));
  expect(notice()).not.toBeInTheDocument();
  // Locking and unlocking is no new session.
  await user.keyboard('{Control>}l{/Control}');
  await user.click(await screen.findByTestId('unlock-button'));
  await screen.findByTestId('connector-card-stripe');
  expect(notice()).not.toBeInTheDocument();
});

test.each([
  ['none', 'hearthkey recovery create FILE'],
  ['untested', 'hearthkey recovery test FILE'],
] as const)('a recovery kit that is %s comes with the command to copy', async (recovery, command) => {
  const { user } = await openWith({ recovery });
  expect(await screen.findByTestId('safety-notice')).toHaveTextContent(command);
  await user.click(screen.getByRole('button', { name: `Copy the command ${command}` }));
  expect(await navigator.clipboard.readText()).toBe(command);
});

test('a recovery kit is not asked for before there is something to lose', async () => {
  const { backend } = await openWith({ recovery: 'none' }, (_, world) => (world.connections = []));
  await waitFor(() => expect(backend.count('vault.show')).toBeGreaterThan(0));
  expect(notice()).not.toBeInTheDocument();
});

test('a vault in trouble is trouble enough', async () => {
  await openWith({ in_clear: FILE }, (_, world) => (world.status.vault = vaultIn('keychain_hanging')));
  await screen.findByTestId('vault-banner');
  expect(notice()).not.toBeInTheDocument();
});

test.each([
  ['ask-always', false],
  ['ask-locked', true],
] as const)('a passphrase is set with the choice of when it is asked for (%s)', async (choice, keychain) => {
  const { backend, user } = await openWith({ in_clear: FILE });
  await user.click(await screen.findByTestId('set-passphrase'));
  const dialog = await screen.findByRole('dialog', { name: 'Set a passphrase' });
  expect(within(dialog).getByRole('radio', { name: /Ask at every start/ })).toBeChecked();
  expect(dialog).toHaveTextContent('The keychain keeps the key as well, where it stays readable.');
  await user.type(screen.getByTestId('passphrase-new'), PASSPHRASE);
  await user.type(screen.getByTestId('passphrase-again'), PASSPHRASE);
  await user.click(screen.getByTestId(choice));
  await user.click(screen.getByTestId('dialog-submit'));
  await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument());
  expect(backend.last('passphrase.set')).toEqual({ passphrase: PASSPHRASE, keychain });
  expect(await screen.findByText('The passphrase is set.')).toBeInTheDocument();
  if (keychain) expect(notice()).toHaveTextContent('lies readable');
  else await waitFor(() => expect(notice()).not.toBeInTheDocument());
});

test('where a passphrase is set, the key is taken out of the keychain with it', async () => {
  const { backend, user } = await openWith({ in_clear: FILE, passphrase: true }, (_, world) => (world.passphrase = PASSPHRASE));
  await user.click(await screen.findByRole('button', { name: 'Ask at every start' }));
  const field = await screen.findByLabelText('Your passphrase');
  await user.type(field, 'something else{Enter}');
  await waitFor(() => expect(field).toHaveAccessibleDescription('That is not the passphrase.'));
  await user.clear(field);
  await user.type(field, `${PASSPHRASE}{Enter}`);
  await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument());
  expect(backend.last('passphrase.set')).toEqual({ passphrase: PASSPHRASE, current: PASSPHRASE, keychain: false });
  expect(notice()).not.toBeInTheDocument();
});
