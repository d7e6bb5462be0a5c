// The vault: its states, its lock, its passphrase, and how safe it is.
import type { VaultState } from '../../core/contract';

interface VaultWords {
  short: string;
  title: string;
  meaning: string;
  fix: string;
}

const KEYS_SAFE = 'Your accounts are listed below and their keys stay sealed. Nothing can use them until the vault opens.';

const vaultStates: Record<VaultState, VaultWords> = {
  open: { short: 'Vault open', title: 'The vault is open', meaning: '', fix: '' },
  opening: { short: 'Opening the vault', title: 'The vault is being opened', meaning: '', fix: '' },
  locked: { short: 'Locked', title: 'Hearthkey is locked', meaning: '', fix: '' },
  keychain_absent: {
    short: 'No keychain',
    title: 'This computer has no keychain running',
    meaning: KEYS_SAFE,
    fix: 'Start the keychain of your desktop (GNOME Keyring or KWallet on Linux), then try again.',
  },
  keychain_locked: {
    short: 'Keychain locked',
    title: 'The system keychain is locked',
    meaning: KEYS_SAFE,
    fix: 'Unlock the keychain of your account. It may ask you in a window of its own.',
  },
  keychain_hanging: {
    short: 'Keychain silent',
    title: 'The system keychain does not answer',
    meaning: KEYS_SAFE,
    fix: 'It may be waiting for you in a window behind this one. Answer it, then try again.',
  },
  keychain_refused: {
    short: 'Keychain refused',
    title: 'The system keychain refused Hearthkey',
    meaning: KEYS_SAFE,
    fix: 'Allow Hearthkey in the settings of the keychain, then try again.',
  },
  key_missing: {
    short: 'Vault key missing',
    title: 'The key of this vault is not in the keychain',
    meaning: 'Your accounts are listed below. Their keys are still here, but they cannot be opened without the vault key.',
    fix: '',
  },
  wrong_key: {
    short: 'Wrong vault key',
    title: 'The keychain holds the key of another vault',
    meaning: 'Your accounts are listed below. Their keys are still here, but this vault key does not open them.',
    fix: '',
  },
  unreadable: {
    short: 'Vault damaged',
    title: 'The vault could not be read',
    meaning: 'The file of the vault is damaged or was changed. Nothing has been deleted.',
    fix: 'Bring back the profile from a backup, then try again.',
  },
};

export const vault = {
  ...vaultStates,
  firstMeaning: 'The key that seals your accounts is kept there, so nothing can be connected yet.',
  firstFix:
    'Start the keychain of your desktop (GNOME Keyring or KWallet on Linux) and try again, or keep the key under a passphrase of your own.',
  yourKit: 'your recovery kit',
  yourPassphrase: 'your passphrase',
  otherWay: {
    key_missing: (ways: string[]) => `Unlock with ${ways.join(' or ')}, which puts the key back into the keychain. Nothing was changed.`,
    wrong_key: (ways: string[]) =>
      `Sign in as the person who set up Hearthkey, or unlock with ${ways.join(' or ')}, which puts the right key back. Nothing was changed.`,
  },
  noOtherWay: {
    key_missing:
      'Bring back the keychain entry “Hearthkey vault key” from a backup of the keychain. No recovery kit and no passphrase was made for this vault, so nothing else opens it. Nothing was changed.',
    wrong_key:
      'Sign in as the person who set up Hearthkey, or bring back the keychain that belongs to this profile. No recovery kit and no passphrase was made for this vault, so nothing else opens it. Nothing was changed.',
  },
  unlockKeychain: 'Unlock keychain',
  unlockingKeychain: 'The keychain may be asking you in a window of its own.',
  withKit: 'Unlock with recovery kit',
  withPassphrase: 'Unlock with passphrase',
  underPassphrase: 'Keep the key under a passphrase instead',
  still: (times: number) => (times === 1 ? 'It is still closed.' : `It is still closed after ${times} tries.`),
};

export const lock = {
  title: 'Hearthkey is locked',
  working: 'Background work goes on.',
  stopped: 'Background work has stopped until you unlock.',
  opening: 'Looking for the vault key',
  unlock: 'Unlock',
  unlocking: 'Unlocking',
  useKit: 'Use your recovery kit',
  usePassphrase: 'Use your passphrase',
  useKeychain: 'Use the keychain',
  passphrase: 'Passphrase',
  wrongPassphrase: 'That is not the passphrase.',
  kit: 'Recovery kit',
  kitHelp: 'Paste the whole page, or its line AGE‑SECRET‑KEY.',
  wrongKit: 'That kit does not open this vault. Use the one that was tested last.',
  kitTitle: 'Unlock with your recovery kit',
  passphraseTitle: 'Unlock with your passphrase',
  putsBack: 'It opens the vault and puts the key back into the keychain.',
  without: 'It opens the vault without the keychain.',
};

export const passphrase = {
  foundTitle: 'Keep the key under a passphrase',
  foundNote: 'Instead of a keychain, a passphrase of yours opens the vault.',
  setTitle: 'Set a passphrase',
  setNote: 'It unlocks Hearthkey, with the keychain or in its place.',
  keepOutTitle: 'Take the key out of the keychain',
  keepOutNote: 'Your passphrase alone opens the vault then.',
  present: 'Your passphrase',
  new: 'New passphrase',
  newHelp: 'At least 12 characters. Six words that nobody would guess are good.',
  again: 'The same again',
  tooShort: (missing: number) => (missing === 1 ? '1 more character is needed.' : `${missing} more characters are needed.`),
  different: 'The two are not the same.',
  when: 'When it is asked for',
  always: 'Ask at every start',
  alwaysNote: 'The key leaves the keychain. After a start, background work waits for you.',
  locked: 'Only when locked',
  lockedNote: 'The keychain keeps the key as well, and background work goes on by itself.',
  lockedInClear: 'The keychain keeps the key as well, where it stays readable.',
  asked: 'It is asked for at every start.',
  unrestorable: 'Nobody can restore it: there is no copy and no reset.',
  set: 'Set passphrase',
  takeOut: 'Take out',
  setting: 'Setting the passphrase',
  done: 'The passphrase is set.',
  outDone: 'The passphrase is asked for at every start now.',
};

export const safety = {
  label: 'Safety',
  inClear: (file: string): [string, string, string] => ['Your keyring has no password: the vault key lies readable in ', file, '.'],
  setPassphrase: 'Set a passphrase',
  takeOut: 'Ask at every start',
  noKit: 'Without a recovery kit, a lost keychain means connecting everything again.',
  noKitPassphrase: 'Without a recovery kit, a forgotten passphrase means connecting everything again.',
  createCommand: 'hearthkey recovery create FILE',
  untested: 'Your recovery kit was never tested, so it does not count yet.',
  testCommand: 'hearthkey recovery test FILE',
  copyCommand: (command: string) => `Copy the command ${command}`,
  dismiss: 'Not now',
};
