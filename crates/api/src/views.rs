//! What callers see: shapes of their own, converted by hand from the domain's.

mod activity;
mod app;
mod authorization;
mod connection;
mod connector;
mod portable;
mod vault;
mod workspace;

pub use activity::{ActivityView, DeedWord, DoorWord};
pub use app::{
    AppStatus, ChangeView, CheckView, DoctorReport, FindingWord, OwnerView, OwnerWord, TopicView, UnlockWays,
    VaultView, VaultWord,
};
pub use authorization::{AuthorizationState, AuthorizationView};
pub use connection::{
    ConnectionDetail, ConnectionList, ConnectionView, ConnectorMark, IdentityView, MethodKind, MethodMark,
    ResponseView, ScopesView, StatusWord, TestView,
};
pub use connector::{
    ClientNeed, ConnectorList, ConnectorView, FieldView, FieldWord, LinkView, MethodView, ScopeView,
    SecretNeed, StepView,
};
pub use portable::{ExportView, ImportItemView, ImportReport, OutcomeWord};
pub use vault::{RecoveryWord, RotatedView, SafetyView};
pub use workspace::{WorkspaceEntryView, WorkspaceList, WorkspaceView};
