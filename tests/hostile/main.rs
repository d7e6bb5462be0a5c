//! Real processes against those who are after them: planted secrets, another user, a keychain in every state.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]
#![allow(clippy::print_stderr, reason = "a test that cannot be done here says why")]

mod canaries;
mod journey;
mod keychain;
mod other_user;

/// Whether this is root, without whom `what` is impossible.
fn root(what: &str) -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("skipped: {what}, which only root can do");
    }
    is_root
}
