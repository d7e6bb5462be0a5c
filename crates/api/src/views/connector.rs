//! Services as callers see them: what to ask a person, and where to get it.

use super::{MethodKind, RedirectView, StrategyWord};
use hearthkey_core::manifest::{AuthMethod, Field, FieldKind, Manifest, SecretRule};
use hearthkey_core::{Caller, Hearthkey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// The services.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ConnectorList {
    /// By name.
    pub connectors: Vec<ConnectorView>,
}

/// A service.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ConnectorView {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its category.
    pub category: String,
    /// Its mark.
    pub icon: String,
    /// What it is good for.
    pub summary: String,
    /// Its home page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub website: Option<String>,
    /// The ways to sign in, best first.
    pub methods: Vec<MethodView>,
}

/// A way to sign in.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct MethodView {
    /// Its identifier within the service.
    pub id: String,
    /// Its scheme.
    pub kind: MethodKind,
    /// What a person calls it.
    pub name: String,
    /// One line under the title of the dialog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// What is asked.
    pub fields: Vec<FieldView>,
    /// How to get the credential, step by step.
    pub steps: Vec<StepView>,
    /// What kind of OAuth client it takes; `null` for keys.
    pub client: Option<ClientNeed>,
    /// What is asked for, each with its reason.
    pub scopes: Vec<ScopeView>,
    /// The hosts the credential will go to, as far as known before the form is filled in.
    pub hosts: Vec<String>,
}

/// What kind of OAuth client a method takes.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ClientNeed {
    /// Whether one is there: stored, or bundled.
    pub ready: bool,
    /// Whether one is bundled.
    pub bundled: bool,
    /// The exact redirect to register for the best way that has one; empty where none is to be registered.
    pub redirect: String,
    /// Every redirect to register, best first. The https one is there only where a gateway is set.
    pub redirects: Vec<RedirectView>,
    /// Whether the gateway has to be set before there is a redirect to register.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_gateway: bool,
    /// The ways in which a sign-in can come back, best first.
    pub strategies: Vec<StrategyWord>,
    /// The page where clients are registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console: Option<String>,
    /// Whether a registration has a secret.
    pub secret: SecretNeed,
    /// The `client_id` of the person's own registration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}

/// Whether a client registration has a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretNeed {
    /// Always.
    Required,
    /// Depends on the registration.
    Optional,
    /// Never.
    None,
}

/// Something that is asked.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct FieldView {
    /// Its name in `values` or `secrets`.
    pub name: String,
    /// What a person reads above it.
    pub label: String,
    /// What is typed.
    pub kind: FieldWord,
    /// Whether it has to be answered.
    pub required: bool,
    /// An example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    /// A line below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// A regular expression for the whole answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// What stands there from the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// What is typed into a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldWord {
    /// A line of text.
    Text,
    /// An address.
    Url,
    /// A secret.
    Secret,
}

/// A step towards the credential.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct StepView {
    /// What to do; `**bold**` marks what to look for.
    pub text: String,
    /// A link behind the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkView>,
}

/// A link, for `links.open`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct LinkView {
    /// Its words.
    pub label: String,
    /// Its address.
    pub url: String,
}

/// A scope and its reason.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ScopeView {
    /// Its name, as sent.
    pub name: String,
    /// What it is for.
    pub reason: String,
    /// Whether it is asked for only when it is wanted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

impl ConnectorView {
    /// The view of a manifest.
    pub async fn of(app: &Hearthkey, caller: &Caller, manifest: &Manifest) -> Self {
        let bounce = app.bounce().await.ok().flatten();
        let mut methods = vec![];
        for method in &manifest.auth {
            methods.push(MethodView::of(app, caller, manifest, method, bounce.as_ref()).await);
        }
        Self {
            id: manifest.id.clone(),
            name: manifest.name.clone(),
            category: manifest.category.word().to_owned(),
            icon: manifest.icon.clone(),
            summary: manifest.summary.clone(),
            website: manifest.website.as_ref().map(ToString::to_string),
            methods,
        }
    }
}

impl MethodView {
    async fn of(
        app: &Hearthkey,
        caller: &Caller,
        manifest: &Manifest,
        method: &AuthMethod,
        bounce: Option<&Url>,
    ) -> Self {
        let (kind, client, scopes) = match &method.oauth2 {
            None => (MethodKind::ApiKey, None, vec![]),
            Some(oauth) => {
                let own = app.own_client_id(caller, manifest, method).await;
                let rules = &oauth.client;
                let redirects: Vec<RedirectView> = oauth.redirects(bounce).map(RedirectView::from).collect();
                let client = ClientNeed {
                    ready: own.is_some() || rules.bundled().is_some(),
                    bundled: rules.bundled().is_some(),
                    redirect: redirects.first().map(|first| first.redirect.clone()).unwrap_or_default(),
                    redirects,
                    needs_gateway: oauth.needs_gateway(bounce),
                    strategies: oauth.strategies.iter().map(|way| StrategyWord::from(*way)).collect(),
                    console: rules.console.as_ref().map(ToString::to_string),
                    secret: match rules.secret {
                        SecretRule::Required => SecretNeed::Required,
                        SecretRule::Optional => SecretNeed::Optional,
                        SecretRule::None => SecretNeed::None,
                    },
                    client_id: own,
                };
                let scopes = oauth.scopes.iter();
                let scopes = scopes.map(|s| ScopeView {
                    name: s.name.clone(),
                    reason: s.reason.clone(),
                    optional: s.optional,
                });
                let scopes = scopes.collect();
                (MethodKind::Oauth2, Some(client), scopes)
            }
        };
        let link = |link: &hearthkey_core::manifest::Link| LinkView {
            label: link.label.clone(),
            url: link.url.to_string(),
        };
        Self {
            id: method.id.clone(),
            kind,
            name: method.name.clone(),
            summary: method.summary.clone(),
            fields: method.fields.iter().map(FieldView::from).collect(),
            steps: method
                .steps
                .iter()
                .map(|step| StepView { text: step.text.clone(), link: step.link.as_ref().map(link) })
                .collect(),
            client,
            scopes,
            hosts: hearthkey_core::manifest::hosts(manifest, method),
        }
    }
}

impl From<&Field> for FieldView {
    fn from(field: &Field) -> Self {
        Self {
            name: field.name.clone(),
            label: field.label.clone(),
            kind: match field.kind {
                FieldKind::Text => FieldWord::Text,
                FieldKind::Url => FieldWord::Url,
                FieldKind::Secret => FieldWord::Secret,
            },
            required: !field.optional,
            placeholder: field.placeholder.clone(),
            help: field.help.clone(),
            pattern: field.pattern.clone(),
            default: field.default.clone(),
        }
    }
}
