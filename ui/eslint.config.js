// Who may import what. The window's code has three layers and one door to the outside.
import { readdirSync } from 'node:fs';
import svelte from 'eslint-plugin-svelte';
import ts from 'typescript-eslint';

const features = readdirSync(new URL('./src/features', import.meta.url));

const outside = {
  group: ['@tauri-apps/*', '**/core/tauri', '**/core/memory', '**/core/memory-*'],
  message: 'Only src/core and src/main.ts name a backend; components call the one they are given.',
};
const upwards = { group: ['**/features/**', '**/views/**'], message: 'shared knows no feature and no view.' };
const views = { group: ['**/views/**'], message: 'Features do not know the views that use them.' };
const otherFeatures = (own) => ({
  group: features.filter((name) => name !== own).flatMap((name) => [`**/${name}/*`, `**/features/${name}/**`]),
  message: 'A feature does not import another feature; a view puts them together.',
});

const imports = (files, ...patterns) => ({ files, rules: { 'no-restricted-imports': ['error', { patterns }] } });

export default [
  { ignores: ['dist', 'dist-demo', 'node_modules', 'src/core/generated.ts', 'src/shared/marks/generated.ts'] },
  ...ts.configs.recommended,
  ...svelte.configs.recommended,
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser } },
  },
  {
    files: ['src/**'],
    rules: {
      'no-restricted-globals': ['error', 'fetch', 'XMLHttpRequest', 'WebSocket', 'EventSource', 'localStorage'],
      'no-console': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      'svelte/no-at-html-tags': 'error',
      'svelte/no-inline-styles': ['error', { allowTransitions: true }],
      'svelte/require-each-key': 'error',
    },
  },
  {
    files: ['scripts/**'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly', setTimeout: 'readonly' } },
  },
  imports(['src/shared/**'], outside, upwards),
  imports(['src/views/**', 'src/App.svelte'], outside),
  ...features.map((name) => imports([`src/features/${name}/**`], outside, views, otherFeatures(name))),
  // Tests drive the components with the backend in memory.
  { files: ['**/*.test.ts', 'test/**'], rules: { 'no-restricted-imports': 'off' } },
];
