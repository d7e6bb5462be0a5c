// Every word a person reads in the window. Plain, short, second person. Exact terms belong into details.
import { clients } from './clients';
import { category, common, form, problems, time, toasts } from './common';
import { connect, failures } from './connect';
import { connections, detail } from './connections';
import { chooser, firstRun, integrations, services } from './integrations';
import { shell, workspaces } from './shell';
import { lock, passphrase, safety, vault } from './vault';

export const text = {
  category,
  chooser,
  clients,
  common,
  connect,
  connections,
  detail,
  failures,
  firstRun,
  form,
  integrations,
  lock,
  passphrase,
  problems,
  safety,
  services,
  shell,
  time,
  toasts,
  vault,
  workspaces,
};
