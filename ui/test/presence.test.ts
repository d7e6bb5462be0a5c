import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PRESENCE_MS, watchPresence } from '../src/core/presence';
import { openSettled } from './app';

describe('a person at the window', () => {
  let target: EventTarget;
  let said: number[];
  let stop: () => void;
  const move = () => target.dispatchEvent(new Event('pointermove'));

  beforeEach(() => {
    vi.useFakeTimers();
    target = new EventTarget();
    said = [];
    const began = Date.now();
    stop = watchPresence(target, () => said.push(Date.now() - began));
  });
  afterEach(() => stop());

  test('is said at once, and then at most every half minute', () => {
    expect(said).toEqual([]);
    for (let second = 0; second < 90; second += 1) {
      move();
      vi.advanceTimersByTime(1_000);
    }
    expect(said).toEqual([0, PRESENCE_MS, 2 * PRESENCE_MS, 3 * PRESENCE_MS]);
  });

  test('the last sign counts, and then there is silence', () => {
    move();
    vi.advanceTimersByTime(29_000);
    move();
    vi.advanceTimersByTime(600_000);
    expect(said).toEqual([0, PRESENCE_MS]);
    move();
    expect(said).toEqual([0, PRESENCE_MS, 629_000]);
  });

  test.each(['pointerdown', 'wheel', 'keydown'])('%s is a sign of a person too', (sign) => {
    target.dispatchEvent(new Event(sign));
    expect(said).toEqual([0]);
  });

  test('nothing is said once it is over', () => {
    move();
    move();
    stop();
    move();
    vi.advanceTimersByTime(60_000);
    expect(said).toEqual([0]);
  });
});

describe('the core is told', () => {
  test('only where a passphrase is set', async () => {
    const { backend, user } = await openSettled();
    await vi.waitFor(() => expect(backend.count('vault.show')).toBeGreaterThan(0));
    await user.keyboard('x');
    expect(backend.count('vault.touch')).toBe(0);
  });

  test('once for much that is done, and no more once it is locked', async () => {
    const { backend, user } = await openSettled((_, world) => {
      world.passphrase = 'correct horse battery';
      world.safety.passphrase = true;
    });
    await vi.waitFor(() => expect(backend.count('vault.show')).toBeGreaterThan(0));
    await vi.waitFor(async () => {
      await user.keyboard('x');
      expect(backend.count('vault.touch')).toBe(1);
    });
    await user.keyboard('xyz');
    expect(backend.count('vault.touch')).toBe(1);
    await user.keyboard('{Control>}l{/Control}');
    await vi.waitFor(() => expect(document.querySelector('[data-testid="lock-screen"]')).not.toBeNull());
    await user.keyboard('xyz');
    expect(backend.count('vault.touch')).toBe(1);
  });
});
