// The frame: pages, workspaces.
import { accounts } from './language';

export const shell = {
  app: 'Hearthkey',
  pages: 'Pages',
  count: accounts,
  version: (version: string) => `Hearthkey ${version}`,
  unreachable: 'The window cannot reach its core',
  lock: 'Lock',
  lockKey: 'Ctrl L',
  lockFailed: 'Hearthkey could not be locked.',
};

export const workspaces = {
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
};
