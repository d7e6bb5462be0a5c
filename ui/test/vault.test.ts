import { screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, test } from 'vitest';
import type { VaultState } from '../src/core/contract';
import { openSettled, rows } from './app';

describe('a vault that does not open', () => {
  test.each<[VaultState, string]>([
    ['keychain_absent', 'This computer has no keychain running'],
    ['keychain_locked', 'The system keychain is locked'],
    ['keychain_hanging', 'The system keychain does not answer'],
    ['keychain_refused', 'The system keychain refused Hearthkey'],
    ['key_missing', 'The key of this vault is not in the keychain'],
    ['wrong_key', 'The keychain holds the key of another vault'],
    ['unreadable', 'The vault could not be read'],
  ])('%s has its own words, and the accounts stay listed', async (state, title) => {
    await openSettled((_, world) => (world.status.vault = { state }));
    expect(await screen.findByTestId('vault-banner')).toHaveTextContent(title);
    expect(rows()).toHaveLength(6);
  });

  test('the core’s own fix goes before ours, and its detail is the technical cause', async () => {
    await openSettled((_, world) => (world.status.vault = { state: 'keychain_absent', fix: 'Install gnome-keyring.', detail: 'no owner of org.freedesktop.secrets' }));
    const banner = await screen.findByTestId('vault-banner');
    expect(banner).toHaveTextContent('Install gnome-keyring.');
    expect(banner).toHaveTextContent('no owner of org.freedesktop.secrets');
  });

  test('another try says when it is still closed, and goes away when it opens', async () => {
    const { backend, user } = await openSettled((core, world) => {
      world.status.vault = { state: 'keychain_locked' };
      core.vaultAfterRetry = { state: 'keychain_locked' };
    });
    const banner = await screen.findByTestId('vault-banner');
    await user.click(within(banner).getByRole('button', { name: 'Try again' }));
    await waitFor(() => expect(banner).toHaveTextContent('It is still closed.'));
    backend.vaultAfterRetry = { state: 'open' };
    await user.click(within(banner).getByRole('button', { name: 'Try again' }));
    await waitFor(() => expect(screen.queryByTestId('vault-banner')).not.toBeInTheDocument());
    expect(screen.getByTestId('vault-state')).toHaveTextContent('Vault open');
  });

  test('trouble that comes later is shown when the core tells of it', async () => {
    const { backend } = await openSettled();
    expect(screen.queryByTestId('vault-banner')).not.toBeInTheDocument();
    backend.world.status = { ...backend.world.status, vault: { state: 'keychain_hanging' } };
    backend.tell({ topic: 'vault' });
    expect(await screen.findByTestId('vault-banner')).toBeInTheDocument();
  });
});
