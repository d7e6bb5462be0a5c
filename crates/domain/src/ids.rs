//! Identifiers: a prefix that says what it names, and a ULID, so that they sort by the time they were made.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use ulid::Ulid;

/// Why a text is not the identifier that was expected.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an identifier like {prefix}01J… was expected")]
pub struct IdError {
    /// The prefix an identifier of this kind starts with.
    pub prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Ulid);

        impl $name {
            /// What every identifier of this kind starts with.
            pub const PREFIX: &'static str = $prefix;

            /// An identifier made at `now` from ten random bytes.
            #[must_use]
            pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
                let mut wide = [0; 16];
                wide[6..].copy_from_slice(&random);
                let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
                Self(Ulid::from_parts(millis, u128::from_be_bytes(wide)))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, self.0.to_string())
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix($prefix)
                    .and_then(|rest| Ulid::from_string(rest).ok())
                    .map(Self)
                    .ok_or(IdError { prefix: $prefix })
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    )*};
}

ids! {
    /// Names a [`Workspace`](crate::workspace::Workspace).
    WorkspaceId = "ws_";
    /// Names a [`Connection`](crate::connection::Connection).
    ConnectionId = "conn_";
    /// Names a [`PendingAuthorization`](crate::authorization::PendingAuthorization).
    AuthorizationId = "auth_";
    /// Names an OAuth client registration ([`Client`](crate::client::Client)).
    ClientId = "client_";
    /// Names an [`Activity`](crate::activity::Activity) entry.
    ActivityId = "act_";
    /// Names a [`KeySlot`](crate::key_slot::KeySlot).
    SlotId = "slot_";
    /// Names bytes kept for a short while outside JSON.
    BlobId = "blob_";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_survives_text_and_refuses_another_kind() {
        let id = ConnectionId::new(Timestamp::UNIX_EPOCH, [7; 10]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().parse::<WorkspaceId>(), Err(IdError { prefix: "ws_" }));
        assert!("conn_".parse::<ConnectionId>().is_err());
    }

    #[test]
    fn identifiers_sort_by_the_time_they_were_made() {
        let early = BlobId::new(Timestamp::from_second(10).unwrap(), [255; 10]);
        let late = BlobId::new(Timestamp::from_second(11).unwrap(), [0; 10]);
        assert!(early.to_string() < late.to_string());
    }
}
