//! The vault: how it is protected, locking, its keys, passphrase and recovery kit.

use super::{Done, call};
use crate::secret_input::{on_the_wire, one_on_the_wire};
use crate::views::{RotatedView, SafetyView, VaultView};
use crate::{Problem, SecretInput};
use hearthkey_core::lock::Opener;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the vault is protected: where its key is, which ways lead in, how old its keys are.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Show {}

call!(Show, "vault.show", Read, SafetyView, |_input, app, _| Ok(app.safety().await?.into()));

/// Asks the keychain again and says how the vault is.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {}

call!(Retry, "vault.retry", Write, while_locked: true, VaultView, |_input, app, _| {
    Ok(app.vault_state(true).await?.into())
});

/// Locks: drops the keys, closes every door and stops the background.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lock {}

call!(Lock, "vault.lock", Write, while_locked: true, VaultView, |_input, app, caller| {
    Ok(app.lock(&caller).await?.into())
});

/// Unlocks: with the passphrase or the recovery kit where a passphrase is set or the keychain has trouble, else with the
/// keychain, which may ask the person itself.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unlock {
    /// The passphrase.
    #[serde(default, serialize_with = "on_the_wire", skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<SecretInput>,
    /// The recovery kit, whole or its key alone.
    #[serde(default, serialize_with = "on_the_wire", skip_serializing_if = "Option::is_none")]
    pub recovery_kit: Option<SecretInput>,
}

call!(Unlock, "vault.unlock", Write, while_locked: true, VaultView, |input, app, caller| {
    let opener = opener(input.passphrase, input.recovery_kit)?;
    Ok(app.unlock(&caller, opener).await?.into())
});

/// Says that a person is there, so that Hearthkey does not lock by itself.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Touch {}

call!(Touch, "vault.touch", Write, Done, |_input, app, _| {
    app.touch();
    Ok(Done {})
});

/// Replaces every key of the vault. What was removed before can be opened by no older copy after.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotate {}

call!(Rotate, "vault.rotate", Write, RotatedView, |_input, app, caller| {
    Ok(app.rotate(&caller).await?.into())
});

/// Sets what is named here; the rest stays as it is.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// After how many minutes without a person Hearthkey locks by itself, where a passphrase is set. 0 is never; a day at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_after_minutes: Option<u32>,
    /// The gateway's https page that sends browsers on to the app, for services that return to no other place. Empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounce: Option<String>,
}

call!(Settings, "vault.settings", Write, SafetyView, |input, app, _| {
    if let Some(bounce) = input.bounce {
        let read =
            |text: &str| text.parse().map_err(|_| Problem::input("bounce", "an https address was expected"));
        let bounce = Some(bounce.trim()).filter(|text| !text.is_empty()).map(read).transpose()?;
        app.set_bounce(bounce).await?;
    }
    if let Some(minutes) = input.lock_after_minutes {
        app.set_lock_after(minutes).await?;
    }
    Ok(app.safety().await?.into())
});

/// Sets or changes the passphrase. Where no keychain is to be had, this founds the vault.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPassphrase {
    /// The new one: twelve characters at least.
    #[serde(serialize_with = "one_on_the_wire")]
    pub passphrase: SecretInput,
    /// The present one, where one is set.
    #[serde(default, serialize_with = "on_the_wire", skip_serializing_if = "Option::is_none")]
    pub current: Option<SecretInput>,
    /// The recovery kit, in place of the present one.
    #[serde(default, serialize_with = "on_the_wire", skip_serializing_if = "Option::is_none")]
    pub recovery_kit: Option<SecretInput>,
    /// Whether the keychain keeps the key as well, so that the background works after a restart without a person.
    pub keychain: bool,
}

call!(SetPassphrase, "passphrase.set", Write, SafetyView, |input, app, caller| {
    let opener = opener(input.current, input.recovery_kit)?;
    app.set_passphrase(&caller, opener, input.passphrase.0, input.keychain).await?;
    Ok(app.safety().await?.into())
});

/// Removes the passphrase: the keychain alone has the key again.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemovePassphrase {
    /// The present one.
    #[serde(default, serialize_with = "on_the_wire", skip_serializing_if = "Option::is_none")]
    pub current: Option<SecretInput>,
    /// The recovery kit, in its place.
    #[serde(default, serialize_with = "on_the_wire", skip_serializing_if = "Option::is_none")]
    pub recovery_kit: Option<SecretInput>,
}

call!(RemovePassphrase, "passphrase.remove", Write, SafetyView, |input, app, caller| {
    let opener = opener(input.current, input.recovery_kit)?;
    app.remove_passphrase(&caller, opener).await?;
    Ok(app.safety().await?.into())
});

/// Makes a recovery kit and writes it to a new file. It counts once it was tested; until then an older one does.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MakeRecoveryKit {
    /// The absolute path of the new file.
    pub file: String,
    /// The passphrase, where one is set.
    #[serde(default, serialize_with = "on_the_wire", skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<SecretInput>,
    /// The present kit, in its place.
    #[serde(default, serialize_with = "on_the_wire", skip_serializing_if = "Option::is_none")]
    pub recovery_kit: Option<SecretInput>,
}

call!(MakeRecoveryKit, "recovery.create", Write, SafetyView, |input, app, caller| {
    let opener = opener(input.passphrase, input.recovery_kit)?;
    app.make_recovery_kit(&caller, opener, &input.file).await?;
    Ok(app.safety().await?.into())
});

/// Shows that a recovery kit opens the vault. From then on it counts, and it alone.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestRecoveryKit {
    /// The kit, whole or its key alone.
    #[serde(serialize_with = "one_on_the_wire")]
    pub recovery_kit: SecretInput,
}

call!(TestRecoveryKit, "recovery.test", Write, SafetyView, |input, app, caller| {
    app.test_recovery_kit(&caller, input.recovery_kit.0).await?;
    Ok(app.safety().await?.into())
});

/// What a person brings: one of both, or nothing.
pub(super) fn opener(
    passphrase: Option<SecretInput>,
    recovery_kit: Option<SecretInput>,
) -> Result<Opener, Problem> {
    match (passphrase, recovery_kit) {
        (Some(_), Some(_)) => Err(Problem::input("recovery_kit", "give either the passphrase or the kit")),
        (Some(passphrase), None) => Ok(Opener::Passphrase(passphrase.0)),
        (None, Some(kit)) => Ok(Opener::Recovery(kit.0)),
        (None, None) => Ok(Opener::Keychain),
    }
}
