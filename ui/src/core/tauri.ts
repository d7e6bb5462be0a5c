// The only file that names Tauri: three commands carry every operation.
import { Channel, invoke } from '@tauri-apps/api/core';
import { toProblem, type Backend } from './backend';
import { ACCESS } from './generated';

async function ask<Answer>(command: string, args: Record<string, unknown>): Promise<Answer> {
  try {
    return await invoke<Answer>(command, args);
  } catch (thrown) {
    throw toProblem(thrown);
  }
}

export function tauriBackend(): Backend {
  return {
    call: (name, input) => ask(ACCESS[name], { name, input }),
    async watch(name, input, onMessage) {
      const channel = new Channel<never>();
      channel.onmessage = onMessage;
      const id = await ask<number>('watch', { name, input, channel });
      return () => {
        channel.onmessage = () => {};
        // The stream may already have ended; there is nobody left to tell.
        ask('unwatch', { id }).catch(() => {});
      };
    },
  };
}
