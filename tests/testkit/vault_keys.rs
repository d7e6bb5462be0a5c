//! What Hearthkey keeps in a home's keychain, seen and changed by another program.

use crate::Home;
use std::collections::HashMap;
use zbus::blocking::{Connection, Proxy};
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};

/// The service that Hearthkey files its items under.
const SERVICE: &str = "app.hearthkey.vault";

/// A secret on the bus: session, parameters, value, media type.
type Secret = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

impl Home {
    /// The vault keys in the keychain, which is open.
    #[must_use]
    pub fn vault_keys(&self) -> Vec<String> {
        let keychain = Session::open(self);
        let values = keychain.items().into_iter().map(|item| {
            let (secret,): (Secret,) =
                keychain.item(item).call("GetSecret", &(&keychain.session,)).expect("an item has a secret");
            String::from_utf8(secret.2).expect("a vault key is text")
        });
        values.collect()
    }

    /// Puts another value into the place of the vault key.
    pub fn replace_vault_key(&self, value: &str) {
        let keychain = Session::open(self);
        for item in keychain.items() {
            let secret: Secret =
                (keychain.session.clone(), vec![], value.as_bytes().to_vec(), "text/plain".to_owned());
            keychain.item(item).call::<_, _, ()>("SetSecret", &(secret,)).expect("an item can be changed");
        }
        assert_eq!(self.vault_keys(), [value]);
    }

    /// Deletes the vault keys.
    pub fn delete_vault_keys(&self) {
        let keychain = Session::open(self);
        for item in keychain.items() {
            keychain.item(item).call::<_, _, OwnedObjectPath>("Delete", &()).expect("an item can be deleted");
        }
        assert_eq!(keychain.items().len(), 0);
    }
}

/// A conversation with the Secret Service, in which secrets are said in plain.
struct Session {
    bus: Connection,
    session: OwnedObjectPath,
}

impl Session {
    fn open(home: &Home) -> Self {
        let address = home.bus_address().expect("a home with a keychain has a session");
        let bus = zbus::blocking::connection::Builder::address(address).and_then(|builder| builder.build());
        let bus = bus.expect("the bus answers");
        let plain = ("plain", Value::from(""));
        let (_, session): (OwnedValue, OwnedObjectPath) =
            service(&bus).call("OpenSession", &plain).expect("a session");
        Self { bus, session }
    }

    fn items(&self) -> Vec<OwnedObjectPath> {
        let ours = HashMap::from([("service", SERVICE)]);
        let (open, locked): (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) =
            service(&self.bus).call("SearchItems", &(ours,)).expect("a search");
        assert_eq!(locked.len(), 0, "the keychain is open");
        open
    }

    fn item(&self, path: OwnedObjectPath) -> Proxy<'_> {
        let interface = "org.freedesktop.Secret.Item";
        Proxy::new(&self.bus, "org.freedesktop.secrets", path, interface).expect("an item")
    }
}

fn service(bus: &Connection) -> Proxy<'_> {
    let interface = "org.freedesktop.Secret.Service";
    Proxy::new(bus, "org.freedesktop.secrets", "/org/freedesktop/secrets", interface).expect("the service")
}
