//! The table: every operation, listed once. Dispatch and catalogue come from this list.

use crate::Problem;
use crate::input::read;
use crate::operation::{Access, Call, Kind, Operation, Watch};
use crate::operations::{
    app, authorizations, blobs, clients, connections, connectors, credentials, portable, vault, workspaces,
};
use crate::problem::ProblemKind;
use futures::StreamExt;
use futures::stream::BoxStream;
use hearthkey_core::{Caller, Hearthkey};
use schemars::{Schema, SchemaGenerator};
use serde_json::Value;
use std::sync::Arc;

/// An operation as the catalogue has it.
pub struct Entry {
    /// `noun.verb`.
    pub name: &'static str,
    /// What it may do.
    pub access: Access,
    /// How it answers.
    pub kind: Kind,
    /// Schema of its input; none for blobs.
    pub input: Option<Schema>,
    /// Schema of its answer, or of the stream's items; none for bytes.
    pub output: Option<Schema>,
}

macro_rules! table {
    (calls: [$($call:ty,)*] watches: [$($watch:ty,)*]) => {
        /// Does a call by its name, if a door of class `allowed` may.
        ///
        /// # Errors
        /// [`Problem`], the operation's own or that there is no such operation for this door.
        pub async fn call(
            name: &str,
            allowed: impl Fn(Access) -> bool,
            input: &[u8],
            app: Arc<Hearthkey>,
            caller: Caller,
        ) -> Result<Value, Problem> {
            match name {
                $(<$call as Operation>::NAME if allowed(<$call as Operation>::ACCESS) => {
                    pass::<$call>(&app, &caller).await?;
                    answered(read::<$call>(input)?.run(app, caller).await?)
                })*
                _ => Err(unknown(name)),
            }
        }

        /// Begins a watch by its name, if a door of class `allowed` may.
        ///
        /// # Errors
        /// [`Problem`], the operation's own or that there is no such operation for this door.
        pub async fn watch(
            name: &str,
            allowed: impl Fn(Access) -> bool,
            input: &[u8],
            app: Arc<Hearthkey>,
            caller: Caller,
        ) -> Result<BoxStream<'static, Value>, Problem> {
            match name {
                $(<$watch as Operation>::NAME if allowed(<$watch as Operation>::ACCESS) => {
                    pass::<$watch>(&app, &caller).await?;
                    let items = read::<$watch>(input)?.run(app, caller).await?;
                    Ok(items.filter_map(async |item| answered(item).ok()).boxed())
                })*
                _ => Err(unknown(name)),
            }
        }

        /// Whether a name is that of a watch.
        #[must_use]
        pub fn is_watch(name: &str) -> bool {
            [$(<$watch as Operation>::NAME),*].contains(&name)
        }

        /// Every operation, by name.
        pub fn catalogue(schemas: &mut SchemaGenerator) -> Vec<Entry> {
            let mut entries = vec![
                Entry { name: blobs::READ, access: Access::Read, kind: Kind::Blob, input: None, output: None },
                Entry {
                    name: blobs::WRITE,
                    access: Access::Write,
                    kind: Kind::Blob,
                    input: None,
                    output: Some(schemas.subschema_for::<blobs::Kept>()),
                },
            ];
            $(entries.push(Entry {
                name: <$call as Operation>::NAME,
                access: <$call as Operation>::ACCESS,
                kind: Kind::Call,
                input: Some(schemas.root_schema_for::<$call>()),
                output: Some(schemas.subschema_for::<<$call as Call>::Output>()),
            });)*
            $(entries.push(Entry {
                name: <$watch as Operation>::NAME,
                access: <$watch as Operation>::ACCESS,
                kind: Kind::Watch,
                input: Some(schemas.root_schema_for::<$watch>()),
                output: Some(schemas.subschema_for::<<$watch as Watch>::Item>()),
            });)*
            entries.sort_by_key(|entry| entry.name);
            entries
        }
    };
}

table! {
    calls: [
        app::Status,
        app::Doctor,
        app::HandOver,
        app::ShowWindow,
        app::OpenLink,
        connectors::List,
        clients::List,
        clients::Add,
        clients::Update,
        clients::Check,
        clients::Remove,
        connections::List,
        connections::Show,
        connections::Rename,
        connections::Test,
        connections::Refresh,
        connections::Request,
        connections::Disconnect,
        connections::Restore,
        credentials::Check,
        credentials::Add,
        authorizations::Begin,
        authorizations::Reopen,
        authorizations::Paste,
        authorizations::Deliver,
        authorizations::Cancel,
        vault::Show,
        vault::Retry,
        vault::Lock,
        vault::Unlock,
        vault::Touch,
        vault::Rotate,
        vault::Settings,
        vault::SetPassphrase,
        vault::RemovePassphrase,
        vault::MakeRecoveryKit,
        vault::TestRecoveryKit,
        portable::Export,
        portable::Import,
        workspaces::List,
        workspaces::Add,
        workspaces::Rename,
        workspaces::Switch,
        workspaces::Destroy,
    ]
    watches: [
        app::WatchChanges,
        authorizations::Follow,
    ]
}

/// The one place where callers wait outside a locked Hearthkey.
async fn pass<O: Operation>(app: &Hearthkey, caller: &Caller) -> Result<(), Problem> {
    if O::WHILE_LOCKED {
        return Ok(());
    }
    Ok(app.pass_door(caller, O::ACCESS != Access::Read).await?)
}

fn answered(output: impl serde::Serialize) -> Result<Value, Problem> {
    serde_json::to_value(output).map_err(|_| Problem::new(ProblemKind::Internal, None, None))
}

fn unknown(name: &str) -> Problem {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
    let detail = format!("there is no operation {shown:?} at this door");
    Problem::new(ProblemKind::NotFound, Some(detail), None)
}
