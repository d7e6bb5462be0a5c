//! What an operation is.

use crate::Problem;
use futures::stream::BoxStream;
use hearthkey_core::{Caller, Hearthkey};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// What an operation may do. Doors are opened per class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Looks.
    Read,
    /// Changes, or sends something out.
    Write,
    /// Shows a secret to the person. No operation of this class answers with one.
    Reveal,
}

/// How an operation answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Once.
    Call,
    /// With a stream of changes.
    Watch,
    /// With bytes, or takes them.
    Blob,
}

/// What a caller may ask for. Its fields are its input.
pub trait Operation: Serialize + DeserializeOwned + JsonSchema + Send + 'static {
    /// `noun.verb`, as in every door.
    const NAME: &'static str;
    /// What it may do.
    const ACCESS: Access;
    /// Whether it is done while Hearthkey is locked: only what shows that state, or leads out of it.
    const WHILE_LOCKED: bool = false;
}

/// An operation that answers once.
pub trait Call: Operation {
    /// Its answer.
    type Output: Serialize + DeserializeOwned + JsonSchema + Send;

    /// Does it.
    ///
    /// # Errors
    /// [`Problem`], the same at every door.
    fn run(
        self,
        app: Arc<Hearthkey>,
        caller: Caller,
    ) -> impl Future<Output = Result<Self::Output, Problem>> + Send;
}

/// An operation that answers with a stream.
pub trait Watch: Operation {
    /// What the stream is made of.
    type Item: Serialize + DeserializeOwned + JsonSchema + Send;

    /// Begins it.
    ///
    /// # Errors
    /// [`Problem`], when there is nothing to watch.
    fn run(
        self,
        app: Arc<Hearthkey>,
        caller: Caller,
    ) -> impl Future<Output = Result<BoxStream<'static, Self::Item>, Problem>> + Send;
}
