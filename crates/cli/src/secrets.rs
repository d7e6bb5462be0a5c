//! Secrets on their way in: typed at a prompt without being shown, or read from standard input. Never an option.

use crate::failure::Failure;
use hearthkey_api::SecretInput;
use hearthkey_domain::Secret;
use std::io::{IsTerminal, Read};

/// The longest secret that is read, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// Asks for one secret.
pub(crate) fn ask(label: &str) -> Result<SecretInput, Failure> {
    let stdin = std::io::stdin();
    let text = if stdin.is_terminal() {
        rpassword::prompt_password(format!("{label}: ")).map_err(|error| unreadable(&error))?
    } else {
        let mut text = String::new();
        stdin.take(MAX_BYTES).read_to_string(&mut text).map_err(|error| unreadable(&error))?;
        text
    };
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(Failure::input(format!("{label} was expected at the prompt or on standard input")));
    }
    Ok(SecretInput(Secret::new(trimmed)))
}

/// Whether a person can be asked.
pub(crate) fn is_interactive() -> bool {
    std::io::stdin().is_terminal()
}

fn unreadable(error: &std::io::Error) -> Failure {
    Failure::input(format!("standard input could not be read ({})", error.kind()))
}
