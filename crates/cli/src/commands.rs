//! The commands: each calls one or two operations and says the answer.

mod clients;
mod connect;
mod connections;
mod doctor;
mod gateway;
mod passphrase;
mod portable;
mod recovery;
mod request;
mod serve;
mod sign_in;
mod vault;
mod workspaces;

use crate::failure::Failure;
use crate::output::Output;
use hearthkey_api::doors::client::{Client, ClientError};
use hearthkey_api::operation::{Access, Call};
use hearthkey_engine::{Profile, reach};

/// What every command has at hand.
pub(crate) struct Session {
    pub(crate) profile: Profile,
    pub(crate) output: Output,
    /// The workspace to act in; the current one if left out.
    pub(crate) workspace: Option<String>,
}

impl Session {
    async fn client(&self) -> Result<Client, Failure> {
        Ok(reach::owner_or_serve(&self.profile).await?.acting_in(self.workspace.as_deref()))
    }

    /// After an owner was lost.
    async fn next_client(&self) -> Result<Client, Failure> {
        Ok(reach::next_owner(&self.profile).await?.acting_in(self.workspace.as_deref()))
    }

    /// Calls an operation; one that looks once more if the owner ended just then. What may have had an effect is not repeated.
    async fn call<C: Call>(&self, input: &C) -> Result<C::Output, Failure> {
        self.call_in(self.workspace.as_deref(), input).await
    }

    /// Calls an operation in another workspace than the command's.
    async fn call_in<C: Call>(&self, workspace: Option<&str>, input: &C) -> Result<C::Output, Failure> {
        let mut client = reach::owner_or_serve(&self.profile).await?.acting_in(workspace);
        match client.call(input).await {
            Err(ClientError::Broken(_)) if C::ACCESS == Access::Read => {
                let mut client = reach::next_owner(&self.profile).await?.acting_in(workspace);
                Ok(client.call(input).await?)
            }
            outcome => Ok(outcome?),
        }
    }
}
