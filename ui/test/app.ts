// The whole window with a core in memory, for tests that do what a person does.
import { render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { vi } from 'vitest';
import App from '../src/App.svelte';
import { MemoryBackend, type World } from '../src/core/memory';
import { sampleWorld } from '../src/core/memory-world';

export interface Opened {
  backend: MemoryBackend;
  user: ReturnType<typeof userEvent.setup>;
}

/** Opens the window; `prepare` sets the scene before anything is asked. */
export async function open(prepare: (backend: MemoryBackend, world: World) => void = () => {}): Promise<Opened> {
  const world = sampleWorld();
  const backend = new MemoryBackend(world);
  prepare(backend, world);
  const user = userEvent.setup({
    advanceTimers: (ms) => void (vi.isFakeTimers() && vi.advanceTimersByTime(ms)),
    // bits-ui turns pointer events off on the page below a dialog; jsdom would then refuse clicks in the dialog too.
    pointerEventsCheck: 0,
  });
  render(App, { backend });
  await waitFor(() => {
    if (backend.count('connections.list') === 0) throw new Error('nothing was asked yet');
  });
  return { backend, user };
}

export async function openSettled(prepare?: (backend: MemoryBackend, world: World) => void): Promise<Opened> {
  const opened = await open(prepare);
  await screen.findByTestId('connector-card-stripe');
  return opened;
}

/** The row of an account, by its label. */
export function row(label: string): HTMLElement {
  const found = rows().find((one) => one.dataset['label'] === label);
  if (!found) throw new Error(`no row ${label}`);
  return found;
}

export function rows(): HTMLElement[] {
  return screen.queryAllByTestId('connection-row');
}

export function rowButton(label: string): HTMLElement {
  const button = row(label).querySelector('button');
  if (!button) throw new Error(`row ${label} has no button`);
  return button;
}
