//! Connections made with keys: checked while one types, tested before they are saved.

use crate::authorize::Prepared;
use crate::connections::TestReport;
use crate::outgoing::status_error;
use crate::{Caller, Error, Hearthkey};
use hearthkey_connectors::manifest::{ApiKey, FieldKind};
use hearthkey_connectors::request::{api_base, egress_policy};
use hearthkey_connectors::{form, reply};
use hearthkey_domain::Secret;
use hearthkey_domain::connection::{Connection, Identity, Status};
use hearthkey_domain::credential::Credential;
use hearthkey_domain::egress::EgressPolicy;
use hearthkey_domain::ids::ConnectionId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A key as a person gives it.
#[derive(Debug, Default)]
pub struct KeyOffer {
    /// The connector.
    pub connector: String,
    /// Its authentication method; the first if left out.
    pub method: Option<String>,
    /// The connection's label; made from the connector's name if left out.
    pub label: Option<String>,
    /// The connection that gets this key in place of its own, by identifier or label.
    pub reconnect: Option<String>,
    /// Plain answers to the connector's form.
    pub values: BTreeMap<String, String>,
    /// Secret answers.
    pub secrets: BTreeMap<String, Secret>,
}

/// A key with what it takes to try it.
struct Trial<'a> {
    prepared: Prepared<'a>,
    policy: EgressPolicy,
    credential: Credential,
    masked: Option<String>,
}

impl Hearthkey {
    /// Tries a key without saving anything.
    ///
    /// # Errors
    /// Answers that cannot be right. A key that does not work is `Ok` with `ok: false`.
    pub async fn check_key(&self, offer: KeyOffer) -> Result<TestReport, Error> {
        let trial = self.trial(offer).await?;
        let report = self.run_trial(&trial).await;
        Ok(report.unwrap_or_else(|error| TestReport::without_reply(&error, self.now())))
    }

    /// Tests a key and saves it as a connection if it works.
    ///
    /// # Errors
    /// Answers that cannot be right, a key that does not work, or a vault that is not open. Nothing is saved then.
    pub async fn add_key(self: &Arc<Self>, caller: &Caller, offer: KeyOffer) -> Result<Connection, Error> {
        let vault = self.vault().await?;
        let workspace = self.workspace_id(caller).await?;
        let (offer, reconnect) = self.offer_to_reconnect(caller, offer).await?;
        if let Some(label) = &offer.label {
            self.check_label_free(workspace, label.trim()).await?;
        }
        let trial = self.trial(offer).await?;
        let report = self.run_trial(&trial).await?;
        if !report.ok {
            return Err(Error::KeyRefused { message: report.message, hint: report.hint });
        }
        let now = self.now();
        let Trial { prepared: Prepared { manifest, method, values, label }, policy, credential, masked } =
            trial;
        let connection = Connection {
            id: ConnectionId::new(now, self.random()),
            workspace,
            connector: manifest.id.clone(),
            method: method.id.clone(),
            label: String::new(),
            status: Status::Active,
            identity: report.identity.unwrap_or_default(),
            values,
            oauth: None,
            masked_key: masked,
            created_at: now,
            last_used_at: None,
            last_tested_at: Some(report.tested_at),
            last_refreshed_at: None,
            version: 1,
        };
        if let Some(id) = reconnect {
            let renewed =
                self.reconnect(caller, id, connection, "", &policy, &credential, &vault, None).await?;
            self.changes.tell(crate::changes::Topic::Connections);
            return Ok(renewed);
        }
        let sealing = self.sealing().await?;
        let row = sealing.credential(&connection, 1, String::new(), &policy, &credential)?;
        let add = |connection, entry| self.ports.store.add_connection(connection, row.clone(), entry);
        let connection = self.add_labelled(caller, manifest, connection, label, add).await?;
        self.changes.tell(crate::changes::Topic::Connections);
        Ok(connection)
    }

    /// Completes the offer of a new key with what the connection already knows.
    async fn offer_to_reconnect(
        &self,
        caller: &Caller,
        mut offer: KeyOffer,
    ) -> Result<(KeyOffer, Option<ConnectionId>), Error> {
        let Some(name) = &offer.reconnect else { return Ok((offer, None)) };
        let known = self.find(caller, name).await?;
        if known.connector != offer.connector {
            let expected = format!("{} is a connection of {}", known.label, self.connector_name(&known));
            return Err(Error::Input { field: "connector".into(), expected });
        }
        self.check_can_reconnect(&known)?;
        offer.label = None;
        offer.method.get_or_insert(known.method);
        for (field, answer) in known.values {
            offer.values.entry(field).or_insert(answer);
        }
        Ok((offer, Some(known.id)))
    }

    async fn trial(&self, offer: KeyOffer) -> Result<Trial<'_>, Error> {
        let KeyOffer { connector, method, label, values, secrets, .. } = offer;
        let prepared = self.prepare(&connector, method.as_deref(), &values, label.as_deref()).await?;
        let Prepared { manifest, method, values, .. } = &prepared;
        let input = |field: &str, expected: String| Error::Input { field: field.to_owned(), expected };
        let Some(ApiKey { inject }) = &method.api_key else {
            return Err(input("method", format!("{} is connected by signing in", manifest.name)));
        };
        let fields = || method.fields.iter().filter(|field| field.kind == FieldKind::Secret);
        if let Some(unknown) = secrets.keys().find(|name| !fields().any(|field| field.name == **name)) {
            return Err(input(&format!("secrets.{unknown}"), "is not asked".to_owned()));
        }
        let mut keys = BTreeMap::new();
        for field in fields() {
            let typed = secrets.get(&field.name).map_or("", |secret| secret.expose().trim());
            form::check_secret(field, typed)?;
            if !typed.is_empty() {
                keys.insert(field.name.clone(), Secret::new(typed));
            }
        }
        let masked = inject.iter().find_map(|injection| keys.get(&injection.field)).map(Secret::masked);
        let policy = egress_policy(manifest, &api_base(manifest, values)?, None)
            .map_err(|error| input("values", error.to_string()))?;
        Ok(Trial { prepared, policy, credential: Credential::Keys(keys), masked })
    }

    async fn run_trial(&self, trial: &Trial<'_>) -> Result<TestReport, Error> {
        let Trial { prepared: Prepared { manifest, method, values, .. }, policy, credential, .. } = trial;
        let template = &manifest.test.request;
        let reply = self.ask(manifest, template, &method.id, values, None, policy, credential).await?;
        let now = self.now();
        if let Some(error) = status_error(manifest, &reply, now) {
            return Err(error);
        }
        let (status, body) = crate::connections::json_of(&reply);
        let verdict = reply::verdict(manifest, status, body.as_ref());
        let mut report = TestReport::of(verdict, status, now);
        if report.ok {
            let identity = self.identify(manifest, &method.id, values, None, policy, credential).await;
            report.identity = identity.filter(|identity| *identity != Identity::default());
        }
        Ok(report)
    }
}
