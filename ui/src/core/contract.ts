// What the window and the core say to each other, by short names. The shapes come from `generated.ts`, which comes from the
// core; nothing here runs, and nothing here is decided.
import type { ACCESS, components, operations } from './generated';

type Schemas = components['schemas'];

export type Problem = Schemas['Problem'];
export type ProblemKind = Schemas['ProblemKind'];
export type AppStatus = Schemas['AppStatus'];
export type VaultView = Schemas['VaultView'];
export type VaultState = Schemas['VaultWord'];
export type UnlockWays = Schemas['UnlockWays'];
export type SafetyView = Schemas['SafetyView'];
export type WorkspaceView = Schemas['WorkspaceView'];
export type WorkspaceEntry = Schemas['WorkspaceEntryView'];
export type ScopeView = Schemas['ScopeView'];
export type FieldView = Schemas['FieldView'];
export type StepView = Schemas['StepView'];
export type ConnectionStatus = Schemas['StatusWord'];
export type IdentityView = Schemas['IdentityView'];
export type ActivityView = Schemas['ActivityView'];
export type Deed = Schemas['DeedWord'];
export type TestReport = Schemas['TestView'];
export type Change = Schemas['ChangeView'];
export type ChangeTopic = Schemas['TopicView'];

export type Strategy = Schemas['StrategyWord'];
export type FailureClass = Schemas['TroubleClass'];
export type Remedy = Schemas['RemedyWord'];
export type TroubleView = Schemas['TroubleView'];
export type ScopeOutcome = Schemas['ScopeOutcomeView'];
export type DeviceView = Schemas['DeviceView'];
export type AuthorizationView = Schemas['AuthorizationView'];
export type ConnectionView = Schemas['ConnectionView'];
export type ConnectorView = Schemas['ConnectorView'];
export type MethodView = Schemas['MethodView'];
export type RedirectView = Schemas['RedirectView'];
export type ClientNeed = Schemas['ClientNeed'];
export type ClientView = Schemas['ClientView'];
export type ClientCheck = Schemas['ClientCheckView'];

type Input<Name extends keyof operations> = operations[Name] extends {
  requestBody: { content: { 'application/json': infer Shape } };
}
  ? Shape
  : never;

type Answer<Name extends keyof operations, Media extends string> = operations[Name] extends {
  responses: { 200: { content: Record<Media, infer Shape> } };
}
  ? Shape
  : never;

/** What only other doors ask for. */
type Elsewhere =
  | 'connections.request'
  | 'doctor.run'
  | 'links.deliver'
  | 'owner.hand_over'
  | 'passphrase.remove'
  | 'recovery.create'
  | 'recovery.test'
  | 'vault.export'
  | 'vault.import'
  | 'vault.rotate'
  | 'vault.settings'
  | 'window.show'
  | 'workspaces.destroy';

/** Operations of the window that answer once. */
export type Operations = {
  [Name in Exclude<keyof typeof ACCESS, Elsewhere>]: { input: Input<Name>; output: Answer<Name, 'application/json'> };
};

/** Operations that answer with a stream. */
export type Watches = {
  [Name in 'changes.watch' | 'authorizations.watch']: { input: Input<Name>; message: Answer<Name, 'application/jsonl'> };
};

export type BeginAuthorization = Operations['authorizations.begin']['input'];
export type CheckCredential = Operations['credentials.check']['input'];
export type AddConnection = Operations['connections.add']['input'];
export type Unlock = Operations['vault.unlock']['input'];
