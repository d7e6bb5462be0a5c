//! Where the socket of a profile really is: in the profile, or elsewhere when that path is too long for a socket.

#[cfg(unix)]
pub(super) use unix::of;
#[cfg(windows)]
pub(super) use windows::of;

use sha2::{Digest, Sha256};
use std::path::Path;

/// A short name for a path, the same for every spelling of its directory.
fn short_name(path: &Path) -> String {
    let canonical = path
        .parent()
        .and_then(|dir| dir.canonicalize().ok())
        .zip(path.file_name())
        .map_or_else(|| path.to_owned(), |(dir, name)| dir.join(name));
    let digest = Sha256::digest(canonical.as_os_str().as_encoded_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(unix)]
mod unix {
    use crate::environment;
    use interprocess::local_socket::{
        GenericFilePath, ListenerOptions, Name, ToFsName as _, tokio::Listener,
    };
    use rustix::process::geteuid;
    use std::{
        fs::{self, DirBuilder},
        io,
        os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _},
        path::{Path, PathBuf},
    };

    /// The longest path of a socket in bytes, below what Linux (108) and macOS (104) allow.
    const MAX_PATH: usize = 100;

    /// The file of a socket.
    #[derive(Debug)]
    pub(in super::super) struct Place(PathBuf);

    /// The file for the socket that was asked for at `path`.
    pub(in super::super) fn of(path: &Path) -> io::Result<Place> {
        if fits(path) {
            return Ok(Place(path.to_owned()));
        }
        let base = environment::var("XDG_RUNTIME_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let dir = base.join(format!("hearthkey-{}", geteuid().as_raw()));
        let file = dir.join(format!("{}.sock", super::short_name(path)));
        if !fits(&file) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidFilename,
                format!("{} is too long for a socket, and so is {}", path.display(), file.display()),
            ));
        }
        make_private(&dir)?;
        Ok(Place(file))
    }

    impl Place {
        pub(in super::super) fn name(&self) -> io::Result<Name<'_>> {
            self.0.as_path().to_fs_name::<GenericFilePath>()
        }

        /// Removes the socket that a process left behind, and nothing that is not a socket.
        pub(in super::super) fn clear(&self) -> io::Result<()> {
            match fs::symlink_metadata(&self.0) {
                Ok(found) if found.file_type().is_socket() => fs::remove_file(&self.0),
                Ok(_) => Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    format!("{} is in the way: it is not a socket", self.0.display()),
                )),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                Err(error) => Err(error),
            }
        }

        /// Makes the socket with mode 0600. Only Linux can set it before the socket exists; elsewhere the directory, which
        /// is the user's alone, bridges the moment.
        pub(in super::super) fn restrict(&self, options: ListenerOptions<'_>) -> io::Result<Listener> {
            #[cfg(target_os = "linux")]
            {
                use interprocess::os::unix::local_socket::ListenerOptionsExt as _;
                options.mode(0o600).create_tokio()
            }
            #[cfg(not(target_os = "linux"))]
            {
                use std::os::unix::fs::PermissionsExt as _;
                let listener = options.create_tokio()?;
                fs::set_permissions(&self.0, fs::Permissions::from_mode(0o600))?;
                Ok(listener)
            }
        }
    }

    fn fits(path: &Path) -> bool {
        path.as_os_str().len() <= MAX_PATH
    }

    /// The directory must be the user's alone: under a shared one, anybody could have made it first.
    fn make_private(dir: &Path) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let found = fs::symlink_metadata(dir)?;
        if found.is_dir() && found.uid() == geteuid().as_raw() && found.mode() & 0o077 == 0 {
            Ok(())
        } else {
            Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("{} is not a directory of this user alone", dir.display()),
            ))
        }
    }
}

#[cfg(windows)]
mod windows {
    use interprocess::local_socket::{GenericNamespaced, Name, ToNsName as _};
    use std::{io, path::Path};

    /// The name of a pipe.
    #[derive(Debug)]
    pub(in super::super) struct Place(String);

    /// The pipe for the socket that was asked for at `path`.
    #[expect(clippy::unnecessary_wraps, reason = "elsewhere a socket may have no place")]
    pub(in super::super) fn of(path: &Path) -> io::Result<Place> {
        Ok(Place(format!("hearthkey-{}", super::short_name(path))))
    }

    impl Place {
        pub(in super::super) fn name(&self) -> io::Result<Name<'_>> {
            self.0.as_str().to_ns_name::<GenericNamespaced>()
        }
    }
}
