//! The Secret Service of a Linux session, asked for its state before it is asked for an item.
//!
//! Without an open default collection the service answers that there is no such item, which would look like a lost key; and
//! for an item of another collection that is locked, the library that reads items would have the service prompt.

use super::{SERVICE, refused};
use futures::StreamExt as _;
use hearthkey_domain::ports::{KEYCHAIN_DEADLINE, KeyStoreError};
use keyring_core::api::CredentialStore;
use std::{collections::HashMap, error::Error, sync::Arc, time::Duration};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use zbus::{
    Connection, Proxy, fdo,
    proxy::{OwnerChangedStream, SignalStream},
    zvariant::{DynamicType, OwnedObjectPath, OwnedValue, Type},
};

const NAME: &str = "org.freedesktop.secrets";
const SERVICE_PATH: &str = "/org/freedesktop/secrets";

/// Connects to the service, if its default collection exists and nothing of ours in it or elsewhere is locked.
pub(super) fn open() -> Result<Arc<CredentialStore>, KeyStoreError> {
    block_on(async {
        let service = Service::connect().await?;
        if service.locked().await?.is_empty() { Ok(()) } else { Err(KeyStoreError::Locked) }
    })?;
    Ok(zbus_secret_service_keyring_store::Store::new().map_err(super::describe)?)
}

/// Has the service unlock what is locked, and waits for the person until the caller has gone; then the prompt is withdrawn.
/// Up to the prompt the service may take `deadline`.
pub(super) fn unlock(deadline: Duration, gone: &CancellationToken) -> Result<(), KeyStoreError> {
    block_on(async {
        let begun = timeout(deadline, async {
            let service = Service::connect().await?;
            let prompt = service.unlock(gone).await?;
            Ok((service, prompt))
        });
        let hanging = |_| KeyStoreError::Hanging { seconds: deadline.as_secs().max(1) };
        let (service, prompt) = begun.await.map_err(hanging)??;
        if let Some(prompt) = prompt
            && !prompt.wait(gone).await?
        {
            return Err(KeyStoreError::Locked);
        }
        let locked = timeout(deadline, service.locked()).await.map_err(hanging)??;
        if locked.is_empty() { Ok(()) } else { Err(KeyStoreError::Locked) }
    })
}

/// The process that is the service, as the kernel names it; `None` when that cannot be seen.
pub(super) fn provider() -> Option<String> {
    let pid = block_on(async {
        let bus = connect().await?;
        let bus = fdo::DBusProxy::new(&bus).await.map_err(|error| describe(&error))?;
        let name = NAME.try_into().map_err(|error: zbus::names::Error| describe(&error))?;
        bus.get_connection_unix_process_id(name).await.map_err(|error| describe(&error))
    });
    let name = std::fs::read_to_string(format!("/proc/{}/comm", pid.ok()?)).ok()?;
    Some(name.trim_end().to_owned())
}

fn block_on<T>(question: impl Future<Output = Result<T, KeyStoreError>>) -> Result<T, KeyStoreError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| refused(format!("it cannot be waited for ({})", error.kind())))?
        .block_on(question)
}

async fn connect() -> Result<Connection, KeyStoreError> {
    Connection::session().await.map_err(|_| absent("there is no D-Bus session"))
}

/// A connection to the service, which has a default collection.
struct Service {
    bus: Connection,
    collection: OwnedObjectPath,
}

impl Service {
    async fn connect() -> Result<Self, KeyStoreError> {
        let mut service = Self { bus: connect().await?, collection: OwnedObjectPath::default() };
        service.collection = service.ask("ReadAlias", &("default",)).await?;
        if service.collection.as_str() == "/" {
            return Err(absent("the Secret Service has no default keyring"));
        }
        Ok(service)
    }

    async fn ask<B, R>(&self, method: &str, body: &B) -> Result<R, KeyStoreError>
    where
        B: serde::Serialize + DynamicType,
        R: for<'de> serde::Deserialize<'de> + Type,
    {
        let to = (SERVICE_PATH, "org.freedesktop.Secret.Service");
        self.bus
            .call_method(Some(NAME), to.0, Some(to.1), method, body)
            .await
            .and_then(|reply| reply.body().deserialize())
            .map_err(|error| describe(&error))
    }

    /// What has to be unlocked before our items can be read and written.
    async fn locked(&self) -> Result<Vec<OwnedObjectPath>, KeyStoreError> {
        let properties = Some("org.freedesktop.DBus.Properties");
        let asked = ("org.freedesktop.Secret.Collection", "Locked");
        let is_locked = self
            .bus
            .call_method(Some(NAME), &self.collection, properties, "Get", &asked)
            .await
            .and_then(|reply| reply.body().deserialize::<OwnedValue>())
            .and_then(|value| bool::try_from(value).map_err(zbus::Error::from))
            .map_err(|error| describe(&error))?;
        let ours = HashMap::from([("service", SERVICE)]);
        let (_, mut locked): (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) =
            self.ask("SearchItems", &(ours,)).await?;
        if is_locked {
            // It opens with its items.
            let inside = format!("{}/", self.collection.as_str());
            locked.retain(|item| !item.starts_with(&inside));
            locked.push(self.collection.clone());
        }
        Ok(locked)
    }

    /// Unlocks what is locked, and shows the prompt for it if there is one and anybody waits.
    async fn unlock(&self, gone: &CancellationToken) -> Result<Option<Prompt>, KeyStoreError> {
        let locked = self.locked().await?;
        if locked.is_empty() {
            return Ok(None);
        }
        let (_, prompt): (Vec<OwnedObjectPath>, OwnedObjectPath) = self.ask("Unlock", &(locked,)).await?;
        if prompt.as_str() == "/" || gone.is_cancelled() {
            return Ok(None);
        }
        Prompt::show(&self.bus, prompt).await.map(Some).map_err(|error| describe(&error))
    }
}

/// A prompt on the screen.
struct Prompt {
    prompt: Proxy<'static>,
    completed: SignalStream<'static>,
    owner: OwnerChangedStream<'static>,
}

impl Prompt {
    async fn show(bus: &Connection, prompt: OwnedObjectPath) -> zbus::Result<Self> {
        let prompt = Proxy::new_owned(bus.clone(), NAME, prompt, "org.freedesktop.Secret.Prompt").await?;
        let completed = prompt.receive_signal("Completed").await?;
        let owner = prompt.receive_owner_changed().await?;
        // Our window has no name that the service would know.
        prompt.call_method("Prompt", &("",)).await?;
        Ok(Self { prompt, completed, owner })
    }

    /// Waits for its end. False when it was dismissed, by the person or because the caller has gone.
    async fn wait(mut self, gone: &CancellationToken) -> Result<bool, KeyStoreError> {
        tokio::select! {
            answer = self.completed.next() => {
                let answer = answer.ok_or_else(ended)?;
                let (dismissed, _): (bool, OwnedValue) = answer.body().deserialize().map_err(|error| describe(&error))?;
                Ok(!dismissed)
            }
            _ = self.owner.next() => Err(ended()),
            () = gone.cancelled() => {
                let dismissed = self.prompt.call_method("Dismiss", &());
                // A service that does not take it off the screen cannot be made to.
                let _ = timeout(KEYCHAIN_DEADLINE.unsigned_abs(), dismissed).await;
                Ok(false)
            }
        }
    }
}

/// Puts a failure of the bus, or one that it has caused, into the port's words.
pub(super) fn describe(failure: &(dyn Error + 'static)) -> KeyStoreError {
    let mut cause = Some(failure);
    while let Some(error) = cause {
        if let Some(state) = error.downcast_ref().and_then(state) {
            return state;
        }
        cause = error.source();
    }
    refused(failure.to_string())
}

/// What an error says about the state of the service.
fn state(error: &zbus::Error) -> Option<KeyStoreError> {
    let name = match error {
        zbus::Error::InputOutput(_) => return Some(absent("the D-Bus session has ended")),
        zbus::Error::MethodError(name, ..) => name.as_str(),
        _ => return None,
    };
    match name {
        "org.freedesktop.Secret.Error.IsLocked" => Some(KeyStoreError::Locked),
        "org.freedesktop.DBus.Error.ServiceUnknown" | "org.freedesktop.DBus.Error.NameHasNoOwner" => {
            Some(absent("no Secret Service is running"))
        }
        "org.freedesktop.DBus.Error.NoReply" => Some(ended()),
        spawn if spawn.starts_with("org.freedesktop.DBus.Error.Spawn.") => {
            Some(absent("the Secret Service could not be started"))
        }
        _ => None,
    }
}

fn ended() -> KeyStoreError {
    absent("the Secret Service has ended")
}

fn absent(reason: &str) -> KeyStoreError {
    KeyStoreError::Absent { reason: reason.to_owned() }
}
