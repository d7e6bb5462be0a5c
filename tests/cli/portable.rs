//! Connections on their way to another home, in a file that other programs open.

use crate::Transcript;
use hearthkey_tests::browse::{ANNA, BEN};
use hearthkey_tests::{Home, SandboxProcess, search};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

const WORDS: &str = "ember hearth kettle slate willow";
/// A key pair of age, made by another program.
const IDENTITY: &str = "AGE-SECRET-KEY-1HAUMELJQVH2PRC0CMVLV8RUW8V0XLWNSP0KJJU2EYPSMRU86GCXQGVNK83";
const RECIPIENT: &str = "age1pfljf9vd302a9ffwlvsrawvws0vlcles34386ctzs2ulwhkfvdtqcmrdk8";

/// What is in an age file, as a program that shares nothing with ours reads it; `None` where that cannot run.
#[expect(clippy::print_stdout, reason = "a check that was not made is to be seen")]
fn opened_elsewhere(file: &Path, key: Value) -> Option<Value> {
    const OPENER: &str = "
import json, sys
sys.path.insert(0, sys.argv[1])
import age_open
plain, _ = age_open.decrypt(open(sys.argv[2], 'rb').read(), **json.load(sys.stdin))
sys.stdout.buffer.write(plain)
";
    let probe = Command::new("python3").args(["-c", "import cryptography"]).stderr(Stdio::null()).status();
    if !probe.is_ok_and(|status| status.success()) {
        println!("skipped: python3 with `cryptography` is not here");
        return None;
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors");
    let mut opener = Command::new("python3")
        .args(["-c", OPENER, folder])
        .arg(file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    let said = opener.stdin.take().expect("a pipe").write_all(key.to_string().as_bytes());
    let output = opener.wait_with_output().expect("its output");
    assert!(said.is_ok() && output.status.success());
    Some(serde_json::from_slice(&output.stdout).expect("JSON is in it"))
}

#[test]
fn connections_move_to_another_home_and_work_there() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    sandbox.connect(&home, "Anna", ANNA);
    let mut transcript = Transcript::default();
    let _ = transcript.run_with(&home, &["export", "anna.age"], "short\n").with_code(2);
    let _ = transcript.run(&home, &["export", "anna.age"]).with_code(2);
    let file = home.path().join("anna.age");
    assert!(!file.exists());
    let _ = transcript.run_with(&home, &["export", "anna.age"], WORDS).ok();
    assert_eq!(fs::metadata(&file).expect("an export").mode() & 0o777, 0o600);
    let needles: Vec<_> = [search::sandbox_secrets(), search::disguises(WORDS)].concat();
    assert_eq!(home.files_with(&needles), [""; 0], "nothing is readable, and no draft is left");

    if let Some(export) = opened_elsewhere(&file, json!({ "passphrase": WORDS })) {
        assert_eq!((&export["format"], &export["version"]), (&json!("hearthkey-export"), &json!(1)));
        let connection = &export["workspaces"][0]["connections"][0];
        assert_eq!((&connection["label"], &connection["connector"]), (&json!("Anna"), &json!("sandbox")));
        let token = connection["credential"]["refresh_token"].as_str().unwrap_or_default();
        assert!(token.starts_with("sbx_rt_"), "the sign-in itself is in it");
    }

    let there = Home::start();
    fs::copy(&file, there.path().join("anna.age")).expect("a copy");
    let _ = transcript.run_with(&there, &["import", "anna.age"], "not the right one at all").with_code(2);
    let _ = transcript.run_with(&there, &["import", "anna.age", "--dry-run"], WORDS).ok();
    let _ = transcript.run(&there, &["list"]).ok();
    let _ = transcript.run_with(&there, &["import", "anna.age"], WORDS).ok();
    let _ = transcript.run(&there, &["request", "Anna", "/api/profile"]).ok();
    let _ = transcript.run_with(&there, &["import", "anna.age"], WORDS).ok();
    transcript.check("moved", &home);
    assert_eq!(there.cli(["list"]).ok().stdout.lines().count(), 2, "it is there once");
    assert_eq!(there.files_with(&needles), [""; 0]);
}

#[test]
fn an_export_for_a_recipient_holds_what_was_asked_for() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    sandbox.connect(&home, "Anna", ANNA);
    let _ = home.cli(["workspaces", "add", "Work"]).ok();
    let _ = home.cli(["workspaces", "switch", "Work"]).ok();
    sandbox.connect(&home, "Ben", BEN);
    let mut transcript = Transcript::default();
    let _ = transcript.run(&home, &["export", "all.age", "--to", RECIPIENT, "--all-workspaces"]).ok();
    let before = fs::read(home.path().join("all.age")).expect("an export");
    let _ = transcript.run(&home, &["export", "all.age", "--to", RECIPIENT]).with_code(4);
    assert_eq!(fs::read(home.path().join("all.age")).expect("an export"), before, "it was left alone");
    let _ = transcript.run(&home, &["export", "one.age", "--to", RECIPIENT, "--json"]).ok().json();
    let _ = transcript.run(&home, &["export", "one.age", "--to", RECIPIENT, "--force"]).ok();
    let _ = transcript.run(&home, &["export", "missing/one.age", "--to", RECIPIENT]).with_code(2);
    let wrong = transcript.run(&home, &["export", "two.age", "--to", "age1nobody"]).with_code(2);
    assert!(!home.path().join("two.age").exists(), "{}", wrong.stderr);
    // An identity that was given by mistake is not said again.
    let mistaken = home.cli(["export", "two.age", "--to", IDENTITY]).with_code(2);
    assert!(!format!("{}{}", mistaken.stdout, mistaken.stderr).contains("HAUMELJQ"), "{}", mistaken.stderr);

    let (status, bytes, said) = home.spawn_cli(["export", "-", "--to", RECIPIENT]).finish();
    assert!(status.success() && bytes.starts_with(b"age-encryption.org/v1\n"), "{}", bytes.len());
    assert!(String::from_utf8_lossy(&said).contains("1 connection of Work, encrypted."));

    let labels = |name: &str| {
        let export = opened_elsewhere(&home.path().join(name), json!({ "identity": IDENTITY }))?;
        let workspaces = export["workspaces"].as_array().cloned().unwrap_or_default().into_iter();
        let of = |workspace: Value| {
            let connections = workspace["connections"].as_array().cloned().unwrap_or_default();
            (workspace["name"].clone(), connections.into_iter().map(|c| c["label"].clone()).collect())
        };
        Some(workspaces.map(of).collect::<Vec<(Value, Vec<Value>)>>())
    };
    if let (Some(all), Some(one)) = (labels("all.age"), labels("one.age")) {
        let (anna, ben) = ((json!("Personal"), vec![json!("Anna")]), (json!("Work"), vec![json!("Ben")]));
        assert_eq!((all, one), (vec![anna, ben.clone()], vec![ben]));
    }

    let there = Home::start();
    fs::write(there.path().join("key.txt"), format!("# my key\n{IDENTITY}\n")).expect("a key");
    fs::copy(home.path().join("all.age"), there.path().join("all.age")).expect("a copy");
    let _ = transcript.run_with(&there, &["import", "all.age"], WORDS).with_code(2);
    fs::write(there.path().join("typo.txt"), IDENTITY.replace("HAUMELJQ", "HAUMELJP")).expect("a key");
    let _ = transcript.run(&there, &["import", "all.age", "--identity", "typo.txt"]).with_code(2);
    // A recovery kit is an age identity too; this one is not the file's.
    let _ = there.cli(["recovery", "create", "kit.txt"]).ok();
    let _ = transcript.run(&there, &["import", "all.age", "--identity", "kit.txt"]).with_code(2);
    sandbox.connect(&there, "Anna", BEN);
    let _ = transcript.run(&there, &["import", "all.age", "--identity", "key.txt"]).ok();
    let _ = transcript.run(&there, &["import", "all.age", "--identity", "key.txt", "--json"]).ok().json();
    let _ = transcript.run(&there, &["workspaces"]).ok();
    transcript.check("recipient", &home);
    for (workspace, name) in [("Personal", "Anna 2"), ("Work", "Ben")] {
        let _ = there.cli(["--workspace", workspace, "request", name, "/api/profile"]).ok();
    }
}

#[test]
fn a_file_that_is_no_export_is_refused_in_a_sentence() {
    let home = Home::start();
    let path = |name: &str| home.path().join(name);
    let _ = home.cli(["export", "good.age", "--to", RECIPIENT]).ok();
    let good = fs::read(path("good.age")).expect("an export");
    fs::write(path("key.txt"), IDENTITY).expect("a key");
    fs::write(path("cut.age"), &good[..good.len() - 20]).expect("a file");
    fs::write(path("header.age"), &good[..60]).expect("a file");
    let mut changed = good.clone();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    fs::write(path("changed.age"), changed).expect("a file");
    let noise: Vec<u8> = (0..9000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(path("noise.age"), noise).expect("a file");
    fs::write(path("empty.age"), "").expect("a file");
    fs::write(path("work.age"), "age-encryption.org/v1\n-> scrypt CIyIIqVl+5fsPMjdQZSgSA 30\n")
        .expect("a file");
    let huge = fs::File::create(path("huge.age")).expect("a file");
    huge.set_len(33 * 1024 * 1024).expect("a large file");
    let mut transcript = Transcript::default();
    for name in ["cut", "header", "changed", "noise", "empty", "huge", "nowhere"] {
        let file = format!("{name}.age");
        let _ = transcript.run(&home, &["import", &file, "--identity", "key.txt"]).with_code(2);
    }
    for name in ["noise", "empty", "work"] {
        let _ = transcript.run_with(&home, &["import", &format!("{name}.age")], WORDS).with_code(2);
    }
    let _ = transcript.run(&home, &["import", "good.age", "--identity", "key.txt"]).ok();
    let _ = transcript.run(&home, &["import", "."]).with_code(2);
    transcript.check("no-export", &home);
    assert_eq!(home.cli(["list"]).ok().stdout.lines().count(), 1);
}

/// What becomes of the copy that was left behind, so that the words of an export stay true.
#[test]
fn a_sign_in_taken_along_ends_with_a_disconnect_that_does_not_keep_it() {
    let (home, there, sandbox) = (Home::start(), Home::start(), SandboxProcess::start(&[]));
    sandbox.connect(&home, "Anna", ANNA);
    sandbox.connect(&home, "Ben", BEN);
    let exported = home.cli(["export", "both.age", "--to", RECIPIENT]).ok();
    let words = "To disconnect one ends it in both; disconnect --keep-sign-in ends it here only.";
    assert!(exported.stdout.contains(words), "{}", exported.stdout);
    fs::write(there.path().join("key.txt"), IDENTITY).expect("a key");
    fs::copy(home.path().join("both.age"), there.path().join("both.age")).expect("a copy");
    let _ = there.cli(["import", "both.age", "--identity", "key.txt"]).ok();
    let _ = home.cli(["disconnect", "Anna", "--now", "--keep-sign-in"]).ok();
    let _ = home.cli(["disconnect", "Ben", "--now"]).ok();
    sandbox.control().expire_access_tokens();
    let _ = there.cli(["request", "Anna", "/api/profile"]).ok();
    let ended = there.cli(["request", "Ben", "/api/profile"]).with_code(6);
    assert!(ended.stderr.contains("ended the sign-in of Ben"), "{}", ended.stderr);
}
