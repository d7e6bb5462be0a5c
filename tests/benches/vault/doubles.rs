//! What is stood in for: a keychain in memory, a service that answers at once, and what is not needed at all.

use async_trait::async_trait;
use bytes::Bytes;
use hearthkey_domain::Secret;
use hearthkey_domain::ports::{
    Browser, Host, Http, HttpError, HttpRequest, KeyStore, KeyStoreError, KeychainProtection, Notice,
    NoticeAnswer, Notices,
};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use url::Url;

/// A keychain in memory.
#[derive(Default)]
pub(crate) struct Keychain(Mutex<BTreeMap<String, String>>);

impl Keychain {
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<String, String>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl KeyStore for Keychain {
    async fn read(&self, vault: &str) -> Result<Option<Secret>, KeyStoreError> {
        Ok(self.with(|items| items.get(vault).map(|item| Secret::new(item.as_str()))))
    }

    async fn write(&self, vault: &str, value: Secret) -> Result<(), KeyStoreError> {
        self.with(|items| items.insert(vault.to_owned(), value.expose().to_owned()));
        Ok(())
    }

    async fn remove(&self, vault: &str) -> Result<(), KeyStoreError> {
        self.with(|items| items.remove(vault));
        Ok(())
    }

    async fn unlock(&self) -> Result<(), KeyStoreError> {
        Ok(())
    }

    async fn protection(&self) -> KeychainProtection {
        KeychainProtection::Encrypted
    }
}

/// A service that takes every key and answers at once.
pub(crate) struct Service;

#[async_trait]
impl Http for Service {
    async fn send(&self, _: HttpRequest) -> Result<http::Response<Bytes>, HttpError> {
        Ok(http::Response::new(Bytes::from_static(br#"{"id":"acc_1","email":"anna@example.com"}"#)))
    }

    async fn forget(&self) {}
}

/// Neither a browser nor a window.
pub(crate) struct Nobody;

#[async_trait]
impl Browser for Nobody {
    async fn open(&self, _: &Url) -> Result<(), String> {
        Err("there is none".to_owned())
    }
}

#[async_trait]
impl Notices for Nobody {
    async fn show(&self, _: Notice) -> Result<NoticeAnswer, String> {
        Err("there is no screen".to_owned())
    }

    async fn withdraw(&self, _: &str) {}
}

impl Host for Nobody {
    fn hand_over(&self) -> Result<(), String> {
        Err("a measurement does not give way".to_owned())
    }

    fn show_window(&self) -> Result<(), String> {
        Err("there is none".to_owned())
    }
}
