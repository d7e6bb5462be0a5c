import { render, screen, waitFor, within } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { describe, expect, test, vi } from 'vitest';
import App from '../src/App.svelte';
import type { Problem } from '../src/core/contract';
import { MemoryBackend, problem, vaultIn, type World } from '../src/core/memory';
import { sampleWorld } from '../src/core/memory-world';
import { toasts } from '../src/shared/toasts.svelte';
import { openSettled, row, rowButton, rows } from './app';

const PASSPHRASE = 'correct horse battery staple';
const KIT = '# Hearthkey recovery kit\n# Made 2026-05-04\n\nAGE-SECRET-KEY-1SAMPLE\n';
const LOCKED: Problem = problem('locked', 'Hearthkey is locked', 423);
/** What must not be seen while it is locked: names, services, addresses. */
const SECRETS = ['Work calendar', 'Payments', 'Stripe', 'studio-nord', 'anna', 'Personal', 'rk_live'];

function leaks(): string[] {
  const page = document.documentElement.outerHTML;
  return SECRETS.filter((secret) => page.includes(secret));
}

function withPassphrase(_core: MemoryBackend, world: World, ways: Parameters<typeof vaultIn>[1] = ['passphrase']): void {
  world.passphrase = PASSPHRASE;
  world.recoveryKit = ways?.includes('recovery') ? 'AGE-SECRET-KEY-1SAMPLE' : undefined;
  world.safety.passphrase = true;
  world.status.vault = vaultIn('locked', ways);
}

async function openLocked(prepare: (core: MemoryBackend, world: World) => void = withPassphrase) {
  const world = sampleWorld();
  const backend = new MemoryBackend(world);
  prepare(backend, world);
  const user = userEvent.setup({ pointerEventsCheck: 0 });
  render(App, { backend });
  await screen.findByTestId('lock-screen');
  return { backend, user };
}

describe('the start', () => {
  test('shows neither data nor the lock screen before the state is known', async () => {
    const backend = new MemoryBackend(sampleWorld());
    const answer = backend.hold('app.status');
    render(App, { backend });
    expect(screen.getByTestId('starting')).toBeInTheDocument();
    expect(screen.getByTestId('skeleton')).toBeInTheDocument();
    expect(screen.queryByTestId('lock-screen')).not.toBeInTheDocument();
    expect(backend.asked.map(({ name }) => name).filter((name) => name !== 'app.status')).toEqual(['changes.watch']);
    expect(leaks()).toEqual([]);
    answer(0);
    answer(1);
    expect(await screen.findByTestId('connector-card-stripe')).toBeInTheDocument();
  });

  test('a locked core is asked for nothing but its state', async () => {
    const { backend } = await openLocked();
    expect(new Set(backend.asked.map(({ name }) => name))).toEqual(new Set(['app.status', 'changes.watch']));
    expect(leaks()).toEqual([]);
    expect(screen.queryByRole('complementary')).not.toBeInTheDocument();
  });

  test('while the vault is being opened, the first answer tells whether one may look', async () => {
    const backend = new MemoryBackend(sampleWorld());
    withPassphrase(backend, backend.world);
    backend.world.status.vault = vaultIn('opening');
    backend.closed = true;
    const answers = (['connections.list', 'connectors.list', 'workspaces.list'] as const).map((name) => backend.hold(name));
    render(App, { backend });
    await waitFor(() => expect(backend.count('connections.list')).toBeGreaterThan(0));
    expect(screen.getByTestId('starting')).toBeInTheDocument();
    expect(leaks()).toEqual([]);
    for (const answer of answers) answer();
    expect(await screen.findByTestId('lock-background')).toHaveTextContent('Looking for the vault key');
    expect(screen.queryByTestId('unlock-button')).not.toBeInTheDocument();
    backend.world.status = { ...backend.world.status, vault: vaultIn('locked', ['passphrase'], { working: true }) };
    backend.tell({ topic: 'vault' });
    await waitFor(() => expect(screen.getByLabelText('Passphrase')).toHaveFocus());
    expect(leaks()).toEqual([]);
  });

  test('a core that does not answer says so, and can be asked again', async () => {
    const backend = new MemoryBackend(sampleWorld());
    backend.refusals.set('app.status', problem('profile_in_use', 'another process owns the profile', 409));
    const user = userEvent.setup({ pointerEventsCheck: 0 });
    render(App, { backend });
    const note = await screen.findByRole('alert');
    expect(note).toHaveTextContent('The window cannot reach its core');
    expect(note).toHaveTextContent('Another process owns the profile.');
    backend.refusals.clear();
    await user.click(within(note).getByRole('button', { name: 'Try again' }));
    await waitFor(() => expect(rows()).toHaveLength(6));
  });
});

describe('the lock screen', () => {
  test.each([
    [true, 'Background work goes on.'],
    [false, 'Background work has stopped until you unlock.'],
  ])('says what the background does (working: %s)', async (working, words) => {
    await openLocked((core, world) => {
      withPassphrase(core, world);
      world.status.vault.working = working;
    });
    expect(screen.getByRole('heading', { level: 1 })).toHaveTextContent('Hearthkey is locked');
    expect(screen.getByTestId('lock-background')).toHaveTextContent(words);
  });

  test('has the passphrase in focus, and Enter opens', async () => {
    const { backend, user } = await openLocked();
    expect(screen.getByLabelText('Passphrase')).toHaveFocus();
    expect(screen.getByLabelText('Passphrase')).toHaveAttribute('type', 'password');
    await user.keyboard(`${PASSPHRASE}{Enter}`);
    await waitFor(() => expect(rows()).toHaveLength(6));
    expect(backend.last('vault.unlock')).toEqual({ passphrase: PASSPHRASE });
    expect(document.documentElement.outerHTML).not.toContain(PASSPHRASE);
    expect(screen.queryByTestId('lock-screen')).not.toBeInTheDocument();
  });

  test('says a wrong passphrase beside the field, which is selected', async () => {
    const { user } = await openLocked();
    const field = screen.getByLabelText<HTMLInputElement>('Passphrase');
    await user.keyboard('something else{Enter}');
    await waitFor(() => expect(field).toBeInvalid());
    expect(field).toHaveAccessibleDescription('That is not the passphrase.');
    expect(screen.getAllByRole('status').some((one) => one.textContent === 'That is not the passphrase.')).toBe(true);
    expect(field).toHaveFocus();
    expect([field.selectionStart, field.selectionEnd]).toEqual([0, 'something else'.length]);
    await user.keyboard('c');
    expect(field).toHaveValue('c');
    expect(field).toBeValid();
    expect(leaks()).toEqual([]);
  });

  test('sends nothing for nothing', async () => {
    const { backend, user } = await openLocked();
    await user.click(screen.getByTestId('unlock-button'));
    expect(screen.getByLabelText('Passphrase')).toHaveAccessibleDescription('Passphrase is needed.');
    expect(backend.count('vault.unlock')).toBe(0);
  });

  test('is busy while the core works, and asks once', async () => {
    const { backend, user } = await openLocked();
    const answer = backend.hold('vault.unlock');
    await user.keyboard(`${PASSPHRASE}{Enter}{Enter}`);
    await user.click(screen.getByTestId('unlock-button'));
    expect(screen.getByTestId('unlock-button')).toHaveAttribute('aria-busy', 'true');
    expect(backend.count('vault.unlock')).toBe(1);
    answer();
    await waitFor(() => expect(rows()).toHaveLength(6));
  });

  test('stays at Escape', async () => {
    const { user } = await openLocked();
    await user.keyboard('half{Escape}{Escape}');
    expect(screen.getByTestId('lock-screen')).toBeInTheDocument();
    expect(screen.getByLabelText('Passphrase')).toHaveValue('half');
  });

  test('takes a whole recovery kit, hidden, with its lines', async () => {
    const { backend, user } = await openLocked((core, world) => withPassphrase(core, world, ['passphrase', 'recovery']));
    await user.click(screen.getByTestId('use-kit'));
    const field = await screen.findByLabelText('Recovery kit');
    expect(field).toHaveFocus();
    expect(field).toHaveClass('veiled');
    await user.paste(KIT);
    await user.keyboard('{Enter}');
    await waitFor(() => expect(rows()).toHaveLength(6));
    expect(backend.last('vault.unlock')).toEqual({ recovery_kit: KIT });
  });

  test('refuses another kit in words, and leads back to the passphrase without what was typed', async () => {
    const { user } = await openLocked((core, world) => withPassphrase(core, world, ['passphrase', 'recovery']));
    await user.click(screen.getByTestId('use-kit'));
    await user.paste('AGE-SECRET-KEY-1OTHER');
    await user.click(screen.getByTestId('unlock-button'));
    await waitFor(() => expect(screen.getByLabelText('Recovery kit')).toBeInvalid());
    expect(screen.getByLabelText('Recovery kit')).toHaveAccessibleDescription(/That kit does not open this vault/);
    await user.click(screen.getByTestId('use-other'));
    expect(screen.getByLabelText('Passphrase')).toHaveFocus();
    expect(screen.getByLabelText('Passphrase')).toHaveValue('');
    expect(screen.getByLabelText('Passphrase')).toBeValid();
  });

  test('is one button where the keychain opens it', async () => {
    const { backend, user } = await openLocked((_, world) => (world.status.vault = vaultIn('locked', ['keychain'])));
    expect(screen.queryByRole('textbox')).not.toBeInTheDocument();
    expect(screen.queryByTestId('use-kit')).not.toBeInTheDocument();
    await waitFor(() => expect(screen.getByTestId('unlock-button')).toHaveFocus());
    await user.keyboard('{Enter}');
    await waitFor(() => expect(rows()).toHaveLength(6));
    expect(backend.last('vault.unlock')).toEqual({});
  });

  test('says what is wrong with a keychain that does not open it', async () => {
    const { backend, user } = await openLocked((_, world) => (world.status.vault = vaultIn('locked', ['keychain'])));
    backend.refusals.set('vault.unlock', { ...problem('keychain_unavailable', 'the keychain does not answer', 503), hint: 'Look behind other windows.' });
    await user.click(screen.getByTestId('unlock-button'));
    const note = await screen.findByRole('alert');
    expect(note).toHaveTextContent('The keychain does not answer.');
    expect(note).toHaveTextContent('Look behind other windows.');
  });

  test('closed doors before a vault in trouble: what it is, and the ways past it', async () => {
    const { backend, user } = await openLocked((core, world) => {
      withPassphrase(core, world);
      world.status.vault = vaultIn('key_missing', ['passphrase'], { fix: 'Unlock with your passphrase.', detail: 'no such entry' });
      core.closed = true;
      core.vaultAfterRetry = world.status.vault;
    });
    expect(screen.getByTestId('lock-trouble')).toHaveTextContent('The key of this vault is not in the keychain');
    expect(leaks()).toEqual([]);
    await user.click(screen.getByTestId('vault-retry'));
    await waitFor(() => expect(backend.count('vault.retry')).toBe(1));
    expect(screen.getByTestId('lock-screen')).toBeInTheDocument();
    await user.type(screen.getByLabelText('Passphrase'), `${PASSPHRASE}{Enter}`);
    await waitFor(() => expect(rows()).toHaveLength(6));
  });

  test('closed doors without any way in still have another try', async () => {
    const { backend, user } = await openLocked((core, world) => {
      world.status.vault = vaultIn('key_missing');
      core.closed = true;
      core.vaultAfterRetry = vaultIn('locked', ['keychain']);
    });
    expect(screen.getByTestId('lock-trouble')).toHaveTextContent('nothing else opens it');
    await user.click(screen.getByTestId('vault-retry'));
    await user.click(await screen.findByTestId('unlock-button'));
    await waitFor(() => expect(rows()).toHaveLength(6));
    expect(backend.count('vault.unlock')).toBe(1);
  });
});

describe('locking', () => {
  test('by the button: everything is gone from the page', async () => {
    const { backend, user } = await openSettled();
    await user.click(rowButton('Payments'));
    await user.click(screen.getByTestId('lock-button'));
    await screen.findByTestId('lock-screen');
    expect(backend.count('vault.lock')).toBe(1);
    expect(leaks()).toEqual([]);
    const asked = backend.asked.length;
    backend.tell({ topic: 'connections' });
    backend.tell({ topic: 'connectors' });
    await new Promise((done) => setTimeout(done, 20));
    expect(backend.asked.length).toBe(asked);
  });

  test('by the keyboard, from within a dialog too', async () => {
    const { user } = await openSettled();
    rowButton('Payments').focus();
    await user.keyboard('r');
    await screen.findByTestId('field-label');
    await user.keyboard('{Meta>}l{/Meta}');
    await screen.findByTestId('lock-screen');
    expect(screen.queryByRole('dialog')).not.toBeInTheDocument();
    expect(leaks()).toEqual([]);
  });

  test('drops what was typed into a dialog', async () => {
    const { user } = await openSettled();
    await user.click(screen.getByTestId('connector-card-stripe'));
    await user.type(await screen.findByTestId('field-key'), 'rk_live_51Nv0000000000004f2a');
    await user.keyboard('{Control>}l{/Control}');
    await screen.findByTestId('lock-screen');
    await user.click(screen.getByTestId('unlock-button'));
    await screen.findByTestId('connector-card-stripe');
    expect(screen.queryByRole('dialog')).not.toBeInTheDocument();
    expect(document.documentElement.outerHTML).not.toContain('rk_live_51Nv');
  });

  test('drops messages, and takes none while it lasts', async () => {
    const { backend, user } = await openSettled();
    rowButton('Payments').focus();
    await user.keyboard('d');
    await screen.findByTestId('toast-action');
    const answer = backend.hold('connections.disconnect');
    rowButton('Intranet').focus();
    await user.keyboard('d');
    await user.keyboard('{Control>}l{/Control}');
    await screen.findByTestId('lock-screen');
    answer();
    await new Promise((done) => setTimeout(done, 20));
    expect(toasts.list).toEqual([]);
    expect(leaks()).toEqual([]);
  });

  test('an answer that was under way brings nothing back', async () => {
    const { backend, user } = await openSettled();
    const answer = backend.hold('connections.list');
    backend.tell({ topic: 'connections' });
    await user.click(screen.getByTestId('lock-button'));
    await screen.findByTestId('lock-screen');
    answer();
    await new Promise((done) => setTimeout(done, 20));
    expect(leaks()).toEqual([]);
  });

  test('by another program, or by itself: the core tells of it', async () => {
    const { backend } = await openSettled();
    backend.world.status = { ...backend.world.status, vault: vaultIn('locked', ['passphrase'], { working: true }) };
    backend.tell({ topic: 'all' });
    expect(await screen.findByTestId('lock-background')).toHaveTextContent('Background work goes on.');
    expect(leaks()).toEqual([]);
  });

  test('unlocking elsewhere brings the pages back', async () => {
    const { backend } = await openLocked();
    backend.world.status = { ...backend.world.status, vault: vaultIn('open') };
    backend.tell({ topic: 'all' });
    await waitFor(() => expect(rows()).toHaveLength(6));
  });

  test.each(['connections.show', 'connections.test', 'connections.rename', 'credentials.check', 'vault.touch'] as const)(
    'a call that is refused as locked (%s) leads to the lock screen',
    async (name) => {
      const { backend, user } = await openSettled((core, world) => {
        // With a passphrase the first sign of the person would already learn of it.
        world.safety.passphrase = name === 'vault.touch';
        core.refusals.set(name, LOCKED);
      });
      // The core locks; this call is the first to learn of it.
      const lock = () => (backend.world.status = { ...backend.world.status, vault: vaultIn('locked', ['passphrase']) });
      if (name === 'connections.show') lock();
      await vi.waitFor(() => expect(backend.count('vault.show')).toBeGreaterThan(0));
      lock();
      if (name === 'connections.show') backend.tell({ topic: 'connections' });
      if (name === 'connections.test') await user.click(screen.getByTestId('test-button'));
      if (name === 'connections.rename') {
        await user.click(screen.getByTestId('rename-button'));
        await user.type(await screen.findByTestId('field-label'), ' two{Enter}');
      }
      if (name === 'credentials.check') {
        await user.click(screen.getByTestId('connector-card-stripe'));
        await user.type(await screen.findByTestId('field-key'), 'rk_live_51Nv0000000000004f2a');
      }
      if (name === 'vault.touch') await user.keyboard('x');
      expect(await screen.findByTestId('lock-screen', undefined, { timeout: 3_000 })).toBeInTheDocument();
      expect(await screen.findByLabelText('Passphrase')).toBeInTheDocument();
      expect(leaks()).toEqual([]);
    },
  );

  test('a refusal that was overtaken by unlocking does not lock out', async () => {
    const { backend, user } = await openSettled();
    backend.refusals.set('connections.test', LOCKED);
    await user.click(screen.getByTestId('test-button'));
    await waitFor(() => expect(rows()).toHaveLength(6));
    expect(row('Payments')).toBeInTheDocument();
    expect(screen.queryByTestId('lock-screen')).not.toBeInTheDocument();
  });

  test('a lock that does not work is said', async () => {
    const { backend, user } = await openSettled();
    backend.refusals.set('vault.lock', problem('internal', 'the disk is full', 500));
    await user.click(screen.getByTestId('lock-button'));
    expect(await screen.findByText('Hearthkey could not be locked. The disk is full.')).toBeInTheDocument();
    expect(rows()).toHaveLength(6);
  });

  test('there is nothing to lock before the first account', async () => {
    const { backend, user } = await openSettled((_, world) => {
      world.status.workspace = null;
      world.connections = [];
    });
    expect(screen.queryByTestId('lock-button')).not.toBeInTheDocument();
    await user.keyboard('{Control>}l{/Control}');
    expect(backend.count('vault.lock')).toBe(0);
    expect(backend.count('vault.show')).toBe(0);
  });
});
