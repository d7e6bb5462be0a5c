//! The sandbox from outside: over HTTP, over raw sockets, and as a program.
#![allow(clippy::unwrap_used)]

mod api;
mod authorization;
mod control;
mod device;
mod faults;
mod journal;
mod program;
mod tokens;
mod visitor;
