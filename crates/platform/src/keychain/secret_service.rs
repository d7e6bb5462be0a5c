//! The Secret Service of a Linux session, asked for its state before it is asked for an item.
//!
//! Without an open default collection the service answers that there is no such item, which would look like a lost key.

use hearthkey_domain::ports::KeyStoreError;
use keyring_core::api::CredentialStore;
use std::sync::Arc;
use zbus::{
    blocking::Connection,
    zvariant::{OwnedObjectPath, OwnedValue},
};

const NAME: &str = "org.freedesktop.secrets";

/// Connects to the service, if its default collection exists and is open.
pub(super) fn open() -> Result<Arc<CredentialStore>, KeyStoreError> {
    let bus = Connection::session().map_err(|_| absent("there is no D-Bus session"))?;
    let collection = default_collection(&bus)?;
    if is_locked(&bus, &collection)? {
        return Err(KeyStoreError::Locked);
    }
    Ok(zbus_secret_service_keyring_store::Store::new().map_err(super::describe)?)
}

fn default_collection(bus: &Connection) -> Result<OwnedObjectPath, KeyStoreError> {
    let collection = bus
        .call_method(
            Some(NAME),
            "/org/freedesktop/secrets",
            Some("org.freedesktop.Secret.Service"),
            "ReadAlias",
            &"default",
        )
        .and_then(|reply| reply.body().deserialize::<OwnedObjectPath>())
        .map_err(describe)?;
    if collection.as_str() == "/" {
        return Err(absent("the Secret Service has no default keyring"));
    }
    Ok(collection)
}

fn is_locked(bus: &Connection, collection: &OwnedObjectPath) -> Result<bool, KeyStoreError> {
    bus.call_method(
        Some(NAME),
        collection,
        Some("org.freedesktop.DBus.Properties"),
        "Get",
        &("org.freedesktop.Secret.Collection", "Locked"),
    )
    .and_then(|reply| reply.body().deserialize::<OwnedValue>())
    .and_then(|value| bool::try_from(value).map_err(zbus::Error::from))
    .map_err(describe)
}

fn describe(error: zbus::Error) -> KeyStoreError {
    let zbus::Error::MethodError(name, text, _) = &error else {
        return super::refused(error.to_string());
    };
    match name.as_str() {
        "org.freedesktop.DBus.Error.ServiceUnknown" | "org.freedesktop.DBus.Error.NameHasNoOwner" => {
            absent("no Secret Service is running")
        }
        spawn if spawn.starts_with("org.freedesktop.DBus.Error.Spawn.") => {
            absent("the Secret Service could not be started")
        }
        other => super::refused(text.as_deref().unwrap_or(other)),
    }
}

fn absent(reason: &str) -> KeyStoreError {
    KeyStoreError::Absent { reason: reason.to_owned() }
}
