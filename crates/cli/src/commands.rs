//! The commands: each calls one or two operations and says the answer.

mod connect;
mod connections;
mod request;
mod serve;

use crate::failure::Failure;
use crate::output::Output;
use hearthkey_api::doors::client::{Client, ClientError};
use hearthkey_api::operation::{Access, Call};
use hearthkey_engine::{Profile, reach};

/// What every command has at hand.
pub(crate) struct Session {
    pub(crate) profile: Profile,
    pub(crate) output: Output,
}

impl Session {
    async fn client(&self) -> Result<Client, Failure> {
        Ok(reach::owner_or_serve(&self.profile).await?)
    }

    /// Calls an operation; one that looks once more if the owner ended just then. What may have had an effect is not repeated.
    async fn call<C: Call>(&self, input: &C) -> Result<C::Output, Failure> {
        match self.client().await?.call(input).await {
            Err(ClientError::Broken(_)) if C::ACCESS == Access::Read => {
                Ok(reach::next_owner(&self.profile).await?.call(input).await?)
            }
            outcome => Ok(outcome?),
        }
    }
}
