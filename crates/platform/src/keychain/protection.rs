//! Whether gnome-keyring keeps its default keyring in clear, which it does when that has no password.

use hearthkey_domain::ports::KeychainProtection;
use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

/// The kernel's name for `gnome-keyring-daemon`: its first fifteen characters.
pub(super) const GNOME_KEYRING: &str = "gnome-keyring-d";

/// How its encrypted files begin.
const ENCRYPTED: &[u8] = b"GnomeKeyring\n\r\0\n";
/// How its files without a password begin: they are key files in clear.
const IN_CLEAR: &[u8] = b"[keyring]";
/// The keyring that is the default unless a file says otherwise.
const LOGIN: &str = "login";
/// The longest name of a keyring, in bytes.
const MAX_NAME: u64 = 255;

/// Looks at the default keyring among the files of gnome-keyring in `keyrings`.
pub(super) fn of(keyrings: &Path) -> KeychainProtection {
    let file = default_keyring(keyrings);
    match beginning(&file, ENCRYPTED.len() as u64).as_deref() {
        Some(text) if text.starts_with(IN_CLEAR) => {
            KeychainProtection::InClear { file: file.display().to_string() }
        }
        Some(ENCRYPTED) => KeychainProtection::Encrypted,
        _ => KeychainProtection::Unknown,
    }
}

fn default_keyring(keyrings: &Path) -> PathBuf {
    let named = beginning(&keyrings.join("default"), MAX_NAME).and_then(|name| String::from_utf8(name).ok());
    let name = named.as_deref().map(str::trim).filter(|name| !name.is_empty() && !name.contains('/'));
    keyrings.join(format!("{}.keyring", name.unwrap_or(LOGIN)))
}

fn beginning(file: &Path, length: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file).ok()?.take(length).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_default_keyring_decides() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path();
        let clear = |name: &str| KeychainProtection::InClear { file: dir.join(name).display().to_string() };
        assert_eq!(of(&dir.join("nowhere")), KeychainProtection::Unknown);
        assert_eq!(of(dir), KeychainProtection::Unknown);

        fs::write(dir.join("login.keyring"), b"GnomeKeyring\n\r\0\n\0\0\0\0").unwrap();
        assert_eq!(of(dir), KeychainProtection::Encrypted);
        fs::write(dir.join("Default_keyring.keyring"), "[keyring]\ndisplay-name=Default\n").unwrap();
        assert_eq!(of(dir), KeychainProtection::Encrypted, "it is not the default");
        fs::write(dir.join("default"), "Default_keyring\n").unwrap();
        assert_eq!(of(dir), clear("Default_keyring.keyring"));
        fs::write(dir.join("default"), "gone").unwrap();
        assert_eq!(of(dir), KeychainProtection::Unknown);

        // What is no name is no place to look either.
        for name in ["", "\n", "../login", "\u{0}"] {
            fs::write(dir.join("default"), name).unwrap();
            fs::write(dir.join("login.keyring"), "[keyring]").unwrap();
            let expected = if name == "\u{0}" { KeychainProtection::Unknown } else { clear("login.keyring") };
            assert_eq!(of(dir), expected, "{name:?}");
        }
        fs::write(dir.join("default"), "login").unwrap();
        for text in ["", "[key", "GnomeKeyring", "GnomeKeyring\n\r\0", "\u{feff}[keyring]"] {
            fs::write(dir.join("login.keyring"), text).unwrap();
            assert_eq!(of(dir), KeychainProtection::Unknown, "{text:?}");
        }
    }
}
