//! What this process lets others see of itself: its memory, also when it ends badly.
//!
//! Who owns a profile holds its keys. Other programs of the same user must not read them out of its memory, nor out of a
//! file that a crash has left.

use std::{alloc::System, io, io::Write as _, panic};
use zeroizing_alloc::ZeroAlloc;

/// Every program with this crate wipes memory when it is freed: the copies that libraries make of a secret go with it.
#[global_allocator]
static WIPED: ZeroAlloc<System> = ZeroAlloc(System);

/// Closes the memory of this process to other programs of the same user, and keeps it out of every core dump.
///
/// For a process that owns a profile, once it does. Not for its clients: whoever serves them could no longer tell which
/// program they are. On Linux it is not dumpable from here on, which a program that it starts does not inherit; on macOS
/// and Windows the system has no such word that safe code could say.
///
/// # Errors
/// When the system refuses; the process is as it was.
pub fn harden_owner() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// No core dump: it would hold what the memory holds. Programs started from here make none either.
pub(crate) fn forbid_core_dumps() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        // It is refused only where the limit was lower, and there is none.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
}

/// A panic says where it happened, never what it says: that may quote anything.
pub(crate) fn silence_panics() {
    panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("unnamed");
        let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line()));
        // There is nobody to tell that nobody can be told.
        let _ = writeln!(io::stderr(), "the thread {name} panicked{}", place.unwrap_or_default());
    }));
}
