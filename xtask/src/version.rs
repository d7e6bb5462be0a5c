//! Versions as tools print them: `rustc 1.95.0 (...)`, `v20.20.2`, `11.19.1`.

use std::fmt;

/// The two numbers that decide whether a tool is new enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    major: u32,
    minor: u32,
}

impl Version {
    pub(crate) const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// The first word of `text` that reads as `major.minor...`, with or without a leading `v`.
    pub(crate) fn find(text: &str) -> Option<Self> {
        text.split_whitespace().find_map(|word| {
            let mut numbers = word.trim_start_matches('v').split(['.', '-', '+']);
            let major = numbers.next()?.parse().ok()?;
            let minor = numbers.next()?.parse().ok()?;
            Some(Self { major, minor })
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn reads_what_tools_print() {
        for (text, expected) in [
            ("rustc 1.95.0 (59807616e 2026-04-14)", Some(Version::new(1, 95))),
            ("rustc 1.97.0-nightly (abc 2026-05-01)", Some(Version::new(1, 97))),
            ("v20.20.2\n", Some(Version::new(20, 20))),
            ("11.19.1", Some(Version::new(11, 19))),
            ("command not found", None),
            ("", None),
        ] {
            assert_eq!(Version::find(text), expected, "{text:?}");
        }
    }

    #[test]
    fn compares_numbers_not_text() {
        assert!(Version::new(1, 100) > Version::new(1, 95));
        assert!(Version::new(9, 9) < Version::new(10, 0));
    }
}
