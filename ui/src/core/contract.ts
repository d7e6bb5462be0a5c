// What the window and the core say to each other: operations, their input and output, and the one shape of a problem.
// Nothing here runs.

export type ProblemKind =
  | 'invalid_input'
  | 'not_found'
  | 'conflict'
  | 'permission_denied'
  | 'reauthorization_required'
  | 'provider_rejected'
  | 'rate_limited'
  | 'upstream_unavailable'
  | 'keychain_unavailable'
  | 'key_lost'
  | 'profile_in_use'
  | 'incompatible_profile'
  | 'internal';

/** RFC 9457, with the kind as a closed list and a hint for the person. */
export interface Problem {
  type: string;
  kind: ProblemKind;
  title: string;
  status: number;
  detail?: string | null;
  hint?: string | null;
  instance?: string | null;
}

export interface AppStatus {
  version: string;
  /** Nothing before the vault was first opened. */
  workspace?: { id: string; name: string } | null;
  profile: string;
  owner: { kind: 'desktop' | 'serve'; pid: number; since: string };
  vault: VaultView;
  /** Whether the sandbox provider can be started here. */
  sandbox: boolean;
}

export type VaultState =
  | 'open'
  | 'keychain_absent'
  | 'keychain_locked'
  | 'keychain_hanging'
  | 'keychain_refused'
  | 'key_missing'
  | 'wrong_key'
  | 'unreadable';

export interface VaultView {
  state: VaultState;
  detail?: string | null;
  fix?: string | null;
}

export interface ConnectorView {
  id: string;
  name: string;
  category: string;
  icon: string;
  summary: string;
  website?: string | null;
  methods: MethodView[];
}

export interface MethodView {
  id: string;
  kind: 'oauth2' | 'api_key';
  name: string;
  summary?: string | null;
  fields: FieldView[];
  steps: StepView[];
  /** Nothing for keys. */
  client?: ClientNeed | null;
  scopes: ScopeView[];
  /** Where the secret will go; may be empty when it depends on the fields. */
  hosts: string[];
}

export interface ScopeView {
  name: string;
  reason: string;
}

export interface ClientNeed {
  /** A client is already stored or bundled. */
  ready: boolean;
  bundled: boolean;
  /** The exact text to paste at the provider. */
  redirect: string;
  /** The page where one registers a client. */
  console?: string | null;
  secret: 'required' | 'optional' | 'none';
  /** Of the stored own client. */
  client_id?: string | null;
}

export interface FieldView {
  name: string;
  label: string;
  kind: 'text' | 'url' | 'secret';
  required: boolean;
  placeholder?: string | null;
  help?: string | null;
  pattern?: string | null;
  default?: string | null;
}

/** One numbered step. The text may contain **bold**. */
export interface StepView {
  text: string;
  link?: { label: string; url: string } | null;
}

export type ConnectionStatus = 'active' | 'expiring' | 'needs_reconnect' | 'error' | 'paused' | 'deleting';

export interface IdentityView {
  display?: string | null;
  email?: string | null;
  name?: string | null;
  external_id?: string | null;
}

export interface ConnectionView {
  id: string;
  label: string;
  connector: { id: string; name: string; icon: string; category: string };
  method: { id: string; kind: 'oauth2' | 'api_key' };
  status: ConnectionStatus;
  reason?: string | null;
  identity: IdentityView;
  scopes: { requested: string[]; granted: string[] };
  hosts: string[];
  /** The person's answers to the service's form. */
  values: Record<string, string>;
  masked_key?: string | null;
  expires_at?: string | null;
  renewable: boolean;
  created_at: string;
  last_used_at?: string | null;
  last_tested_at?: string | null;
  last_refreshed_at?: string | null;
  purge_after?: string | null;
}

export type Deed =
  | 'connected'
  | 'connect_failed'
  | 'refreshed'
  | 'refresh_failed'
  | 'tested'
  | 'used'
  | 'disconnected'
  | 'restored'
  | 'revoked'
  | 'revoke_failed';

export interface ActivityView {
  id: string;
  at: string;
  deed: Deed;
  door: 'desktop' | 'socket' | 'redirect' | 'background';
  program?: string | null;
  detail: string;
}

export interface AuthorizationView {
  id: string;
  connector: string;
  authorize_url: string;
  redirect_uri: string;
  expires_at: string;
  /** Whether a browser was opened for it. */
  browser_opened: boolean;
  state: 'waiting' | 'exchanging' | 'connected' | 'failed' | 'cancelled';
  connection?: string | null;
  problem?: Problem | null;
}

export interface TestReport {
  ok: boolean;
  message: string;
  hint?: string | null;
  identity?: IdentityView | null;
  http_status?: number | null;
  tested_at: string;
}

export type ChangeTopic = 'all' | 'connections' | 'connectors' | 'vault';

export interface Change {
  topic: ChangeTopic;
}

type Nothing = Record<string, never>;

interface Operation<Input, Output> {
  input: Input;
  output: Output;
}

export interface Reads {
  'app.status': Operation<Nothing, AppStatus>;
  'connectors.list': Operation<Nothing, { connectors: ConnectorView[] }>;
  'connections.list': Operation<Nothing, { connections: ConnectionView[] }>;
  'connections.show': Operation<{ connection: string }, { connection: ConnectionView; activity: ActivityView[] }>;
}

export interface BeginAuthorization {
  connector: string;
  method?: string;
  label?: string;
  values?: Record<string, string>;
  client?: { client_id: string; client_secret?: string };
  open_browser?: boolean;
}

export interface CheckCredential {
  connector: string;
  method?: string;
  values?: Record<string, string>;
  secrets: Record<string, string>;
}

export interface AddConnection extends CheckCredential {
  label?: string;
}

export interface Writes {
  'authorizations.begin': Operation<BeginAuthorization, AuthorizationView>;
  'authorizations.reopen': Operation<{ authorization: string }, Nothing>;
  'authorizations.cancel': Operation<{ authorization: string }, Nothing>;
  'credentials.check': Operation<CheckCredential, TestReport>;
  'connections.add': Operation<AddConnection, ConnectionView>;
  'connections.test': Operation<{ connection: string }, TestReport>;
  'connections.disconnect': Operation<{ connection: string; now?: boolean }, ConnectionView | null>;
  'connections.restore': Operation<{ connection: string }, ConnectionView>;
  'connections.rename': Operation<{ connection: string; label: string }, ConnectionView>;
  'vault.retry': Operation<Nothing, VaultView>;
  'links.open': Operation<{ url: string }, Nothing>;
}

export type Operations = Reads & Writes;

export interface Watches {
  'changes.watch': { input: Nothing; message: Change };
  'authorizations.watch': { input: { authorization: string }; message: AuthorizationView };
}
