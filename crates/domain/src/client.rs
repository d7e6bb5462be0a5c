//! OAuth client registrations (RFC 6749 section 2).
//!
//! A registration is the person's own, one offered by a gateway, or one bundled with a connector, tried in that order.

use crate::ids::{ClientId, WorkspaceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A client registration of the person's own, as it was typed; never changed later, because connections were made with it. Its
/// secret, where it has one, is sealed in its row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Its identifier in this profile.
    pub id: ClientId,
    /// The workspace it belongs to.
    pub workspace: WorkspaceId,
    /// The connector it is registered for.
    pub connector: String,
    /// The authorization server it is registered with, where one connector serves many; else empty.
    pub issuer: String,
    /// The `client_id` the authorization server knows it by. Not a secret.
    pub client_id: String,
    /// Whether it has a `client_secret` (a confidential client, RFC 6749 section 2.1).
    pub confidential: bool,
    /// The authorization server its secret is for; part of the secret's seal.
    pub server: String,
    /// Where its secret may go: the canonical policy of that server's token endpoint. Part of the secret's seal.
    pub policy: String,
    /// When it was typed here.
    pub created_at: Timestamp,
    /// Whether a sign-in has succeeded with it.
    pub proven: bool,
    /// Whether it was kept on purpose, before any sign-in.
    #[serde(default)]
    pub kept: bool,
}

impl Client {
    /// Whether the next sign-in uses it: not what was typed once and never worked.
    #[must_use]
    pub fn is_for_use(&self) -> bool {
        self.proven || self.kept
    }
}

/// Which registration an authorization or connection uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ClientChoice {
    /// The person's own.
    Own {
        /// Its row.
        id: ClientId,
    },
    /// The public client that the connector's manifest carries.
    Bundled {
        /// The `client_id` the authorization server knows it by.
        client_id: String,
    },
}
