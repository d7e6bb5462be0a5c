//! Renewing ahead of time, and what becomes of a renewal that fails: by a provider in this process, whose clock is the true one.

use crate::provider::{Home, Mood, Terms};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::fmt::Write as _;

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap_or_else(|| panic!("no time: {value}")).parse().unwrap()
}

async fn strict() -> Home {
    Home::with(&[("Work", Terms::strict(60))]).await
}

async fn lenient() -> Home {
    Home::with(&[("Work", Terms { rotates: false, ..Terms::strict(60) })]).await
}

#[tokio::test]
async fn tokens_are_renewed_ahead_of_their_end_without_being_used() {
    let home = strict().await;
    let next = time(&home.shown("Work").await["next_refresh_at"]);
    let life = home.clock.true_now().duration_until(next);
    assert!(life > minutes(44) && life <= minutes(48), "{life:?}");
    home.awake(minutes(44)).await;
    assert_eq!(home.provider.token_requests(), (0, 0));
    home.awake(minutes(5)).await;
    assert_eq!(home.provider.token_requests(), (1, 0));
    // And on, with nobody there.
    home.awake(minutes(24 * 60)).await;
    let (asked, refused) = home.provider.token_requests();
    assert!((29..=34).contains(&asked) && refused == 0, "{asked} {refused}");
    assert_eq!(home.used("Work").await, "200");
    let shown = home.ask("connections.show", json!({ "connection": "Work" })).await.unwrap();
    let deeds: Vec<_> = shown["activity"].as_array().unwrap().iter().map(|entry| &entry["deed"]).collect();
    assert_eq!(deeds, ["used", "imported"], "what goes by itself is no news");
}

#[tokio::test]
async fn nothing_is_renewed_while_a_person_has_locked() {
    let home = strict().await;
    home.ask("vault.lock", json!({})).await.unwrap();
    home.awake(minutes(50)).await;
    assert_eq!(home.provider.token_requests(), (0, 0));
    home.ask("vault.unlock", json!({})).await.unwrap();
    // Spread, as after a sleep.
    home.after(minutes(0)).await;
    home.awake(minutes(3)).await;
    assert_eq!(home.provider.token_requests(), (1, 0));
}

#[tokio::test]
async fn a_lost_answer_costs_a_strict_providers_sign_in_only_when_its_time_is_over() {
    let mut home = strict().await;
    home.provider.is(Mood::Swallows);
    home.awake(minutes(50)).await;
    assert_eq!(home.provider.token_requests(), (1, 0));
    home.provider.is(Mood::Well);
    // What still works is not risked: neither by time, nor by use, nor by a restart.
    home.restart().await;
    home.awake(minutes(5)).await;
    assert_eq!(home.used("Work").await, "200");
    let shown = home.shown("Work").await;
    assert_eq!((&shown["status"], &shown["trouble"]["class"]), (&json!("active"), &json!("unreachable")));
    assert_eq!(home.provider.token_requests(), (1, 0));
    home.awake(minutes(5)).await;
    assert_eq!(home.used("Work").await, "reply_lost");
    let shown = home.shown("Work").await;
    assert_eq!(
        (&shown["status"], &shown["trouble"]["class"]),
        (&json!("needs_reconnect"), &json!("reply_lost"))
    );
    let message = shown["trouble"]["message"].as_str().unwrap();
    assert!(message.contains("never arrived") && message.contains("2026-03-01 12:4"), "{message}");
    home.awake(minutes(60)).await;
    assert_eq!(home.used("Work").await, "reply_lost");
    assert_eq!(home.provider.token_requests(), (2, 1), "and it is not asked again and again");
}

#[tokio::test]
async fn a_lost_answer_costs_nothing_at_a_lenient_provider() {
    let home = lenient().await;
    home.provider.is(Mood::Swallows);
    home.awake(minutes(50)).await;
    home.provider.is(Mood::Well);
    home.awake(minutes(12)).await;
    assert_eq!(home.used("Work").await, "200");
    assert_eq!(home.provider.token_requests(), (2, 0));
    let shown = home.shown("Work").await;
    assert_eq!((&shown["status"], &shown["trouble"]), (&json!("active"), &Value::Null));
}

#[tokio::test]
async fn a_process_that_ends_during_a_renewal_leaves_word_of_it() {
    let mut home = strict().await;
    // As a kill between the request and its answer leaves it.
    let database = rusqlite::Connection::open(home.database()).unwrap();
    let sql = "INSERT INTO spent_credentials SELECT connection, version, ?1 FROM credentials";
    let began = home.clock.true_now().as_nanosecond() as i64;
    assert_eq!(database.execute(sql, [began]).unwrap(), 1);
    home.restart().await;
    home.awake(minutes(55)).await;
    assert_eq!((home.used("Work").await.as_str(), home.provider.token_requests()), ("200", (0, 0)));
    assert_eq!(home.shown("Work").await["trouble"], Value::Null);
    // It was not spent after all: nothing was lost.
    home.awake(minutes(8)).await;
    assert_eq!((home.used("Work").await.as_str(), home.provider.token_requests()), ("200", (1, 0)));
    home.awake(minutes(50)).await;
    assert_eq!(home.provider.token_requests(), (2, 0), "and it is renewed ahead of time again");
}

#[tokio::test]
async fn an_uncertain_token_is_tried_when_a_person_asks() {
    let home = strict().await;
    home.provider.is(Mood::Swallows);
    assert_eq!(home.refresh("Work").await.unwrap_err().uri, "urn:hearthkey:problem:unreachable");
    home.provider.is(Mood::Well);
    assert_eq!(home.refresh("Work").await.unwrap_err().uri, "urn:hearthkey:problem:reply_lost");
    // Asked once more, it is the same news.
    assert_eq!(home.refresh("Work").await.unwrap_err().uri, "urn:hearthkey:problem:reply_lost");
    let home = lenient().await;
    home.provider.is(Mood::Swallows);
    home.refresh("Work").await.unwrap_err();
    home.provider.is(Mood::Well);
    assert_eq!(home.refresh("Work").await.unwrap()["status"], "active");
}

#[tokio::test]
async fn failures_that_pass_cost_nothing_and_are_waited_for_over_a_restart() {
    let mut home = strict().await;
    home.provider.is(Mood::Away);
    home.awake(minutes(49)).await;
    let (asked, _) = home.provider.token_requests();
    assert!((1..=2).contains(&asked), "{asked}");
    assert_eq!(home.used("Work").await, "200", "what still lives serves");
    let shown = home.shown("Work").await;
    assert_eq!((&shown["status"], &shown["trouble"]["remedy"]), (&json!("active"), &json!("try_again")));
    // Ended: every try is a failure in a row, each waited for longer.
    home.awake(minutes(60)).await;
    let (asked, _) = home.provider.token_requests();
    assert!((6..=12).contains(&asked), "{asked}");
    home.restart().await;
    for _ in 0..3 {
        assert_eq!(home.used("Work").await, "unreachable");
    }
    assert_eq!(home.provider.token_requests().0, asked, "what was to be waited for is known to the next");
    let held = home.shown("Work").await;
    let retry_at = time(&held["trouble"]["retry_at"]);
    assert!(home.clock.true_now().duration_until(retry_at) <= minutes(15));
    assert_eq!(held["next_refresh_at"], held["trouble"]["retry_at"]);
    // A clock that was ahead meanwhile keeps nobody waiting.
    home.provider.is(Mood::Well);
    home.clock.set_ahead(SignedDuration::from_hours(-24 * 400));
    assert_eq!(home.used("Work").await, "200");
    let shown = home.shown("Work").await;
    assert_eq!((&shown["status"], &shown["trouble"]), (&json!("active"), &Value::Null));
}

#[tokio::test]
async fn a_provider_that_names_a_time_is_not_asked_before() {
    let home = strict().await;
    home.provider.is(Mood::Busy(20 * 60));
    home.awake(minutes(49)).await;
    let asked = home.provider.token_requests().0;
    assert_eq!(asked, 1);
    home.awake(minutes(12)).await;
    assert_eq!(home.used("Work").await, "rate_limited");
    assert_eq!(home.provider.token_requests().0, 1);
    home.provider.is(Mood::Well);
    home.awake(minutes(12)).await;
    assert_eq!((home.used("Work").await.as_str(), home.provider.token_requests().0), ("200", 2));
}

#[tokio::test]
async fn a_client_that_is_refused_is_tried_seldom_and_when_a_person_asks() {
    let home = strict().await;
    home.provider.is(Mood::Says(401, r#"{"error":"invalid_client"}"#));
    home.awake(minutes(49)).await;
    assert_eq!(home.shown("Work").await["status"], "error");
    // A use while the access token lives is no sign that the client is accepted again.
    assert_eq!(home.used("Work").await, "200");
    assert_eq!(home.shown("Work").await["trouble"]["remedy"], "edit_client");
    home.awake(minutes(24 * 60)).await;
    let (asked, _) = home.provider.token_requests();
    assert!((4..=6).contains(&asked), "{asked}");
    assert_eq!(home.used("Work").await, "client_refused");
    assert_eq!(home.provider.token_requests().0, asked);
    home.provider.is(Mood::Well);
    assert_eq!(home.refresh("Work").await.unwrap()["status"], "active");
    assert_eq!(home.used("Work").await, "200");
}

#[tokio::test]
async fn a_sign_in_that_ended_serves_until_its_access_token_has() {
    let home = strict().await;
    home.provider.is(Mood::Says(
        200,
        r#"{"error":"token_revoked","error_description":"Removed by an administrator."}"#,
    ));
    home.awake(minutes(49)).await;
    let shown = home.shown("Work").await;
    assert_eq!(
        (&shown["status"], &shown["trouble"]["class"]),
        (&json!("needs_reconnect"), &json!("grant_ended"))
    );
    assert_eq!(shown["renewable"], true, "nothing is deleted");
    assert_eq!(home.used("Work").await, "200");
    assert_eq!(
        home.shown("Work").await["status"],
        "needs_reconnect",
        "and it still has to be signed in anew"
    );
    home.awake(minutes(12)).await;
    assert_eq!(home.used("Work").await, "grant_ended");
    assert_eq!(home.provider.token_requests().0, 1);
}

#[tokio::test]
async fn new_tokens_that_never_worked_are_not_the_last_word() {
    let home = strict().await;
    home.refresh("Work").await.unwrap();
    home.provider.roll_back("Work");
    // The newest pair is refused, the one before is not.
    home.refresh("Work").await.unwrap();
    assert_eq!(home.provider.token_requests(), (3, 1));
    assert_eq!(home.used("Work").await, "200");
    home.app.settle().await;
    // Once it has worked, it stands alone.
    home.provider.roll_back("Work");
    assert_eq!(home.refresh("Work").await.unwrap_err().uri, "urn:hearthkey:problem:grant_ended");
    assert_eq!(home.provider.token_requests(), (4, 2));
    let database = rusqlite::Connection::open(home.database()).unwrap();
    let left = |table: &str| {
        let sql = format!("SELECT COUNT(*) FROM {table}");
        database.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!((left("previous_credentials"), left("spent_credentials")), (0, 0));
}

#[tokio::test]
async fn a_second_chance_survives_new_keys_and_keeps_no_old_one() {
    let home = strict().await;
    home.refresh("Work").await.unwrap();
    home.ask("vault.rotate", json!({})).await.unwrap();
    home.provider.roll_back("Work");
    home.refresh("Work").await.unwrap();
    assert_eq!(home.provider.token_requests(), (3, 1));
    // One that opens under no key is given up, and the newest pair with it is not.
    let database = rusqlite::Connection::open(home.database()).unwrap();
    let damaged = "UPDATE previous_credentials SET issuer = 'https://evil.example'";
    assert_eq!(database.execute(damaged, []).unwrap(), 1);
    for _ in 0..2 {
        home.ask("vault.rotate", json!({})).await.unwrap();
    }
    assert_eq!(home.used("Work").await, "200");
}

#[tokio::test]
async fn a_person_renews_whenever_they_like_what_can_be_renewed() {
    let home = Home::with(&[
        ("Work", Terms::strict(60)),
        ("Once", Terms { renewable: false, ..Terms::strict(4 * 24 * 60) }),
    ])
    .await;
    let before = home.shown("Work").await;
    home.clock.advance(minutes(3));
    let renewed = home.refresh("Work").await.unwrap();
    assert!(time(&renewed["next_refresh_at"]) > time(&before["next_refresh_at"]));
    assert_eq!(home.provider.token_requests(), (1, 0));
    // One that cannot be renewed says so, is said to end soon, and that it ended.
    let refused = home.refresh("Once").await.unwrap_err();
    assert!(refused.to_string().contains("no way to renew Once"), "{refused}");
    assert_eq!(home.shown("Once").await["status"], "active");
    home.after(SignedDuration::from_hours(25)).await;
    assert_eq!(home.shown("Once").await["status"], "expiring");
    home.after(SignedDuration::from_hours(72)).await;
    home.awake(minutes(3)).await;
    let shown = home.shown("Once").await;
    assert_eq!(
        (&shown["status"], &shown["trouble"]["class"]),
        (&json!("needs_reconnect"), &json!("not_renewable"))
    );
}

#[tokio::test]
async fn a_clock_that_was_ahead_costs_nothing_that_cannot_be_renewed() {
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    let once = |life| Terms { renewable: false, life, ..Terms::strict(60) };
    let home = Home::with(&[("Ends", once(Some(days(90)))), ("Stays", once(None))]).await;
    home.clock.set_ahead(days(-400));
    home.awake(minutes(8)).await;
    for name in ["Ends", "Stays"] {
        assert_eq!(home.used(name).await, "200");
        let shown = home.shown(name).await;
        assert_eq!((&shown["status"], &shown["trouble"]), (&json!("active"), &Value::Null));
    }
    let database = rusqlite::Connection::open(home.database()).unwrap();
    let sql = "SELECT COUNT(*) FROM connections WHERE tokens_at IS NOT NULL";
    assert_eq!(database.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap(), 0, "none is looked at");
    // By a clock that is ahead, one is over; once the clock is right it is used, and nothing is the matter.
    home.clock.set_ahead(days(400));
    home.awake(minutes(8)).await;
    assert_eq!(
        (home.used("Ends").await.as_str(), home.used("Stays").await.as_str()),
        ("not_renewable", "200")
    );
    home.clock.set_ahead(days(0));
    assert_eq!(home.used("Ends").await, "200");
    let shown = home.shown("Ends").await;
    assert_eq!((&shown["status"], &shown["trouble"]), (&json!("active"), &Value::Null));
}

#[tokio::test]
async fn a_401_that_is_not_about_the_token_renews_it_once_a_minute_at_most() {
    let home = strict().await;
    for requests in 1..=3 {
        for _ in 0..20 {
            assert_eq!(home.used_at("Work", "/closed").await, "401");
        }
        assert_eq!(home.provider.token_requests(), (requests, 0));
        home.clock.advance(minutes(1));
    }
    assert_eq!(home.used("Work").await, "200");
}

#[tokio::test]
async fn an_error_without_words_may_have_spent_the_token() {
    for (status, body, uncertain) in [
        (500, "", true),
        (503, "<html>", true),
        (502, "", true),
        (503, r#"{"error":"temporarily_unavailable"}"#, false),
        (500, r#"{"error":"server_error"}"#, false),
        (408, "", false),
        (425, "", false),
        (429, "", false),
    ] {
        let home = strict().await;
        home.provider.is(Mood::Says(status, body));
        home.awake(minutes(49)).await;
        let (asked, _) = home.provider.token_requests();
        home.provider.is(Mood::Well);
        home.awake(minutes(5)).await;
        let (then, _) = home.provider.token_requests();
        assert_eq!(then == asked, uncertain, "{status} {body}: {asked} {then}");
    }
}

#[tokio::test]
async fn what_never_ends_is_kept_alive_once_more_after_a_lost_answer() {
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    for (rotates, mood) in [(false, Mood::Swallows), (true, Mood::Says(500, ""))] {
        let resting = Terms { life: None, idle_days: Some(30), rotates, renewable: true };
        let home = Home::with(&[("Work", resting)]).await;
        home.provider.is(mood);
        home.after(days(15)).await;
        home.awake(minutes(4)).await;
        home.provider.is(Mood::Well);
        home.after(days(13)).await;
        home.awake(minutes(4)).await;
        assert_eq!(home.provider.token_requests(), (1, 0), "what works is not risked");
        home.after(days(1)).await;
        home.awake(minutes(4)).await;
        assert_eq!(home.provider.token_requests(), (2, 0));
        assert_eq!(home.shown("Work").await["trouble"], Value::Null);
        // And on as before.
        home.after(days(15)).await;
        home.awake(minutes(4)).await;
        assert_eq!((home.provider.token_requests(), home.used("Work").await.as_str()), ((3, 0), "200"));
    }
}

#[tokio::test]
async fn failures_that_pass_between_do_not_make_a_refused_client_news() {
    let home = strict().await;
    let refused = Mood::Says(401, r#"{"error":"invalid_client"}"#);
    home.provider.is(refused.clone());
    home.awake(minutes(49)).await;
    for _ in 0..3 {
        home.provider.is(Mood::Away);
        home.refresh("Work").await.unwrap_err();
        home.provider.is(refused.clone());
        home.refresh("Work").await.unwrap_err();
    }
    let held = home.shown("Work").await;
    let wait = home.clock.true_now().duration_until(time(&held["trouble"]["retry_at"]));
    assert!(wait >= SignedDuration::from_hours(8), "the fourth refusal in a row: {wait:?}");
    let shown = home.ask("connections.show", json!({ "connection": "Work" })).await.unwrap();
    let failed = shown["activity"].as_array().unwrap().iter().filter(|e| e["deed"] == "refresh_failed");
    assert_eq!(failed.count(), 1);
    assert_eq!(home.told("Work").await, 1);
}

#[tokio::test]
async fn what_is_refused_at_use_and_cannot_be_renewed_is_told() {
    let home = Home::with(&[("Work", Terms { life: None, renewable: false, ..Terms::strict(60) })]).await;
    home.connect_with_key("Key").await;
    for name in ["Work", "Key"] {
        home.provider.end(name);
        for _ in 0..3 {
            assert_eq!(home.used(name).await, "401");
        }
        home.ask("connections.test", json!({ "connection": name })).await.unwrap();
        assert_eq!(home.told(name).await, 1, "once");
    }
    home.provider.back("Work");
    assert_eq!(home.used("Work").await, "200");
    assert_eq!(home.shown("Work").await["status"], "active", "and a use that succeeds ends it");
    // A test is heard of as well.
    home.provider.end("Work");
    home.ask("connections.test", json!({ "connection": "Work" })).await.unwrap();
    assert_eq!(home.told("Work").await, 2);
    let bodies: Vec<_> = home.desk.notices.borrow().iter().map(|notice| notice.body.clone()).collect();
    assert_eq!(bodies[0], "Sim ended the sign-in of Work: it did not accept the credential (401).");
    assert_eq!(bodies[1], "Keyed sim refuses the key of Key: it did not accept the credential (401).");
}

/// Each kind of failure has its own words and its own way out, in what a caller gets and in what the list shows.
#[tokio::test]
async fn every_class_has_its_own_words() {
    let mut text = String::new();
    for (class, mood) in [
        (
            "grant_ended",
            Mood::Says(400, r#"{"error":"invalid_grant","error_description":"Token has been revoked."}"#),
        ),
        ("client_refused", Mood::Says(401, r#"{"error":"invalid_client"}"#)),
        ("request_refused", Mood::Says(400, r#"{"error":"invalid_scope"}"#)),
        ("rate_limited", Mood::Busy(120)),
        ("provider_trouble", Mood::Says(503, "")),
        ("unreachable", Mood::Away),
        ("malformed", Mood::Says(200, "\"<html>\"")),
        ("reply_lost", Mood::Swallows),
        ("not_renewable", Mood::Well),
    ] {
        let renewable = class != "not_renewable";
        let home = Home::with(&[("Work", Terms { renewable, ..Terms::strict(60) })]).await;
        home.provider.is(mood);
        if class == "reply_lost" {
            home.refresh("Work").await.unwrap_err();
            home.provider.is(Mood::Well);
        }
        if !renewable {
            home.clock.advance(minutes(61));
        }
        let problem = home.refresh("Work").await.unwrap_err();
        assert_eq!(problem.uri, format!("urn:hearthkey:problem:{class}"));
        let shown = home.shown("Work").await;
        assert_eq!(shown["trouble"]["class"], class);
        note(&mut text, class, &serde_json::to_value(problem).unwrap(), &shown);
    }
    let home = Home::with(&[]).await;
    home.connect_with_key("Key").await;
    let problem = home.refresh("Key").await.unwrap_err();
    home.provider.end("Key");
    assert_eq!(home.used("Key").await, "401");
    note(&mut text, "key_refused", &serde_json::to_value(problem).unwrap(), &home.shown("Key").await);
    let home = Home::with(&[("Once", Terms { renewable: false, ..Terms::strict(60) })]).await;
    let problem = home.refresh("Once").await.unwrap_err();
    home.provider.end("Once");
    assert_eq!(home.used("Once").await, "401");
    note(&mut text, "ended at use", &serde_json::to_value(problem).unwrap(), &home.shown("Once").await);
    insta::with_settings!({ omit_expression => true, filters => vec![
        (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "TIME"),
    ] }, { insta::assert_snapshot!("troubles", text.trim_end()) });
}

fn note(text: &mut String, class: &str, problem: &Value, shown: &Value) {
    let _ = writeln!(text, "== {class}");
    for (name, value) in [
        ("problem", json!([problem["kind"], problem["status"], problem["detail"], problem["hint"]])),
        ("status", shown["status"].clone()),
        ("trouble", shown["trouble"].clone()),
    ] {
        let _ = writeln!(text, "{name}: {value:#}");
    }
}
