//! What the vault needs now and then, in the background: keys replaced when that is due, the keychain tidied, a copy of the
//! database every day.

use crate::{Caller, Error, Hearthkey};
use hearthkey_domain::ports::StoreError;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, PoisonError};

/// How long a copy of the database is good.
const COPY_EVERY: SignedDuration = SignedDuration::from_hours(24);
/// How long after the start the first look is taken, so that a short command is not kept waiting.
const FIRST_LOOK: SignedDuration = SignedDuration::from_secs(5);
/// How often what is due is looked for, and how long after a failure.
const LOOK_EVERY: SignedDuration = SignedDuration::from_mins(10);
const AFTER_FAILURE: SignedDuration = SignedDuration::from_mins(1);
/// How long a generation of the keys is used: far below what its random nonces allow (SP 800-38D section 8.3: 2^32 seals).
const GENERATION: SignedDuration = SignedDuration::from_hours(24 * 365);

/// When the next look is due.
#[derive(Default)]
pub(crate) struct Upkeep(Mutex<Times>);

#[derive(Default)]
struct Times {
    keys: Option<Timestamp>,
    copy: Option<Timestamp>,
}

impl Upkeep {
    fn with<T>(&self, change: impl FnOnce(&mut Times) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Something was destroyed, or keys were replaced: a fresh copy is wanted.
    pub(crate) fn back_up_soon(&self) {
        self.with(|times| times.copy = times.copy.map(|_| Timestamp::UNIX_EPOCH));
    }

    /// Something that makes new keys due was done.
    pub(crate) fn rotate_soon(&self) {
        self.with(|times| times.keys = Some(Timestamp::UNIX_EPOCH));
    }
}

impl Hearthkey {
    /// One round. Nothing is asked of a vault that is not open.
    pub(crate) async fn keep_up(self: &Arc<Self>) {
        let now = self.now();
        let (keys_due, copy_due) = self.upkeep.with(|times| {
            let keys = now >= *times.keys.get_or_insert(now);
            let copy = now >= *times.copy.get_or_insert(now + FIRST_LOOK);
            if keys {
                times.keys = Some(now + LOOK_EVERY);
            }
            if copy {
                // Until it is known better.
                times.copy = Some(now + LOOK_EVERY);
            }
            (keys, copy)
        });
        if self.vault.open().is_none() {
            // Looked at again as soon as it is open.
            self.upkeep.with(|times| times.keys = None);
            return;
        }
        if keys_due && let Err(error) = self.keep_keys().await {
            tracing::warn!(kind = ?error.kind(), "the keys could not be replaced yet");
            self.upkeep.with(|times| times.keys = Some(now + AFTER_FAILURE));
        }
        if copy_due && let Err(error) = self.keep_copy().await {
            tracing::warn!(kind = ?error.kind(), "no copy of the database could be made");
        }
    }

    /// Refuses to begin what must be written down at its end while the disk is full.
    pub(crate) async fn check_room(&self) -> Result<(), Error> {
        if self.ports.store.has_reserve().await { Ok(()) } else { Err(StoreError::DiskFull.into()) }
    }

    async fn keep_keys(self: &Arc<Self>) -> Result<(), Error> {
        self.tidy_keychain().await;
        self.finish_rotation().await?;
        let Some(record) = self.ports.store.vault_record().await? else { return Ok(()) };
        let old = record.rotated_at.duration_until(self.now()) > GENERATION;
        if record.rotation_due || old {
            self.rotate(&Caller::background()).await?;
        }
        Ok(())
    }

    async fn keep_copy(&self) -> Result<(), Error> {
        let now = self.now();
        let newest = self.ports.store.health().await?.backup.map(|(_, at)| at);
        let newest = match newest.filter(|at| at.duration_until(now) < COPY_EVERY) {
            Some(at) => at,
            None => {
                self.ports.store.back_up(now).await?;
                now
            }
        };
        self.upkeep.with(|times| times.copy = Some(newest + COPY_EVERY));
        Ok(())
    }
}
