//! A sign-in that is under way: what the person is to do, and its end.

use super::Session;
use super::connections::say_connected;
use crate::args::Way;
use crate::failure::{Failure, INTERRUPTED};
use crate::terminal::Lines;
use anstyle::Style;
use hearthkey_api::doors::client::ClientError;
use hearthkey_api::operations::authorizations::{Cancel, Follow, Paste};
use hearthkey_api::operations::connections;
use hearthkey_api::problem::ProblemKind;
use hearthkey_api::views::{AuthorizationState, AuthorizationView, ConnectionView, DeviceView, StrategyWord};
use hearthkey_api::{Problem, SecretInput};
use hearthkey_domain::Secret;
use hearthkey_engine::signals;
use std::io::ErrorKind;
use std::pin::pin;

impl From<Way> for StrategyWord {
    fn from(way: Way) -> Self {
        match way {
            Way::Loopback => Self::Loopback,
            Way::DeepLink => Self::DeepLink,
            Way::Bounce => Self::HttpsBounce,
            Way::Device => Self::Device,
        }
    }
}

impl Session {
    /// Tells the person what to do for a sign-in, and waits for its end.
    pub(super) async fn see_through(&self, flow: AuthorizationView, pastes: bool) -> Result<(), Failure> {
        let pastes = pastes && flow.device.is_none();
        // Heard from the first word on.
        let mut interrupted = pin!(signals::asked_to_end());
        let _ = futures::poll!(interrupted.as_mut());
        self.output.progress(&flow, &what_to_do(&flow, pastes));
        let ended = tokio::select! {
            ended = self.follow(&flow.id) => ended?,
            refused = self.paste(&flow.id), if pastes => {
                // Nobody is left who would finish it here. The refusal is what is told.
                let _ = self.call(&Cancel { authorization: flow.id.clone() }).await;
                return Err(refused);
            }
            () = &mut interrupted => {
                self.call(&Cancel { authorization: flow.id.clone() }).await?;
                // It may have been approved a moment before; then it is told as it ended.
                let ended = match self.follow(&flow.id).await {
                    Err(failure) if failure.is(ProblemKind::Locked) => None,
                    ended => Some(ended?),
                };
                match ended {
                    Some(ended) if ended.state != AuthorizationState::Cancelled => ended,
                    _ => {
                        self.output.note("Cancelled.");
                        return Err(Failure::Told(INTERRUPTED));
                    }
                }
            }
        };
        match (ended.state, ended.connection, ended.problem) {
            (
                state @ (AuthorizationState::Connected | AuthorizationState::AlreadyConnected),
                Some(connection),
                _,
            ) => {
                let detail = self.call(&connections::Show { connection }).await?;
                let ConnectionView { label, connector, .. } = &detail.connection;
                if state == AuthorizationState::AlreadyConnected {
                    self.output.note(&format!(
                        "This account was connected before: {label} goes on. For a second connection: --second"
                    ));
                }
                let missing: Vec<&str> = ended
                    .declined
                    .iter()
                    .map(|scope| if scope.reason.is_empty() { &*scope.name } else { &*scope.reason })
                    .collect();
                if !missing.is_empty() {
                    let its = if missing.len() == 1 { "its box" } else { "their boxes" };
                    self.output.note(&format!(
                        "{} did not grant: {}. To tick {its}: hearthkey connect {} --again {label:?}",
                        connector.name,
                        missing.join("; "),
                        connector.id
                    ));
                }
                say_connected(self, &detail.connection);
                Ok(())
            }
            (_, _, Some(problem)) => Err(problem.into()),
            _ => {
                Err(Problem::new(ProblemKind::Conflict, Some("the sign-in was cancelled".into()), None)
                    .into())
            }
        }
    }

    /// Asks for the address the browser ended on until one is taken. Comes back only with what cannot be asked again.
    async fn paste(&self, authorization: &str) -> Failure {
        let mut lines = Lines::begin("Address the browser ended on (it is not shown)".to_owned());
        loop {
            let line = match lines.next().await {
                Ok(line) => line,
                // Ctrl+C, which is heard elsewhere.
                Err(error) if error.kind() == ErrorKind::Interrupted => std::future::pending().await,
                Err(error) => return Failure::input(format!("no address could be read ({error})")),
            };
            if line.trim().is_empty() {
                if crate::secrets::is_interactive() {
                    continue;
                }
                // Standard input has ended: the browser may still find back by itself.
                std::future::pending::<()>().await;
            }
            let address = SecretInput(Secret::new(line.trim()));
            let pasted = self.call(&Paste { authorization: Some(authorization.to_owned()), address }).await;
            match pasted {
                // Told by whoever follows it.
                Ok(_) => std::future::pending().await,
                Err(failure @ Failure::Problem(_))
                    if can_be_pasted_again(&failure) && crate::secrets::is_interactive() =>
                {
                    self.output.failure(&failure);
                }
                Err(failure) => return failure,
            }
        }
    }

    /// Follows a sign-in to its end, over a change of the profile's owner if need be.
    async fn follow(&self, authorization: &str) -> Result<AuthorizationView, Failure> {
        let mut tries = 0;
        let mut said_locked = false;
        // The owner may have gone just after it began the sign-in.
        let mut client = match self.client().await {
            Ok(client) => client,
            Err(_) => self.next_client().await?,
        };
        loop {
            let follow = Follow { authorization: authorization.to_owned() };
            let mut last = None;
            let broken = match client.watch(&follow).await {
                Ok(mut states) => loop {
                    match states.next().await {
                        Ok(Some(state)) => {
                            let waits = state.state == AuthorizationState::WaitingForUnlock;
                            if waits && !std::mem::replace(&mut said_locked, true) {
                                self.output.note(&until_unlocked(&state));
                            }
                            last = Some(state);
                        }
                        Ok(None) => break None,
                        Err(error) => break Some(error),
                    }
                },
                Err(error) => Some(error),
            };
            match (last, broken) {
                (Some(flow), _) if flow.state.is_final() => return Ok(flow),
                (_, Some(ClientError::Problem(problem))) => return Err(problem.into()),
                (_, Some(error)) if tries >= 3 => return Err(error.into()),
                _ if tries >= 3 => return Err(ClientError::OtherVersion.into()),
                _ => tries += 1,
            }
            client = self.next_client().await?;
        }
    }
}

/// Whether a sign-in waits on after an address that was refused.
fn can_be_pasted_again(failure: &Failure) -> bool {
    let kinds = [ProblemKind::InvalidInput, ProblemKind::Locked, ProblemKind::KeychainUnavailable];
    kinds.into_iter().any(|kind| failure.is(kind))
}

/// What a sign-in waits for while Hearthkey is locked.
fn until_unlocked(flow: &AuthorizationView) -> String {
    match flow.device {
        Some(_) => {
            let until = flow.expires_at.strftime("%H:%M UTC");
            format!("Waiting for the unlock; the code stays good until {until}: hearthkey unlock")
        }
        None => "The answer is here. It goes on once you unlock: hearthkey unlock".to_owned(),
    }
}

/// What a person is to do for a sign-in.
fn what_to_do(flow: &AuthorizationView, pastes: bool) -> String {
    if let Some(device) = &flow.device {
        return with_code(device);
    }
    let address = &flow.authorize_url;
    if pastes {
        return format!(
            "Open this address in any browser and approve:\n\n  {address}\n\nThe browser may then show a page that \
             does not load. Copy that page's address and paste it here."
        );
    }
    let words = if flow.browser_opened {
        "Finish in your browser. If it did not open, open this address yourself:"
    } else {
        "Open this address in a browser on this computer:"
    };
    format!("{words}\n\n  {address}\n")
}

fn with_code(device: &DeviceView) -> String {
    let big = Style::new().bold();
    let (code, page) = (&device.user_code, &device.verification_uri);
    let complete = device.verification_uri_complete.as_ref();
    let shortcut = complete.map_or(String::new(), |address| {
        format!("\nThis address has the code in it; compare it before you approve:\n\n  {address}\n")
    });
    format!(
        "On any device, open\n\n  {big}{page}{big:#}\n\nand enter the code\n\n  {big}{code}{big:#}\n{shortcut}\n\
         Waiting until you have approved there. Ctrl+C gives up."
    )
}
