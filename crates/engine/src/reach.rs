//! Reaching the owner of a profile from another process: over its socket, starting `hearthkey serve` if nobody owns it.

use crate::EngineError;
use crate::OwnerKind;
use hearthkey_api::doors::client::{Client, ClientError};
use hearthkey_api::operations::app::{HandOver, ShowWindow};
use hearthkey_api::operations::authorizations::Deliver;
use hearthkey_api::{Problem, SecretInput};
use hearthkey_domain::Secret;
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
/// How long an owner may take to say that it is there. It waits for nothing to say so.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);
/// How long an owner that gives way may take: the longest token request that it lets settle, and some more.
const HAND_OVER: SignedDuration = SignedDuration::from_secs(75);
/// How long whoever lost its owner waits for the next one before starting one.
const CHANGE_OF_OWNER: SignedDuration = SignedDuration::from_secs(3);

/// A conversation with the owner, if there is one.
///
/// # Errors
/// [`EngineError::Silent`] when there is one that does not answer.
pub async fn owner(profile: &Profile) -> Result<Option<Client>, EngineError> {
    let conversation = async {
        let stream = socket::connect(&profile.socket()).await.ok()?;
        let mut client = Client::new(stream).await.ok()?;
        client.is_alive().await.then_some(client)
    };
    let silent = |_| EngineError::Silent(profile.owner());
    tokio::time::timeout(SIGN_OF_LIFE, conversation).await.map_err(silent)
}

/// A conversation with the owner, which is started if there is none: `hearthkey serve`, ending by itself a minute after it
/// was last needed.
///
/// # Errors
/// When it cannot be started, with its own words; or when there is one that does not answer.
pub async fn owner_or_serve(profile: &Profile) -> Result<Client, EngineError> {
    if let Some(client) = owner(profile).await? {
        return Ok(client);
    }
    let mut serve = ServeProcess::start(profile).map_err(EngineError::NotServed)?;
    let clock = SystemClock;
    let deadline = clock.now() + START;
    loop {
        // One that is on its way out is silent for a moment.
        if let Ok(Some(client)) = owner(profile).await {
            return Ok(client);
        }
        // Another caller may have started one first: then this one ends at once, and the other's socket will answer.
        let ended = serve.ended();
        if clock.now() >= deadline || (ended.is_some() && profile.owner().is_none()) {
            let words = ended.unwrap_or_else(|| "its socket did not answer in time".to_owned());
            return Err(match serde_json::from_str::<Problem>(&words) {
                Ok(problem) => EngineError::Owner(problem),
                Err(_) => EngineError::NotServed(words),
            });
        }
        clock.sleep_until(clock.now() + STEP).await;
    }
}

/// A conversation with the next owner, after one was lost: it may be giving way to the desktop app, which is not to be raced.
///
/// # Errors
/// As [`owner_or_serve`].
pub async fn next_owner(profile: &Profile) -> Result<Client, EngineError> {
    let clock = SystemClock;
    let deadline = clock.now() + CHANGE_OF_OWNER;
    while clock.now() < deadline {
        if let Ok(Some(client)) = owner(profile).await {
            return Ok(client);
        }
        clock.sleep_until(clock.now() + STEP).await;
    }
    owner_or_serve(profile).await
}

/// How the desktop app comes to own a profile.
pub enum Claim {
    /// It owns it.
    Owned(ProfileLock),
    /// Another desktop app does, and shows its window now.
    Shown,
}

/// Takes a profile for the desktop app: `hearthkey serve` gives way, another desktop app comes to the front and is given the
/// address that the system handed to this one, if there is one.
///
/// # Errors
/// [`EngineError::InUse`] or [`EngineError::Silent`] when the owner does neither.
pub async fn claim_for_desktop(profile: &Profile, link: &mut Option<Secret>) -> Result<Claim, EngineError> {
    let clock = SystemClock;
    let deadline = clock.now() + HAND_OVER;
    loop {
        if let Some(lock) = ProfileLock::try_acquire(profile, crate::lock_kind(OwnerKind::Desktop))? {
            return Ok(Claim::Owned(lock));
        }
        // Asked each time: another `hearthkey serve` may have come between.
        if let Ok(Some(mut client)) = owner(profile).await {
            let refused = matches!(client.call(&HandOver {}).await, Err(ClientError::Problem(_)));
            if refused && let Some(address) = link.take() {
                let delivered = client.call(&Deliver { address: SecretInput(address) }).await;
                if delivered.is_ok() {
                    return Ok(Claim::Shown);
                }
            }
            if refused && client.call(&ShowWindow {}).await.is_ok() {
                return Ok(Claim::Shown);
            }
            if refused {
                return Err(EngineError::InUse(profile.owner()));
            }
        }
        if clock.now() >= deadline {
            return Err(EngineError::Silent(profile.owner()));
        }
        clock.sleep_until(clock.now() + STEP).await;
    }
}
