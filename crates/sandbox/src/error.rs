//! Why a sandbox did not start.

use std::io;
use std::path::PathBuf;

/// Why a sandbox did not start. Each message says what happened, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another program listens on the port.
    #[error(
        "port {port} on 127.0.0.1 is already in use. Stop the program that holds it, or choose another port (0 picks a free one)."
    )]
    PortTaken {
        /// The port asked for.
        port: u16,
    },
    /// The port cannot be bound for another reason.
    #[error("cannot listen on 127.0.0.1:{port}: {source}. Choose another port (0 picks a free one).")]
    Listen {
        /// The port asked for.
        port: u16,
        /// What the system answered.
        source: io::Error,
    },
    /// The state file cannot be read or written.
    #[error("cannot use the state file {}: {source}. Check the folder and its permissions, or choose another file.", path.display())]
    StateFile {
        /// The file named in the options.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The state file holds something else. It is left as it is.
    #[error("{} is not a sandbox state file: {source}. Delete it to start afresh, or choose another file.", path.display())]
    StateFormat {
        /// The file named in the options.
        path: PathBuf,
        /// Where the parser stopped.
        source: serde_json::Error,
    },
}
