//! Planted secrets, every journey of the command line, and a search for them in everything that was said, seen and kept.

use crate::journey::Journey;
use crate::root;
use hearthkey_tests::{Canary, Hunt, Process, memory, process::Stream};
use std::fs;

/// Planted to be found: what does not find it would find nothing else.
const PLANTED: &str = "planted-to-be-found-0815";

#[test]
fn no_secret_is_left_anywhere_after_every_journey() {
    if !root("other processes' memory is read") {
        return;
    }
    let mut journey = Journey::begin();
    let planted = plant(&journey);
    journey.connect_everything();
    journey.use_everything();
    journey.keys();
    journey.take_along();
    journey.workspaces();
    journey.remove();

    let hunt = Hunt::new(&journey.secrets());
    // A token that is being used is in memory, and found there. Once Hearthkey is locked it is not.
    let request = journey.slow_request();
    let open = in_memory(&journey, &hunt);
    assert!(open.iter().any(|found| found.contains("an access token as itself")), "{open:#?}");
    journey.take_answer(request);
    journey.run(&["lock"], b"", 0);
    let locked = in_memory(&journey, &hunt);

    let asked = hunt.search(&journey.asked());
    for secret in ["the passphrase", "the file's passphrase", "the recovery key", "the client secret"] {
        assert!(asked.iter().any(|found| found.canary == secret), "{secret} went in through the socket");
    }
    let mut found = vec![];
    let control = Hunt::new(&[Canary::new("planted", PLANTED)]);
    let mut controls = vec![];
    for (place, content) in journey.left_behind() {
        controls.extend(control.search(&content).iter().map(|_| place.clone()));
        let here = hunt.search(&content).into_iter();
        // What a person asked to have written down.
        let here = here.filter(|found| !(place.ends_with("/kit.txt") && found.canary == "the recovery key"));
        found.extend(here.map(|found| format!("{place}: {found}")));
    }
    drop(planted);
    controls.dedup();
    assert!(controls.len() == 2, "found in a file and in an environment: {controls:?}");
    assert!(found.is_empty(), "{found:#?}");
    assert!(locked.is_empty(), "in the owner's memory after lock: {locked:#?}");
}

/// Plants what is to be found into a file, compressed, and into the environment of a process.
fn plant(journey: &Journey) -> Process {
    let compressed = miniz_oxide::deflate::compress_to_vec_zlib(PLANTED.as_bytes(), 6);
    fs::write(journey.home.path().join("planted"), compressed).unwrap();
    let mut command = journey.home.command("sh");
    command.args(["-c", "echo ready; read line"]).env("PLANTED", PLANTED);
    let process = Process::start(command);
    process.line(Stream::Out, "that it runs", |line| (line == "ready").then_some(()));
    process
}

fn in_memory(journey: &Journey, hunt: &Hunt) -> Vec<String> {
    let mut all = vec![];
    for memory::Region { at, name, content } in memory::of(journey.owner()) {
        let place = if name.is_empty() { "memory" } else { &name };
        all.extend(hunt.search(&content).iter().map(|found| format!("{place} from {at:#x}: {found}")));
        all.extend(
            journey.verifiers(&content).iter().map(|verifier| format!("{place}: a verifier, {verifier}")),
        );
    }
    all
}
