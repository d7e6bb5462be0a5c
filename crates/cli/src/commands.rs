//! The commands: each calls one or two operations and says the answer.

mod connect;
mod connections;
mod request;
mod serve;

use crate::failure::Failure;
use crate::output::Output;
use hearthkey_api::doors::client::Client;
use hearthkey_api::operation::Call;
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

    async fn call<C: Call>(&self, input: &C) -> Result<C::Output, Failure> {
        Ok(self.client().await?.call(input).await?)
    }
}
