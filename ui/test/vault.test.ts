import { screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, test } from 'vitest';
import type { VaultState } from '../src/core/contract';
import { problem, vaultIn } from '../src/core/memory';
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
    await openSettled((_, world) => (world.status.vault = vaultIn(state)));
    expect(await screen.findByTestId('vault-banner')).toHaveTextContent(title);
    expect(rows()).toHaveLength(6);
  });

  test('the core’s own fix goes before ours, and its detail is the technical cause', async () => {
    await openSettled((_, world) => (world.status.vault = vaultIn('keychain_refused', [], { fix: 'Install gnome-keyring.', detail: 'no owner of org.freedesktop.secrets' })));
    const banner = await screen.findByTestId('vault-banner');
    expect(banner).toHaveTextContent('Install gnome-keyring.');
    expect(banner).toHaveTextContent('no owner of org.freedesktop.secrets');
  });

  test('another try says when it is still closed, and goes away when it opens', async () => {
    const { backend, user } = await openSettled((core, world) => {
      world.status.vault = vaultIn('keychain_locked');
      core.vaultAfterRetry = vaultIn('keychain_locked');
    });
    const banner = await screen.findByTestId('vault-banner');
    await user.click(within(banner).getByRole('button', { name: 'Try again' }));
    await waitFor(() => expect(banner).toHaveTextContent('It is still closed.'));
    backend.vaultAfterRetry = vaultIn('open');
    await user.click(within(banner).getByRole('button', { name: 'Try again' }));
    await waitFor(() => expect(screen.queryByTestId('vault-banner')).not.toBeInTheDocument());
    expect(screen.getByTestId('vault-state')).toHaveTextContent('Vault open');
  });

  test('trouble that comes later is shown when the core tells of it', async () => {
    const { backend } = await openSettled();
    expect(screen.queryByTestId('vault-banner')).not.toBeInTheDocument();
    backend.world.status = { ...backend.world.status, vault: vaultIn('keychain_hanging') };
    backend.tell({ topic: 'vault' });
    expect(await screen.findByTestId('vault-banner')).toBeInTheDocument();
  });

  const buttons = async () => within(await screen.findByTestId('vault-banner')).getAllByRole('button').map((button) => button.textContent?.trim());

  test.each<[VaultState, Parameters<typeof vaultIn>[1], string[]]>([
    ['keychain_absent', [], ['Try again']],
    ['keychain_absent', ['recovery'], ['Try again', 'Unlock with recovery kit']],
    ['keychain_locked', ['keychain'], ['Unlock keychain', 'Try again']],
    ['keychain_locked', ['keychain', 'recovery'], ['Unlock keychain', 'Try again', 'Unlock with recovery kit']],
    ['keychain_hanging', [], ['Try again']],
    ['keychain_refused', ['recovery'], ['Try again', 'Unlock with recovery kit']],
    ['key_missing', [], ['Try again']],
    ['key_missing', ['recovery'], ['Unlock with recovery kit', 'Try again']],
    ['key_missing', ['passphrase', 'recovery'], ['Unlock with recovery kit', 'Unlock with passphrase', 'Try again']],
    ['wrong_key', ['passphrase'], ['Unlock with passphrase', 'Try again']],
    ['unreadable', ['passphrase', 'recovery'], ['Try again']],
  ])('%s with %j has one main button, and the others after it', async (state, ways, labels) => {
    await openSettled((_, world) => (world.status.vault = vaultIn(state, ways)));
    expect(await buttons()).toEqual(labels);
    const main = within(screen.getByTestId('vault-banner')).getAllByRole('button').filter((button) => button.classList.contains('primary'));
    expect(main.map((button) => button.textContent?.trim())).toEqual([labels[0]]);
    expect(screen.getByTestId('connect-button')).not.toHaveClass('primary');
  });

  test('a lost key without any other way is said honestly, whatever the core proposes', async () => {
    await openSettled((_, world) => (world.status.vault = vaultIn('key_missing', [], { fix: 'Unlock with your recovery kit.' })));
    const banner = await screen.findByTestId('vault-banner');
    expect(banner).toHaveTextContent('No recovery kit and no passphrase was made for this vault, so nothing else opens it.');
    expect(banner).not.toHaveTextContent('Unlock with your recovery kit.');
  });

  test.each<[VaultState, Parameters<typeof vaultIn>[1], string]>([
    ['key_missing', ['recovery'], 'Unlock with your recovery kit, which puts the key back into the keychain.'],
    ['wrong_key', ['recovery', 'passphrase'], 'unlock with your recovery kit or your passphrase'],
    ['keychain_absent', [], 'Start the keychain of your desktop'],
    ['keychain_locked', ['keychain'], 'Unlock the keychain of your account.'],
  ])('%s with %j: where the window has the button, no command is named', async (state, ways, words) => {
    await openSettled((_, world) => (world.status.vault = vaultIn(state, ways, { fix: 'hearthkey unlock --recovery FILE' })));
    const banner = await screen.findByTestId('vault-banner');
    expect(banner).toHaveTextContent(words);
    expect(banner).not.toHaveTextContent('hearthkey unlock');
  });

  test('the keychain is asked to unlock, and may ask the person itself', async () => {
    const { backend, user } = await openSettled((_, world) => (world.status.vault = vaultIn('keychain_locked', ['keychain'])));
    const banner = await screen.findByTestId('vault-banner');
    const answer = backend.hold('vault.unlock');
    await user.click(within(banner).getByRole('button', { name: 'Unlock keychain' }));
    expect(banner).toHaveTextContent('The keychain may be asking you in a window of its own.');
    expect(backend.last('vault.unlock')).toEqual({});
    answer();
    await waitFor(() => expect(screen.queryByTestId('vault-banner')).not.toBeInTheDocument());
  });

  test('a keychain that stays locked is said', async () => {
    const { user } = await openSettled((core, world) => {
      world.status.vault = vaultIn('keychain_locked', ['keychain']);
      core.vaultAfterRetry = world.status.vault;
    });
    await user.click(await screen.findByTestId('vault-unlock-keychain'));
    await waitFor(() => expect(screen.getByTestId('vault-banner')).toHaveTextContent('The keychain is still locked.'));
  });

  test('a recovery kit opens a vault whose key is lost', async () => {
    const { backend, user } = await openSettled((_, world) => {
      world.status.vault = vaultIn('wrong_key', ['recovery']);
      world.recoveryKit = 'AGE-SECRET-KEY-1SAMPLE';
    });
    await user.click(await screen.findByTestId('vault-unlock-kit'));
    const dialog = await screen.findByRole('dialog', { name: 'Unlock with your recovery kit' });
    const field = within(dialog).getByLabelText('Recovery kit');
    await waitFor(() => expect(field).toHaveFocus());
    await user.paste('AGE-SECRET-KEY-1OTHER');
    await user.click(within(dialog).getByTestId('dialog-submit'));
    await waitFor(() => expect(field).toBeInvalid());
    await user.clear(field);
    await user.paste('AGE-SECRET-KEY-1SAMPLE');
    await user.click(within(dialog).getByTestId('dialog-submit'));
    await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument());
    expect(backend.last('vault.unlock')).toEqual({ recovery_kit: 'AGE-SECRET-KEY-1SAMPLE' });
    expect(screen.queryByTestId('vault-banner')).not.toBeInTheDocument();
  });
});

describe('without a keychain, before the first account', () => {
  async function openUnfounded() {
    return openSettled((_, world) => {
      world.status.vault = vaultIn('keychain_absent');
      world.status.workspace = null;
      world.connections = [];
    });
  }

  test('a passphrase takes its place', async () => {
    const { backend, user } = await openUnfounded();
    expect(screen.getByTestId('vault-banner')).toHaveTextContent('nothing can be connected yet');
    await user.click(screen.getByRole('button', { name: 'Keep the key under a passphrase instead' }));
    const dialog = await screen.findByRole('dialog', { name: 'Keep the key under a passphrase' });
    expect(dialog).toHaveTextContent('It is asked for at every start.');
    expect(dialog).toHaveTextContent('Nobody can restore it');
    expect(within(dialog).queryByRole('radio')).not.toBeInTheDocument();
    await user.type(within(dialog).getByLabelText('New passphrase'), 'correct horse battery');
    await user.type(within(dialog).getByLabelText('The same again'), 'correct horse battery');
    await user.click(within(dialog).getByTestId('dialog-submit'));
    await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument());
    expect(backend.last('passphrase.set')).toEqual({ passphrase: 'correct horse battery', keychain: false });
    expect(screen.queryByTestId('vault-banner')).not.toBeInTheDocument();
    expect(await screen.findByTestId('lock-button')).toBeInTheDocument();
    expect(await screen.findByText(/only your passphrase opens it/)).toBeInTheDocument();
    expect(document.documentElement.outerHTML).not.toContain('correct horse');
  });

  test('the passphrase is checked before it is sent', async () => {
    const { backend, user } = await openUnfounded();
    await user.click(screen.getByTestId('vault-found'));
    const [first, second] = [await screen.findByTestId('passphrase-new'), screen.getByTestId('passphrase-again')];
    await user.click(screen.getByTestId('dialog-submit'));
    expect(first).toHaveAccessibleDescription('New passphrase is needed.');
    expect(first).toHaveFocus();
    await user.type(first, 'elevenchars');
    expect(first).toHaveAccessibleDescription('1 more character is needed.');
    await user.type(first, '🔑');
    expect(first).toBeValid();
    await user.type(second, 'elevenchars');
    expect(second).toHaveAccessibleDescription('The two are not the same.');
    await user.click(screen.getByTestId('dialog-submit'));
    expect(second).toHaveFocus();
    expect(backend.count('passphrase.set')).toBe(0);
    await user.type(second, '{End}🔑');
    await user.click(screen.getByTestId('dialog-submit'));
    await waitFor(() => expect(backend.count('passphrase.set')).toBe(1));
  });

  test('what goes wrong stays in the dialog', async () => {
    const { backend, user } = await openUnfounded();
    backend.refusals.set('passphrase.set', problem('internal', 'the disk is full', 500));
    await user.click(screen.getByTestId('vault-found'));
    await user.type(await screen.findByTestId('passphrase-new'), 'correct horse battery');
    await user.type(screen.getByTestId('passphrase-again'), 'correct horse battery');
    await user.click(screen.getByTestId('dialog-submit'));
    const dialog = screen.getByRole('dialog');
    expect(await within(dialog).findByRole('alert')).toHaveTextContent('The disk is full.');
  });
});
