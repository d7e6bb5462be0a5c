import '@testing-library/jest-dom/vitest';
import { afterEach, beforeEach, vi } from 'vitest';
import { toasts } from '../src/shared/toasts.svelte';
import { setWindowWidth } from './window';

// jsdom draws nothing: what the components ask about drawing gets the plainest answer.
Element.prototype.scrollIntoView = () => {};
Element.prototype.hasPointerCapture = () => false;
Element.prototype.releasePointerCapture = () => {};
HTMLCanvasElement.prototype.getContext = () => null;
globalThis.ResizeObserver = class {
  observe() {}
  unobserve() {}
  disconnect() {}
};

beforeEach(() => setWindowWidth(1240));

afterEach(() => {
  vi.useRealTimers();
  toasts.clear();
  toasts.mute(false);
});
