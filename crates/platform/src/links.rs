//! Whether the system hands the app's own addresses to Hearthkey.
//!
//! On Linux that is said by desktop entries, which are only read here. Elsewhere the app is registered when it is installed or
//! started, and that is taken for granted.

use crate::environment::var;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The largest desktop entry that is read, in bytes.
const ENTRY_MAX: u64 = 64 * 1024;

/// Whether a program that exists is registered for a scheme.
#[must_use]
pub fn is_handled(scheme: &str) -> bool {
    if cfg!(any(windows, target_os = "macos")) {
        return true;
    }
    data_dirs().iter().any(|dir| {
        let entries = fs::read_dir(dir.join("applications")).into_iter().flatten().flatten();
        let handlers = entries.filter_map(|entry| handler(&entry.path(), scheme));
        handlers.into_iter().any(|program| exists(&program))
    })
}

/// Where desktop entries are (XDG Base Directory Specification).
fn data_dirs() -> Vec<PathBuf> {
    let home = var("XDG_DATA_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(var("HOME")?).join(".local/share")));
    let shared = var("XDG_DATA_DIRS").unwrap_or_else(|| "/usr/local/share:/usr/share".to_owned());
    home.into_iter().chain(shared.split(':').map(PathBuf::from)).filter(|dir| dir.is_absolute()).collect()
}

/// The program that a desktop entry starts with an address of the scheme, if it is one of those.
fn handler(entry: &Path, scheme: &str) -> Option<String> {
    if entry.extension().is_none_or(|extension| extension != "desktop") {
        return None;
    }
    let mut text = String::new();
    fs::File::open(entry).ok()?.take(ENTRY_MAX).read_to_string(&mut text).ok()?;
    let wanted = format!("x-scheme-handler/{scheme}");
    let value = |key: &str| {
        text.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('=')).map(str::trim)
    };
    if !value("MimeType")?.split(';').any(|kind| kind.trim() == wanted) {
        return None;
    }
    let command = value("Exec")?;
    if !command.contains("%u") && !command.contains("%U") {
        return None;
    }
    let program = match command.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => command.split_whitespace().next(),
    };
    program.map(str::to_owned)
}

fn exists(program: &str) -> bool {
    let is_file = |path: &Path| path.is_file();
    if program.contains('/') {
        return is_file(Path::new(program));
    }
    var("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| is_file(&dir.join(program))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_handles_what_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.desktop");
        let entry = |exec: &str, kinds: &str| {
            fs::write(&file, format!("[Desktop Entry]\nType=Application\nExec={exec}\nMimeType={kinds}\n"))
                .unwrap();
            handler(&file, "app.hearthkey")
        };
        let ours = "text/plain;x-scheme-handler/app.hearthkey;";
        assert_eq!(entry("/opt/hearthkey-desktop %u", ours).as_deref(), Some("/opt/hearthkey-desktop"));
        assert_eq!(entry("\"/opt/my app/hk\" %u", ours).as_deref(), Some("/opt/my app/hk"));
        assert_eq!(entry("/opt/hearthkey-desktop", ours), None, "the address would be dropped");
        assert_eq!(entry("/opt/x %u", "x-scheme-handler/app.hearthkey.other;"), None);
        assert!(exists("/bin/sh") && exists("sh") && !exists("/no/such/program"));
    }
}
