// Connecting an account, from the first field to the end.
import type { Strategy } from '../../core/contract';
import { list } from './language';

export const connect = {
  title: (service: string) => `Connect ${service}`,
  reconnectTitle: (label: string) => `Reconnect ${label}`,
  updateKeyTitle: (label: string) => `New key for ${label}`,
  allowTitle: (label: string) => `Allow more for ${label}`,
  ways: 'Ways to connect',
  name: 'Name',
  nameHelp: 'How you want to call it here.',
  checking: 'Testing',
  asksFor: (service: string) => `${service} will ask you to let Hearthkey`,
  alsoAsk: 'Only if you want it',
  sealed: (hosts: string[]) =>
    hosts.length === 0 ? 'Sealed on this computer.' : `Sealed on this computer. It goes to ${list(hosts)} only.`,
  continue: 'Continue in browser',
  storedClient: (id: string) => `Uses your client ${id}`,
  anotherClient: 'Use another',
  allClients: 'All clients',
  vaultClosed: 'The vault is closed',
  vaultClosedNote: 'Nothing can be sealed until it opens. Close this and see what it needs.',
  finish: 'Finish in your browser',
  finishNote: (service: string) => `Sign in to ${service} and allow access. This window goes on by itself.`,
  exchanging: (service: string) => `Collecting the keys from ${service}`,
  exchangingNote: 'You allowed it. This takes a moment.',
  unlockFirst: 'Unlock to finish',
  unlockFirstNote: 'You allowed it. The answer is kept, and the sign-in finishes by itself as soon as the vault opens.',
  openVault: 'Open the vault',
  address: 'The address of the sign-in page',
  notOpened: 'No browser could be opened. Copy the address and open it yourself.',
  openAgain: 'Open again',
  copyAddress: 'Copy address',
  timeLeft: (left: string) => `${left} left`,
  timeUp: 'Time is up',
  browserFailed: 'The browser could not be opened.',

  willAsk: (service: string) => `${service} asks you to let Hearthkey`,
  more: (count: number) => `and ${count} more`,
  nothingBack: 'Nothing back yet?',
  otherWays: 'Other ways to come back',
  way: {
    device: 'Use a code instead',
    deep_link: 'Let the browser come back to this app',
    loopback: 'Come back by a local address',
    https_bounce: 'Come back by the gateway',
  } satisfies Record<Strategy, string>,
  wayFailed: 'That way could not be begun.',
  paste: 'Paste the address your browser ended on',
  pasteGo: 'Go on',
  pasteEmpty: 'Copy the whole address from the browser, then paste it here.',

  enterCode: (service: string) => `Enter this code at ${service}`,
  enterCodeNote: 'Open the page on any device, type the code and allow access. This window goes on by itself.',
  /** As a screen reader says it: letter by letter. */
  codeSpelled: (code: string) => `Your code: ${Array.from(code, (letter) => (letter === '-' ? 'dash' : letter)).join(', ')}`,
  copyCode: 'Copy code',
  openPage: 'Open the page',

  connectedAs: (identity: string) => `Connected as ${identity}`,
  connected: (service: string) => `${service} is connected`,
  connectedNote: 'Its keys are sealed on this computer.',
  noReason: 'The core gave no reason',
  checkDetails: 'Check the details',

  already: (label: string) => `${label} has this account already`,
  alreadyNote: (identity: string | undefined) =>
    `${identity ? `It is connected as ${identity}. ` : ''}Its keys were renewed just now, and nothing else changed. For a second connection you sign in once more.`,
  addSecond: 'Add it as a second connection',
  declined: (service: string, count: number) => (count === 1 ? `${service} left out one permission` : `${service} left out ${count} permissions`),
  declinedNote: 'It is connected and works without. What needs them will fail until you allow them.',
  tickAll: 'Sign in again and tick all boxes',
  keepIt: 'Keep it like this',
};

export const failures = {
  refused: {
    title: (service: string) => `${service} refused`,
    note: 'Nothing was connected.',
    button: 'Try again',
  },
  denied: {
    title: (service: string) => `You did not allow it at ${service}`,
    note: 'Nothing was connected. If that was a slip, try again and choose Allow.',
    button: 'Try again',
  },
  expired: {
    title: () => 'The time for this sign-in ran out',
    note: 'Nothing was connected. A new sign-in gives you another ten minutes.',
    button: 'Start again',
  },
  mismatch: {
    title: () => 'The answer did not belong to this sign-in',
    note: 'It was dropped to keep you safe. An old tab can cause this: close it and start again.',
    button: 'Start again',
  },
  account: {
    title: () => 'That was another account',
    note: 'Nothing was changed. Sign in with the account this connection belongs to, or connect the other one as a new one.',
    button: 'Sign in again',
  },
  unreachable: {
    title: (service: string) => `${service} could not be reached`,
    note: 'You allowed it, but the keys could not be collected. Check the network and try again.',
    button: 'Try again',
  },
  redirect: {
    title: (service: string) => `${service} does not know the redirect address`,
    note: 'Register exactly this address for your client there, save it, then try again.',
    button: 'Try again',
  },
  client: {
    title: (service: string) => `${service} did not accept the client`,
    note: 'Check the client ID and its secret. One of them was mistyped, replaced or deleted there.',
    button: 'Edit client',
  },
  vault: {
    title: () => 'The keys could not be sealed',
    note: 'The vault is closed, so nothing was kept. Open it and connect again.',
    button: 'Try again',
  },
  other: {
    title: () => 'It could not be connected',
    note: 'Nothing was connected.',
    button: 'Try again',
  },
};
