//! The one type that carries a secret text through the program.
//!
//! Sealing lives in `vault`; what a secret may be used for is decided in `core`.

use secrecy::{ExposeSecret, SecretString};
use std::fmt;

/// A secret text: a token, key, password or verifier.
///
/// It cannot be printed, serialized, compared or cloned, and is wiped from memory when dropped. [`Secret::expose`] is the
/// only way to its content; the places that may call it are listed in a test.
pub struct Secret(SecretString);

impl Secret {
    /// Takes ownership of a secret text.
    #[must_use]
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(SecretString::new(text.into()))
    }

    /// The content, for the one call that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether the text is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }

    /// What a person may see of a key: its last four characters, and a prefix of words that says what it is, as
    /// `sk_live_…1234`. At least twelve characters stay hidden; shorter texts show nothing but dots.
    #[must_use]
    pub fn masked(&self) -> String {
        let text = self.expose();
        if text.len() < 16 || !text.is_ascii() {
            return "••••".to_owned();
        }
        let words = text.bytes().take_while(|c| c.is_ascii_alphabetic() || matches!(c, b'_' | b'-')).count();
        let prefix = text[..words.min(12)].rfind(['_', '-']).map_or(0, |at| at + 1);
        let head = if text.len() >= prefix + 16 { &text[..prefix] } else { "" };
        format!("{head}…{}", &text[text.len() - 4..])
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_mask_shows_prefix_and_tail_only() {
        for (text, mask) in [
            ("sk_live_51HxyzABCDEF1234", "sk_live_…1234"),
            ("abcdefghijklmnopqrstuvwxyz", "…wxyz"),
            ("550e8400-e29b-41d4-a716-446655440000", "…0000"),
            ("abcdefghijk_mnop", "…mnop"),
            ("short", "••••"),
            ("exactly_15_char", "••••"),
            ("päßwörter_sind_geheim", "••••"),
        ] {
            assert_eq!(Secret::new(text).masked(), mask);
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(…)");
    }
}
