//! The local socket of a profile: a Unix socket that only its owner can use, a named pipe on Windows.
//!
//! It carries bytes and says who is at the other end. What is spoken over it is the contract's business, in `api`.

mod place;

use interprocess::local_socket::{
    ListenerOptions,
    tokio::{Listener, Stream},
    traits::{StreamCommon as _, tokio::Listener as _, tokio::Stream as _},
};
use std::{
    io,
    path::Path,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The program at the other end. It is for a person's eyes and the audit log: process ids are reused, so nothing may be
/// decided by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its process, where the system tells.
    pub pid: Option<u32>,
    /// The file name of its program, on Linux.
    pub program: Option<String>,
}

/// The listening end of a profile's socket. Dropping it removes the socket.
#[derive(Debug)]
pub struct LocalListener {
    listener: Listener,
}

impl LocalListener {
    /// Listens at `path`, the profile's [`socket`](crate::profile::Profile::socket).
    ///
    /// The caller holds the profile's lock: a socket file that is there already was left by a process that is gone, and is
    /// removed. A path too long for a socket is served from the runtime directory instead.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    ///
    /// # Errors
    /// When the socket cannot be made, or the directory for it is not the user's alone.
    pub fn bind(path: &Path) -> io::Result<Self> {
        let place = place::of(path)?;
        let options = ListenerOptions::new().name(place.name()?);
        #[cfg(unix)]
        let listener = {
            place.clear()?;
            place.restrict(options)?
        };
        #[cfg(windows)]
        let listener = {
            use interprocess::os::windows::{
                local_socket::ListenerOptionsExt as _, security_descriptor::SecurityDescriptor,
            };
            // Everything for the owner and the system, nothing for anyone else.
            let owner_only =
                SecurityDescriptor::deserialize(widestring::u16cstr!("D:P(A;;GA;;;OW)(A;;GA;;;SY)"))?;
            options.security_descriptor(owner_only).create_tokio()?
        };
        Ok(Self { listener })
    }

    /// Waits for the next connection of the same user. Those of other users are closed and logged.
    ///
    /// # Errors
    /// When the socket itself fails; another call may succeed.
    pub async fn accept(&self) -> io::Result<(LocalStream, Peer)> {
        loop {
            let stream = self.listener.accept().await?;
            match peer(&stream) {
                Ok(Some(peer)) => return Ok((LocalStream(stream), peer)),
                Ok(None) => tracing::warn!("a local connection of another user was refused"),
                Err(error) => {
                    tracing::warn!(kind = %error.kind(), "a local connection without a known user was refused")
                }
            }
        }
    }
}

/// Connects to the socket at `path`.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] or [`io::ErrorKind::ConnectionRefused`] when nobody serves the profile;
/// [`io::ErrorKind::PermissionDenied`] when another user does.
pub async fn connect(path: &Path) -> io::Result<LocalStream> {
    let stream = Stream::connect(place::of(path)?.name()?).await?;
    match peer(&stream)? {
        Some(_) => Ok(LocalStream(stream)),
        None => Err(io::Error::new(io::ErrorKind::PermissionDenied, "the socket belongs to another user")),
    }
}

/// One connection of a profile's socket, at either end.
#[derive(Debug)]
pub struct LocalStream(Stream);

impl AsyncRead for LocalStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for LocalStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// The other end, if it is of the same user. (On Windows the pipe's access list has said so already.)
fn peer(stream: &Stream) -> io::Result<Option<Peer>> {
    let credentials = stream.peer_creds()?;
    #[cfg(unix)]
    if credentials.euid() != Some(rustix::process::geteuid().as_raw()) {
        return Ok(None);
    }
    let pid = credentials.pid();
    #[cfg(unix)]
    let pid = pid.and_then(|pid| u32::try_from(pid).ok());
    Ok(Some(Peer { pid, program: pid.and_then(program) }))
}

#[cfg(target_os = "linux")]
fn program(pid: u32) -> Option<String> {
    let path = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    Some(path.file_name()?.to_string_lossy().into_owned())
}

#[cfg(not(target_os = "linux"))]
fn program(_pid: u32) -> Option<String> {
    None
}
