// Shortening a long word in its middle, so that both ends stay readable.

const ELLIPSIS = '…';

/**
 * The longest form of `words` that fits. An address keeps its whole domain as long as something is left before it;
 * anything else keeps a little more of its end than of its start.
 */
export function fitMiddle(words: string, fits: (candidate: string) => boolean): string {
  if (fits(words)) return words;
  const letters = Array.from(words);
  const domain = letters.length - letters.lastIndexOf('@');
  if (letters.includes('@')) {
    for (let head = letters.length - domain - 1; head >= 2; head -= 1) {
      const candidate = letters.slice(0, head).join('') + ELLIPSIS + letters.slice(-domain).join('');
      if (fits(candidate)) return candidate;
    }
  }
  for (let kept = letters.length - 1; kept >= 2; kept -= 1) {
    const head = Math.max(1, Math.floor(kept * 0.4));
    const candidate = letters.slice(0, head).join('') + ELLIPSIS + letters.slice(letters.length - (kept - head)).join('');
    if (fits(candidate)) return candidate;
  }
  return ELLIPSIS;
}
