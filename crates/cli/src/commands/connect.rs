//! Connecting: by signing in in the browser, or with a key.

use super::Session;
use super::connections::say_connected;
use crate::args::Connect;
use crate::failure::{Failure, INTERRUPTED};
use crate::secrets;
use hearthkey_api::Problem;
use hearthkey_api::doors::client::ClientError;
use hearthkey_api::operations::authorizations::{Begin, Cancel, ClientInput, Follow};
use hearthkey_api::operations::{connections, connectors, credentials};
use hearthkey_api::problem::ProblemKind;
use hearthkey_api::views::{
    AuthorizationState, AuthorizationView, ConnectorView, FieldWord, MethodKind, MethodView, SecretNeed,
};
use hearthkey_engine::signals;
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

    async fn service(&self, id: &str) -> Result<ConnectorView, Failure> {
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
            (None, Some(need)) if !need.ready && need.client_id.is_none() && method_knows_issuer(method) => {
                self.teach(method);
                let detail = format!(
                    "{} needs a client of your own: --client-id ID, registered with the redirect {}",
                    service.name, need.redirect
                );
                return Err(Failure::input(detail));
            }
            _ => None,
        };
        let begin = Begin {
            connector: service.id.clone(),
            method: Some(method.id.clone()),
            label: args.label,
            connection: args.again,
            values,
            client,
            open_browser: Some(!args.no_browser),
        };
        let flow = self.call(&begin).await?;
        let words = if flow.browser_opened {
            "Finish in your browser. If it did not open, open this address yourself:"
        } else {
            "Open this address in a browser on this computer:"
        };
        self.output.progress(&flow, &format!("{words}\n\n  {}\n", flow.authorize_url));
        let ended = tokio::select! {
            ended = self.follow(&flow.id) => ended?,
            () = signals::asked_to_end() => {
                self.call(&Cancel { authorization: flow.id.clone() }).await?;
                // It may have been approved a moment before; then it is told as it ended.
                let ended = self.follow(&flow.id).await?;
                if ended.state == AuthorizationState::Cancelled {
                    self.output.note("Cancelled.");
                    return Err(Failure::Told(INTERRUPTED));
                }
                ended
            }
        };
        match (ended.state, ended.connection, ended.problem) {
            (AuthorizationState::Connected, Some(connection), _) => {
                let detail = self.call(&connections::Show { connection }).await?;
                say_connected(self, &detail.connection);
                Ok(())
            }
            (_, _, Some(problem)) => Err(problem.into()),
            _ => {
                Err(Problem::new(ProblemKind::Conflict, Some("the sign-in was cancelled".into()), None)
                    .into())
            }
        }
    }

    /// Follows a sign-in to its end, over a change of the profile's owner if need be.
    async fn follow(&self, authorization: &str) -> Result<AuthorizationView, Failure> {
        let mut tries = 0;
        let mut client = self.client().await?;
        loop {
            let follow = Follow { authorization: authorization.to_owned() };
            let mut last = None;
            let broken = match client.watch(&follow).await {
                Ok(mut states) => loop {
                    match states.next().await {
                        Ok(Some(state)) => last = Some(state),
                        Ok(None) => break None,
                        Err(error) => break Some(error),
                    }
                },
                Err(error) => Some(error),
            };
            let is_final = |flow: &AuthorizationView| {
                !matches!(flow.state, AuthorizationState::Waiting | AuthorizationState::Exchanging)
            };
            match (last, broken) {
                (Some(flow), _) if is_final(&flow) => return Ok(flow),
                (_, Some(ClientError::Problem(problem))) => return Err(problem.into()),
                (_, Some(error)) if tries >= 3 => return Err(error.into()),
                _ if tries >= 3 => return Err(ClientError::OtherVersion.into()),
                _ => tries += 1,
            }
            client = self.next_client().await?;
        }
    }
}

/// Whether a stored client would show before the form is filled in: not where the issuer is typed.
fn method_knows_issuer(method: &MethodView) -> bool {
    method.fields.iter().all(|field| field.kind != FieldWord::Url)
}
