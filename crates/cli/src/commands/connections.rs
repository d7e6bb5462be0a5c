//! Looking at connections, testing, naming and removing them.

use super::Session;
use crate::args::{Disconnect, One, Rename};
use crate::failure::{Failure, REFUSED};
use crate::output::{deed_words, facts, mark, relative, say, status_words, table};
use hearthkey_api::operations::{connections as operations, connectors};
use hearthkey_api::views::{ConnectionDetail, ConnectionView, MethodKind, ScopeWord};
use hearthkey_domain::ports::Clock;
use hearthkey_engine::SystemClock;
use jiff::Timestamp;

impl Session {
    pub(crate) async fn list(&self) -> Result<(), Failure> {
        let list = self.call(&operations::List::default()).await?;
        let now = SystemClock.now();
        self.output.result(&list, || {
            if list.connections.is_empty() {
                return "Nothing is connected yet. Begin with: hearthkey connect sandbox".to_owned();
            }
            let row = |c: &ConnectionView| {
                let used = c.last_used_at.map_or_else(|| "never".to_owned(), |at| relative(at, now));
                let account = c.identity.display.clone().or_else(|| c.masked_key.clone()).unwrap_or_default();
                let status = status_words(c.status).to_owned();
                [c.label.clone(), c.connector.name.clone(), account, status, used]
            };
            let rows = list.connections.iter().map(row).collect();
            table(["NAME", "SERVICE", "ACCOUNT", "STATUS", "LAST USED"], rows)
        });
        Ok(())
    }

    pub(crate) async fn show(&self, One { connection }: One) -> Result<(), Failure> {
        let detail = self.call(&operations::Show { connection }).await?;
        let now = SystemClock.now();
        self.output.result(&detail, || described(&detail, now));
        Ok(())
    }

    pub(crate) async fn test(&self, One { connection }: One) -> Result<(), Failure> {
        let report = self.call(&operations::Test { connection }).await?;
        self.output.result(&report, || {
            let hint = report.hint.as_ref().map_or(String::new(), |hint| format!("\n  {hint}"));
            format!("{} {}{hint}", mark(report.ok), report.message)
        });
        if report.ok { Ok(()) } else { Err(Failure::Told(REFUSED)) }
    }

    pub(crate) async fn refresh(&self, One { connection }: One) -> Result<(), Failure> {
        let renewed = self.call(&operations::Refresh { connection }).await?;
        let now = SystemClock.now();
        self.output.result(&renewed, || match renewed.next_refresh_at {
            Some(next) => format!("{} Renewed. Next renewal {}.", mark(true), relative(next, now)),
            None => format!("{} Renewed.", mark(true)),
        });
        Ok(())
    }

    pub(crate) async fn rename(&self, Rename { connection, label }: Rename) -> Result<(), Failure> {
        let renamed = self.call(&operations::Rename { connection, label }).await?;
        self.output.result(&renamed, || format!("Renamed to {}.", renamed.label));
        Ok(())
    }

    pub(crate) async fn disconnect(&self, args: Disconnect) -> Result<(), Failure> {
        let Disconnect { connection, now, keep_sign_in } = args;
        let name = connection.clone();
        let leaving = self.call(&operations::Disconnect { connection, now, keep_sign_in }).await?;
        self.output.result(&leaving, || match &leaving {
            Some(leaving) => format!(
                "{} is disconnected. For 30 seconds: hearthkey restore {:?} brings it back.",
                leaving.label, leaving.label
            ),
            None => format!("{name} is disconnected and removed."),
        });
        Ok(())
    }

    pub(crate) async fn restore(&self, One { connection }: One) -> Result<(), Failure> {
        let restored = self.call(&operations::Restore { connection }).await?;
        self.output.result(&restored, || format!("{} is back.", restored.label));
        Ok(())
    }

    pub(crate) async fn services(&self) -> Result<(), Failure> {
        let list = self.call(&connectors::List {}).await?;
        self.output.result(&list, || {
            let rows = list.connectors.iter().map(|service| {
                let method = service.methods.first();
                let needs = match method.map(|m| (m.kind, m.client.as_ref().is_some_and(|c| c.ready))) {
                    Some((MethodKind::ApiKey, _)) => "a key",
                    Some((MethodKind::Oauth2, true)) => "a sign-in",
                    _ => "a sign-in, with a client of your own",
                };
                [service.id.clone(), service.name.clone(), service.summary.clone(), needs.to_owned()]
            });
            table(["SERVICE", "NAME", "WHAT IT IS", "TAKES"], rows.collect())
        });
        Ok(())
    }
}

fn described(detail: &ConnectionDetail, now: Timestamp) -> String {
    let ConnectionDetail { connection: c, activity } = detail;
    let time = |at: Option<Timestamp>| at.map(|at| relative(at, now));
    let list = |items: &[String]| Some(items.join(", ")).filter(|text| !text.is_empty());
    let ends = c.expires_at.map(|at| {
        let word = if c.renewable { "renews itself" } else { "ends" };
        format!("{word}, {}", relative(at, now))
    });
    let declined = c.scopes.each.iter().filter(|scope| scope.state == ScopeWord::Declined);
    let declined: Vec<String> = declined
        .map(|scope| if scope.reason.is_empty() { scope.name.clone() } else { scope.reason.clone() })
        .collect();
    let mut text = facts(&[
        ("Name", Some(c.label.clone())),
        ("Service", Some(c.connector.name.clone())),
        ("Connected as", c.identity.display.clone()),
        ("Key", c.masked_key.clone()),
        ("Status", Some(status_words(c.status).to_owned())),
        ("Why", c.trouble.as_ref().map(|trouble| trouble.message.clone()).or_else(|| c.reason.clone())),
        ("Tried again", time(c.trouble.as_ref().and_then(|trouble| trouble.retry_at))),
        ("What helps", c.trouble.as_ref().map(|trouble| trouble.hint.clone())),
        ("May", list(&c.scopes.granted)),
        ("Not granted", list(&declined)),
        ("Goes to", list(&c.hosts)),
        ("Access", ends),
        ("Next renewal", time(c.next_refresh_at)),
        ("Last used", time(c.last_used_at)),
        ("Last tested", time(c.last_tested_at)),
        ("Connected", time(Some(c.created_at))),
        ("Identifier", Some(c.id.clone())),
    ]);
    if !activity.is_empty() {
        let rows = activity.iter().take(10).map(|entry| {
            let by = entry.program.clone().unwrap_or_default();
            let deed = deed_words(entry.deed);
            let what =
                if entry.detail.is_empty() { deed.to_owned() } else { format!("{deed} · {}", entry.detail) };
            [relative(entry.at, now), what, by]
        });
        text.push_str("\n\n");
        text.push_str(&table(["WHEN", "WHAT", "BY"], rows.collect()));
    }
    text
}

/// Says that an account is connected.
pub(super) fn say_connected(session: &Session, connection: &ConnectionView) {
    session.output.result(connection, || {
        let who = connection.identity.display.clone().or_else(|| connection.masked_key.clone());
        let who = who.map_or(String::new(), |who| format!(" as {who}"));
        format!("{} Connected{who}. Its name is {:?}.", mark(true), connection.label)
    });
    if !session.output.json {
        say(&format!("  Try: hearthkey test {:?}", connection.label));
    }
}
