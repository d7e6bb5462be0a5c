//! How a sandbox behaves; fixed for its life. Faults are not here: they change while it runs.

use std::path::PathBuf;

/// How a sandbox behaves, fixed for its life.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port on 127.0.0.1; 0 picks a free one.
    pub port: u16,
    /// Where grants are kept, so that they survive a restart; tokens are stored as SHA-256 only.
    pub state_file: Option<PathBuf>,
    /// Life of an access token in seconds.
    pub access_token_seconds: u64,
    /// Life of a refresh token in seconds, counted from its issue; `None` means until revoked.
    pub refresh_token_seconds: Option<u64>,
    /// Life of an authorization code in seconds.
    pub code_seconds: u64,
    /// Life of a device code in seconds.
    pub device_code_seconds: u64,
    /// The shortest time between two polls of the device grant, in seconds; 0 never answers `slow_down`.
    pub device_interval_seconds: u64,
    /// Approve without a page: `/authorize` redirects at once, and opening the complete verification URI approves.
    pub auto_approve: bool,
    /// Whether a refresh yields a new refresh token and retires the old one; else the reply carries none.
    pub rotate_refresh_tokens: bool,
    /// API requests per minute and credential before 429.
    pub requests_per_minute: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            state_file: None,
            access_token_seconds: 300,
            refresh_token_seconds: None,
            code_seconds: 60,
            device_code_seconds: 600,
            device_interval_seconds: 5,
            auto_approve: false,
            rotate_refresh_tokens: true,
            requests_per_minute: 600,
        }
    }
}
