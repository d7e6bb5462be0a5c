//! Scopes: what to ask for, and what came of it.

use crate::manifest::{OAuth2, Scope};

/// What came of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeState {
    /// It was granted.
    Granted,
    /// It was asked for and not granted.
    Declined,
    /// It was not asked for.
    NotAsked,
    /// It was granted, and this connector does not know it.
    Extra,
}

/// A scope, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its name, as sent.
    pub name: String,
    /// What it is for; empty where the connector does not know it.
    pub reason: String,
    /// What came of it.
    pub state: ScopeState,
}

/// A name that is not one of the connector's scopes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("one of the scopes of this way to sign in was expected: {}", known.join(", "))]
pub struct UnknownScope {
    /// The known ones.
    pub known: Vec<String>,
}

/// Ends of a sign-in's life as scopes. Many services grant them without saying so: a refresh token says it.
const STAYING: &[&str] = &["offline_access", "refresh_token"];

impl Scope {
    fn is_called(&self, name: &str) -> bool {
        self.name == name || self.granted_as.iter().any(|other| other == name)
    }

    /// Whether a person's short form means it: its name, another name of it, or what stands after the last slash.
    fn is_meant_by(&self, text: &str) -> bool {
        self.is_called(text) || self.name.rsplit_once('/').is_some_and(|(_, end)| end == text)
    }
}

/// The scopes to ask for: the connector's own, those a connection has asked for or been granted `before`, and those that are
/// `added`, in the connector's order.
///
/// # Errors
/// [`UnknownScope`] for a name among `added` that is not one of the connector's.
pub fn wanted(oauth: &OAuth2, before: &[String], added: &[String]) -> Result<Vec<String>, UnknownScope> {
    for name in added {
        if !oauth.scopes.iter().any(|scope| scope.is_meant_by(name)) {
            return Err(UnknownScope {
                known: oauth.scopes.iter().map(|scope| scope.name.clone()).collect(),
            });
        }
    }
    let is_wanted = |scope: &&Scope| {
        !scope.optional
            || before.iter().any(|name| scope.is_called(name))
            || added.iter().any(|name| scope.is_meant_by(name))
    };
    Ok(oauth.scopes.iter().filter(is_wanted).map(|scope| scope.name.clone()).collect())
}

/// What came of each scope. `renewable` says whether a refresh token came with the tokens.
#[must_use]
pub fn outcomes(
    oauth: Option<&OAuth2>,
    requested: &[String],
    granted: &[String],
    renewable: bool,
) -> Vec<Outcome> {
    let known = oauth.map_or(&[][..], |oauth| &oauth.scopes[..]);
    let state = |is_called: &dyn Fn(&str) -> bool| {
        let any = |names: &[String]| names.iter().any(|name| is_called(name));
        match (any(granted) || (renewable && STAYING.iter().any(|name| is_called(name))), any(requested)) {
            (true, _) => ScopeState::Granted,
            (false, true) => ScopeState::Declined,
            (false, false) => ScopeState::NotAsked,
        }
    };
    let mut outcomes: Vec<Outcome> = known
        .iter()
        .map(|scope| Outcome {
            name: scope.name.clone(),
            reason: scope.reason.clone(),
            state: match state(&|name| scope.is_called(name)) {
                // A refresh token that came without its scope says nothing about a scope that was not asked for.
                ScopeState::Granted if !granted.iter().chain(requested).any(|name| scope.is_called(name)) => {
                    ScopeState::NotAsked
                }
                state => state,
            },
        })
        .collect();
    for name in requested.iter().chain(granted) {
        let listed = known.iter().any(|scope| scope.is_called(name));
        if listed || outcomes.iter().any(|outcome| outcome.name == *name) {
            continue;
        }
        let state = match (requested.contains(name), state(&|other| other == name)) {
            (false, _) => ScopeState::Extra,
            (true, state) => state,
        };
        outcomes.push(Outcome { name: name.clone(), reason: String::new(), state });
    }
    outcomes
}

/// What was asked for and not granted.
#[must_use]
pub fn declined(
    oauth: Option<&OAuth2>,
    requested: &[String],
    granted: &[String],
    renewable: bool,
) -> Vec<Outcome> {
    let mut all = outcomes(oauth, requested, granted, renewable);
    all.retain(|outcome| outcome.state == ScopeState::Declined);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalog;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    fn with<T>(connector: &str, look: impl FnOnce(&OAuth2) -> T) -> T {
        let catalog = Catalog::built_in().unwrap();
        look(catalog.get(connector).unwrap().auth[0].oauth2.as_ref().unwrap())
    }

    const EVENTS: &str = "https://www.googleapis.com/auth/calendar.events";
    const LIST: &str = "https://www.googleapis.com/auth/calendar.calendarlist.readonly";

    #[test]
    fn google_reports_scopes_under_other_names_and_a_missing_box_is_seen() {
        with("google-calendar", |oauth| {
            let asked = wanted(oauth, &[], &[]).unwrap();
            assert_eq!(asked, texts(&["openid", "email", EVENTS]));
            let granted = texts(&["openid", "https://www.googleapis.com/auth/userinfo.email"]);
            let missing = declined(Some(oauth), &asked, &granted, true);
            assert_eq!(missing.len(), 1, "{missing:?}");
            assert_eq!((&*missing[0].name, &*missing[0].reason), (EVENTS, "read and write events"));
        });
    }

    #[test]
    fn what_was_asked_before_is_asked_again_with_what_is_added() {
        with("google-calendar", |oauth| {
            let before = texts(&["openid", "email", EVENTS, "gone"]);
            let more = wanted(oauth, &before, &texts(&["calendar.calendarlist.readonly"])).unwrap();
            assert_eq!(more, texts(&["openid", "email", EVENTS, LIST]));
            assert_eq!(wanted(oauth, &more, &[]).unwrap(), more);
            let unknown = wanted(oauth, &[], &texts(&["calendar"])).unwrap_err().to_string();
            assert!(unknown.contains(LIST), "{unknown}");
        });
    }

    #[test]
    fn states_are_told_apart() {
        with("google-calendar", |oauth| {
            let states: Vec<_> =
                outcomes(Some(oauth), &texts(&["openid", "email"]), &texts(&["openid", "other"]), false)
                    .into_iter()
                    .map(|outcome| outcome.state)
                    .collect();
            use ScopeState::{Declined, Extra, Granted, NotAsked};
            assert_eq!(states[..3], [Granted, Declined, NotAsked]);
            assert_eq!(states.last(), Some(&Extra));
        });
        let unknown = outcomes(None, &texts(&["a", "b"]), &texts(&["b"]), false);
        assert_eq!(
            unknown.iter().map(|o| o.state).collect::<Vec<_>>(),
            [ScopeState::Declined, ScopeState::Granted]
        );
    }

    #[test]
    fn a_refresh_token_says_that_one_stays_signed_in() {
        let (asked, granted) = (texts(&["openid", "offline_access"]), texts(&["openid"]));
        with("openid-connect", |oauth| {
            assert!(declined(Some(oauth), &asked, &granted, true).is_empty());
            assert_eq!(declined(Some(oauth), &asked, &granted, false)[0].name, "offline_access");
            let unasked = outcomes(Some(oauth), &granted, &granted, true);
            let staying = unasked.iter().find(|outcome| outcome.name == "offline_access").unwrap();
            assert_eq!(staying.state, ScopeState::NotAsked);
        });
    }
}
