// Rules about the source itself: all words in one place, nothing the window's policy would refuse.
import { readdirSync, readFileSync } from 'node:fs';
import { parse, type AST } from 'svelte/compiler';
import { expect, test } from 'vitest';

const components = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.svelte'))
  .map((name) => ({ name, source: readFileSync(`src/${name}`, 'utf8') }));

const SPOKEN = new Set(['aria-label', 'title', 'placeholder', 'alt', 'label', 'description', 'help']);

type Node = { type: string; name?: string; data?: string; value?: unknown } & Record<string, unknown>;

function* nodes(from: unknown): Generator<Node> {
  if (Array.isArray(from)) for (const one of from) yield* nodes(one);
  else if (typeof from === 'object' && from !== null) {
    if ('type' in from) yield from as Node;
    for (const part of Object.values(from)) yield* nodes(part);
  }
}

function fragment(source: string): AST.Fragment {
  return parse(source, { modern: true }).fragment;
}

test('every word a person reads is in shared/text', () => {
  const found = components.flatMap(({ name, source }) =>
    Array.from(nodes(fragment(source))).flatMap((node) => {
      const value = node.value;
      if (node.type === 'Attribute' && SPOKEN.has(node.name ?? '') && Array.isArray(value)) {
        return (value as Node[]).filter((part) => part.type === 'Text' && /\p{L}/u.test(part.data ?? '')).map((part) => `${name}: ${part.data}`);
      }
      return [];
    }).concat(looseText(fragment(source)).map((words) => `${name}: ${words}`)),
  );
  expect(found).toEqual([]);
});

test('no component has a style attribute', () => {
  const found = components.filter(({ source }) =>
    Array.from(nodes(fragment(source))).some((node) => (node.type === 'Attribute' && node.name === 'style') || node.type === 'StyleDirective'),
  );
  expect(found.map(({ name }) => name)).toEqual([]);
});

/** Text between tags, outside attributes. */
function looseText(from: AST.Fragment): string[] {
  return Array.from(nodes(from))
    .filter((node) => node.type === 'Fragment')
    .flatMap((node) => (node['nodes'] as Node[]).filter((one) => one.type === 'Text'))
    .map((one) => (one.data ?? '').trim())
    .filter((words) => /\p{L}/u.test(words));
}
