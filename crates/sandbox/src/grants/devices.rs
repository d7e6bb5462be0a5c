//! The device authorization grant (RFC 8628).

use super::{Grants, Issued, Refusal};
use crate::accounts::Account;
use crate::clients::Client;
use crate::clock::after;
use crate::options::Options;
use crate::scopes::Scopes;
use crate::secret::{Sha256Of, opaque, user_code};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// How long an expired device code is remembered, so that the poll says `expired_token`.
const MEMORY: SignedDuration = SignedDuration::from_hours(1);

/// What a `slow_down` adds to the interval (RFC 8628 section 3.5).
const SLOW_DOWN_SECONDS: u64 = 5;

/// What the person answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Approved(Account),
    Denied,
}

#[derive(Debug, Clone)]
struct Device {
    client: Client,
    scopes: Scopes,
    user_code: String,
    expires: Timestamp,
    interval_seconds: u64,
    polled: Option<Timestamp>,
    decision: Option<Decision>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Devices(BTreeMap<Sha256Of, Device>);

impl Devices {
    pub(super) fn prune(&mut self, now: Timestamp) {
        self.0.retain(|_, device| now.duration_since(device.expires) < MEMORY);
    }

    fn undecided(&mut self, user_code: &str, now: Timestamp) -> Option<&mut Device> {
        let letters = |code: &str| {
            code.chars()
                .filter(char::is_ascii_alphanumeric)
                .map(|c| c.to_ascii_uppercase())
                .collect::<String>()
        };
        let wanted = letters(user_code);
        self.0.values_mut().find(|device| {
            device.decision.is_none() && device.expires > now && letters(&device.user_code) == wanted
        })
    }
}

impl Grants {
    /// A device code and its user code.
    pub(crate) fn start_device(
        &mut self,
        client: Client,
        scopes: Scopes,
        options: &Options,
        now: Timestamp,
    ) -> (String, String) {
        let device_code = opaque("sbx_dc_");
        let device = Device {
            client,
            scopes,
            user_code: user_code(),
            expires: after(now, options.device_code_seconds),
            interval_seconds: options.device_interval_seconds,
            polled: None,
            decision: None,
        };
        let user_code = device.user_code.clone();
        self.devices.0.insert(Sha256Of::new(&device_code), device);
        (device_code, user_code)
    }

    /// The undecided request of a user code, however it is spelled.
    pub(crate) fn device(&mut self, user_code: &str, now: Timestamp) -> Option<(Client, Scopes)> {
        let device = self.devices.undecided(user_code, now)?;
        Some((device.client, device.scopes.clone()))
    }

    /// Records the person's answer; false when there is no undecided request of that code.
    pub(crate) fn decide_device(&mut self, user_code: &str, decision: Decision, now: Timestamp) -> bool {
        let device = self.devices.undecided(user_code, now);
        device.map(|device| device.decision = Some(decision)).is_some()
    }

    /// One poll of the token endpoint.
    pub(crate) fn redeem_device(
        &mut self,
        device_code: &str,
        client: Client,
        options: &Options,
        now: Timestamp,
    ) -> Result<Issued, Refusal> {
        let hash = Sha256Of::new(device_code);
        let Some(device) = self.devices.0.get_mut(&hash).filter(|device| device.client == client) else {
            return Err(super::invalid_grant("The device code is not known.", "unknown device code"));
        };
        if device.expires <= now {
            return Err(refusal("expired_token", "The device code expired.", "expired"));
        }
        let due = device.polled.map(|polled| after(polled, device.interval_seconds));
        device.polled = Some(now);
        if due.is_some_and(|due| now < due) {
            device.interval_seconds = device.interval_seconds.saturating_add(SLOW_DOWN_SECONDS);
            return Err(refusal("slow_down", "Wait longer between two polls.", "slow_down"));
        }
        match device.decision {
            None => Err(refusal("authorization_pending", "The person has not answered yet.", "pending")),
            Some(Decision::Denied) => Err(refusal("access_denied", "The person said no.", "denied")),
            Some(Decision::Approved(account)) => {
                let scopes = device.scopes.clone();
                self.devices.0.remove(&hash);
                Ok(self.open((client, account, scopes), options, now).1)
            }
        }
    }
}

fn refusal(error: &'static str, description: &'static str, outcome: &'static str) -> Refusal {
    Refusal { error, description, outcome }
}
