//! Consent pages that wait for an answer. The id in a page is random and works once, so no other page can answer.

use crate::clock::after;
use crate::grants::AuthorizationRequest;
use crate::secret::opaque;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How long a page may stay open.
const OPEN_SECONDS: u64 = 600;

/// What a page asks about.
#[derive(Debug, Clone)]
pub(crate) enum Question {
    Authorization(AuthorizationRequest),
    Device { user_code: String },
}

/// The open pages by their id.
#[derive(Default)]
pub(crate) struct Forms(Mutex<HashMap<String, (Timestamp, Question)>>);

impl Forms {
    /// Remembers a question and returns the id for its page.
    pub(crate) fn open(&self, question: Question, now: Timestamp) -> String {
        let id = opaque("form_");
        let mut forms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        forms.retain(|_, (closes, _)| *closes > now);
        forms.insert(id.clone(), (after(now, OPEN_SECONDS), question));
        id
    }

    /// Takes the question of a page out, once.
    pub(crate) fn take(&self, id: &str, now: Timestamp) -> Option<Question> {
        let (closes, question) = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id)?;
        (closes > now).then_some(question)
    }
}
