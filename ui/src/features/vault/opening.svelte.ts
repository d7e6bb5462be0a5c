// Opening the vault with what a person brings. What was typed is only passed through here, never kept.
import { toProblem } from '../../core/backend';
import type { Problem, Unlock, VaultState, VaultView } from '../../core/contract';
import type { Hearth } from '../../core/hearth.svelte';
import { text } from '../../shared/text';

/** What a person can bring. */
export type Way = 'passphrase' | 'kit';

export class Opening {
  busy = $state(false);
  problem: Problem | undefined = $state.raw();

  readonly #hearth: Hearth;

  constructor(hearth: Hearth) {
    this.#hearth = hearth;
  }

  /** With the passphrase or the recovery kit; without either, the keychain is asked. True when the vault is open. */
  async unlock(brought: Unlock): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.problem = undefined;
    try {
      this.#hearth.noteVault(await this.#hearth.backend.call('vault.unlock', brought));
      this.#hearth.refreshAll();
      return true;
    } catch (thrown) {
      this.problem = toProblem(thrown);
      return false;
    } finally {
      this.busy = false;
    }
  }
}

/** Whether the problem is with what was typed, and not with the vault. */
export function isWrong({ type }: Problem): boolean {
  return /:wrong_(passphrase|recovery_key)$/.test(type);
}

/** The state of a vault that does not open by itself; nothing for one that is open, being opened or merely locked. */
export function troubleOf(vault: VaultView | undefined): VaultState | undefined {
  return vault && !['open', 'opening', 'locked'].includes(vault.state) ? vault.state : undefined;
}

/**
 * What to do about it: in our words where the window has the button for it or knows that there is no way, else as the core
 * says, whose words name commands.
 */
export function wayOut({ state, fix, unlock }: VaultView, founded: boolean): string {
  const { vault } = text;
  const brought = [unlock.recovery && vault.yourKit, unlock.passphrase && vault.yourPassphrase].filter((one) => one !== false);
  switch (state) {
    case 'key_missing':
    case 'wrong_key':
      return brought.length > 0 ? vault.otherWay[state](brought) : vault.noOtherWay[state];
    case 'keychain_absent':
      return founded ? vault[state].fix : vault.firstFix;
    case 'keychain_locked':
      return vault[state].fix;
    default:
      return fix ?? vault[state].fix;
  }
}
