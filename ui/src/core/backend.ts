// The door between the window and the core, as an interface: the desktop app gives the real one, tests and the demo give
// one in memory. Components get it through the context in `hearth.svelte.ts`.
import type { Operations, Problem, Watches } from './contract';

export interface Backend {
  /** Asks the core to do one operation. Rejects with a `Problem`, never with anything else. */
  call<Name extends keyof Operations>(name: Name, input: Operations[Name]['input']): Promise<Operations[Name]['output']>;
  /** Listens to a stream until the returned function is called. */
  watch<Name extends keyof Watches>(
    name: Name,
    input: Watches[Name]['input'],
    onMessage: (message: Watches[Name]['message']) => void,
  ): Promise<() => void>;
}

/** Whatever was thrown, as a problem a person can be shown. */
export function toProblem(thrown: unknown): Problem {
  if (isProblem(thrown)) return thrown;
  const detail = thrown instanceof Error ? thrown.message : String(thrown);
  return { type: 'about:blank', kind: 'internal', title: 'The app did not understand its own core', status: 500, detail };
}

function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'kind' in value && 'title' in value;
}
