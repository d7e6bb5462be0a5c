//! A person's way through every command, with secrets that can be recognized.

use hearthkey_domain::Secret;
use hearthkey_sandbox::FaultKind;
use hearthkey_tests::browse::{self, ANNA, BEN, parameter};
use hearthkey_tests::process::Stream;
use hearthkey_tests::{Canary, Home, Onlooker, Output, Process, SandboxProcess, Wiretap};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

pub(crate) const PASSPHRASE: &str = "ember \"hearth\" kettle/ö slate? willow";
pub(crate) const SECOND: &str = "rowan & alder: 9 finches, one wren";
pub(crate) const FILE_PASSPHRASE: &str = "crow + magpie = 7 nests?";
pub(crate) const API_KEY: &str = "rk_live_KanarienvogelKanarienvogel0815";
const BAD_KEY: &str = "pk_live_ZaunkoenigZaunkoenig4711";
const CLIENT_SECRET: &str = "sandbox-secret";
/// What base64url without padding makes of 32 bytes.
const VERIFIER: usize = 43;

const KIT: &str = "kit.txt";

pub(crate) struct Journey {
    pub(crate) home: Home,
    sandbox: SandboxProcess,
    serve: Process,
    tap: Wiretap,
    onlooker: Onlooker,
    said: Vec<(String, Vec<u8>)>,
    secrets: Vec<Canary>,
    challenges: BTreeSet<String>,
}

impl Journey {
    /// A person with an open keychain, an owner that logs all it can, and somebody who listens at the socket.
    pub(crate) fn begin() -> Self {
        let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
        let serve = home.spawn_cli(["serve", "--verbose"]);
        serve.line(Stream::Err, "that it serves", |line| line.starts_with("Hearthkey serves").then_some(()));
        let (tap, onlooker) = (Wiretap::on(&home), Onlooker::at(&home));
        let secrets = vec![
            Canary::new("an access token", "sbx_at_"),
            Canary::new("a refresh token", "sbx_rt_"),
            Canary::new("the passphrase", PASSPHRASE),
            Canary::new("the second passphrase", SECOND),
            Canary::new("the file's passphrase", FILE_PASSPHRASE),
            Canary::new("the API key", API_KEY),
            Canary::new("the refused API key", BAD_KEY),
            Canary::new("the client secret", CLIENT_SECRET),
        ];
        let (said, challenges) = (vec![], BTreeSet::new());
        Self { home, sandbox, serve, tap, onlooker, said, secrets, challenges }
    }

    pub(crate) fn owner(&self) -> u32 {
        self.serve.id()
    }

    pub(crate) fn secrets(&self) -> Vec<Canary> {
        self.secrets.clone()
    }

    /// Runs a command with `input` on its standard input.
    #[track_caller]
    pub(crate) fn run(&mut self, arguments: &[&str], input: &[u8], code: i32) {
        let output = self.home.cli_with_input(arguments, input).with_code(code);
        self.note(arguments, &output);
    }

    /// The same in words and as JSON.
    pub(crate) fn both(&mut self, arguments: &[&str], input: &[u8], code: i32) {
        self.run(arguments, input, code);
        self.run(&[arguments, &["--json"]].concat(), input, code);
    }

    fn note(&mut self, arguments: &[&str], output: &Output) {
        let command = arguments.join(" ");
        self.said.push((format!("standard output of {command}"), output.stdout.clone().into_bytes()));
        self.said.push((format!("standard error of {command}"), output.stderr.clone().into_bytes()));
    }

    fn sign_in(&mut self, arguments: &[&str], input: &[u8], account: &str) {
        let mut process = self.home.spawn_cli(arguments);
        process.say(input);
        process.close_input();
        let address = browse::address(&process);
        self.challenges.extend(parameter(&address, "code_challenge"));
        let back = browse::decide(&address, "approve", account);
        let code = parameter(&back, "code").expect("a code");
        self.secrets.push(Canary::new("an authorization code", code));
        let page = browse::open(&back);
        assert_eq!(page.status, 200, "{}", page.html);
        let output = Output::of(process.finish()).ok();
        self.note(arguments, &output);
        self.said.push(("the browser's page".to_owned(), page.html.into_bytes()));
    }

    /// Notes the vault key that is in the keychain now.
    fn note_key(&mut self) {
        for text in self.home.vault_keys() {
            for part in text.split(';').filter_map(|part| part.split_once(':')) {
                self.secrets.push(Canary::new(format!("the vault key ({}), as text", part.0), part.1));
                self.secrets.push(Canary::new(format!("the vault key ({})", part.0), from_base64url(part.1)));
            }
        }
    }

    pub(crate) fn connect_everything(&mut self) {
        let (base, issuer) =
            (format!("base_url={}", self.sandbox.base()), format!("issuer={}", self.sandbox.base()));
        self.sign_in(&["connect", "sandbox", "--value", &base, "--label", "Anna", "--no-browser"], b"", ANNA);
        self.note_key();
        let json = ["connect", "sandbox", "--value", &base, "--label", "Ben", "--no-browser", "--json"];
        self.sign_in(&json, b"", BEN);
        let own = [
            "connect",
            "openid-connect",
            "--value",
            &issuer,
            "--client-id",
            "hearthkey-confidential",
            "--client-secret",
            "--label",
            "Own",
            "--no-browser",
        ];
        self.sign_in(&own, CLIENT_SECRET.as_bytes(), ANNA);
        self.both(&["connect", "stripe"], BAD_KEY.as_bytes(), 2);
    }

    pub(crate) fn use_everything(&mut self) {
        for arguments in [
            &["list"][..],
            &["services"],
            &["test", "Anna"],
            &["test", "Own"],
            &["show", "Own"],
            &["request", "Anna", "/api/echo", "-i"],
            &["doctor"],
        ] {
            self.both(arguments, b"", 0);
        }
        self.sandbox.control().expire_access_tokens();
        self.run(&["request", "Anna", "/api/profile", "/api/contacts"], b"", 0);
        self.run(&["test", "Own"], b"", 0);
        self.sign_in(&["connect", "sandbox", "--again", "Anna", "--no-browser"], b"", ANNA);
        self.run(&["rename", "Ben", "Bird"], b"", 0);
        self.run(&["rename", "Bird", "Benno", "--json"], b"", 0);
    }

    pub(crate) fn keys(&mut self) {
        self.run(&["lock"], b"", 0);
        self.both(&["list"], b"", 13);
        self.run(&["unlock"], b"", 0);
        self.run(&["rotate", "--json"], b"", 0);
        self.note_key();
        let kit = self.kit();
        self.both(&["recovery"], b"", 0);
        self.run(&["recovery", "create", &kit], b"", 0);
        self.run(&["recovery", "test", &kit, "--json"], b"", 0);
        let sheet = fs::read_to_string(&kit).expect("the kit");
        let key = sheet.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).expect("its key");
        self.secrets.push(Canary::new("the recovery key", key));
        self.run(&["passphrase", "set"], format!("{PASSPHRASE}\n").as_bytes(), 0);
        self.run(&["lock", "--json"], b"", 0);
        self.run(&["unlock"], format!("{SECOND}\n").as_bytes(), 5);
        self.run(&["unlock", "--json"], format!("{PASSPHRASE}\n").as_bytes(), 0);
        let both = format!("{PASSPHRASE}\n{SECOND}\n");
        self.run(&["passphrase", "set", "--without-keychain", "--json"], both.as_bytes(), 0);
        self.run(&["lock"], b"", 0);
        self.run(&["unlock", "--recovery", &kit], b"", 0);
        self.run(&["passphrase", "remove", "--json"], format!("{SECOND}\n").as_bytes(), 0);
        self.note_key();
    }

    fn kit(&self) -> String {
        self.home.path().join(KIT).display().to_string()
    }

    /// Out and in again, and a key from elsewhere.
    pub(crate) fn take_along(&mut self) {
        let file = self.home.path().join("out.age").display().to_string();
        let passphrase = format!("{FILE_PASSPHRASE}\n");
        self.run(&["export", &file], passphrase.as_bytes(), 0);
        self.run(&["import", &file, "--dry-run"], passphrase.as_bytes(), 0);
        self.run(&["import", &file, "--json"], passphrase.as_bytes(), 0);
        self.run(&["import", &file], b"another passphrase\n", 2);
        let foreign = self.home.path().join("in.age").display().to_string();
        fs::write(&foreign, foreign_file()).expect("a file");
        self.run(&["import", &foreign, "--json"], passphrase.as_bytes(), 0);
        self.both(&["show", "Payments"], b"", 0);
    }

    pub(crate) fn workspaces(&mut self) {
        self.run(&["workspaces", "add", "Work"], b"", 0);
        self.run(&["workspaces", "switch", "Work"], b"", 0);
        let base = format!("base_url={}", self.sandbox.base());
        self.sign_in(&["connect", "sandbox", "--value", &base, "--no-browser", "--json"], b"", BEN);
        self.run(&["request", "Sandbox", "/api/profile"], b"", 0);
        self.both(&["workspaces"], b"", 0);
        self.run(&["workspaces", "rename", "Work", "Studio"], b"", 0);
        self.run(&["workspaces", "remove", "Studio", "--confirm", "Studio", "--json"], b"", 0);
    }

    pub(crate) fn remove(&mut self) {
        self.run(&["disconnect", "Benno"], b"", 0);
        self.run(&["restore", "Benno", "--json"], b"", 0);
        self.run(&["disconnect", "Benno", "--now"], b"", 0);
        self.run(&["disconnect", "Payments", "--now", "--json"], b"", 0);
        self.run(&["doctor"], b"", 0);
    }

    /// A request that is on its way: the service has it, and takes its time.
    pub(crate) fn slow_request(&self) -> Process {
        self.sandbox.control().clear_journal();
        self.sandbox.control().fault("/api/messages", FaultKind::Delay { ms: 4_000 });
        let request = self.home.spawn_cli(["request", "Anna", "/api/messages"]);
        self.sandbox.control().wait_for("the request", |entry| entry.path == "/api/messages");
        request
    }

    pub(crate) fn take_answer(&mut self, request: Process) {
        let output = Output::of(request.finish()).ok();
        self.note(&["request", "Anna", "/api/messages"], &output);
    }

    /// The code verifiers in `bytes`: what a challenge was made from.
    pub(crate) fn verifiers(&self, bytes: &[u8]) -> Vec<String> {
        let mut found = vec![];
        let (mut from, mut at) = (0, 0);
        while at <= bytes.len() {
            let ends = at == bytes.len() || !is_letter(bytes[at]);
            // Longer runs are the names and pages of letters that every program has.
            if ends && (VERIFIER..200).contains(&(at - from)) {
                let windows = bytes[from..at].windows(VERIFIER);
                let known =
                    windows.filter(|text| self.challenges.contains(&base64url(&Sha256::digest(text))));
                found.extend(known.map(|text| String::from_utf8_lossy(text).into_owned()));
            }
            at += 1;
            if ends {
                from = at;
            }
        }
        found
    }

    /// What callers said at the socket.
    pub(crate) fn asked(&self) -> Vec<u8> {
        self.tap.asked()
    }

    /// Everything that was said, seen and kept, each with its place.
    pub(crate) fn left_behind(self) -> Vec<(String, Vec<u8>)> {
        let mut left = self.said;
        left.push(("what the owner logged".to_owned(), self.serve.said().into_bytes()));
        left.push(("what the socket answered".to_owned(), self.tap.answered()));
        let seen = self.onlooker.saw().into_iter();
        left.extend(seen.map(|seen| ("arguments and environment".to_owned(), seen)));
        files(self.home.path(), &mut left);
        left
    }
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// An export of somebody else's, with a key of a service that is not asked here.
fn foreign_file() -> Vec<u8> {
    let content = serde_json::json!({
        "format": "hearthkey-export", "version": 1, "made_at": "2026-01-01T00:00:00Z", "made_by": "a test",
        "workspaces": [{
            "id": "ws_01J00000000000000000000000", "name": "Personal", "created_at": "2026-01-01T00:00:00Z",
            "clients": [],
            "connections": [{
                "id": "conn_01J00000000000000000000000", "connector": "stripe", "method": "key", "label": "Payments",
                "status": "active", "identity": { "external_id": "acct_1" }, "values": {},
                "masked_key": "rk_live_…0815", "created_at": "2026-01-01T00:00:00Z",
                "policy": "https://api.stripe.com\n", "issuer": "",
                "credential": { "kind": "keys", "keys": { "key": API_KEY } },
            }],
        }],
    });
    let content = content.to_string().into_bytes();
    hearthkey_vault::encrypt_with_passphrase(&Secret::new(FILE_PASSPHRASE), &content).expect("a file")
}

fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        let mut content = path.display().to_string().into_bytes();
        if kind.is_dir() {
            files(&path, found);
        } else if kind.is_file() {
            content.extend(fs::read(&path).unwrap_or_default());
        }
        found.push((path.display().to_string(), content));
    }
}

fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let value =
            chunk.iter().chain(&[0; 2]).take(3).fold(0_usize, |value, byte| value << 8 | usize::from(*byte));
        let letters = (0..=chunk.len()).map(|at| char::from(LETTERS[value >> (18 - 6 * at) & 63]));
        text.extend(letters);
    }
    text
}

fn from_base64url(text: &str) -> Vec<u8> {
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'-' => 62,
        _ => 63,
    };
    let bits: Vec<u8> =
        text.bytes().flat_map(|letter| (0..6).rev().map(move |at| value(letter) >> at & 1)).collect();
    bits.chunks_exact(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit)).collect()
}
