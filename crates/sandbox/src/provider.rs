//! Everything one sandbox knows while it runs, shared by its connections.

use crate::content::Content;
use crate::error::Error;
use crate::faults::FaultPlan;
use crate::forms::Forms;
use crate::grant_store::GrantStore;
use crate::journal::Journal;
use crate::options::Options;
use crate::quota::Quota;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The state of one sandbox.
pub(crate) struct Provider {
    pub(crate) options: Options,
    /// The port in use, which is not the one in the options when that is 0.
    pub(crate) port: u16,
    pub(crate) grants: GrantStore,
    pub(crate) forms: Forms,
    pub(crate) faults: FaultPlan,
    pub(crate) journal: Journal,
    pub(crate) quota: Quota,
    content: Mutex<Content>,
}

impl Provider {
    pub(crate) fn open(options: Options, port: u16) -> Result<Self, Error> {
        Ok(Self {
            port,
            grants: GrantStore::open(options.state_file.clone())?,
            forms: Forms::default(),
            faults: FaultPlan::default(),
            journal: Journal::default(),
            quota: Quota::default(),
            content: Mutex::new(Content::new()),
            options,
        })
    }

    /// The issuer identifier (RFC 8414), which is also the base of every address here.
    pub(crate) fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The contacts and messages of the API.
    pub(crate) fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
