//! Setting and removing the passphrase.

use super::Session;
use super::vault::Protection;
use crate::args::{Passphrase, PassphraseCommand, RemovePassphrase, SetPassphrase};
use crate::failure::Failure;
use crate::secrets::{self, Passphrases};
use hearthkey_api::operations::vault;
use hearthkey_api::problem::ProblemKind;
use hearthkey_api::views::{RecoveryWord, SafetyView};
use std::path::Path;

const PRESENT: &str = "Present passphrase";

impl Session {
    pub(crate) async fn passphrase(&self, args: Passphrase) -> Result<(), Failure> {
        match args.command {
            PassphraseCommand::Set(args) => self.set_passphrase(args).await,
            PassphraseCommand::Remove(args) => self.remove_passphrase(args).await,
        }
    }

    async fn set_passphrase(&self, args: SetPassphrase) -> Result<(), Failure> {
        if args.recovery.as_deref() == Some(Path::new("-")) {
            return Err(Failure::input("--recovery: a file was expected; standard input has the passphrase"));
        }
        let is_set = match self.protection().await? {
            Protection::Founded(safety) => safety.passphrase,
            Protection::NotFounded(_) if args.without_keychain => false,
            Protection::NotFounded(found) => {
                let hint = "Unlock or start the keychain, then try again; or keep the key under the passphrase \
                            alone: hearthkey passphrase set --without-keychain";
                let detail = found.detail.unwrap_or_default();
                return Err(Failure::with_hint(ProblemKind::KeychainUnavailable, detail, hint));
            }
        };
        let recovery_kit = args.recovery.as_deref().map(secrets::key_file).transpose()?;
        let mut passphrases = Passphrases::begin()?;
        let asked = is_set && recovery_kit.is_none();
        let current = asked.then(|| passphrases.next(PRESENT)).transpose()?;
        let passphrase = passphrases.next_new("New passphrase")?;
        let keychain = !args.without_keychain;
        let safety = self.call(&vault::SetPassphrase { passphrase, current, recovery_kit, keychain }).await?;
        self.output.result(&safety, || set_words(&safety));
        Ok(())
    }

    async fn remove_passphrase(&self, args: RemovePassphrase) -> Result<(), Failure> {
        let is_set = self.protection_of_vault().await?.passphrase;
        let recovery_kit = args.recovery.as_deref().map(secrets::key_file).transpose()?;
        let asked = is_set && recovery_kit.is_none();
        let current = asked.then(|| Passphrases::begin()?.next(PRESENT)).transpose()?;
        let safety = self.call(&vault::RemovePassphrase { current, recovery_kit }).await?;
        self.output
            .result(&safety, || "The passphrase is removed. The keychain alone has the key.".to_owned());
        Ok(())
    }
}

fn set_words(safety: &SafetyView) -> String {
    let place = if safety.keychain {
        "The keychain has the key as well, so background work goes on before you unlock."
    } else {
        "The keychain does not have the key: after every start nothing works until you unlock."
    };
    let kit = if safety.recovery == RecoveryWord::Tested {
        ""
    } else {
        "\nWhoever forgets it needs a recovery kit: hearthkey recovery create FILE"
    };
    format!("The passphrase is set. {place}{kit}")
}
