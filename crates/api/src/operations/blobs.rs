//! Bytes outside JSON: large or binary bodies of requests and replies, by identifier, kept for ten minutes.

use super::id;
use crate::Problem;
use bytes::Bytes;
use hearthkey_core::blobs::Blob;
use hearthkey_core::{Caller, Hearthkey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use hearthkey_core::blobs::BLOB_MAX;

/// The operation that gives a blob's bytes.
pub const READ: &str = "blobs.read";
/// The operation that takes bytes and keeps them as a blob.
pub const WRITE: &str = "blobs.write";

/// What a blob was kept as.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Kept {
    /// `blob_…`
    pub blob: String,
}

/// The bytes of a blob.
///
/// # Errors
/// [`Problem`] when there is none, or no longer, or while Hearthkey is locked.
pub async fn read(app: &Hearthkey, caller: &Caller, blob: &str) -> Result<Blob, Problem> {
    app.pass_door(caller, false).await?;
    Ok(app.blob(id("blob", blob)?)?)
}

/// Keeps bytes.
///
/// # Errors
/// [`Problem`] when they are more than [`BLOB_MAX`], or while Hearthkey is locked.
pub async fn write(
    app: &Hearthkey,
    caller: &Caller,
    bytes: Bytes,
    media_type: &str,
) -> Result<Kept, Problem> {
    app.pass_door(caller, true).await?;
    let blob = app.keep_blob(bytes, media_type.to_owned())?;
    Ok(Kept { blob: blob.to_string() })
}
