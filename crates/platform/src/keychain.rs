//! The OS keychain, which holds one item per vault: its key.
//!
//! Every call has its own thread and deadline, because a stuck keychain never answers, and its own connection, so that
//! nothing broken is used again. What the item means is the vault's business.

#[cfg(target_os = "linux")]
mod secret_service;

use async_trait::async_trait;
use hearthkey_domain::{
    ports::{KEYCHAIN_DEADLINE, KeyStore, KeyStoreError},
    secret::Secret,
};
use keyring_core::{Entry, api::CredentialStore};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

/// The service that items are filed under.
const SERVICE: &str = "app.hearthkey.vault";

/// How many threads may be stuck in the keychain before it is not asked any more.
const MOST_STUCK: usize = 3;

/// The keychain of the operating system: Secret Service on Linux, the login keychain on macOS, the credential manager on
/// Windows.
///
/// It never shows a prompt on Linux: a locked keychain is reported as [`KeyStoreError::Locked`].
#[derive(Debug)]
pub struct OsKeychain {
    deadline: Duration,
    /// One call at a time: the keychains promise no order between threads.
    turn: tokio::sync::Mutex<()>,
    /// A token of every thread that has not come back.
    threads: Mutex<Vec<Weak<()>>>,
}

impl Default for OsKeychain {
    fn default() -> Self {
        Self::new(KEYCHAIN_DEADLINE.unsigned_abs())
    }
}

impl OsKeychain {
    /// A keychain whose calls end after `deadline`, whether it answered or not.
    ///
    /// A write that missed its deadline may still arrive later; a read is discarded and wiped.
    #[must_use]
    pub fn new(deadline: Duration) -> Self {
        Self { deadline, turn: tokio::sync::Mutex::default(), threads: Mutex::default() }
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, KeyStoreError> + Send + 'static,
    ) -> Result<T, KeyStoreError> {
        let hanging = || KeyStoreError::Hanging { seconds: self.deadline.as_secs().max(1) };
        let answer = async {
            let _turn = self.turn.lock().await;
            let Some(alive) = self.admit() else {
                return Err(hanging());
            };
            let (tell, told) = oneshot::channel();
            std::thread::Builder::new()
                .name("keychain".to_owned())
                .spawn(move || {
                    let answer = work();
                    drop(alive);
                    // Nobody listens any more when the deadline has passed.
                    let _ = tell.send(answer);
                })
                .map_err(|error| refused(format!("no thread could be started ({})", error.kind())))?;
            told.await.unwrap_or_else(|_| Err(refused("its thread ended without an answer")))
        };
        tokio::time::timeout(self.deadline, answer).await.unwrap_or_else(|_| Err(hanging()))
    }

    /// A token for one more thread, unless too many have not come back.
    fn admit(&self) -> Option<Arc<()>> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.retain(|thread| thread.strong_count() > 0);
        (threads.len() < MOST_STUCK).then(|| {
            let alive = Arc::new(());
            threads.push(Arc::downgrade(&alive));
            alive
        })
    }
}

#[async_trait]
impl KeyStore for OsKeychain {
    async fn read(&self, vault: &str) -> Result<Option<Secret>, KeyStoreError> {
        let vault = vault.to_owned();
        self.call(move || read(&*open()?, &vault)).await
    }

    async fn write(&self, vault: &str, value: Secret) -> Result<(), KeyStoreError> {
        let vault = vault.to_owned();
        self.call(move || {
            let store = open()?;
            entry(&*store, &vault)?.set_password(value.expose()).map_err(describe)?;
            match read(&*store, &vault)? {
                Some(kept) if kept.expose() == value.expose() => Ok(()),
                _ => Err(refused("it did not keep what was written")),
            }
        })
        .await
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

/// Puts an error into the port's words. Variants that hold the item's content are named, never printed.
fn describe(error: keyring_core::Error) -> KeyStoreError {
    use keyring_core::Error;
    match error {
        Error::NoStorageAccess(_) if cfg!(target_os = "linux") => KeyStoreError::Locked,
        Error::NoStorageAccess(cause) => KeyStoreError::Absent { reason: cause.to_string() },
        #[cfg(target_os = "macos")]
        Error::PlatformFailure(cause) if is_locked_on_macos(&*cause) => KeyStoreError::Locked,
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
fn is_locked_on_macos(cause: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    /// `errSecInteractionNotAllowed`: it would have to ask for the password and may not.
    const INTERACTION_NOT_ALLOWED: i32 = -25308;
    cause
        .downcast_ref::<security_framework::base::Error>()
        .is_some_and(|error| error.code() == INTERACTION_NOT_ALLOWED)
}

fn refused(reason: impl Into<String>) -> KeyStoreError {
    KeyStoreError::Refused { reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn hanging<T>() -> Result<T, KeyStoreError> {
        Err(KeyStoreError::Hanging { seconds: 1 })
    }

    #[tokio::test]
    async fn stuck_threads_are_limited_and_come_back() {
        let keychain = OsKeychain::new(Duration::from_millis(20));
        let mut stuck = Vec::new();
        for _ in 0..MOST_STUCK {
            let (release, wait) = mpsc::channel::<()>();
            let call = keychain.call(move || wait.recv().map_err(|_| refused("released")));
            let answer = tokio::time::timeout(Duration::from_secs(1), call).await;
            let answer = answer.expect("the deadline is far shorter");
            assert_eq!(answer, hanging());
            stuck.push(release);
        }
        // No fourth thread: the work is not even begun.
        assert_eq!(
            keychain.call(|| -> Result<(), _> { unreachable!("three threads are stuck") }).await,
            hanging()
        );
        // One comes back, and one more may go.
        stuck.pop();
        let answer = async {
            loop {
                match keychain.call(|| Ok(7)).await {
                    Ok(number) => break number,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        };
        assert_eq!(answer.await, 7);
    }

    #[tokio::test]
    async fn quick_calls_are_never_taken_for_stuck_ones() {
        let keychain = OsKeychain::new(Duration::from_secs(5));
        for number in 0..100 {
            assert_eq!(keychain.call(move || Ok(number)).await, Ok(number));
        }
    }

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
