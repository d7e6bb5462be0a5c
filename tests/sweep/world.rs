//! A home with a real keychain, two sandboxes, an owner, and what has been promised in it so far.

use crate::owner::{Answer, Owner, Talk};
use hearthkey_api::operations::authorizations::{Begin, ClientInput};
use hearthkey_api::operations::connections;
use hearthkey_api::views::{StrategyWord, VaultView, VaultWord};
use hearthkey_api::{Problem, SecretInput};
use hearthkey_domain::Secret;
use hearthkey_tests::{Home, SandboxProcess, http};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The passphrase, where one is set.
pub(crate) const PASSPHRASE: &str = "six words are good enough here";
/// The connection whose tokens end and are renewed.
pub(crate) const RENEWED: &str = "Renewed";
/// The connection whose refresh token stays as it is.
pub(crate) const FORGIVEN: &str = "Forgiven";
/// What the connections are called that are removed.
pub(crate) const LEAVING: &str = "Leaving";
/// More connections than this are not kept: each is used after every point.
pub(crate) const CROWD: usize = 7;

const FLAGS: &[&str] =
    &["--auto-approve", "--requests-per-minute", "1000000", "--access-token-seconds", "864000"];

pub(crate) struct World {
    pub(crate) home: Home,
    /// Its tokens are never ended.
    pub(crate) lasting: SandboxProcess,
    /// Its tokens are ended again and again.
    pub(crate) ending: SandboxProcess,
    /// Its tokens are ended as well; it takes a refresh token as often as it comes.
    pub(crate) forgiving: SandboxProcess,
    owner: Option<Owner>,
    pub(crate) talk: Talk,
    /// The connections there must be, by label.
    pub(crate) there: BTreeSet<String>,
    /// The connections that must never come back, by identifier.
    pub(crate) gone: BTreeSet<String>,
    /// The recovery kit that counts.
    pub(crate) kit: Option<PathBuf>,
    /// How many there were.
    pub(crate) kits: u32,
    number: u32,
}

impl World {
    /// A world with four connections: with tokens that last, with ones that end, strictly and not, and with a client of one's own.
    pub(crate) fn new() -> Self {
        Self::in_home(Home::start())
    }

    pub(crate) fn in_home(home: Home) -> Self {
        let mut world = Self {
            talk: Talk::at(&home.profile()),
            home,
            lasting: SandboxProcess::start(FLAGS),
            ending: SandboxProcess::start(FLAGS),
            forgiving: SandboxProcess::start(&[FLAGS, &["--keep-refresh-tokens"]].concat()),
            owner: None,
            there: BTreeSet::new(),
            gone: BTreeSet::new(),
            kit: None,
            kits: 0,
            number: 0,
        };
        world.start().expect("an owner");
        world.connect("Lasting");
        let base = world.ending.base().to_owned();
        world.sign_in(None, &wish(&base, RENEWED)).result().expect("a sign-in");
        world.there.insert(RENEWED.to_owned());
        let base = world.forgiving.base().to_owned();
        world.sign_in(None, &wish(&base, FORGIVEN)).result().expect("a sign-in");
        world.there.insert(FORGIVEN.to_owned());
        let own = Begin {
            connector: "openid-connect".into(),
            values: BTreeMap::from([("issuer".to_owned(), world.lasting.base().to_owned())]),
            client: Some(ClientInput {
                client_id: "hearthkey-confidential".into(),
                client_secret: Some(SecretInput(Secret::new("sandbox-secret"))),
            }),
            ..wish("", "Own client")
        };
        world.sign_in(None, &own).result().expect("a sign-in with a client of one's own");
        world.there.insert("Own client".to_owned());
        world
    }

    /// Starts an owner; the vault was tried when this returns.
    pub(crate) fn start(&mut self) -> Result<VaultView, String> {
        assert!(self.owner.is_none(), "there is an owner already");
        self.owner = Some(Owner::start(&self.home));
        self.talk.vault().result()
    }

    pub(crate) fn owner(&mut self) -> &mut Owner {
        self.owner.as_mut().expect("there is an owner")
    }

    /// Takes the owner out of the world, to be ended.
    pub(crate) fn take_owner(&mut self) -> Owner {
        self.owner.take().expect("there is an owner")
    }

    /// A name that no connection, workspace or file had before.
    pub(crate) fn new_name(&mut self, kind: &str) -> String {
        self.number += 1;
        format!("{kind} {}", self.number)
    }

    /// Signs in at the lasting sandbox.
    pub(crate) fn connect(&mut self, label: &str) {
        let wish = wish(self.lasting.base(), label);
        self.sign_in(None, &wish).result().expect("a sign-in");
        self.there.insert(label.to_owned());
    }

    /// Signs in there with the other account.
    pub(crate) fn connect_ben(&mut self, label: &str) {
        let flow = self.talk.call(&wish(self.lasting.base(), label)).result().expect("a sign-in begins");
        let address = format!("{}&login_hint=acc_ben", flow.authorize_url);
        go_back(&consented(&address)).result().expect("a sign-in");
        self.there.insert(label.to_owned());
    }

    /// Signs in, and answers what the browser was told at the end.
    pub(crate) fn sign_in(&self, workspace: Option<&str>, wish: &Begin) -> Answer<()> {
        match self.talk.call_in(workspace, wish) {
            Answer::Done(flow) => go_back(&consented(&flow.authorize_url)),
            Answer::Refused(problem) => Answer::Refused(problem),
            Answer::Lost(reason) => Answer::Lost(reason),
        }
    }

    /// Uses a connection: the status of the reply.
    pub(crate) fn request(&self, workspace: Option<&str>, label: &str) -> Answer<u16> {
        let request = connections::Request {
            connection: label.to_owned(),
            path: "/api/profile".into(),
            ..connections::Request::default()
        };
        self.talk.call_in(workspace, &request).map(|reply| reply.status)
    }

    /// Removes a connection that has become useless, and forgets it.
    pub(crate) fn give_up(&mut self, label: &str) {
        self.talk.call(&disconnect(label)).result().expect("a connection can be removed");
        self.there.remove(label);
    }
}

/// The removal of a connection without undo.
pub(crate) fn disconnect(label: &str) -> connections::Disconnect {
    connections::Disconnect { connection: label.to_owned(), now: true, keep_sign_in: false }
}

/// A sign-in at the sandbox at `base`.
pub(crate) fn wish(base: &str, label: &str) -> Begin {
    Begin {
        connector: "sandbox".into(),
        label: Some(label.to_owned()),
        values: BTreeMap::from([("base_url".to_owned(), base.to_owned())]),
        open_browser: Some(false),
        strategy: Some(StrategyWord::Loopback),
        // Each is a connection of its own, though they are of one account.
        duplicate: true,
        ..Begin::default()
    }
}

/// Where the sandbox, which approves by itself, sends the browser.
pub(crate) fn consented(authorize_url: &str) -> String {
    let reply = http::get(authorize_url).expect("the sandbox answers");
    reply.location.unwrap_or_else(|| panic!("no redirect: {}", reply.body))
}

/// Opens the address that ends a sign-in. Its page is the word that the connection is there.
pub(crate) fn go_back(address: &str) -> Answer<()> {
    match http::get(address) {
        Ok(page) if page.status == 200 && page.body.contains("Connected") => Answer::Done(()),
        Ok(page) => {
            let text = hearthkey_tests::Page { status: page.status, html: page.body }.text();
            Answer::Refused(Problem::input("browser", &format!("{} {text}", page.status)))
        }
        Err(error) => Answer::Lost(error.to_string()),
    }
}

/// Whether the vault is as it should be after a start.
pub(crate) fn is_open(vault: &VaultView) -> bool {
    vault.state == VaultWord::Open
}
