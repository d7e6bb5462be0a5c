//! Connecting: by signing in in the browser, or with a key.

use super::Session;
use super::clients::GATEWAY_FIRST;
use super::connections::say_connected;
use crate::args::Connect;
use crate::failure::Failure;
use crate::secrets;
use hearthkey_api::Problem;
use hearthkey_api::operations::authorizations::{Begin, ClientInput};
use hearthkey_api::operations::{connectors, credentials};
use hearthkey_api::problem::ProblemKind;
use hearthkey_api::views::{ConnectorView, FieldWord, MethodKind, MethodView, SecretNeed};
use std::collections::BTreeMap;

impl Session {
    pub(crate) async fn connect(&self, args: Connect) -> Result<(), Failure> {
        let service = self.service(&args.service).await?;
        let method = match &args.method {
            Some(id) => service.methods.iter().find(|method| method.id == *id),
            None => service.methods.first(),
        };
        let Some(method) = method else {
            let known: Vec<&str> = service.methods.iter().map(|method| method.id.as_str()).collect();
            return Err(Failure::input(format!("--method: one of {} was expected", known.join(", "))));
        };
        let values: BTreeMap<String, String> = args.values.iter().cloned().collect();
        if let Some(missing) = method.fields.iter().find(|field| {
            field.kind != FieldWord::Secret
                && field.required
                && field.default.is_none()
                && !values.contains_key(&field.name)
                && args.again.is_none()
        }) {
            let like = missing.placeholder.as_deref().unwrap_or("...");
            return Err(Failure::input(format!(
                "{} asks for the {}: --value {}={like}",
                service.name,
                missing.label.to_lowercase(),
                missing.name
            )));
        }
        match method.kind {
            MethodKind::ApiKey => self.connect_with_key(&service, method, values, args).await,
            MethodKind::Oauth2 => self.sign_in(&service, method, values, args).await,
        }
    }

    pub(super) async fn service(&self, id: &str) -> Result<ConnectorView, Failure> {
        let list = self.call(&connectors::List {}).await?;
        let named = |service: &ConnectorView| service.id == id || service.name.eq_ignore_ascii_case(id);
        list.connectors.into_iter().find(named).ok_or_else(|| {
            let detail = format!("there is no service {id:?}");
            let hint = "`hearthkey services` shows the services there are.".to_owned();
            Problem::new(ProblemKind::NotFound, Some(detail), Some(hint)).into()
        })
    }

    async fn connect_with_key(
        &self,
        service: &ConnectorView,
        method: &MethodView,
        values: BTreeMap<String, String>,
        args: Connect,
    ) -> Result<(), Failure> {
        if secrets::is_interactive() {
            self.teach(method);
            let hosts = method.hosts.join(", ");
            self.output.note(&format!("It is sealed on this computer, and goes to {hosts} only."));
        }
        let mut given = BTreeMap::new();
        for field in method.fields.iter().filter(|field| field.kind == FieldWord::Secret) {
            given.insert(field.name.clone(), secrets::ask(&field.label)?);
        }
        let input = credentials::Add {
            connector: service.id.clone(),
            method: Some(method.id.clone()),
            label: args.label,
            connection: args.again,
            values,
            secrets: given,
        };
        let connection = self.call(&input).await?;
        say_connected(self, &connection);
        Ok(())
    }

    /// Says where to get the credential.
    fn teach(&self, method: &MethodView) {
        for (number, step) in method.steps.iter().enumerate() {
            let text = step.text.replace("**", "");
            let link = step.link.as_ref().map_or(String::new(), |link| format!(" {}", link.url));
            self.output.note(&format!("{}. {text}{link}", number + 1));
        }
    }

    async fn sign_in(
        &self,
        service: &ConnectorView,
        method: &MethodView,
        values: BTreeMap<String, String>,
        args: Connect,
    ) -> Result<(), Failure> {
        let need = method.client.as_ref();
        let client = match (args.client_id, need) {
            (Some(client_id), Some(need)) => {
                let wanted = match need.secret {
                    SecretNeed::Required => true,
                    SecretNeed::Optional => args.client_secret,
                    SecretNeed::None => false,
                };
                let client_secret = wanted.then(|| secrets::ask("Client secret")).transpose()?;
                Some(ClientInput { client_id, client_secret })
            }
            (None, Some(need)) if !need.ready && need.client_id.is_none() && knows_server(method) => {
                self.teach(method);
                let further = match need.redirect.as_str() {
                    "" if need.needs_gateway => format!(". {GATEWAY_FIRST}"),
                    "" => String::new(),
                    redirect => format!(", registered with the redirect {redirect}"),
                };
                let detail = format!("{} needs a client of your own: --client-id ID{further}", service.name);
                return Err(Failure::input(detail));
            }
            _ => None,
        };
        let has_browser = args.no_browser || hearthkey_engine::has_browser();
        let begin = Begin {
            connector: service.id.clone(),
            method: Some(method.id.clone()),
            label: args.label,
            connection: args.again,
            values,
            scopes: args.scopes,
            duplicate: args.second,
            client,
            open_browser: Some(!args.no_browser && !args.paste && has_browser),
            strategy: args.way.map(Into::into),
            has_browser: Some(has_browser && !args.paste),
            ..Begin::default()
        };
        let flow = self.call(&begin).await?;
        let pastes = args.paste || (!has_browser && secrets::is_interactive());
        self.see_through(flow, pastes).await
    }
}

/// Whether a stored client would show before the form is filled in: not where the server depends on an answer.
fn knows_server(method: &MethodView) -> bool {
    method.fields.iter().all(|field| field.kind == FieldWord::Secret)
}
