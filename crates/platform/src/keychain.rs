//! The OS keychain, which holds one item per vault: its key.
//!
//! Every call has its own thread and deadline, because a stuck keychain never answers, and its own connection, so that
//! nothing broken is used again. What the item means is the vault's business.

#[cfg(target_os = "linux")]
mod protection;
#[cfg(target_os = "linux")]
mod secret_service;

use crate::threads::{Done, NoAnswer, Threads};
use async_trait::async_trait;
use hearthkey_domain::{
    ports::{KEYCHAIN_DEADLINE, KEYCHAIN_PROMPT_DEADLINE, KeyStore, KeyStoreError, KeychainProtection},
    secret::Secret,
};
use keyring_core::{Entry, api::CredentialStore};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// The service that items are filed under.
const SERVICE: &str = "app.hearthkey.vault";

/// How many threads may be stuck in the keychain before it is not asked any more.
const MOST_STUCK: usize = 3;

/// The keychain of the operating system: Secret Service on Linux, the login keychain on macOS, the credential manager on
/// Windows.
///
/// On Linux only [`unlock`](KeyStore::unlock) shows a prompt; to every other call a locked keychain is
/// [`KeyStoreError::Locked`]. On macOS any call may prompt: the system asks for each program.
#[derive(Debug)]
pub struct OsKeychain {
    deadline: Duration,
    prompt_deadline: Duration,
    /// One call at a time: the keychains promise no order between threads.
    turn: tokio::sync::Mutex<()>,
    /// One prompt at a time.
    prompt: tokio::sync::Mutex<()>,
    /// One change of an item at a time, also of those whose caller has gone: a late one must not undo a newer one.
    changes: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    threads: Threads,
}

impl Default for OsKeychain {
    fn default() -> Self {
        Self::new(KEYCHAIN_DEADLINE.unsigned_abs())
    }
}

impl OsKeychain {
    /// A keychain whose calls end after `deadline`, whether it answered or not.
    ///
    /// A write or removal that missed its deadline is not begun if it had not; one that was under way may still come to pass,
    /// and a new item is then removed again. Until it has ended no other change of that item is begun.
    #[must_use]
    pub fn new(deadline: Duration) -> Self {
        Self {
            deadline,
            prompt_deadline: KEYCHAIN_PROMPT_DEADLINE.unsigned_abs(),
            turn: tokio::sync::Mutex::default(),
            prompt: tokio::sync::Mutex::default(),
            changes: Mutex::default(),
            threads: Threads::new("keychain", MOST_STUCK),
        }
    }

    /// The same, with another deadline for what prompts the person.
    #[must_use]
    pub fn prompting_for(self, prompt_deadline: Duration) -> Self {
        Self { prompt_deadline, ..self }
    }

    /// Asks the keychain for an item, or its state.
    async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, KeyStoreError> + Send + 'static,
    ) -> Result<T, KeyStoreError> {
        let answer = async {
            let _turn = self.turn.lock().await;
            self.threads.run((), |_| work().into()).await
        };
        self.in_time(answer).await
    }

    /// Changes the item of a vault. `work` is told when its caller has gone.
    async fn change(
        &self,
        vault: &str,
        work: impl FnOnce(&CancellationToken) -> Done<Result<(), KeyStoreError>> + Send + 'static,
    ) -> Result<(), KeyStoreError> {
        let change = Arc::clone(
            self.changes.lock().unwrap_or_else(PoisonError::into_inner).entry(vault.to_owned()).or_default(),
        );
        let answer = async {
            let change = change.lock_owned().await;
            let _turn = self.turn.lock().await;
            self.threads.run(change, work).await
        };
        self.in_time(answer).await
    }

    async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<Result<T, KeyStoreError>, NoAnswer>>,
    ) -> Result<T, KeyStoreError> {
        match timeout(self.deadline, answer).await {
            Ok(answer) => self.put(answer),
            Err(_) => Err(self.hanging()),
        }
    }

    /// Puts what a thread came to into the port's words.
    fn put<T>(&self, answer: Result<Result<T, KeyStoreError>, NoAnswer>) -> Result<T, KeyStoreError> {
        match answer {
            Ok(answer) => answer,
            Err(NoAnswer::Crowded) => Err(self.hanging()),
            Err(NoAnswer::Unstarted(kind)) => Err(refused(format!("no thread could be started ({kind})"))),
            Err(NoAnswer::Died) => Err(refused("its thread ended without an answer")),
        }
    }

    fn hanging(&self) -> KeyStoreError {
        KeyStoreError::Hanging { seconds: self.deadline.as_secs().max(1) }
    }
}

#[async_trait]
impl KeyStore for OsKeychain {
    async fn read(&self, vault: &str) -> Result<Option<Secret>, KeyStoreError> {
        let vault = vault.to_owned();
        self.look(move || read(&*open()?, &vault)).await
    }

    async fn write(&self, vault: &str, value: Secret) -> Result<(), KeyStoreError> {
        let name = vault.to_owned();
        self.change(vault, move |gone| match open() {
            Ok(store) => write(&*store, name, &value, gone),
            Err(error) => Err(error).into(),
        })
        .await
    }

    async fn remove(&self, vault: &str) -> Result<(), KeyStoreError> {
        let name = vault.to_owned();
        self.change(vault, move |gone| open().and_then(|store| remove(&*store, &name, gone)).into()).await
    }

    async fn unlock(&self) -> Result<(), KeyStoreError> {
        let deadline = self.deadline;
        let answer = async {
            let _prompt = self.prompt.lock().await;
            self.threads.run((), move |gone| unlock(deadline, gone).into()).await
        };
        match timeout(self.prompt_deadline, answer).await {
            Ok(answer) => self.put(answer),
            // The prompt was left standing.
            Err(_) => Err(KeyStoreError::Locked),
        }
    }

    async fn protection(&self) -> KeychainProtection {
        let answer = self.threads.run((), |_| protection().into());
        match timeout(self.deadline, answer).await {
            Ok(Ok(protection)) => protection,
            _ => KeychainProtection::Unknown,
        }
    }
}

fn read(store: &CredentialStore, vault: &str) -> Result<Option<Secret>, KeyStoreError> {
    match entry(store, vault)?.get_password() {
        // The copy of the library is wiped here.
        Ok(text) => Ok(Some(Secret::new(Zeroizing::new(text).as_str()))),
        Err(keyring_core::Error::NoEntry) => Ok(None),
        Err(error) => Err(describe(error)),
    }
}

/// Writes an item and reads it back. One that is new, and is not wanted any more or not what it should be, is removed.
fn write(
    store: &CredentialStore,
    vault: String,
    value: &Secret,
    gone: &CancellationToken,
) -> Done<Result<(), KeyStoreError>> {
    let is_new = match read(store, &vault) {
        Ok(before) => before.is_none(),
        Err(error) => return Err(error).into(),
    };
    if gone.is_cancelled() {
        return Err(unwanted()).into();
    }
    let answer = entry(store, &vault)
        .and_then(|entry| entry.set_password(value.expose()).map_err(describe))
        .and_then(|()| match read(store, &vault)? {
            Some(kept) if kept.expose() == value.expose() => Ok(()),
            _ => Err(refused("it did not keep what was written")),
        });
    let take_back = move || {
        // By now it may be locked, and nobody is to be prompted for this.
        if let Err(error) = open().and_then(|store| delete(&*store, &vault)) {
            tracing::warn!(%error, "a keychain item that came too late could not be removed");
        }
    };
    match answer {
        Ok(()) if is_new => Done { answer, take_back: Some(Box::new(take_back)) },
        Err(_) if is_new => {
            take_back();
            answer.into()
        }
        _ => answer.into(),
    }
}

fn remove(store: &CredentialStore, vault: &str, gone: &CancellationToken) -> Result<(), KeyStoreError> {
    if gone.is_cancelled() {
        return Err(unwanted());
    }
    delete(store, vault)?;
    match read(store, vault)? {
        None => Ok(()),
        Some(_) => Err(refused("it still has what was removed")),
    }
}

/// Deletes an item, and every double of it.
fn delete(store: &CredentialStore, vault: &str) -> Result<(), KeyStoreError> {
    let gone_is_well = |deleted| match deleted {
        Ok(()) | Err(keyring_core::Error::NoEntry) => Ok(()),
        Err(error) => Err(describe(error)),
    };
    match entry(store, vault)?.delete_credential() {
        Err(keyring_core::Error::Ambiguous(doubles)) => {
            doubles.iter().try_for_each(|double| gone_is_well(double.delete_credential()))
        }
        deleted => gone_is_well(deleted),
    }
}

fn entry(store: &CredentialStore, vault: &str) -> Result<Entry, KeyStoreError> {
    let modifiers: HashMap<&str, &str> = if cfg!(target_os = "linux") {
        HashMap::from([("label", "Hearthkey vault key")])
    } else if cfg!(windows) {
        // The default would roam to other machines of a domain.
        HashMap::from([("persistence", "Local")])
    } else {
        HashMap::new()
    };
    store.build(SERVICE, vault, Some(&modifiers)).map_err(describe)
}

/// Connects afresh. Ready means: there is a keychain, and it is open.
fn open() -> Result<Arc<CredentialStore>, KeyStoreError> {
    #[cfg(target_os = "linux")]
    return secret_service::open();
    #[cfg(target_os = "macos")]
    return Ok(apple_native_keyring_store::keychain::Store::new().map_err(describe)?);
    #[cfg(windows)]
    return Ok(windows_native_keyring_store::Store::new().map_err(describe)?);
    #[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
    return Err(KeyStoreError::Absent { reason: "this system is not supported".to_owned() });
}

/// Opens the keychain, with a prompt if it takes one, and waits for the person until the caller has gone. Up to the prompt
/// the keychain may take `deadline`.
#[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "the system keeps the time there"))]
fn unlock(deadline: Duration, gone: &CancellationToken) -> Result<(), KeyStoreError> {
    #[cfg(target_os = "linux")]
    return secret_service::unlock(deadline, gone);
    #[cfg(target_os = "macos")]
    return macos::unlock();
    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    return open().map(drop);
}

fn protection() -> KeychainProtection {
    #[cfg(target_os = "linux")]
    return match (secret_service::provider(), dirs::data_local_dir()) {
        (Some(provider), Some(data)) if provider == protection::GNOME_KEYRING => {
            protection::of(&data.join("keyrings"))
        }
        _ => KeychainProtection::Unknown,
    };
    #[cfg(any(target_os = "macos", windows))]
    return KeychainProtection::Encrypted;
    #[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
    return KeychainProtection::Unknown;
}

/// Puts an error into the port's words. Variants that hold the item's content are named, never printed.
fn describe(error: keyring_core::Error) -> KeyStoreError {
    use keyring_core::Error;
    match error {
        Error::NoStorageAccess(_) if cfg!(target_os = "linux") => KeyStoreError::Locked,
        Error::NoStorageAccess(cause) => KeyStoreError::Absent { reason: cause.to_string() },
        #[cfg(target_os = "macos")]
        Error::PlatformFailure(cause) if cause.downcast_ref().is_some_and(macos::is_locked) => {
            KeyStoreError::Locked
        }
        #[cfg(target_os = "linux")]
        Error::PlatformFailure(cause) => secret_service::describe(&*cause),
        #[cfg(not(target_os = "linux"))]
        Error::PlatformFailure(cause) => refused(cause.to_string()),
        Error::BadEncoding(mut bytes) | Error::BadDataFormat(mut bytes, _) => {
            zeroize::Zeroize::zeroize(&mut bytes);
            refused("the item is not text")
        }
        Error::Ambiguous(_) => refused("there is more than one item of this vault"),
        Error::NoEntry => refused("the item is gone"),
        Error::TooLong(what, limit) => refused(format!("{what} may have {limit} characters only")),
        _ => refused("it does not support what was asked"),
    }
}

#[cfg(target_os = "macos")]
mod macos {
    use super::KeyStoreError;
    use security_framework::{
        base::Error,
        os::macos::keychain::{SecKeychain, SecPreferencesDomain},
    };

    /// `errSecInteractionNotAllowed`: it would have to ask for the password and may not.
    const INTERACTION_NOT_ALLOWED: i32 = -25308;
    /// `errSecAuthFailed`: the password was wrong each time.
    const AUTH_FAILED: i32 = -25293;
    /// `errSecUserCanceled`.
    const USER_CANCELED: i32 = -128;

    pub(super) fn unlock() -> Result<(), KeyStoreError> {
        let unlocked = SecKeychain::default_for_domain(SecPreferencesDomain::User)
            .and_then(|mut keychain| keychain.unlock(None));
        unlocked.map_err(|error| {
            if is_locked(&error) { KeyStoreError::Locked } else { super::refused(error.to_string()) }
        })
    }

    pub(super) fn is_locked(error: &Error) -> bool {
        matches!(error.code(), INTERACTION_NOT_ALLOWED | AUTH_FAILED | USER_CANCELED)
    }
}

fn unwanted() -> KeyStoreError {
    refused("it answered too late")
}

fn refused(reason: impl Into<String>) -> KeyStoreError {
    KeyStoreError::Refused { reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_never_shows_in_an_error() {
        let secret = b"hunter2".to_vec();
        for error in [
            keyring_core::Error::BadEncoding(secret.clone()),
            keyring_core::Error::BadDataFormat(secret, "cause".into()),
        ] {
            assert_eq!(describe(error), refused("the item is not text"));
        }
    }
}
