//! What the types cannot check of `[auth.oauth2]`.

use super::{Complaint, https, refuse};
use crate::address::is_domain;
use crate::manifest::{Address, Field, OAuth2, SecretRule, Server};
use hearthkey_domain::authorization::Strategy;
use regex::Regex;
use std::collections::BTreeMap;

/// The parameters of RFC 6749 section 4.1.1 and RFC 7636 section 4.3.
const AUTHORIZE: &[&str] = &[
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
];

/// The parameters of token requests (RFC 6749 sections 4.1.3 and 6, RFC 7636 section 4.5, RFC 8628 section 3.4).
const TOKEN: &[&str] = &[
    "grant_type",
    "code",
    "redirect_uri",
    "client_id",
    "client_secret",
    "code_verifier",
    "refresh_token",
    "device_code",
];

/// The parameters of a return that Hearthkey reads itself (RFC 6749 section 4.1.2, RFC 9207).
const RETURN: &[&str] = &["code", "state", "iss", "error", "error_description"];

impl OAuth2 {
    /// What the protocol itself sets is not a manifest's to set: PKCE and `state` cannot be turned off or fixed.
    pub(super) fn check(&self, here: &str, fields: &[Field]) -> Result<(), Complaint> {
        let own = |part: &str, given: &BTreeMap<String, String>, taken: &[&str]| match given
            .keys()
            .find(|name| taken.contains(&name.as_str()))
        {
            Some(name) => refuse(format!("{here}.{part}.{name}"), "is set by Hearthkey; take it out"),
            None => Ok(()),
        };
        own("authorize_parameters", &self.authorize_parameters, AUTHORIZE)?;
        own("token_parameters", &self.token_parameters, TOKEN)?;
        if let Some(name) = &self.scope_parameter
            && (name.is_empty() || (name != "scope" && AUTHORIZE.contains(&name.as_str())))
        {
            return refuse(format!("{here}.scope_parameter"), "must be a parameter that is not Hearthkey's");
        }
        if self.access_token.as_ref().is_some_and(|own| http::HeaderName::try_from(&own.header).is_err()) {
            return refuse(format!("{here}.access_token.header"), "must be a header name");
        }
        if let Some(console) = &self.client.console {
            https(&format!("{here}.client.console"), console)?;
        }
        let bundled = self.client.bundled().is_some();
        if bundled && self.client.secret == SecretRule::Required && self.client.bundled_secret().is_none() {
            return refuse(
                format!("{here}.client.bundled"),
                "needs bundled_secret, for the service requires one",
            );
        }
        let without = !bundled || self.client.secret == SecretRule::None;
        if self.client.bundled_secret().is_some() && without {
            return refuse(
                format!("{here}.client.bundled_secret"),
                "needs bundled, and a secret that is not \"none\"",
            );
        }
        self.check_strategies(here)?;
        self.check_scopes(here)?;
        self.check_values(here, fields)
    }

    fn check_strategies(&self, here: &str) -> Result<(), Complaint> {
        let field = format!("{here}.strategies");
        let list = &self.strategies;
        if list.is_empty() || list.iter().enumerate().any(|(n, one)| list[..n].contains(one)) {
            return refuse(field, "must name at least one way, and each once");
        }
        if self.confidential.iter().any(|way| !list.contains(way)) {
            return refuse(format!("{here}.confidential"), "must name ways of strategies");
        }
        if !self.confidential.is_empty() && self.client.secret == SecretRule::None {
            return refuse(format!("{here}.confidential"), "needs clients that may have a secret");
        }
        let has_device = self.server.as_ref().is_none_or(|s| s.device_authorization_endpoint.is_some());
        if list.contains(&Strategy::Device) && !has_device {
            return refuse(field, "device needs server.device_authorization_endpoint");
        }
        if self.loopback.is_some_and(|loopback| loopback.port.is_some_and(|port| port < 1024)) {
            return refuse(format!("{here}.loopback.port"), "must be 1024 or above");
        }
        if self.refresh.idle_days == Some(0) {
            return refuse(format!("{here}.refresh.idle_days"), "must be at least 1; leave it out otherwise");
        }
        if self.refresh.ended_says.as_ref().is_some_and(|says| !says.trim().ends_with('.')) {
            return refuse(
                format!("{here}.refresh.ended_says"),
                "must be whole sentences; leave it out otherwise",
            );
        }
        if self.reply.error_at.as_ref().is_some_and(|member| member.is_empty() || member == "error") {
            return refuse(format!("{here}.reply.error_at"), "must be a member that is not \"error\"");
        }
        let codes: Vec<&str> = self.reply.codes.all().collect();
        if codes.iter().enumerate().any(|(n, code)| code.is_empty() || codes[..n].contains(code)) {
            return refuse(format!("{here}.reply.codes"), "must name codes, and each once");
        }
        if self.reply.assumed_life.is_some_and(|seconds| seconds < 60) {
            return refuse(format!("{here}.reply.assumed_life"), "must be at least 60 seconds");
        }
        Ok(())
    }

    fn check_scopes(&self, here: &str) -> Result<(), Complaint> {
        for (n, scope) in self.scopes.iter().enumerate() {
            let there = format!("{here}.scopes[{n}]");
            if scope.name.is_empty() || scope.name.contains([' ', ',', '"', '\\']) {
                return refuse(format!("{there}.name"), "must be one scope, without spaces and commas");
            }
            if scope.reason.trim().is_empty() {
                return refuse(format!("{there}.reason"), "must say what it is for");
            }
            let mut earlier = self.scopes[..n].iter();
            if earlier.any(|other| other.name == scope.name) {
                return refuse(format!("{there}.name"), "is there twice");
            }
        }
        Ok(())
    }

    fn check_values(&self, here: &str, fields: &[Field]) -> Result<(), Complaint> {
        let mut names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        for (n, value) in self.callback_values.iter().enumerate() {
            let there = format!("{here}.callback_values[{n}]");
            if RETURN.contains(&value.parameter.as_str()) {
                return refuse(format!("{there}.parameter"), "is read by Hearthkey; take it out");
            }
            if names.contains(&value.name.as_str()) {
                return refuse(format!("{there}.name"), "is used twice");
            }
            names.push(&value.name);
            if Regex::new(&value.pattern).is_err() {
                return refuse(format!("{there}.pattern"), "is not a regular expression");
            }
        }
        if let Some(name) = &self.callback_host
            && RETURN.contains(&name.as_str())
        {
            return refuse(format!("{here}.callback_host"), "is read by Hearthkey; take it out");
        }
        if self.callback_signature.is_some() && self.client.secret != SecretRule::Required {
            return refuse(format!("{here}.callback_signature"), "needs client.secret = \"required\"");
        }
        for (n, value) in self.reply_values.iter().enumerate() {
            let there = format!("{here}.reply_values[{n}]");
            if names.contains(&value.name.as_str()) {
                return refuse(format!("{there}.name"), "is used twice");
            }
            names.push(&value.name);
            if value.under.is_empty() || !value.under.iter().all(|domain| is_domain(domain)) {
                return refuse(format!("{there}.under"), "must list domains like \"example.com\"");
            }
        }
        Ok(())
    }
}

impl Server {
    pub(super) fn check(
        &self,
        here: &str,
        address: &impl Fn(&str, &Address) -> Result<(), Complaint>,
    ) -> Result<(), Complaint> {
        for (name, endpoint) in [
            ("authorization", Some(&self.authorization_endpoint)),
            ("token", Some(&self.token_endpoint)),
            ("revocation", self.revocation_endpoint.as_ref()),
            ("userinfo", self.userinfo_endpoint.as_ref()),
            ("device_authorization", self.device_authorization_endpoint.as_ref()),
        ] {
            let Some(endpoint) = endpoint else { continue };
            let field = format!("{here}.{name}_endpoint");
            if endpoint.is_told() || endpoint.is_typed() {
                return refuse(field, "must be fixed, or { field, under, path }; discover typed ones");
            }
            address(&field, endpoint)?;
        }
        Ok(())
    }
}
