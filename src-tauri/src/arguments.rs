//! What the app was started with: nothing, a profile, or one address that the system hands over.

use hearthkey_domain::Secret;
use hearthkey_domain::authorization::LINK_SCHEME;
use std::ffi::OsString;
use std::path::PathBuf;

/// What `--help` says.
pub(crate) const USAGE: &str = "\
Hearthkey: connect your accounts once, keep the keys at home.

Usage: hearthkey-desktop [--profile DIR]

Options:
  --profile DIR   The profile's directory; the environment's HEARTHKEY_PROFILE if left out, else your own
  --help          Print this
  --version       Print the version

The system starts it with an address of the form app.hearthkey:/oauth/callback?... at the end of a
sign-in. On the command line: hearthkey";

/// What is asked for.
#[derive(Debug)]
pub(crate) enum Start {
    /// The app.
    Run {
        /// The profile that was named.
        profile: Option<PathBuf>,
        /// The address that the system hands over.
        link: Option<Secret>,
    },
    /// A text.
    Say(String),
    /// Nothing that is known.
    Refuse,
}

/// Reads the words after the program's name. A word that is not understood is not repeated: it may be an address with a code.
pub(crate) fn read(words: impl IntoIterator<Item = OsString>) -> Start {
    // The Finder of older systems adds a word of its own.
    let known = |word: &OsString| !word.to_str().is_some_and(|word| word.starts_with("-psn_"));
    let words: Vec<OsString> = words.into_iter().filter(known).take(3).collect();
    let texts: Vec<Option<&str>> = words.iter().map(|word| word.to_str()).collect();
    match texts.as_slice() {
        [] => Start::Run { profile: None, link: None },
        [Some("--help" | "-h")] => Start::Say(USAGE.to_owned()),
        [Some("--version" | "-V")] => Start::Say(format!("hearthkey-desktop {}", env!("CARGO_PKG_VERSION"))),
        [Some("--profile"), _] => Start::Run { profile: words.get(1).map(PathBuf::from), link: None },
        [Some(word)] => match (word.strip_prefix("--profile="), is_link(word)) {
            (Some(dir), _) => Start::Run { profile: Some(PathBuf::from(dir)), link: None },
            (None, true) => Start::Run { profile: None, link: Some(Secret::new(*word)) },
            (None, false) => Start::Refuse,
        },
        _ => Start::Refuse,
    }
}

/// Whether a word has the app's scheme, in any case. Whether it means anything is looked at where addresses are taken.
fn is_link(word: &str) -> bool {
    word.split_once(':').is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case(LINK_SCHEME))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn start(words: &[&str]) -> Start {
        read(words.iter().map(OsString::from))
    }

    #[test]
    fn one_address_or_a_profile_and_nothing_else() {
        assert!(matches!(start(&[]), Start::Run { profile: None, link: None }));
        assert!(matches!(start(&["-psn_0_1"]), Start::Run { profile: None, link: None }));
        assert!(matches!(start(&["app.hearthkey:/oauth/callback?code=x"]), Start::Run { link: Some(_), .. }));
        assert!(matches!(start(&["APP.HEARTHKEY:/x"]), Start::Run { link: Some(_), .. }));
        for named in [&["--profile", "/x"][..], &["--profile=/x"]] {
            assert!(
                matches!(start(named), Start::Run { profile: Some(dir), link: None } if dir.as_path() == Path::new("/x"))
            );
        }
        for refused in [
            &["https://evil.example/"][..],
            &["--profile"],
            &["--profile", "/x", "app.hearthkey:/oauth/callback"],
            &["app.hearthkey:/a", "app.hearthkey:/b"],
            &["--remote-debugging-port=1"],
        ] {
            assert!(matches!(start(refused), Start::Refuse), "{refused:?}");
        }
        assert!(matches!(start(&["--help"]), Start::Say(text) if text.contains("--profile DIR")));
        assert!(matches!(start(&["--version"]), Start::Say(text) if text.starts_with("hearthkey-desktop ")));
    }
}
