//! The owner of the profile killed, cut off from its disk, and left without room at seeded points of what it writes, with the
//! real keychain and a real authorization server. After each, the next owner has to find everything that was promised.
//!
//! Forty kills and eight faults of the disk run with the tests; `cargo xtask sweep vault` plays hundreds. A point is
//! `OPERATION:SYSCALL:NTH:HARM`: since the operation began, one thread makes this call for the nth time.

#![allow(clippy::print_stdout, reason = "a sweep says how far it is, and what it found")]

mod export;
mod faults;
mod full_disk;
mod kills;
mod look;
mod migration;
mod operations;
mod owner;
mod plan;
mod report;
mod tracer;
mod world;

use plan::Plan;

#[test]
fn nothing_that_was_promised_is_lost_by_a_kill() {
    let plan = Plan::of_kills();
    if plan.operations().next().is_some() {
        tracer::require();
        kills::sweep(&plan).finish();
    }
}

#[test]
fn nothing_is_promised_that_the_disk_did_not_take() {
    let plan = Plan::of_faults();
    if plan.operations().next().is_some() {
        tracer::require();
        faults::sweep(&plan).finish();
    }
}
