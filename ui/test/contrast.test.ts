import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const css = readFileSync('src/shared/tokens.css', 'utf8');

function tokens(block: string): Record<string, string> {
  return Object.fromEntries(Array.from(block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6});/g), (match) => [match[1]!, match[2]!]));
}

const [light = '', systemDark = '', chosenDark = ''] = Array.from(css.matchAll(/:root[^{,]*\{([^}]*)\}/g), (match) => match[1]!);

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [high = 0, low = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

const PAIRS = [
  ...['ink', 'ink-2', 'ink-3'].flatMap((ink) => ['page', 'side', 'panel', 'sunken', 'input', 'ember-soft'].map((ground) => [ink, ground])),
  ...['ink', 'ink-2'].flatMap((ink) => ['warn-soft', 'bad-soft', 'ok-soft'].map((ground) => [ink, ground])),
  ['on-ember', 'ember'],
  ['on-ember', 'ember-hover'],
  ['on-inverse', 'inverse'],
  ['ember-text', 'panel'],
  ['ok-text', 'panel'],
  ['warn-text', 'panel'],
  ['warn-text', 'side'],
  ['warn-text', 'ember-soft'],
  ['warn-text', 'warn-soft'],
  ['bad-text', 'panel'],
  ['bad-text', 'ember-soft'],
  ['bad-text', 'bad-soft'],
] as [string, string][];

test.each([
  ['light', light],
  ['dark', systemDark],
])('every text on its ground has at least 4.5:1 in %s', (_, block) => {
  const colours = tokens(block);
  const weak = PAIRS.map(([ink, ground]) => ({ pair: `${ink} on ${ground}`, ratio: contrast(colours[ink]!, colours[ground]!) })).filter(
    ({ ratio }) => !(ratio >= 4.5),
  );
  expect(weak).toEqual([]);
});

test('dark by choice is the same as dark by the system', () => {
  expect(Object.keys(tokens(systemDark)).length).toBeGreaterThan(20);
  expect(tokens(chosenDark)).toEqual(tokens(systemDark));
});
