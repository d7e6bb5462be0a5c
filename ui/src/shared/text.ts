// Every word a person reads in the window. Plain, short, second person. Exact terms belong into details.
import type { ActivityView, ConnectionStatus, Deed, ProblemKind, VaultState } from '../core/contract';

const CATEGORIES: Record<string, string> = {
  ai: 'AI',
  calendar: 'Calendar',
  chat: 'Chat',
  code: 'Code',
  commerce: 'Commerce',
  crm: 'CRM',
  demo: 'Demo',
  email: 'Mail',
  files: 'Files',
  identity: 'Sign-in',
  payments: 'Payments',
  sms: 'SMS and calls',
  tables: 'Tables',
};

const status: Record<ConnectionStatus, string> = {
  active: 'Active',
  expiring: 'Expires soon',
  needs_reconnect: 'Reconnect needed',
  error: 'Not working',
  paused: 'Paused by you',
  deleting: 'Disconnected',
};

const problems: Record<ProblemKind, string> = {
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

const deeds: Record<Deed, string> = {
  connected: 'Connected',
  reconnected: 'Reconnected',
  connect_failed: 'Could not connect',
  refreshed: 'Sign-in renewed',
  refresh_failed: 'Could not renew',
  tested: 'Tested',
  used: 'Used',
  disconnected: 'Disconnected',
  restored: 'Brought back',
  revoked: 'Access ended at the service',
  revoke_failed: 'Could not end access at the service',
  locked: 'Locked',
  unlocked: 'Unlocked',
  keys_rotated: 'Keys of the vault replaced',
  passphrase_set: 'Passphrase set',
  passphrase_removed: 'Passphrase removed',
  recovery_kit_made: 'Recovery kit written',
  recovery_kit_tested: 'Recovery kit tested',
  workspace_added: 'Workspace made',
  workspace_renamed: 'Workspace renamed',
  workspace_destroyed: 'Workspace destroyed',
  exported: 'Exported',
  imported: 'Imported',
};

const doors: Record<ActivityView['door'], string> = {
  desktop: 'From this window',
  socket: 'From a program on this computer',
  redirect: 'From the browser',
  notice: 'From a notification',
  background: 'By Hearthkey in the background',
};

const accounts = (count: number) => (count === 0 ? 'no accounts' : count === 1 ? '1 account' : `${count} accounts`);
const services = (count: number) => (count === 1 ? '1 service' : `${count} services`);

export const text = {
  common: {
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
  },

  time: {
    justNow: 'just now',
    soon: 'in a moment',
    ago: (span: string) => `${span} ago`,
    ahead: (span: string) => `in ${span}`,
    minutes: (count: number) => `${count} min`,
    hours: (count: number) => `${count} h`,
    days: (count: number) => (count === 1 ? '1 day' : `${count} days`),
  },

  problems,

  category: (id: string) => CATEGORIES[id] ?? id.charAt(0).toLocaleUpperCase() + id.slice(1).replaceAll('_', ' '),

  shell: {
    app: 'Hearthkey',
    pages: 'Pages',
    count: accounts,
    version: (version: string) => `Hearthkey ${version}`,
    unreachable: 'The window cannot reach its core',
    lock: 'Lock',
    lockKey: 'Ctrl L',
    lockFailed: 'Hearthkey could not be locked.',
  },

  workspaces: {
    menu: (name: string) => `Workspace ${name}. Switch, make or rename`,
    list: 'Workspaces',
    add: 'New workspace…',
    rename: 'Rename…',
    addTitle: 'New workspace',
    addNote: 'Accounts of their own, sealed with a key of their own. You switch to it at once.',
    renameTitle: (name: string) => `Rename ${name}`,
    name: 'Name',
    create: 'Create',
    save: 'Rename',
    switchFailed: (name: string) => `${name} could not be opened.`,
  },

  vault: {
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
  },

  lock: {
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
  },

  passphrase: {
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
  },

  safety: {
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
  },

  toasts: {
    region: 'Messages',
    dismiss: 'Dismiss',
  },

  integrations: {
    title: 'Integrations',
    search: 'Search integrations',
    searchKey: 'Ctrl K',
    clear: 'Clear search',
    connect: 'Connect',
    connected: 'Connected',
    available: 'Available',
    of: (shown: number, all: number) => (shown === all ? `${all}` : `${shown} of ${all}`),
    nothing: (query: string) => `Nothing here matches “${query}”.`,
    found: (accountCount: number, serviceCount: number) => `${accounts(accountCount)} and ${services(serviceCount)} found`,
    connectionsFailed: 'Your accounts could not be listed',
    connectorsFailed: 'The services could not be listed',
    stale: 'This list may be out of date',
  },

  firstRun: {
    title: 'Connect an account once. Its key stays home.',
    where:
      'Keys are sealed in a vault on this computer, the vault’s own key is in your system keychain, and each key goes only to the service it belongs to.',
    wherePassphrase:
      'Keys are sealed in a vault on this computer, only your passphrase opens it, and each key goes only to the service it belongs to.',
    sandbox: 'Try it with a sandbox account',
    sandboxNote: 'A made-up service on this computer. Nothing leaves it, and you need no account.',
    choose: 'Choose a service below to begin.',
  },

  services: {
    categories: 'Categories',
    list: 'Available services',
    all: 'All',
    connected: (count: number) => `${count} connected`,
    cardLabel: (name: string, summary: string) => `Connect ${name}: ${summary}`,
  },

  chooser: {
    title: 'Connect an account',
    description: 'Which service is it with?',
    search: 'Search services',
    list: 'Services',
    none: (query: string) => `No service matches “${query}”.`,
  },

  connections: {
    status,
    testing: 'Testing',
    listLabel: 'Connected accounts',
    rowLabel: (label: string, service: string, identity: string | undefined, state: string) =>
      [label, service, identity, state].filter(Boolean).join(', '),
    menuLabel: (label: string) => `More for ${label}`,
    test: 'Test',
    rename: 'Rename',
    renameTitle: (label: string) => `Rename ${label}`,
    disconnect: 'Disconnect',
    undo: (seconds: number) => `Undo (${seconds} s)`,
    undoLabel: (label: string) => `Undo disconnecting ${label}`,
    removing: 'Removing',
    expires: (when: string) => `expires ${when}`,
    used: (when: string) => `used ${when}`,
    tested: (when: string) => `tested ${when}`,
    connected: (when: string) => `connected ${when}`,
    disconnectedToast: (label: string) => `${label} is disconnected.`,
    restoredToast: (label: string) => `${label} is connected again.`,
    disconnectFailed: (label: string) => `${label} could not be disconnected.`,
    restoreFailed: (label: string) => `${label} could not be brought back.`,
    httpCause: (code: number, message: string) => `HTTP ${code}\n${message}`,
  },

  detail: {
    label: (label: string) => `Details of ${label}`,
    back: 'Integrations',
    state: 'State',
    connectedAs: 'Connected as',
    may: 'May',
    mayNot: 'May not',
    goesTo: 'Goes to',
    key: 'Key',
    renews: 'Renews',
    expires: 'Expires',
    byItself: 'by itself',
    lastUsed: 'Last used',
    lastTested: 'Last tested',
    never: 'never',
    history: 'History',
    noHistory: 'Nothing has happened here yet.',
    historyFailed: 'The history could not be read',
    by: (program: string) => `by ${program}`,
    deeds,
    doors,
    reconnect: 'Reconnect',
    newKey: 'Enter a new key',
    testAgain: 'Test again',
    ended: (service: string) => `${service} ended this sign-in.`,
    keyRefused: (service: string) => `${service} no longer accepts this key.`,
    notWorking: (service: string) => `${service} did not work the last time.`,
    endsSoon: (service: string) => `This access to ${service} ends soon.`,
    waitsForReconnect: 'Whatever uses this account waits and continues after you reconnect.',
    keyStays: 'Whatever uses it waits, and continues with a new key.',
    nothingLost: 'Nothing is lost. It is tried again, and you can test it now.',
    renewInTime: 'It does not renew by itself.',
    disconnected: 'Disconnected',
    disconnectedNote: (service: string) =>
      `Nothing can use it any more. In a moment the access is ended at ${service} and the key is deleted here.`,
  },

  form: {
    required: (label: string) => `${label} is needed.`,
    address: 'This is not a full address. It begins with https://',
    pattern: (label: string, example: string | null | undefined) =>
      example ? `This does not look right. ${label} looks like ${example}` : `This does not look like ${label}.`,
  },

  connect: {
    title: (service: string) => `Connect ${service}`,
    reconnectTitle: (label: string) => `Reconnect ${label}`,
    ways: 'Ways to connect',
    name: 'Name',
    nameHelp: 'How you want to call it here.',
    checking: 'Testing',
    asksFor: (service: string) => `${service} will ask you to let Hearthkey`,
    sealed: (hosts: string[]) =>
      hosts.length === 0 ? 'Sealed on this computer.' : `Sealed on this computer. It goes to ${list(hosts)} only.`,
    continue: 'Continue in browser',
    clientTitle: (service: string) => `Your own app at ${service}`,
    clientNote: 'Register an app once, with this redirect address. All your accounts there can use it.',
    clientConsole: (service: string) => `Open the page at ${service}`,
    redirect: 'Redirect address to paste there',
    copyRedirect: 'Copy the redirect address',
    clientId: 'Client ID',
    clientSecret: 'Client secret',
    storedClient: (id: string) => `Uses your app ${id}`,
    anotherClient: 'Use another',
    vaultClosed: 'The vault is closed',
    vaultClosedNote: 'Nothing can be sealed until it opens. Close this and see what it needs.',
    finish: 'Finish in your browser',
    finishNote: (service: string) => `Sign in to ${service} and allow access. This window goes on by itself.`,
    exchanging: (service: string) => `Collecting the keys from ${service}`,
    exchangingNote: 'You allowed it. This takes a moment.',
    address: 'The address of the sign-in page',
    notOpened: 'No browser could be opened. Copy the address and open it yourself.',
    openAgain: 'Open again',
    copyAddress: 'Copy address',
    timeLeft: (left: string) => `${left} left`,
    timeUp: 'Time is up',
    browserFailed: 'The browser could not be opened.',
    connectedAs: (identity: string) => `Connected as ${identity}`,
    connected: (service: string) => `${service} is connected`,
    connectedNote: 'Its keys are sealed on this computer.',
    noReason: 'The core gave no reason',
    checkDetails: 'Check the details',
  },

  failures: {
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
    client: {
      title: (service: string) => `${service} did not accept the app`,
      note: 'Check the client ID, its secret, and the redirect address that is registered for it.',
      button: 'Try again',
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
  },
};

/** Ends with exactly one full stop. */
function sentence(words: string): string {
  return /[.?!]$/.test(words) ? words : `${words}.`;
}

function list(words: string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`;
}
