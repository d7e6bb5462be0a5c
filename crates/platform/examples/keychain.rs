//! Asks the keychain from a process of its own: `keychain MS PROMPT_MS`, with so many milliseconds for it to answer, and for
//! the person to answer its prompt. It is asked in lines on standard input: `read ID`, `write ID VALUE`, `remove ID`, `unlock`
//! or `protection`, and answers each in one line. `begin` before one of them does not wait for the answer, `wait` does, and
//! `abandon` gives it up; the one that was begun first.
//!
//! The tests run it inside the D-Bus session that they have made, because a process must not change its own environment.

use hearthkey_domain::{
    ports::{KeyStore, KeyStoreError, KeychainProtection},
    secret::Secret,
};
use hearthkey_platform::keychain::OsKeychain;
use std::{
    collections::VecDeque,
    io::{self, Write as _},
    sync::Arc,
    time::Duration,
};

#[tokio::main]
async fn main() -> io::Result<()> {
    let milliseconds = |number: Option<String>| {
        let number = number.and_then(|number| number.parse().ok());
        number.map(Duration::from_millis).ok_or_else(|| io::Error::other("usage: keychain MS PROMPT_MS"))
    };
    let mut arguments = std::env::args().skip(1);
    let keychain = OsKeychain::new(milliseconds(arguments.next())?);
    let keychain = Arc::new(keychain.prompting_for(milliseconds(arguments.next())?));
    let mut begun = VecDeque::new();
    for line in io::stdin().lines() {
        let line = line?;
        if let Some(line) = line.strip_prefix("begin ") {
            begun.push_back(tokio::spawn(answer(Arc::clone(&keychain), line.to_owned())));
            continue;
        }
        let said = match (line.as_str(), begun.front_mut()) {
            ("wait", Some(answer)) => answer.await.map_err(io::Error::other)?,
            ("abandon", Some(answer)) => {
                answer.abort();
                answer.await.unwrap_or_else(|_| "abandoned".to_owned())
            }
            _ => {
                writeln!(io::stdout(), "{}", answer(Arc::clone(&keychain), line).await)?;
                continue;
            }
        };
        begun.pop_front();
        writeln!(io::stdout(), "{said}")?;
    }
    Ok(())
}

async fn answer(keychain: Arc<OsKeychain>, line: String) -> String {
    let words: Vec<&str> = line.splitn(3, ' ').collect();
    let answer = match words.as_slice() {
        ["read", id] => keychain.read(id).await.map(|item| match item {
            Some(value) => format!("value {}", value.expose()),
            None => "none".to_owned(),
        }),
        ["write", id, value] => keychain.write(id, Secret::new(*value)).await.map(|()| "written".to_owned()),
        ["remove", id] => keychain.remove(id).await.map(|()| "removed".to_owned()),
        ["unlock"] => keychain.unlock().await.map(|()| "unlocked".to_owned()),
        ["protection"] => Ok(match keychain.protection().await {
            KeychainProtection::Encrypted => "encrypted".to_owned(),
            KeychainProtection::InClear { file } => format!("in clear {file}"),
            KeychainProtection::Unknown => "unknown".to_owned(),
        }),
        _ => Ok(format!("unknown line {line:?}")),
    };
    answer.unwrap_or_else(|error| {
        let name = match &error {
            KeyStoreError::Absent { .. } => "absent",
            KeyStoreError::Locked => "locked",
            KeyStoreError::Hanging { .. } => "hanging",
            _ => "refused",
        };
        format!("{name}: {error}")
    })
}
