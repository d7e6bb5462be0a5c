//! A profile's socket, spoken to byte by byte, and listened in on.

use crate::Home;
use serde_json::Value;
use std::fs;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The longest an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Does an operation at the socket, and gives its status and answer.
///
/// # Errors
/// When nobody answers there.
pub fn ask(socket: &Path, operation: &str, input: &Value) -> io::Result<(u16, Value)> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let body = input.to_string();
    let head = format!(
        "POST /v1/{operation} HTTP/1.1\r\nhost: hearthkey\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes())?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    let cut = || io::Error::new(io::ErrorKind::UnexpectedEof, "half an answer");
    let (head, body) = reply.split_once("\r\n\r\n").ok_or_else(cut)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(cut)?;
    Ok((status, serde_json::from_str(body).map_err(|_| cut())?))
}

impl Home {
    /// Does an operation at the socket of the running owner.
    #[track_caller]
    #[must_use]
    pub fn ask(&self, operation: &str, input: &Value) -> (u16, Value) {
        let answer = ask(&self.profile().join("socket"), operation, input);
        answer.unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// The word for how the running owner's vault is, as the owner sees it without being asked to look.
    #[track_caller]
    #[must_use]
    pub fn vault_word(&self) -> String {
        word(&self.ask("app.status", &Value::Object(Default::default())).1)
    }
}

/// The word for how the vault is in an answer of `app.status`.
#[must_use]
pub fn word(status: &Value) -> String {
    status["vault"]["state"].as_str().unwrap_or_default().to_owned()
}

/// Somebody between the callers of a socket and its owner, who notes every byte.
pub struct Wiretap {
    asked: Arc<Mutex<Vec<u8>>>,
    answered: Arc<Mutex<Vec<u8>>>,
}

impl Wiretap {
    /// Puts one before the socket of the running owner, for as long as that runs.
    #[must_use]
    pub fn on(home: &Home) -> Self {
        let (place, behind) = (home.profile().join("socket"), home.path().join("behind"));
        fs::rename(&place, &behind).expect("a running owner has a socket");
        let listener = UnixListener::bind(&place).expect("the place is free");
        let tap = Self { asked: Arc::default(), answered: Arc::default() };
        let (asked, answered) = (Arc::clone(&tap.asked), Arc::clone(&tap.answered));
        std::thread::spawn(move || {
            for caller in listener.incoming() {
                // The owner may have ended.
                let (Ok(caller), Ok(owner)) = (caller, UnixStream::connect(&behind)) else { continue };
                carry(&caller, &owner, &asked);
                carry(&owner, &caller, &answered);
            }
        });
        tap
    }

    /// What callers have said so far.
    #[must_use]
    pub fn asked(&self) -> Vec<u8> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the owner has answered so far.
    #[must_use]
    pub fn answered(&self) -> Vec<u8> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn carry(from: &UnixStream, to: &UnixStream, notes: &Arc<Mutex<Vec<u8>>>) {
    let clone = |stream: &UnixStream| stream.try_clone().expect("a socket can be had twice");
    let (mut from, mut to, notes) = (clone(from), clone(to), Arc::clone(notes));
    std::thread::spawn(move || {
        let mut piece = [0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut piece) {
            notes.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&piece[..length]);
            if to.write_all(&piece[..length]).is_err() {
                break;
            }
        }
        // Whoever is at either end hears that this is over.
        let _ = to.shutdown(Shutdown::Write);
    });
}
