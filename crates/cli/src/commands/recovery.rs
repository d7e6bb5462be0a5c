//! The recovery kit: its state, making one, testing one.

use super::Session;
use crate::args::{Recovery, RecoveryCommand};
use crate::failure::Failure;
use crate::new_file::absolute;
use crate::output::mark;
use crate::secrets::{self, Passphrases};
use hearthkey_api::operations::vault;
use hearthkey_api::views::{RecoveryWord, SafetyView};
use std::path::Path;

impl Session {
    pub(crate) async fn recovery(&self, args: Recovery) -> Result<(), Failure> {
        match args.command {
            None => {
                let safety = self.protection_of_vault().await?;
                self.output.result(&safety, || state_words(&safety));
                Ok(())
            }
            Some(RecoveryCommand::Create { file }) => self.make_kit(&file).await,
            Some(RecoveryCommand::Test { file }) => self.test_kit(&file).await,
        }
    }

    async fn make_kit(&self, file: &Path) -> Result<(), Failure> {
        let file = absolute(file)?;
        let Some(path) = file.to_str() else {
            return Err(Failure::input(format!(
                "{}: a path of Unicode letters was expected",
                file.display()
            )));
        };
        let is_set = self.protection_of_vault().await?.passphrase;
        let passphrase = is_set.then(|| Passphrases::begin()?.next("Passphrase")).transpose()?;
        let input = vault::MakeRecoveryKit { file: path.to_owned(), passphrase, recovery_kit: None };
        let safety = self.call(&input).await?;
        self.output.result(&safety, || {
            format!(
                "{} The recovery kit is in {path}.\n  Print it, or move it to a stick in a safe place: it opens \
                 your vault without keychain and passphrase.\n  It counts once you have tested it: hearthkey \
                 recovery test {path:?}",
                mark(true)
            )
        });
        Ok(())
    }

    async fn test_kit(&self, file: &Path) -> Result<(), Failure> {
        // A locked Hearthkey says so before anything is typed.
        self.protection_of_vault().await?;
        let recovery_kit = secrets::key_file(file)?;
        let safety = self.call(&vault::TestRecoveryKit { recovery_kit }).await?;
        self.output.result(&safety, || {
            format!(
                "{} This kit opens your vault. It counts from now on, and it alone.\n  Keep it away from this \
                 computer, and leave no copy of it here.",
                mark(true)
            )
        });
        Ok(())
    }
}

fn state_words(safety: &SafetyView) -> String {
    match (safety.recovery, safety.recovery_tested_at) {
        (RecoveryWord::None, _) => {
            let other = match (safety.keychain, safety.passphrase) {
                (true, true) => "keychain and passphrase",
                (false, true) => "the passphrase",
                _ => "the keychain",
            };
            format!(
                "There is no recovery kit. Whoever loses {other} loses every connection.\n\
                 Make one: hearthkey recovery create FILE"
            )
        }
        (RecoveryWord::Untested, _) => {
            "There is a recovery kit that was never tested: it does not count yet.\n\
                                        Test it: hearthkey recovery test FILE"
                .to_owned()
        }
        (RecoveryWord::Tested, at) => {
            let when = at.map_or(String::new(), |at| format!(" on {}", at.strftime("%Y-%m-%d")));
            format!("There is a recovery kit. It was tested{when}.")
        }
    }
}
