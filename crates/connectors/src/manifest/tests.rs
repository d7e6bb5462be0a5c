use super::*;
use crate::Catalog;

const STRIPE: &str = include_str!("../../catalog/stripe.toml");
const GITHUB: &str = include_str!("../../catalog/github.toml");

/// Parses a manifest with one text exchanged for another, and gives the complaint.
fn complaint(file: &str, text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from:?} is not in {file}");
    Manifest::parse(file, &text.replacen(from, to, 1)).expect_err("a complaint").to_string()
}

#[test]
fn every_built_in_connector_is_sound() {
    let catalog = Catalog::built_in().unwrap_or_else(|error| panic!("{error}"));
    let names: Vec<_> = catalog.iter().map(|manifest| manifest.id.as_str()).collect();
    assert_eq!(names, ["github", "google-calendar", "openid-connect", "sandbox", "stripe"]);
}

#[test]
fn every_built_in_connector_fits_the_published_schema() {
    let schema = serde_json::to_value(Manifest::json_schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for text in [STRIPE, GITHUB, include_str!("../../catalog/sandbox.toml")] {
        let value = serde_json::to_value(toml::from_str::<toml::Value>(text).unwrap()).unwrap();
        let errors: Vec<_> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}

#[test]
fn complaints_name_file_line_field_and_fix() {
    let rows = [
        ("schema = 1", "schema = 2"),
        ("id = \"stripe\"", "id = \"Stripe\""),
        ("summary = \"Payments", "sumary = \"Payments"),
        ("base = \"https://api.stripe.com\"", "base = \"http://api.stripe.com\""),
        ("base = \"https://api.stripe.com\"", "base = \"https://127.0.0.1\""),
        ("base = \"https://api.stripe.com\"", "base = \"https://me@api.stripe.com\""),
        ("base = \"https://api.stripe.com\"", "base = { field = \"nobody\" }"),
        ("base = \"https://api.stripe.com\"", "base = 7"),
        ("pattern = \"(rk", "pattern = \"((rk"),
        ("field = \"key\"", "field = \"kee\""),
        ("path = \"/v1/account\" }\n#", "path = \"v1/account\" }\n#"),
        ("path = \"/v1/account\" }\n#", "userinfo = true, path = \"/v1/account\" }\n#"),
        ("works = \"status == 200", "works = \"status === 200"),
        ("when = \"status == 401\"", "when = \"status ==\""),
    ];
    let complaints: Vec<_> =
        rows.iter().map(|(from, to)| complaint("stripe.toml", STRIPE, from, to)).collect();
    insta::assert_snapshot!(complaints.join("\n---\n"));
}

#[test]
fn the_protocol_is_not_a_manifests_to_change() {
    let github = |from, to| complaint("github.toml", GITHUB, from, to);
    let scopes = "scopes = [\n  { name = \"read:user\"";
    let plain = format!("authorize_parameters = {{ code_challenge_method = \"plain\" }}\n{scopes}");
    assert!(github(scopes, &plain).contains("code_challenge_method: is set by Hearthkey"));
    let elsewhere = github("http://127.0.0.1/oauth/callback", "http://127.0.0.1/elsewhere");
    assert!(elsewhere.ends_with("client.redirect: must be http://127.0.0.1/oauth/callback"), "{elsewhere}");
    let token = github("headers = { Accept", "headers = { Authorization = \"x\", Accept");
    assert!(token.contains("api.headers.Authorization: must be a header"), "{token}");
    let userinfo = github("[test]\nrequest = { path = \"/user\" }", "[test]\nrequest = { userinfo = true }");
    assert!(userinfo.contains("needs a userinfo endpoint"), "{userinfo}");
}

#[test]
fn oauth_endpoints_are_https_names() {
    let from = "https://github.com/login/oauth/access_token";
    for bad in ["http://github.com/x", "https://localhost/x", "https://10.0.0.1/x", "ftp://github.com/x"] {
        let text = complaint("github.toml", GITHUB, from, bad);
        assert!(
            text.starts_with("github.toml:32: auth[0].oauth2.server.token_endpoint: must be https"),
            "{text}"
        );
    }
}
