//! Workspaces: what is in one is not there for another.

use crate::Transcript;
use hearthkey_tests::browse::{ANNA, BEN};
use hearthkey_tests::{Home, SandboxProcess};

#[test]
fn workspaces_come_and_go() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    let mut transcript = Transcript::default();
    let _ = transcript.run(&home, &["workspaces"]).ok();
    let _ = transcript.run(&home, &["workspaces", "add", "Work"]).ok();
    let _ = transcript.run(&home, &["workspaces", "switch", "work"]).ok();
    sandbox.connect(&home, "Anna", ANNA);
    let _ = transcript.run(&home, &["workspaces", "list"]).ok();
    for (arguments, code) in [
        (&["workspaces", "add", "WORK"][..], 4),
        (&["workspaces", "add", ""], 2),
        (&["workspaces", "rename", "Work", "Personal"], 4),
        (&["workspaces", "rename", "Play", "Work"], 3),
        (&["workspaces", "rename", "Work", "Studio Nord"], 0),
        (&["workspaces", "switch", "Work"], 3),
        // Which workspace a command acts in is another matter than the one it is about.
        (&["workspaces", "switch", "Personal", "--workspace", "studio nord"], 0),
        (&["workspaces", "remove", "Studio Nord"], 2),
        (&["workspaces", "remove", "Studio Nord", "--confirm", "studio nord"], 2),
        (&["workspaces", "remove", "Work", "--confirm", "Work"], 3),
        (&["workspaces", "remove", "Work"], 3),
        (&["workspaces", "remove", "Studio Nord", "--confirm", "Studio Nord"], 0),
        (&["workspaces", "remove", "Personal", "--confirm", "Personal"], 2),
        (&["list"], 0),
        (&["workspaces", "--json"], 0),
    ] {
        let _ = transcript.run(&home, arguments).with_code(code);
    }
    transcript.check("workspaces", &home);
    let revoked = sandbox.journal().iter().any(|entry| entry.path == "/revoke");
    assert!(!revoked, "as it was said, the sign-in is not ended at the service");
}

#[test]
fn what_is_in_one_workspace_is_not_there_for_another() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    sandbox.connect(&home, "Anna", ANNA);
    let _ = home.cli(["workspaces", "add", "Wörk"]).ok();
    let base = format!("base_url={}", sandbox.base());
    let process =
        home.spawn_cli(["--workspace", "Wörk", "connect", "sandbox", "--value", &base, "--no-browser"]);
    let page = hearthkey_tests::browse::approve(&hearthkey_tests::browse::address(&process), BEN);
    assert_eq!(page.status, 200, "{}", page.html);
    let _ = hearthkey_tests::Output::of(process.finish()).ok();

    let listed = |workspace: &[&str]| {
        let list = home.cli(workspace.iter().chain(&["list", "--json"])).ok().json();
        let rows = list["connections"].as_array().cloned().unwrap_or_default();
        rows.into_iter().map(|row| (text(&row["label"]), text(&row["id"]))).collect::<Vec<_>>()
    };
    let (here, there) = (listed(&[]), listed(&["--workspace", "wörk"]));
    assert_eq!((here[0].0.as_str(), there[0].0.as_str()), ("Anna", "Sandbox"));
    assert_eq!((here.len(), there.len()), (1, 1));
    // By the environment, and by the identifier.
    let mut command = home.command(hearthkey_tests::programs::hearthkey());
    command.env("HEARTHKEY_WORKSPACE", "Wörk").arg("list");
    let by_environment = hearthkey_tests::Output::of(hearthkey_tests::Process::start(command).finish()).ok();
    assert!(by_environment.stdout.contains("ben@ost.example"), "{}", by_environment.stdout);
    let listed_workspaces = home.cli(["workspaces", "--json"]).ok().json();
    let id = text(&listed_workspaces["workspaces"][1]["id"]);
    assert_eq!(listed(&["--workspace", &id]), there);

    // Neither by its name nor by its identifier, and by no command.
    for (workspace, foreign) in [("Personal", &there[0]), ("Wörk", &here[0])] {
        for name in [&foreign.0, &foreign.1] {
            for command in [
                &["show", name][..],
                &["test", name],
                &["request", name, "/api/profile"],
                &["rename", name, "Mine"],
                &["disconnect", name, "--now"],
                &["restore", name],
                &["connect", "sandbox", "--again", name, "--no-browser"],
            ] {
                let refused = home.cli(["--workspace", workspace].iter().chain(command)).with_code(3);
                assert!(refused.stderr.contains("there is no connection"), "{command:?}: {}", refused.stderr);
            }
        }
    }
    let missing = home.cli(["--workspace", "Play", "list"]).with_code(3);
    assert_eq!(
        missing.stderr,
        "error: there is no workspace \"Play\"\nhint: hearthkey workspaces lists their names.\n"
    );
    assert_eq!((listed(&[]), listed(&["--workspace", "Wörk"])), (here, there), "all is as it was");
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().expect("a text").to_owned()
}
