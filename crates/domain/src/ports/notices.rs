//! Notices: what a person should hear of though no window shows it.

use async_trait::async_trait;

/// Something a person should hear of. It says nothing that a lock screen may not show: labels and reasons, no secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What it is about. A later notice about the same takes its place.
    pub about: String,
    /// One line.
    pub title: String,
    /// A sentence or two, plain text.
    pub body: String,
    /// The words on its one button.
    pub action: String,
}

/// What became of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeAnswer {
    /// The person chose its button, or the notice itself.
    Chosen,
    /// It was put away, ran out, or was withdrawn.
    Gone,
}

/// The notifications of the person's session.
#[async_trait]
pub trait Notices: Send + Sync {
    /// Shows a notice, in the place of an earlier one about the same, and waits until it is answered or gone.
    ///
    /// # Errors
    /// A few words when the session shows no notices.
    async fn show(&self, notice: Notice) -> Result<NoticeAnswer, String>;

    /// Takes back what was shown about something. Nothing happens when nothing was.
    async fn withdraw(&self, about: &str);
}
