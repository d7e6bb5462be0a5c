//! Bytes that do not belong into JSON: kept in memory for a short while under an unguessable identifier, never on disk.

use crate::{Error, Hearthkey};
use bytes::Bytes;
use hearthkey_domain::ids::BlobId;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// The largest blob, in bytes.
pub const BLOB_MAX: usize = 32 * 1024 * 1024;
/// All blobs together, in bytes; the oldest go first.
const TOTAL_MAX: usize = 64 * 1024 * 1024;
/// How long a blob is kept.
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// A blob.
#[derive(Debug, Clone)]
pub struct Blob {
    /// Its content.
    pub bytes: Bytes,
    /// Its media type, as the provider or caller named it.
    pub media_type: String,
    kept_since: Timestamp,
}

#[derive(Default)]
pub(crate) struct Blobs(Mutex<BTreeMap<BlobId, Blob>>);

impl Blobs {
    fn with<T>(&self, change: impl FnOnce(&mut BTreeMap<BlobId, Blob>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    pub(crate) fn forget_all(&self) {
        self.with(BTreeMap::clear);
    }

    pub(crate) fn forget_old(&self, now: Timestamp) {
        self.with(|blobs| blobs.retain(|_, blob| blob.kept_since.duration_until(now) < LIFETIME));
    }
}

impl Hearthkey {
    /// Keeps bytes for ten minutes.
    ///
    /// # Errors
    /// When they are more than [`BLOB_MAX`].
    pub fn keep_blob(&self, bytes: Bytes, media_type: String) -> Result<BlobId, Error> {
        if bytes.len() > BLOB_MAX {
            let expected = format!("at most {BLOB_MAX} bytes were expected");
            return Err(Error::Input { field: "blob".into(), expected });
        }
        let now = self.now();
        let id = BlobId::new(now, self.random());
        self.blobs.with(|blobs| {
            let mut total: usize = blobs.values().map(|blob| blob.bytes.len()).sum();
            while total + bytes.len() > TOTAL_MAX
                && let Some((_, oldest)) = blobs.pop_first()
            {
                total -= oldest.bytes.len();
            }
            blobs.insert(id, Blob { bytes, media_type, kept_since: now });
        });
        Ok(id)
    }

    /// The blob with this identifier.
    ///
    /// # Errors
    /// When it is not there, or no longer.
    pub fn blob(&self, id: BlobId) -> Result<Blob, Error> {
        self.blobs
            .with(|blobs| blobs.get(&id).cloned())
            .ok_or_else(|| Error::NotFound { what: "blob", name: id.to_string() })
    }
}
