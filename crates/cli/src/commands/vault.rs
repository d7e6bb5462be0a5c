//! Locking, unlocking, and replacing the keys.

use super::Session;
use crate::args::{Lock, Unlock};
use crate::failure::Failure;
use crate::output::count;
use crate::secrets::{self, Passphrases};
use hearthkey_api::Problem;
use hearthkey_api::operations::{app, vault};
use hearthkey_api::problem::ProblemKind;
use hearthkey_api::views::{SafetyView, VaultView, VaultWord};
use hearthkey_domain::ports::Clock;
use hearthkey_engine::SystemClock;
use jiff::SignedDuration;
use std::pin::pin;

/// How the vault is protected, where there is one.
pub(super) enum Protection {
    Founded(SafetyView),
    /// No vault can be founded, for the keychain is as it is.
    NotFounded(VaultView),
}

impl Session {
    pub(crate) async fn lock(&self, args: Lock) -> Result<(), Failure> {
        let Some(lock_after_minutes) = args.after else {
            let locked = self.call(&vault::Lock {}).await?;
            self.output.result(&locked, || "Locked. Background work stops until you unlock.".to_owned());
            return Ok(());
        };
        self.protection_of_vault().await?;
        let wanted = vault::Settings { lock_after_minutes: Some(lock_after_minutes), ..Default::default() };
        let safety = self.call(&wanted).await?;
        self.output.result(&safety, || match (lock_after_minutes, safety.passphrase) {
            (0, _) => "Hearthkey does not lock by itself.".to_owned(),
            (minutes, is_set) => {
                let minutes = count(minutes.into(), "minute");
                let once = if is_set { "." } else { ", once a passphrase is set: hearthkey passphrase set" };
                format!("Hearthkey locks by itself after {minutes} without you{once}")
            }
        });
        Ok(())
    }

    pub(crate) async fn unlock(&self, args: Unlock) -> Result<(), Failure> {
        let found = self.settled_vault().await?;
        if found.state == VaultWord::Open {
            self.output.result(&found, || "It is open already.".to_owned());
            return Ok(());
        }
        let mut input = vault::Unlock::default();
        let opened = if let Some(kit) = &args.recovery {
            input.recovery_kit = Some(secrets::key_file(kit)?);
            self.call(&input).await?
        } else if found.unlock.passphrase {
            input.passphrase = Some(Passphrases::begin()?.next("Passphrase")?);
            self.call(&input).await?
        } else {
            self.while_keychain_asks(found.state, self.call(&input)).await?
        };
        self.output.result(&opened, || "Unlocked.".to_owned());
        Ok(())
    }

    pub(crate) async fn rotate(&self) -> Result<(), Failure> {
        let rotated = self.call(&vault::Rotate {}).await?;
        self.output.result(&rotated, || {
            let rows = count(rotated.rows, "sealed row");
            format!("Keys replaced: generation {}, {rows}.", rotated.generation)
        });
        Ok(())
    }

    /// How the vault is, also where an owner has only just begun to open it, and whatever workspace is named.
    async fn settled_vault(&self) -> Result<VaultView, Failure> {
        let seen = self.call_in(None, &app::Status {}).await?.vault;
        if seen.state != VaultWord::Opening {
            return Ok(seen);
        }
        self.call(&vault::Retry {}).await?;
        Ok(self.call_in(None, &app::Status {}).await?.vault)
    }

    /// Waits for the keychain, which may ask the person for a minute, and says so.
    async fn while_keychain_asks<T>(&self, state: VaultWord, answer: impl Future<Output = T>) -> T {
        let mut answer = pin!(answer);
        if state != VaultWord::KeychainLocked {
            // An open one answers at once.
            let clock = SystemClock;
            tokio::select! {
                answer = &mut answer => return answer,
                () = clock.sleep_until(clock.now() + SignedDuration::from_secs(1)) => {}
            }
        }
        self.output.note("Waiting for your keychain to be unlocked…");
        answer.await
    }

    /// How the vault is protected. One that was never founded is founded first, where that can be.
    pub(super) async fn protection(&self) -> Result<Protection, Failure> {
        match self.call(&vault::Show {}).await {
            Ok(safety) => Ok(Protection::Founded(safety)),
            // There is none, or a new profile's owner is just about to found it.
            Err(failure) if failure.is(ProblemKind::PermissionDenied) => {
                let found = self.call(&vault::Retry {}).await?;
                match found.state {
                    VaultWord::Open => Ok(Protection::Founded(self.call(&vault::Show {}).await?)),
                    _ => Ok(Protection::NotFounded(found)),
                }
            }
            Err(failure) => Err(failure),
        }
    }

    /// How the vault is protected, which there has to be.
    pub(super) async fn protection_of_vault(&self) -> Result<SafetyView, Failure> {
        match self.protection().await? {
            Protection::Founded(safety) => Ok(safety),
            Protection::NotFounded(found) => {
                Err(Problem::new(ProblemKind::KeychainUnavailable, found.detail, found.fix).into())
            }
        }
    }
}
