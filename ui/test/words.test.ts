import { describe, expect, test } from 'vitest';
import { monogram } from '../src/shared/marks/monogram';
import { rich } from '../src/shared/rich';
import { fitMiddle } from '../src/shared/split';
import { countdown, relative, secondsUntil } from '../src/shared/time';

const NOW = Date.parse('2026-05-04T12:00:00Z');
const at = (offsetSeconds: number) => new Date(NOW + offsetSeconds * 1_000).toISOString();

describe('time', () => {
  test.each([
    [-5, 'just now'],
    [5, 'in a moment'],
    [-50, '1 min ago'],
    [-120, '2 min ago'],
    [43 * 60, 'in 43 min'],
    [-3 * 3600, '3 h ago'],
    [-26 * 3600, '1 day ago'],
    [3 * 86400, 'in 3 days'],
  ])('%i seconds away is "%s"', (offset, words) => expect(relative(at(offset), NOW)).toBe(words));

  test('further away it is a date', () => expect(relative(at(-60 * 86400), NOW)).toMatch(/5/));
  test('a countdown never goes below zero', () => expect(secondsUntil(at(-3), NOW)).toBe(0));
  test('a countdown is minutes and seconds', () => expect(countdown(541)).toBe('9:01'));
});

describe('long words', () => {
  const upTo = (room: number) => (candidate: string) => candidate.length <= room;

  test.each([
    ['anna@studio.example', 40, 'anna@studio.example'],
    ['anna.lindqvist@studio.example', 24, 'anna.lind…@studio.example'.slice(0, 8) + '…@studio.example'],
    ['anna@a-very-long-studio-name.example', 16, 'anna@a…e.example'],
    ['login.studio-nord.example', 11, 'logi…xample'],
  ])('%s in %i letters', (words, room, shown) => {
    expect(fitMiddle(words, upTo(room))).toBe(shown);
    expect(shown.length).toBeLessThanOrEqual(room);
  });
});

test('bold parts of a step', () => {
  expect(rich('Create a **restricted key** here')).toEqual([
    { words: 'Create a ', bold: false },
    { words: 'restricted key', bold: true },
    { words: ' here', bold: false },
  ]);
  expect(rich('<b>no markup</b>')).toEqual([{ words: '<b>no markup</b>', bold: false }]);
});

test.each([
  ['Google Calendar', 'GC'],
  ['stripe', 'S'],
  ['élan vital x', 'ÉV'],
  ['…', '?'],
])('the monogram of %s is %s', (name, letters) => expect(monogram(name)).toBe(letters));
