//! Taking connections along: an encrypted file, and reading one.

use super::{call, id};
use crate::secret_input::on_the_wire;
use crate::views::{ExportView, ImportItemView, ImportReport};
use crate::{Problem, SecretInput};
use hearthkey_core::portable::Lock;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Writes connections with their secrets into an encrypted file (age), which comes as a blob. Locked by a passphrase, or for
/// the holders of age recipients.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// The file's passphrase: twelve characters at least.
    #[serde(default, serialize_with = "on_the_wire", skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<SecretInput>,
    /// Age recipients (`age1…`), in its place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<String>,
    /// Every workspace, not only the one this call acts in.
    #[serde(default)]
    pub all_workspaces: bool,
    /// The vault's own passphrase, where one is set.
    #[serde(default, serialize_with = "on_the_wire", skip_serializing_if = "Option::is_none")]
    pub current: Option<SecretInput>,
    /// The recovery kit, in its place.
    #[serde(default, serialize_with = "on_the_wire", skip_serializing_if = "Option::is_none")]
    pub recovery_kit: Option<SecretInput>,
}

call!(Export, "vault.export", Write, ExportView, |input, app, caller| {
    let lock = match (input.passphrase, input.recipients.is_empty()) {
        (Some(passphrase), true) => Lock::Passphrase(passphrase.0),
        (None, _) => Lock::Recipients(input.recipients),
        (Some(_), false) => {
            return Err(Problem::input("recipients", "give either a passphrase or recipients"));
        }
    };
    let opener = super::vault::opener(input.current, input.recovery_kit)?;
    Ok(app.export(&caller, opener, input.all_workspaces, lock).await?.into())
});

/// Reads an export and says what is in it; with `apply`, adds what is new. Nothing that is here is changed.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// The file, sent as a blob before.
    pub blob: String,
    /// Its passphrase.
    #[serde(default, serialize_with = "on_the_wire", skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<SecretInput>,
    /// An age identity (`AGE-SECRET-KEY-1…`), in its place.
    #[serde(default, serialize_with = "on_the_wire", skip_serializing_if = "Option::is_none")]
    pub identity: Option<SecretInput>,
    /// Whether to add what is new; without, it is only shown.
    #[serde(default)]
    pub apply: bool,
}

call!(Import, "vault.import", Write, ImportReport, |input, app, caller| {
    let opener = super::vault::opener(input.passphrase, input.identity)?;
    let items = app.import(&caller, id("blob", &input.blob)?, opener, input.apply).await?;
    let items = items.into_iter().map(ImportItemView::from).collect();
    Ok(ImportReport { applied: input.apply, items })
});
