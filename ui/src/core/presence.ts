// Whether a person is at the window: says so at once, and then at most once in every half minute in which they did something.

/** How often it is said at most. */
export const PRESENCE_MS = 30_000;

const SIGNS = ['pointermove', 'pointerdown', 'wheel', 'keydown'] as const;

/** Calls `say` for what a person does at `target`, until the returned function is called. */
export function watchPresence(target: EventTarget, say: () => void): () => void {
  let resting: ReturnType<typeof setTimeout> | undefined;
  let missed = false;

  const tell = (): void => {
    missed = false;
    resting = setTimeout(() => {
      resting = undefined;
      // Whatever was done meanwhile counts, so that the last sign of a person is never much older than it was.
      if (missed) tell();
    }, PRESENCE_MS);
    say();
  };
  const notice = (): void => {
    if (resting === undefined) tell();
    else missed = true;
  };

  for (const sign of SIGNS) target.addEventListener(sign, notice, { capture: true, passive: true });
  return () => {
    clearTimeout(resting);
    for (const sign of SIGNS) target.removeEventListener(sign, notice, { capture: true });
  };
}
