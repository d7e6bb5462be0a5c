//! The only code that touches the world: clock, randomness, network, keychain, browser, local sockets, files, processes.
//!
//! Here are the implementations of the ports in `hearthkey-domain`, and the profile directory with its lock and socket.
//! Nothing here decides what is sent, stored or shown, and nothing here opens a seal.

mod address;
pub mod browser;
pub mod clock;
pub mod entropy;
pub mod environment;
pub mod files;
pub mod http;
pub mod keychain;
pub mod links;
pub mod loopback;
pub mod notices;
mod process;
pub mod profile;
pub mod sandbox_process;
pub mod serve_process;
pub mod signals;
pub mod socket;
mod threads;

pub use process::harden_owner;

/// Prepares the process. Called once, first thing in `main`, before any thread or file exists.
///
/// From here on new files are the owner's alone (`umask 077`), a crash leaves no memory behind and a panic no word, and TLS
/// is rustls with ring. A process that owns a profile calls [`harden_owner`] besides.
pub fn init() {
    #[cfg(unix)]
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    process::forbid_core_dumps();
    process::silence_panics();
    install_tls();
}

/// Installs ring as the process-wide cryptography of rustls. The first caller wins; later calls change nothing.
pub(crate) fn install_tls() {
    // An error says that a provider is installed already, which is what is wanted here.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
