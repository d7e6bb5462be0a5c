//! OAuth clients: list, keep, give a new secret, check, remove.

use super::Session;
use crate::args::{Clients, ClientsCommand};
use crate::failure::{Failure, REFUSED};
use crate::output::{count, mark, table};
use crate::secrets;
use hearthkey_api::operations::clients;
use hearthkey_api::views::{ClientSource, ClientVerdict, ClientView, MethodKind, RedirectView, SecretNeed};

/// What to do before there is a redirect to register, where a service returns by way of a gateway only.
pub(super) const GATEWAY_FIRST: &str = "Set the gateway first: hearthkey gateway URL";

impl Session {
    pub(crate) async fn clients(&self, args: Clients) -> Result<(), Failure> {
        match args.command.unwrap_or(ClientsCommand::List) {
            ClientsCommand::List => self.list_clients().await,
            ClientsCommand::Add { service, client_id, client_secret, values } => {
                let service = self.service(&service).await?;
                let method = service.methods.iter().find(|method| method.kind == MethodKind::Oauth2);
                let need = method.and_then(|method| method.client.as_ref());
                let wanted = match need.map(|need| need.secret) {
                    Some(SecretNeed::Required) => true,
                    Some(SecretNeed::Optional) => client_secret,
                    // What has no clients is said by the owner.
                    Some(SecretNeed::None) | None => false,
                };
                let client_secret = wanted.then(|| secrets::ask("Client secret")).transpose()?;
                let values = values.into_iter().collect();
                let input =
                    clients::Add { connector: service.id, method: None, values, client_id, client_secret };
                let added = self.call(&input).await?;
                self.output.result(&added, || {
                    let name = &added.connector.name;
                    format!("Kept. The next sign-in at {name} uses it.\n{}", to_register(&added))
                });
                Ok(())
            }
            ClientsCommand::Update { client } => {
                let client_secret = secrets::ask("New client secret")?;
                let updated = self.call(&clients::Update { client, client_secret }).await?;
                self.output.result(&updated, || {
                    let used = count(updated.used_by as u64, "connection");
                    format!("{} has a new secret. Going on with it: {used}.", updated.client_id)
                });
                Ok(())
            }
            ClientsCommand::Check { client, values } => {
                let values = values.into_iter().collect();
                let report = self.call(&clients::Check { client, values }).await?;
                self.output.result(&report, || {
                    let sign = match report.verdict {
                        ClientVerdict::Fine => mark(true).to_string(),
                        ClientVerdict::Refused => mark(false).to_string(),
                        ClientVerdict::CannotTell => crate::output::advice_mark().to_string(),
                    };
                    let at = report.console.as_ref().filter(|_| report.verdict == ClientVerdict::Refused);
                    let at = at.map_or(String::new(), |console| format!("\n  {console}"));
                    format!("{sign} {}{at}", report.message)
                });
                if report.verdict == ClientVerdict::Refused { Err(Failure::Told(REFUSED)) } else { Ok(()) }
            }
            ClientsCommand::Remove { client, force } => {
                let done = self.call(&clients::Remove { client: client.clone(), force }).await?;
                self.output
                    .result(&done, || format!("{client} is removed. It is still registered at the service."));
                Ok(())
            }
        }
    }

    async fn list_clients(&self) -> Result<(), Failure> {
        let list = self.call(&clients::List {}).await?;
        self.output.result(&list, || {
            let own = || list.clients.iter().filter(|client| client.source == ClientSource::Own);
            if own().next().is_none() {
                return "There is no client of your own. `hearthkey services` shows which services take one."
                    .to_owned();
            }
            let row = |client: &ClientView| {
                let state = match (client.proven, client.next) {
                    (true, true) => "works, for the next sign-in",
                    (true, false) => "works",
                    (false, _) => "not tried yet",
                };
                let used = count(client.used_by as u64, "connection");
                [client.connector.name.clone(), client.client_id.clone(), used, state.to_owned()]
            };
            let mut text = table(["SERVICE", "CLIENT ID", "USED BY", "STATE"], own().map(row).collect());
            for client in own() {
                let name = &client.connector.name;
                text.push_str(&format!("\n\n{name}, {}:\n{}", client.client_id, to_register(client)));
            }
            text
        });
        Ok(())
    }
}

/// What to register for a client, and where.
fn to_register(client: &ClientView) -> String {
    let redirects = || client.redirects.iter().map(|RedirectView { redirect, .. }| format!("\n  {redirect}"));
    let at = client.console.as_ref().map_or(String::new(), |console| format!(" at {console}"));
    match client.redirects.len() {
        0 if client.needs_gateway => format!("{GATEWAY_FIRST}."),
        0 => "No redirect has to be registered.".to_owned(),
        1 => format!("Register this redirect{at}:{}", redirects().collect::<String>()),
        _ => {
            format!("Register these redirects{at}, or the first of them:{}", redirects().collect::<String>())
        }
    }
}
