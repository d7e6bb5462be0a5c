//! Notifications of the person's session, each with one button.
//!
//! On Linux the desktop's notification service (Desktop Notifications Specification 1.2), elsewhere the system's own by way of
//! `notify-rust`. A session without any is no fault: the caller is told so.

#[cfg(target_os = "linux")]
mod freedesktop;
#[cfg(not(target_os = "linux"))]
mod system;

#[cfg(target_os = "linux")]
pub use freedesktop::SessionNotices;
#[cfg(not(target_os = "linux"))]
pub use system::SessionNotices;

/// The name notices are shown under.
const APP: &str = "Hearthkey";
