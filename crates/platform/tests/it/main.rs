//! The ports against the real thing: sockets on loopback, files in a temporary directory, a keychain in a D-Bus session of
//! its own. Nothing leaves the machine.
#![allow(clippy::unwrap_used)]

mod files;
mod http;
#[cfg(target_os = "linux")]
mod keychain;
mod loopback;
#[cfg(target_os = "linux")]
mod notices;
#[cfg(target_os = "linux")]
mod process;
mod profile;
#[cfg(unix)]
mod sandbox_process;
mod socket;
#[cfg(target_os = "linux")]
mod strangers;
mod tls;
