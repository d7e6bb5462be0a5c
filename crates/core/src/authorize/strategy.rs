//! By which way the answer comes back: what the service allows, best first, and what works here.

use crate::{Error, Hearthkey};
use hearthkey_connectors::manifest::OAuth2;
use hearthkey_domain::authorization::Strategy;
use hearthkey_domain::egress::{EgressPolicy, is_loopback_literal};
use hearthkey_domain::ports::VaultSettings;
use hearthkey_domain::server::AuthorizationServer;
use url::Url;

/// The ways of a service that work here.
pub(super) struct Ways {
    working: Vec<Strategy>,
    /// Those that work for a client with a secret only, which this one has not.
    secretless: Vec<Strategy>,
    bounce: Option<Url>,
}

impl Ways {
    /// The way to take: the one that was asked for, else the best one for whoever has a browser or has none.
    pub(super) fn choose(
        &self,
        service: &str,
        allowed: &[Strategy],
        wanted: Option<Strategy>,
        has_browser: bool,
    ) -> Result<Strategy, Error> {
        let refuse = |expected: String| Err(Error::Input { field: "strategy".into(), expected });
        let words = |ways: &[Strategy]| ways.iter().map(|way| way.word()).collect::<Vec<_>>().join(", ");
        if let Some(wanted) = wanted.filter(|wanted| !allowed.contains(wanted)) {
            return refuse(format!("{service} has {}, and not {}", words(allowed), wanted.word()));
        }
        if let Some(wanted) = wanted {
            return if self.working.contains(&wanted) {
                Ok(wanted)
            } else {
                refuse(self.missing(service, wanted))
            };
        }
        // Without a browser here: one that is elsewhere first, then what a pasted address can end.
        let without = [Strategy::Device, Strategy::Loopback];
        let without = without.into_iter().filter(|way| !has_browser && self.working.contains(way));
        match (without.chain(self.working.iter().copied()).next(), allowed.first()) {
            (Some(best), _) => Ok(best),
            (None, Some(first)) => refuse(self.missing(service, *first)),
            (None, None) => refuse(format!("{service} has no way that Hearthkey knows")),
        }
    }

    fn missing(&self, service: &str, way: Strategy) -> String {
        if self.secretless.contains(&way) {
            return format!("{service} has {} for clients with a secret only", way.word());
        }
        missing(service, way)
    }

    /// What could be tried instead.
    pub(super) fn others(&self, taken: Strategy) -> Vec<Strategy> {
        self.working.iter().copied().filter(|way| *way != taken).collect()
    }

    /// The page that sends browsers on to the app.
    pub(super) fn bounce(&self) -> Result<Url, Error> {
        self.bounce.clone().ok_or(Error::Internal("the gateway's address is gone"))
    }
}

fn missing(service: &str, way: Strategy) -> String {
    match way {
        Strategy::DeepLink => {
            "nothing on this computer receives the app's addresses for this profile; start the desktop app"
                .to_owned()
        }
        Strategy::HttpsBounce => {
            format!("{service} returns by way of a gateway; set its address: hearthkey gateway URL")
        }
        Strategy::Device => format!("{service} gives no codes for other devices"),
        Strategy::Loopback => "no local port can be listened at".to_owned(),
    }
}

impl Hearthkey {
    /// The ways a service allows a client, with a secret or without one, that work here, best first.
    pub(super) async fn ways_back(
        &self,
        oauth: &OAuth2,
        server: &AuthorizationServer,
        has_secret: bool,
    ) -> Result<Ways, Error> {
        let bounce = self.ports.store.settings().await?.bounce;
        let receives_links = self.ports.host.receives_links();
        let works = |way: &Strategy| match way {
            Strategy::Loopback => true,
            Strategy::DeepLink => receives_links,
            Strategy::HttpsBounce => bounce.is_some(),
            Strategy::Device => server.device_authorization_endpoint.is_some(),
        };
        let wants_secret = |way: &Strategy| oauth.confidential.contains(way);
        let working = oauth.strategies.iter().copied().filter(works);
        let (first, then): (Vec<_>, Vec<_>) = working.partition(wants_secret);
        Ok(match has_secret {
            true => Ways { working: [first, then].concat(), secretless: vec![], bounce },
            false => Ways { working: then, secretless: first, bounce },
        })
    }

    /// The https page that sends browsers on to the app, where one is set.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn bounce(&self) -> Result<Option<Url>, Error> {
        Ok(self.ports.store.settings().await?.bounce)
    }

    /// Sets the https page that sends browsers on to the app, or that there is none.
    ///
    /// # Errors
    /// An address that is not https (http on a literal loopback address), or a database that does not write.
    pub async fn set_bounce(&self, bounce: Option<Url>) -> Result<(), Error> {
        let plain = |url: &Url| url.query().is_none() && url.fragment().is_none();
        let secure = |url: &Url| url.scheme() == "https" || is_loopback_literal(url);
        let fits = |url: &Url| plain(url) && secure(url) && EgressPolicy::new([url], false).is_ok();
        if bounce.as_ref().is_some_and(|url| !fits(url)) {
            let expected = "an https address without query was expected".to_owned();
            return Err(Error::Input { field: "bounce".into(), expected });
        }
        self.vault().await?;
        let settings = VaultSettings { bounce, ..self.ports.store.settings().await? };
        self.ports.store.change_settings(settings).await?;
        self.changes.tell(crate::changes::Topic::Vault);
        Ok(())
    }
}
