//! Reaching the owner of a profile from another process: over its socket, starting `hearthkey serve` if nobody owns it.

use crate::EngineError;
use crate::OwnerKind;
use hearthkey_api::doors::client::{Client, ClientError};
use hearthkey_api::operations::app::{HandOver, ShowWindow};
use hearthkey_domain::ports::Clock;
use hearthkey_platform::clock::SystemClock;
use hearthkey_platform::profile::{Profile, ProfileLock};
use hearthkey_platform::serve_process::ServeProcess;
use hearthkey_platform::socket;
use jiff::SignedDuration;
use std::time::Duration;

/// How long a started `hearthkey serve` may take until its socket answers.
const START: SignedDuration = SignedDuration::from_secs(15);
/// How often the socket is tried meanwhile.
const STEP: SignedDuration = SignedDuration::from_millis(50);
/// How long an owner that gives way may take.
const HAND_OVER: Duration = Duration::from_secs(20);

/// A conversation with the owner, if there is one.
pub async fn owner(profile: &Profile) -> Option<Client> {
    let stream = socket::connect(&profile.socket()).await.ok()?;
    Client::new(stream).await.ok()
}

/// A conversation with the owner, which is started if there is none: `hearthkey serve`, ending by itself a minute after it
/// was last needed.
///
/// # Errors
/// When it cannot be started, with its own words.
pub async fn owner_or_serve(profile: &Profile) -> Result<Client, EngineError> {
    if let Some(client) = owner(profile).await {
        return Ok(client);
    }
    let mut serve = ServeProcess::start(profile).map_err(EngineError::NotServed)?;
    let clock = SystemClock;
    let deadline = clock.now() + START;
    loop {
        if let Some(client) = owner(profile).await {
            return Ok(client);
        }
        // Another caller may have started one first: then this one ends at once, and the other's socket will answer.
        let ended = serve.ended();
        if clock.now() >= deadline || (ended.is_some() && profile.owner().is_none()) {
            let words = ended.unwrap_or_else(|| "its socket did not answer in time".to_owned());
            return Err(EngineError::NotServed(words));
        }
        clock.sleep_until(clock.now() + STEP).await;
    }
}

/// How the desktop app comes to own a profile.
pub enum Claim {
    /// It owns it.
    Owned(ProfileLock),
    /// Another desktop app does, and shows its window now.
    Shown,
}

/// Takes a profile for the desktop app: `hearthkey serve` gives way, another desktop app comes to the front.
///
/// # Errors
/// [`EngineError::InUse`] when the owner does neither.
pub async fn claim_for_desktop(profile: &Profile) -> Result<Claim, EngineError> {
    let kind = crate::lock_kind(OwnerKind::Desktop);
    if let Some(lock) = ProfileLock::try_acquire(profile, kind)? {
        return Ok(Claim::Owned(lock));
    }
    if let Some(mut client) = owner(profile).await {
        let refused = matches!(client.call(&HandOver {}).await, Err(ClientError::Problem(_)));
        if refused && client.call(&ShowWindow {}).await.is_ok() {
            return Ok(Claim::Shown);
        }
        if refused {
            return Err(EngineError::InUse(profile.owner()));
        }
    }
    let lock = ProfileLock::acquire_within(profile, kind, HAND_OVER).await?;
    lock.map(Claim::Owned).ok_or_else(|| EngineError::InUse(profile.owner()))
}
