// OAuth clients of the person's own: what is typed, the list, and what becomes of them.
import type { Strategy } from '../../core/contract';
import { accounts } from './language';

export const clients = {
  title: 'Clients',
  description: 'What you registered at services yourself. Your sign-ins there run as it.',
  list: 'Your clients',
  empty: 'No clients of your own yet',
  emptyNote: 'Most services here need none. Where one does, you register it while you connect, and it is kept here for your next account.',
  failed: 'Your clients could not be listed',
  usedBy: (count: number) => (count === 0 ? 'not used' : `used by ${accounts(count)}`),
  created: (when: string) => `since ${when}`,
  menuLabel: (service: string, id: string) => `More for ${service} ${id}`,
  edit: 'New secret…',
  look: 'Look at it…',
  remove: 'Remove',
  removed: (service: string) => `The client at ${service} is removed.`,
  removeFailed: (service: string) => `The client at ${service} could not be removed.`,
  inUse: (count: number) => (count === 1 ? '1 account signs in with it' : `${count} accounts sign in with it`),
  removeTitle: (service: string) => `Remove your client at ${service}?`,
  removeUsed: (count: number) =>
    count === 1
      ? 'The account works until its keys run out. Then you sign in again with another client.'
      : 'They work until their keys run out. Then you sign in again with another client.',
  removeStays: (service: string) => `At ${service} it stays registered. You can enter it here again.`,
  removeAnyway: 'Remove it anyway',

  editTitle: (service: string) => `Client at ${service}`,
  editNote: 'Enter the secret that stands there now. Your accounts go on with it.',
  saved: (service: string) => `The client at ${service} is saved.`,

  formTitle: (service: string) => `Your client at ${service}`,
  formNote: 'Register it once, with exactly this redirect address. All your accounts there can use it.',
  formNoteNone: 'Register it once. All your accounts there can use it.',
  formNoteGateway: 'Set the gateway first, in a terminal: hearthkey gateway URL. The redirect address to register is shown here then.',
  formNoteSeveral: 'Register it once, with exactly these redirect addresses. All your accounts there can use it.',
  console: (service: string) => `Open the page at ${service}`,
  redirect: 'Redirect address',
  redirects: 'Redirect addresses',
  way: {
    loopback: 'Local address',
    deep_link: 'This app',
    https_bounce: 'Gateway',
    device: 'Code',
  } satisfies Record<Strategy, string>,
  copyRedirect: (way?: string) => (way ? `Copy the redirect address: ${way}` : 'Copy the redirect address'),
  id: 'Client ID',
  secret: 'Client secret',
  newSecret: 'New client secret',
  copyId: 'Copy the client ID',
  noSecret: 'This client has no secret, so there is nothing to enter. Ask the service whether it still knows it.',
  another: 'Use another client',
  check: 'Check',
  checking: 'Asking the service',
};
