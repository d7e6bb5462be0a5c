//! Reading a manifest, and what its types cannot check. Every complaint names file, line, field and fix.

mod oauth;

use super::{Address, AuthMethod, FieldKind, Manifest, OAuth2, RequestTemplate};
use crate::address::{is_domain, is_label};
use crate::expression;
use crate::request::{caller_header, names_in};
use regex::Regex;
use std::fmt;
use toml::de::{DeTable, DeValue};
use url::Url;

/// What is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ManifestError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The field, as `auth[0].fields[1].pattern`; empty where the text is not TOML.
    pub field: String,
    /// What is wrong, and what to write instead.
    pub problem: String,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, field, problem } = self;
        let colon = if field.is_empty() { "" } else { ": " };
        write!(f, "{file}:{line}: {field}{colon}{problem}")
    }
}

/// The largest manifest that is read, in bytes.
const MAX_BYTES: usize = 256 * 1024;

impl Manifest {
    /// Reads and checks a manifest. `file` is its name, for messages and because it must match the identifier.
    ///
    /// # Errors
    /// [`ManifestError`] with the first thing that is wrong.
    pub fn parse(file: &str, text: &str) -> Result<Self, ManifestError> {
        let complain = |at: usize, field: String, problem: String| ManifestError {
            file: file.to_owned(),
            line: text[..at.min(text.len())].matches('\n').count() + 1,
            field,
            problem,
        };
        if text.len() > MAX_BYTES {
            return Err(complain(0, String::new(), format!("a manifest has at most {MAX_BYTES} bytes")));
        }
        let manifest: Self = toml::from_str(text).map_err(|error| {
            complain(error.span().map_or(0, |span| span.start), String::new(), error.message().to_owned())
        })?;
        manifest.check(file).map_err(|(field, problem)| {
            let at = locate(text, &field);
            complain(at, field, problem)
        })?;
        Ok(manifest)
    }

    fn check(&self, file: &str) -> Result<(), Complaint> {
        if self.schema != 1 {
            return refuse("schema", "must be 1, the only version there is");
        }
        let plain = |text: &str| {
            !text.is_empty()
                && text
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
        };
        if !plain(&self.id) || file.strip_suffix(".toml") != Some(&self.id) {
            return refuse(
                "id",
                "must be the file's name without .toml: lower-case letters, digits and hyphens",
            );
        }
        if self.auth.is_empty() {
            return refuse("auth", "needs at least one way to sign in");
        }
        for (at, method) in self.auth.iter().enumerate() {
            let here = format!("auth[{at}]");
            if !plain(&method.id) || self.auth[..at].iter().any(|other| other.id == method.id) {
                return refuse(format!("{here}.id"), "must be plain and used once");
            }
            self.check_fields(at)?;
            let typed = |name: &str, kind| method.fields.iter().any(|f| f.name == name && f.kind == kind);
            let address = |field: &str, address: &Address| check_address(&here, method, field, address);
            address("api.base", &self.api.base)?;
            match (&method.oauth2, &method.api_key) {
                (None, Some(key)) => {
                    for (n, injection) in key.inject.iter().enumerate() {
                        let there = format!("{here}.api_key.inject[{n}]");
                        if !typed(&injection.field, FieldKind::Secret) {
                            return refuse(format!("{there}.field"), "must name a field of kind \"secret\"");
                        }
                        if http::HeaderName::try_from(&injection.header).is_err() {
                            return refuse(format!("{there}.header"), "must be a header name");
                        }
                    }
                }
                (Some(oauth), None) => {
                    match (&oauth.discover, &oauth.server) {
                        (Some(issuer), None) => address(&format!("{here}.oauth2.discover"), issuer)?,
                        (None, Some(server)) => server.check(&format!("{here}.oauth2.server"), &address)?,
                        _ => {
                            return refuse(
                                format!("{here}.oauth2"),
                                "needs exactly one of discover and server",
                            );
                        }
                    }
                    oauth.check(&format!("{here}.oauth2"), &method.fields)?;
                }
                _ => return refuse(here, "needs exactly one of oauth2 and api_key"),
            }
            for (n, step) in method.steps.iter().enumerate() {
                if let Some(link) = &step.link {
                    https(&format!("{here}.steps[{n}].link.url"), &link.url)?;
                }
            }
        }
        for (name, value) in &self.api.headers {
            if caller_header(name, value, &[]).is_err() {
                return refuse(
                    format!("api.headers.{name}"),
                    "must be a header that can be sent and is not Hearthkey's",
                );
            }
        }
        template("test.request", &self.test.request)?;
        self.check_names("test.request", &self.test.request)?;
        expression("test.works", self.test.works.as_deref())?;
        expression("test.says", self.test.says.as_deref())?;
        if let Some(identity) = &self.identity {
            template("identity.request", &identity.request)?;
            self.check_names("identity.request", &identity.request)?;
            expression("identity.external_id", identity.external_id.as_deref())?;
            expression("identity.email", identity.email.as_deref())?;
            expression("identity.name", identity.name.as_deref())?;
        }
        let asks_userinfo = |request: &RequestTemplate| request.userinfo;
        let userinfo = asks_userinfo(&self.test.request)
            || self.identity.as_ref().is_some_and(|identity| asks_userinfo(&identity.request));
        let offers =
            |oauth: &OAuth2| oauth.server.as_ref().is_none_or(|server| server.userinfo_endpoint.is_some());
        if userinfo && !self.auth.iter().all(|method| method.oauth2.as_ref().is_some_and(offers)) {
            return refuse("test.request.userinfo", "needs a userinfo endpoint in every way to sign in");
        }
        for (n, advice) in self.troubleshooting.iter().enumerate() {
            expression(&format!("troubleshooting[{n}].when"), Some(&advice.when))?;
        }
        Ok(())
    }

    /// What stands between braces is a value of every way to sign in.
    fn check_names(&self, field: &str, request: &RequestTemplate) -> Result<(), Complaint> {
        for name in request.path.iter().flat_map(|path| names_in(path)) {
            if !self.auth.iter().all(|method| method.values().any(|known| known == name)) {
                return refuse(format!("{field}.path"), format!("{{{name}}} is no value of the connection"));
            }
        }
        Ok(())
    }

    fn check_fields(&self, method: usize) -> Result<(), Complaint> {
        let fields = &self.auth[method].fields;
        for (n, field) in fields.iter().enumerate() {
            let here = format!("auth[{method}].fields[{n}]");
            if fields[..n].iter().any(|other| other.name == field.name) {
                return refuse(format!("{here}.name"), "is used twice");
            }
            if let Some(pattern) = &field.pattern
                && let Err(error) = Regex::new(pattern)
            {
                let reason = error.to_string();
                let last = reason.lines().last().unwrap_or_default();
                return refuse(format!("{here}.pattern"), format!("is not a regular expression: {last}"));
            }
            if field.kind == FieldKind::Secret && field.default.is_some() {
                return refuse(format!("{here}.default"), "a secret has no default");
            }
        }
        Ok(())
    }
}

impl AuthMethod {
    /// The names of the values a connection of this method has: answers, and what the service tells.
    fn values(&self) -> impl Iterator<Item = &str> {
        let asked =
            self.fields.iter().filter(|field| field.kind != FieldKind::Secret).map(|field| &field.name);
        let oauth = self.oauth2.iter();
        let told = oauth.clone().flat_map(|oauth| oauth.callback_values.iter().map(|value| &value.name));
        let named = oauth.flat_map(|oauth| oauth.reply_values.iter().map(|value| &value.name));
        asked.chain(told).chain(named).map(String::as_str)
    }
}

fn check_address(here: &str, method: &AuthMethod, at: &str, address: &Address) -> Result<(), Complaint> {
    let asked = |name: &str, kind| method.fields.iter().any(|field| field.name == name && field.kind == kind);
    let told = |name: &str| {
        method.oauth2.as_ref().is_some_and(|oauth| oauth.reply_values.iter().any(|value| value.name == name))
    };
    let path = match address {
        Address::Fixed(url) => return https(at, url),
        Address::Typed { field: name, .. } if !asked(name, FieldKind::Url) => {
            return refuse(at, format!("{here} has no field {name:?} of kind \"url\""));
        }
        Address::Under { field: name, .. } if !asked(name, FieldKind::Text) => {
            return refuse(at, format!("{here} has no field {name:?} of kind \"text\""));
        }
        Address::Under { under, .. } if !is_domain(under) => {
            return refuse(at, "under must be a domain like \"example.com\"");
        }
        Address::Under { between, .. } if !between.iter().all(|one| one.split('.').all(is_label)) => {
            return refuse(at, "between must list labels like \"my\"");
        }
        Address::Told { told: name, .. } if !told(name) => {
            return refuse(at, format!("{here} has no reply value {name:?}"));
        }
        Address::Typed { path, .. } | Address::Under { path, .. } | Address::Told { path, .. } => path,
    };
    if path.is_empty() || path.starts_with('/') { Ok(()) } else { refuse(at, "path must begin with /") }
}

type Complaint = (String, String);

fn refuse<T>(field: impl Into<String>, problem: impl Into<String>) -> Result<T, Complaint> {
    Err((field.into(), problem.into()))
}

/// A fixed address is an https one with a host name: no IP literal, no user name.
fn https(field: &str, url: &Url) -> Result<(), Complaint> {
    let named = matches!(url.host(), Some(url::Host::Domain(name)) if name.contains('.'));
    if url.scheme() == "https" && named && url.username().is_empty() && url.password().is_none() {
        Ok(())
    } else {
        refuse(field, "must be https with a host name, and without user name or password")
    }
}

fn template(field: &str, request: &RequestTemplate) -> Result<(), Complaint> {
    let targets = [request.path.is_some(), request.url.is_some(), request.userinfo];
    if targets.iter().filter(|given| **given).count() != 1 {
        return refuse(field, "needs exactly one of path, url and userinfo");
    }
    if request.path.as_ref().is_some_and(|path| !path.starts_with('/')) {
        return refuse(format!("{field}.path"), "must begin with /");
    }
    request.url.as_ref().map_or(Ok(()), |url| https(&format!("{field}.url"), url))
}

fn expression(field: &str, text: Option<&str>) -> Result<(), Complaint> {
    match text.map(expression::check) {
        Some(Err(reason)) => refuse(field, format!("is not an expression: {reason}")),
        _ => Ok(()),
    }
}

/// The offset of a field in the text: of the deepest part of its path that is there.
fn locate(text: &str, field: &str) -> usize {
    let Ok(root) = DeTable::parse(text) else { return 0 };
    let mut at = 0;
    let mut value = &DeValue::Table(root.into_inner());
    for part in field.split(['.', '[']) {
        let next = match part.strip_suffix(']').and_then(|n| n.parse::<usize>().ok()) {
            Some(n) => value.get(n),
            None => value.get(part),
        };
        let Some(next) = next else { break };
        at = next.span().start;
        value = next.get_ref();
    }
    at
}
