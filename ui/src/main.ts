import '@fontsource-variable/inter/index.css';
import './shared/tokens.css';
import './shared/base.css';
import { mount } from 'svelte';
import App from './App.svelte';
import type { Backend } from './core/backend';

async function backend(): Promise<Backend> {
  // The demo is for looking at the pages without a core. It is left out of the app: both conditions are constants there.
  if (import.meta.env.MODE === 'demo' || (import.meta.env.DEV && !('__TAURI_INTERNALS__' in window))) {
    const { demo } = await import('./core/memory-demo');
    return demo(new URLSearchParams(location.search));
  }
  const { tauriBackend } = await import('./core/tauri');
  return tauriBackend();
}

const target = document.getElementById('app');
if (target) mount(App, { target, props: { backend: await backend() } });
