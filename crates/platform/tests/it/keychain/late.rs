//! What comes to pass after nobody waits for it any more.

use super::{
    ABSENT,
    front::{Act, Front, member},
    session::{Asker, Session},
};
use std::sync::mpsc::{self, Receiver, Sender};
use zbus::zvariant::ObjectPath;

/// A service that holds a method back, once: it says when the call is there, and waits to be let go.
fn holding(real: &Session, method: &'static str) -> (Front, Receiver<()>, Sender<()>) {
    let (arrive, arrived) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let mut held = false;
    let front = Front::of(real, move |_, call| {
        if !held && member(call) == method {
            held = true;
            arrive.send(()).unwrap();
            let _ = gone.recv();
        }
        Act::Pass
    });
    (front, arrived, go)
}

/// Begins to write, and gives up when `method` is held back.
fn abandon(front: &Front, arrived: &Receiver<()>, line: &str) -> Asker {
    let mut asker = front.session.asker(30_000, 30_000);
    asker.say(&format!("begin {line}"));
    arrived.recv().unwrap();
    assert_eq!(asker.ask("abandon"), "abandoned");
    asker
}

#[test]
fn a_new_item_that_nobody_waits_for_is_removed_again() {
    let real = Session::open();
    let (front, arrived, go) = holding(&real, "CreateItem");
    let mut asker = abandon(&front, &arrived, "write vault-1 ks1;g=1:late");
    go.send(()).unwrap();
    front.until("CreateItem");
    front.until("Delete");
    assert_eq!(real.ask("read vault-1"), "none");
    // And the next one stays.
    assert_eq!(asker.ask("write vault-1 ks1;g=1:next"), "written");
    assert_eq!(real.ask("read vault-1"), "value ks1;g=1:next");
}

#[test]
fn a_late_write_over_an_item_that_was_there_is_left() {
    let real = Session::open();
    assert_eq!(real.ask("write vault-1 ks1;g=1:first"), "written");
    let (front, arrived, go) = holding(&real, "SetSecret");
    let mut asker = abandon(&front, &arrived, "write vault-1 ks1;g=2:first,second");
    go.send(()).unwrap();
    front.until("SetSecret");
    // It has come to its end when another change of the item is done.
    assert_eq!(asker.ask("write vault-1 ks1;g=3:next"), "written");
    let answered: Vec<_> = front.answered.try_iter().collect();
    assert!(!answered.iter().any(|method| method == "Delete" || method == "CreateItem"), "{answered:?}");
}

#[test]
fn no_change_of_an_item_is_begun_while_a_late_one_is_out() {
    let real = Session::open();
    assert_eq!(real.ask("write vault-1 ks1;g=1:first"), "written");
    // The last question before it is written is held back, and nothing else is.
    let (arrive, arrived) = mpsc::channel();
    let (go, gone) = mpsc::channel();
    let mut gone = Some(gone);
    let mut was_read = false;
    let front = Front::of(&real, move |_, call| {
        let method = member(call);
        was_read |= method == "GetSecret";
        if was_read
            && method == "SearchItems"
            && let Some(gone) = gone.take()
        {
            arrive.send(()).unwrap();
            return Act::Later(gone);
        }
        Act::Pass
    });
    let mut asker = abandon(&front, &arrived, "write vault-1 ks1;g=2:late");
    asker.say("begin write vault-1 ks1;g=2:newer");
    // By the time that these have an answer the newer one would be there.
    for _ in 0..5 {
        assert_eq!(asker.ask("read vault-2"), "none");
    }
    go.send(()).unwrap();
    front.until("SetSecret");
    front.until("SetSecret");
    assert_eq!(asker.ask("wait"), "written");
    assert_eq!(real.ask("read vault-1"), "value ks1;g=2:newer");
}

#[test]
fn a_change_that_nobody_waits_for_is_not_begun() {
    for (line, next) in [
        ("write vault-1 ks1;g=9:late", "write vault-1 ks1;g=2:next"),
        ("write vault-2 ks1;g=9:late", "write vault-2 ks1;g=2:next"),
        ("remove vault-1", "write vault-1 ks1;g=2:next"),
    ] {
        let real = Session::open();
        assert_eq!(real.ask("write vault-1 ks1;g=1:first"), "written");
        let (front, arrived, go) = holding(&real, "ReadAlias");
        let mut asker = abandon(&front, &arrived, line);
        go.send(()).unwrap();
        // It has come to its end when another change of the same item has.
        assert_eq!(asker.ask(next), "written");
        let changes = front
            .answered
            .try_iter()
            .filter(|method| matches!(method.as_str(), "CreateItem" | "SetSecret" | "Delete"));
        assert_eq!(changes.count(), 1, "{line}: only the next one was begun");
    }
}

#[test]
fn a_service_that_ends_in_the_middle_is_absent() {
    let ended = format!("{ABSENT} (the Secret Service has ended)");
    for (line, method) in [
        ("read vault-1", "GetSecret"),
        ("read vault-1", "SearchItems"),
        ("read vault-1", "ReadAlias"),
        ("write vault-1 ks1;g=2:second", "SetSecret"),
        ("write vault-2 ks1;g=1:first", "CreateItem"),
        ("remove vault-1", "Delete"),
    ] {
        let real = Session::open();
        assert_eq!(real.ask("write vault-1 ks1;g=1:first"), "written");
        let front =
            Front::of(&real, move |_, call| if member(call) == method { Act::Die } else { Act::Pass });
        assert_eq!(front.session.ask(line), ended, "{line}, {method}");
        assert_eq!(real.ask("read vault-1"), "value ks1;g=1:first");
        assert_eq!(real.ask("read vault-2"), "none");
    }
}

#[test]
fn a_keyring_that_locks_in_the_middle_is_locked() {
    for (line, method) in [
        ("read vault-1", "GetSecret"),
        ("write vault-1 ks1;g=2:second", "SetSecret"),
        ("write vault-2 ks1;g=1:first", "CreateItem"),
    ] {
        let real = Session::open();
        assert_eq!(real.ask("write vault-1 ks1;g=1:first"), "written");
        let front = Front::of(&real, move |front, call| {
            if member(call) != method {
                return Act::Pass;
            }
            let locked = "org.freedesktop.Secret.Error.IsLocked";
            front.reply_error(&call.header(), locked, &"Cannot do this to a locked item").unwrap();
            Act::Answered
        });
        assert_eq!(front.session.ask(line), "locked: the keychain is locked", "{line}");
    }
}

#[test]
fn a_new_item_that_is_not_what_was_written_is_removed_again() {
    let real = Session::open();
    let mut created = false;
    let front = Front::of(&real, move |front, call| {
        created |= member(call) == "CreateItem";
        if !created || member(call) != "GetSecret" {
            return Act::Pass;
        }
        front.reply_error(&call.header(), "org.freedesktop.DBus.Error.Failed", &"no").unwrap();
        Act::Answered
    });
    let answer = front.session.ask("write vault-1 ks1;g=1:first");
    assert!(answer.starts_with("refused: "), "{answer}");
    assert_eq!(real.ask("read vault-1"), "none");
}

#[test]
fn a_service_that_says_yes_and_does_nothing_is_found_out() {
    for (line, method, complaint) in [
        ("write vault-1 ks1;g=2:second", "SetSecret", "it did not keep what was written"),
        ("remove vault-1", "Delete", "it still has what was removed"),
    ] {
        let real = Session::open();
        assert_eq!(real.ask("write vault-1 ks1;g=1:first"), "written");
        let front = Front::of(&real, move |front, call| {
            if member(call) != method {
                return Act::Pass;
            }
            match method {
                "Delete" => front.reply(&call.header(), &ObjectPath::default()).unwrap(),
                _ => front.reply(&call.header(), &()).unwrap(),
            }
            Act::Answered
        });
        assert_eq!(front.session.ask(line), format!("refused: the keychain refused: {complaint}"));
        assert_eq!(real.ask("read vault-1"), "value ks1;g=1:first");
    }
}
