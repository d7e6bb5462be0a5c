//! Secrets on their way in: typed at a prompt without being shown, or read from standard input or a file. Never an option.
//!
//! Every buffer they pass through here is wiped.

use crate::failure::Failure;
use hearthkey_api::SecretInput;
use hearthkey_domain::Secret;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;
use zeroize::Zeroizing;

/// The most that is read, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// Asks for one secret: all of standard input where nobody can be asked. Blanks around it do not count.
pub(crate) fn ask(label: &str) -> Result<SecretInput, Failure> {
    let text = if is_interactive() { prompt(label)? } else { text(standard_input()?)? };
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(Failure::input(format!("{label} was expected at the prompt or on standard input")));
    }
    Ok(SecretInput(Secret::new(trimmed)))
}

/// Whether a person can be asked.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal()
}

/// A recovery kit, or a file with an age identity: whole, as it is. `-` is standard input; at a terminal, one line is asked for.
pub(crate) fn key_file(source: &Path) -> Result<SecretInput, Failure> {
    let content = if source != Path::new("-") {
        let file = File::open(source).and_then(|mut file| capped(&mut file));
        file.map_err(|error| Failure::input(format!("{}: {error}", source.display()))).and_then(text)?
    } else if is_interactive() {
        prompt("The line AGE-SECRET-KEY-1...")?
    } else {
        text(standard_input()?)?
    };
    if content.trim().is_empty() {
        return Err(Failure::input(format!("{}: nothing is in it", source.display())));
    }
    Ok(SecretInput(Secret::new(content.as_str())))
}

/// Passphrases, in the order they are needed: asked for at the terminal, or the lines of standard input. Every blank in them
/// counts.
pub(crate) struct Passphrases {
    /// What was on standard input; `None` where a person is asked.
    given: Option<Zeroizing<String>>,
    taken: usize,
}

impl Passphrases {
    pub(crate) fn begin() -> Result<Self, Failure> {
        let given = if is_interactive() { None } else { Some(text(standard_input()?)?) };
        Ok(Self { given, taken: 0 })
    }

    /// The next one.
    pub(crate) fn next(&mut self, label: &str) -> Result<SecretInput, Failure> {
        let passphrase = self.line(label)?;
        Ok(SecretInput(Secret::new(passphrase.as_str())))
    }

    /// The next one, which is new: a person types it twice.
    pub(crate) fn next_new(&mut self, label: &str) -> Result<SecretInput, Failure> {
        let passphrase = self.line(label)?;
        if self.given.is_none() && *prompt("The same once more")? != *passphrase {
            return Err(Failure::input("the two are not the same; nothing was changed"));
        }
        Ok(SecretInput(Secret::new(passphrase.as_str())))
    }

    fn line(&mut self, label: &str) -> Result<Zeroizing<String>, Failure> {
        let line = match &self.given {
            None => prompt(label)?,
            Some(given) => Zeroizing::new(given.lines().nth(self.taken).unwrap_or_default().to_owned()),
        };
        self.taken += 1;
        if line.is_empty() {
            let place = if self.given.is_some() {
                format!("on line {} of standard input", self.taken)
            } else {
                "at the prompt".to_owned()
            };
            return Err(Failure::input(format!("{label} was expected {place}")));
        }
        Ok(line)
    }
}

fn prompt(label: &str) -> Result<Zeroizing<String>, Failure> {
    let typed = rpassword::prompt_password(format!("{label}: "));
    typed.map(Zeroizing::new).map_err(|error| unreadable(&error))
}

/// All of standard input; not by way of `std::io::Stdin`, whose buffer nobody wipes.
fn standard_input() -> Result<Zeroizing<Vec<u8>>, Failure> {
    let stdin = io::stdin();
    #[cfg(unix)]
    let handle = std::os::fd::AsFd::as_fd(&stdin).try_clone_to_owned();
    #[cfg(windows)]
    let handle = std::os::windows::io::AsHandle::as_handle(&stdin).try_clone_to_owned();
    handle.and_then(|handle| capped(&mut File::from(handle))).map_err(|error| unreadable(&error))
}

/// Reads to the end, in one allocation: what a growing one leaves behind is not wiped.
fn capped(source: &mut impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; MAX_BYTES + 1]);
    let mut length = 0;
    while length < bytes.len() {
        match source.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if length > MAX_BYTES {
        return Err(io::Error::other("it has more than 64 KiB"));
    }
    bytes.truncate(length);
    Ok(bytes)
}

fn text(bytes: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>, Failure> {
    let text = std::str::from_utf8(&bytes).map_err(|_| Failure::input("text was expected, in UTF-8"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn unreadable(error: &io::Error) -> Failure {
    Failure::input(format!("standard input could not be read ({error})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrases(given: &str) -> Passphrases {
        Passphrases { given: Some(Zeroizing::new(given.to_owned())), taken: 0 }
    }

    #[test]
    fn lines_are_taken_in_order_and_as_they_are() {
        let mut lines = passphrases(" present \r\nnew one\n");
        assert_eq!(*lines.line("Present").unwrap(), " present ");
        assert_eq!(*lines.line("New").unwrap(), "new one");
        let missing = lines.line("Another").unwrap_err();
        assert!(format!("{missing:?}").contains("Another was expected on line 3 of standard input"));
    }

    #[test]
    fn no_more_is_read_than_a_secret_has() {
        let fits = vec![b'a'; MAX_BYTES];
        assert_eq!(*capped(&mut fits.as_slice()).unwrap(), fits);
        assert!(capped(&mut [fits.as_slice(), b"a"].concat().as_slice()).is_err());
    }
}
