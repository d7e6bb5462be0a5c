//! What callers see: shapes of their own, converted by hand from the domain's.

mod activity;
mod app;
mod authorization;
mod client;
mod connection;
mod connector;
mod portable;
mod trouble;
mod vault;
mod workspace;

pub use activity::{ActivityView, DeedWord, DoorWord};
pub use app::{
    AppStatus, ChangeView, CheckView, DoctorReport, FindingWord, OwnerView, OwnerWord, TopicView, UnlockWays,
    VaultView, VaultWord,
};
pub use authorization::{
    AuthorizationState, AuthorizationView, DeclinedView, DeliveredView, DeliveredWord, DeviceView,
    StrategyWord,
};
pub use client::{
    ClientCheckView, ClientFault, ClientList, ClientSource, ClientVerdict, ClientView, RedirectView,
};
pub use connection::{
    ConnectionDetail, ConnectionList, ConnectionView, ConnectorMark, IdentityView, MethodKind, MethodMark,
    ResponseView, ScopeOutcomeView, ScopeWord, ScopesView, StatusWord, TestView,
};
pub use connector::{
    ClientNeed, ConnectorList, ConnectorView, FieldView, FieldWord, LinkView, MethodView, ScopeView,
    SecretNeed, StepView,
};
pub use portable::{ExportView, ImportItemView, ImportReport, OutcomeWord};
pub use trouble::{RemedyWord, TroubleClass, TroubleView};
pub use vault::{RecoveryWord, RotatedView, SafetyView};
pub use workspace::{WorkspaceEntryView, WorkspaceList, WorkspaceView};
