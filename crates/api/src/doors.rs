//! The doors that speak over a stream of bytes: HTTP/1.1 on the local socket, and its client. (The window's IPC needs no
//! bytes; it calls [`crate::table`] itself.)

pub mod client;
pub mod server;
