//! What changed, for whoever watches: the window, and later local tools. A watcher fetches anew what a change names.

use crate::Hearthkey;
use tokio::sync::broadcast;

/// What a watcher should fetch anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Everything: the stream begins, or fell behind.
    All,
    /// The connections.
    Connections,
    /// What connectors need, such as a client that is now there.
    Connectors,
    /// The state of the vault.
    Vault,
    /// The workspaces.
    Workspaces,
}

pub(crate) struct Changes(broadcast::Sender<Topic>);

impl Default for Changes {
    fn default() -> Self {
        Self(broadcast::channel(64).0)
    }
}

impl Changes {
    pub(crate) fn tell(&self, topic: Topic) {
        // Nobody watching is no error.
        let _ = self.0.send(topic);
    }
}

/// A stream of changes. It begins with [`Topic::All`].
pub struct ChangeStream {
    receiver: broadcast::Receiver<Topic>,
    begun: bool,
}

impl ChangeStream {
    /// The next change; [`Topic::All`] if some were missed. `None` when Hearthkey ends.
    pub async fn next(&mut self) -> Option<Topic> {
        if !self.begun {
            self.begun = true;
            return Some(Topic::All);
        }
        match self.receiver.recv().await {
            Ok(topic) => Some(topic),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Topic::All),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl Hearthkey {
    /// Watches for changes.
    #[must_use]
    pub fn watch_changes(&self) -> ChangeStream {
        ChangeStream { receiver: self.changes.0.subscribe(), begun: false }
    }
}
