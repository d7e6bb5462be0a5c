// The page of accounts and services.
import { accounts, services as serviceCount } from './language';

export const integrations = {
  title: 'Integrations',
  search: 'Search integrations',
  searchKey: 'Ctrl K',
  clear: 'Clear search',
  connect: 'Connect',
  connected: 'Connected',
  available: 'Available',
  of: (shown: number, all: number) => (shown === all ? `${all}` : `${shown} of ${all}`),
  nothing: (query: string) => `Nothing here matches “${query}”.`,
  found: (accountCount: number, serviceTotal: number) => `${accounts(accountCount)} and ${serviceCount(serviceTotal)} found`,
  connectionsFailed: 'Your accounts could not be listed',
  connectorsFailed: 'The services could not be listed',
  stale: 'This list may be out of date',
};

export const firstRun = {
  title: 'Connect an account once. Its key stays home.',
  where:
    'Keys are sealed in a vault on this computer, the vault’s own key is in your system keychain, and each key goes only to the service it belongs to.',
  wherePassphrase:
    'Keys are sealed in a vault on this computer, only your passphrase opens it, and each key goes only to the service it belongs to.',
  sandbox: 'Try it with a sandbox account',
  sandboxNote: 'A made-up service on this computer. Nothing leaves it, and you need no account.',
  choose: 'Choose a service below to begin.',
};

export const services = {
  categories: 'Categories',
  list: 'Available services',
  all: 'All',
  connected: (count: number) => `${count} connected`,
  cardLabel: (name: string, summary: string) => `Connect ${name}: ${summary}`,
};

export const chooser = {
  title: 'Connect an account',
  description: 'Which service is it with?',
  search: 'Search services',
  list: 'Services',
  none: (query: string) => `No service matches “${query}”.`,
};
