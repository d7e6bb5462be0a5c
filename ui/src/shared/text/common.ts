// Words that are needed everywhere.
import type { ProblemKind } from '../../core/contract';
import { sentence } from './language';

const CATEGORIES: Record<string, string> = {
  accounting: 'Accounting',
  ai: 'AI',
  calendar: 'Calendar',
  chat: 'Chat',
  code: 'Code',
  commerce: 'Commerce',
  crm: 'CRM',
  data: 'Tables',
  demo: 'Demo',
  email: 'Mail',
  files: 'Files',
  identity: 'Sign-in',
  payments: 'Payments',
  sms: 'SMS and calls',
};

export const problems: Record<ProblemKind, string> = {
  invalid_input: 'Check what you typed and try again.',
  not_found: 'It is no longer there.',
  conflict: 'Something changed in the meantime. Look again and repeat what you did.',
  permission_denied: 'This is not allowed here.',
  reauthorization_required: 'Reconnect the account to go on.',
  provider_rejected: 'The service did not accept this. Check what you typed.',
  rate_limited: 'The service asks for a pause. Try again in a minute.',
  upstream_unavailable: 'The service could not be reached. Check the network and try again.',
  keychain_unavailable: 'The system keychain does not answer, so nothing can be sealed or opened.',
  key_lost: 'The key of the vault is missing, so what was sealed with it cannot be opened.',
  locked: 'Unlock Hearthkey to go on.',
  profile_in_use: 'Another Hearthkey is using this profile. Close it and try again.',
  incompatible_profile: 'This profile was written by a newer Hearthkey. Update the app to open it.',
  internal: 'This is a fault of the app. Your keys are untouched.',
};

export const category = (id: string) => CATEGORIES[id] ?? id.charAt(0).toLocaleUpperCase() + id.slice(1).replaceAll('_', ' ');

export const common = {
  loading: 'Loading',
  cancel: 'Cancel',
  close: 'Close',
  done: 'Done',
  save: 'Save',
  undo: 'Undo',
  optional: 'optional',
  show: 'Show',
  hide: 'Hide',
  showSecret: (label: string) => `Show ${label}`,
  copy: 'Copy',
  copied: 'Copied',
  copyRefused: 'The clipboard refused. Select the text and copy it by hand.',
  copyCause: 'Copy the technical cause',
  cause: 'Technical cause',
  tryAgain: 'Try again',
  trying: 'Trying',
  because: (what: string, why: string) => `${what} ${sentence(why)}`,
  sentence,
};

export const time = {
  justNow: 'just now',
  soon: 'in a moment',
  ago: (span: string) => `${span} ago`,
  ahead: (span: string) => `in ${span}`,
  minutes: (count: number) => `${count} min`,
  hours: (count: number) => `${count} h`,
  days: (count: number) => (count === 1 ? '1 day' : `${count} days`),
};

export const toasts = {
  region: 'Messages',
  dismiss: 'Dismiss',
};

export const form = {
  required: (label: string) => `${label} is needed.`,
  address: 'This is not a full address. It begins with https://',
  pattern: (label: string, example: string | null | undefined) =>
    example ? `This does not look right. ${label} looks like ${example}` : `This does not look like ${label}.`,
};
