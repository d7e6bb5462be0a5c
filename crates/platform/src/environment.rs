//! What surrounds the process: its variables, its display, its own place on the disk.
//!
//! Nothing here writes: the environment is nobody's to change. No secret is ever read from it.

use std::path::PathBuf;

/// The value of an environment variable; `None` when it is unset, empty or not Unicode.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether this session can show a window: always on macOS and Windows, elsewhere when there is a Wayland or X display.
#[must_use]
pub fn has_display() -> bool {
    cfg!(any(windows, target_os = "macos")) || var("WAYLAND_DISPLAY").is_some() || var("DISPLAY").is_some()
}

/// Whether the person has a browser where this program runs: there is a display, and they did not come over SSH. `BROWSER`
/// names one wherever they are.
#[must_use]
pub fn has_browser() -> bool {
    var("BROWSER").is_some() || (has_display() && var("SSH_CONNECTION").is_none())
}

/// The directory of the running program, where its companions are installed as well.
#[must_use]
pub fn current_program_dir() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    program.parent().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_the_program_are_found() {
        assert!(var("PATH").is_some());
        assert_eq!(var("HEARTHKEY_NO_SUCH_VARIABLE"), None);
        assert!(current_program_dir().is_some_and(|dir| dir.is_dir()));
    }
}
