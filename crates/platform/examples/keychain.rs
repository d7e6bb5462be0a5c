//! Reads or writes one keychain item from a process of its own: `keychain read ID MS`, or `keychain write ID MS` with the
//! value on standard input, with so many milliseconds for the keychain to answer. It answers in one line: `value …`, `none`,
//! `written`, or the state of the keychain.
//!
//! The tests run it inside the D-Bus session that they have made, because a process must not change its own environment.

use hearthkey_domain::{
    ports::{KeyStore, KeyStoreError},
    secret::Secret,
};
use hearthkey_platform::keychain::OsKeychain;
use std::{
    io::{self, Read as _, Write as _},
    time::Duration,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [verb, id, milliseconds] = arguments.as_slice() else {
        return writeln!(io::stdout(), "usage: keychain read|write ID MS");
    };
    let deadline = milliseconds.parse().map_err(io::Error::other)?;
    let keychain = OsKeychain::new(Duration::from_millis(deadline));
    let answer = match verb.as_str() {
        "read" => match keychain.read(id).await {
            Ok(Some(value)) => format!("value {}", value.expose()),
            Ok(None) => "none".to_owned(),
            Err(error) => state(&error),
        },
        "write" => {
            let mut value = String::new();
            io::stdin().read_to_string(&mut value)?;
            match keychain.write(id, Secret::new(value)).await {
                Ok(()) => "written".to_owned(),
                Err(error) => state(&error),
            }
        }
        _ => format!("unknown verb {verb:?}"),
    };
    writeln!(io::stdout(), "{answer}")
}

fn state(error: &KeyStoreError) -> String {
    let name = match error {
        KeyStoreError::Absent { .. } => "absent",
        KeyStoreError::Locked => "locked",
        KeyStoreError::Hanging { .. } => "hanging",
        _ => "refused",
    };
    format!("{name}: {error}")
}
