//! Unlocking, which may show a prompt. The prompt here is a stand-in: a real one needs a desktop.

use super::{
    ABSENT,
    front::{Act, Front, member},
    session::{NAME, SERVICE, SERVICE_PATH, Session, type_password},
};
use zbus::{
    Message,
    blocking::Connection,
    zvariant::{ObjectPath, Value},
};

const LOCKED: &str = "locked: the keychain is locked";

/// What the person does at the prompt.
#[derive(Clone, Copy)]
enum Person {
    Types,
    Declines,
    /// Clicks the right button with the keyring still locked.
    Pretends,
    IsAway,
    LogsOut,
}

/// A locked keyring with a prompt in front of it.
fn prompting(person: Person) -> (Session, Front) {
    let real = Session::locked();
    let back = real.connect();
    let front = Front::of(&real, move |front, call| match member(call).as_str() {
        "Unlock" => {
            let prompt = ObjectPath::try_from("/prompt").unwrap();
            front.reply(&call.header(), &(Vec::<ObjectPath<'_>>::new(), prompt)).unwrap();
            Act::Answered
        }
        "Prompt" => {
            front.reply(&call.header(), &()).unwrap();
            match person {
                Person::Types => {
                    type_password(&back);
                    complete(front, call, false);
                }
                Person::Declines => complete(front, call, true),
                Person::Pretends => complete(front, call, false),
                Person::IsAway => {}
                Person::LogsOut => return Act::Die,
            }
            Act::Answered
        }
        "Dismiss" => {
            front.reply(&call.header(), &()).unwrap();
            complete(front, call, true);
            Act::Answered
        }
        _ => Act::Pass,
    });
    (real, front)
}

fn complete(front: &Connection, call: &Message, dismissed: bool) {
    let header = call.header();
    let result = Value::from("");
    let interface = "org.freedesktop.Secret.Prompt";
    front
        .emit_signal(None::<&str>, header.path().unwrap(), interface, "Completed", &(dismissed, result))
        .unwrap();
}

#[test]
fn an_open_keyring_is_asked_for_nothing() {
    let real = Session::open();
    let front = Front::of(&real, |_, _| Act::Pass);
    assert_eq!(front.session.ask("unlock"), "unlocked");
    assert!(!front.answered.try_iter().any(|method| method == "Unlock" || method == "Prompt"));
}

#[test]
fn without_a_prompter_it_stays_locked() {
    let session = Session::locked();
    assert_eq!(session.ask("unlock"), LOCKED);
    assert_eq!(session.ask("read vault-1"), LOCKED);
}

#[test]
fn a_person_opens_it_or_does_not() {
    for (person, answer, then) in [
        (Person::Types, "unlocked", "value ks1;g=1:first"),
        (Person::Declines, LOCKED, LOCKED),
        (Person::Pretends, LOCKED, LOCKED),
    ] {
        let (_real, front) = prompting(person);
        let mut asker = front.session.asker(30_000, 30_000);
        assert_eq!(asker.ask("unlock"), answer);
        assert_eq!(asker.ask("read vault-1"), then);
    }
    let (_real, front) = prompting(Person::LogsOut);
    assert_eq!(front.session.ask("unlock"), format!("{ABSENT} (the Secret Service has ended)"));
}

#[test]
fn nothing_else_shows_a_prompt() {
    let (_real, front) = prompting(Person::Types);
    for line in
        ["read vault-1", "write vault-1 ks1;g=2:second", "write vault-2 ks1;g=1:new", "remove vault-1"]
    {
        assert_eq!(front.session.ask(line), LOCKED);
    }
    assert_eq!(front.session.ask("protection"), "unknown");
    assert!(!front.answered.try_iter().any(|method| method == "Unlock" || method == "Prompt"));
}

#[test]
fn an_item_that_was_left_in_another_keyring_is_locked_and_never_missing() {
    let mut session = Session::locked();
    // The session's own keyring is the default now, and is always open.
    let bus = session.connect();
    let to_session =
        ("default", ObjectPath::try_from("/org/freedesktop/secrets/collection/session").unwrap());
    let set = bus.call_method(Some(NAME), SERVICE_PATH, Some(SERVICE), "SetAlias", &to_session);
    set.unwrap();
    for line in ["read vault-1", "write vault-1 ks1;g=9:new", "remove vault-1", "unlock"] {
        assert_eq!(session.ask(line), LOCKED, "{line}");
    }
    session.stop_keyring();
    session.start_keyring(Some("correct horse"));
    assert_eq!(session.ask("read vault-1"), "value ks1;g=1:first");
}

#[test]
fn a_prompt_that_nobody_answers_is_withdrawn() {
    let (_real, front) = prompting(Person::IsAway);
    assert_eq!(front.session.asker(30_000, 1_000).ask("unlock"), LOCKED);

    let (_real, front) = prompting(Person::IsAway);
    let mut asker = front.session.asker(30_000, 30_000);
    asker.say("begin unlock");
    front.until("Prompt");
    // Meanwhile everything else has its answer.
    assert_eq!(asker.ask("read vault-1"), LOCKED);
    assert_eq!(asker.ask("abandon"), "abandoned");
    front.until("Dismiss");
}

#[test]
fn there_is_one_prompt_at_a_time() {
    let (_real, front) = prompting(Person::IsAway);
    let mut asker = front.session.asker(30_000, 30_000);
    asker.say("begin unlock");
    front.until("Prompt");
    asker.say("begin unlock");
    // By the time that these have an answer the second prompt would be there.
    for _ in 0..5 {
        assert_eq!(asker.ask("read vault-1"), LOCKED);
    }
    assert_eq!(asker.ask("abandon"), "abandoned");
    let before = front.until("Dismiss");
    assert!(!before.iter().any(|method| method == "Prompt"));
    front.until("Prompt");
}
