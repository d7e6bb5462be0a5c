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
    let known = [
        "airtable",
        "discord",
        "github",
        "google-calendar",
        "hubspot",
        "openid-connect",
        "quickbooks",
        "salesforce",
        "sandbox",
        "shopify",
        "slack",
        "stripe",
    ];
    assert_eq!(names, known);
}

#[test]
fn every_built_in_connector_fits_the_published_schema() {
    let schema = serde_json::to_value(Manifest::json_schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (file, text) in Catalog::files() {
        let value = serde_json::to_value(toml::from_str::<toml::Value>(text).unwrap()).unwrap();
        let errors: Vec<_> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{file}: {errors:?}");
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
fn complaints_about_signing_in_say_what_to_write() {
    let file = |name: &'static str| Catalog::files().find(|(file, _)| *file == name).unwrap().1;
    let rows = [
        ("github.toml", r#"["device", "loopback"]"#, "[]"),
        ("github.toml", r#"["device", "loopback"]"#, r#"["loopback", "loopback"]"#),
        ("github.toml", r#"["device", "loopback"]"#, r#"["browser"]"#),
        ("github.toml", r#"confidential = ["loopback"]"#, r#"confidential = ["deep_link"]"#),
        ("github.toml", r#"secret = "optional""#, r#"secret = "none""#),
        ("google-calendar.toml", r#"bundled = """#, r#"bundled = "app""#),
        ("google-calendar.toml", r#"bundled_secret = """#, r#"bundled_secret = "GOCSPX""#),
        ("salesforce.toml", r#"between = ["my","#, r#"between = ["my.","#),
        ("slack.toml", r#"revoke = "access_token""#, r#"revoke = "both""#),
        ("github.toml", "device_authorization_endpoint = \"https://github.com/login/device/code\"\n", ""),
        ("github.toml", r#"name = "read:user""#, r#"name = "read:user user""#),
        ("github.toml", r#"name = "user:email""#, r#"name = "read:user""#),
        ("github.toml", r#"reason = "read your profile""#, r#"reason = " ""#),
        ("discord.toml", "port = 47113", "port = 80"),
        ("discord.toml", "{ port = 47113 }", r#"{ host = "0.0.0.0" }"#),
        ("google-calendar.toml", "idle_days = 180", "idle_days = 0"),
        ("slack.toml", r#"scope_parameter = "user_scope""#, r#"scope_parameter = "state""#),
        ("slack.toml", r#"token_types = ["user"]"#, "assumed_life = 1"),
        ("slack.toml", r#"["bad_client_secret"]"#, r#"["token_expired"]"#),
        ("hubspot.toml", r#"error_at = "status""#, r#"error_at = "error""#),
        ("airtable.toml", r#"days without a renewal.""#, r#"days""#),
        ("salesforce.toml", r#"told = "instance_url""#, r#"told = "instance""#),
        ("salesforce.toml", r#""my.salesforce.com", "salesforce.com""#, r#""com""#),
        (
            "salesforce.toml",
            r#"token_endpoint = { field = "domain""#,
            r#"token_endpoint = { field = "nobody""#,
        ),
        ("salesforce.toml", r#"path = "/services/oauth2/token""#, r#"path = "token""#),
        ("shopify.toml", r#"{ expiring = "1" }"#, r#"{ grant_type = "x" }"#),
        ("shopify.toml", r#"callback_host = "shop""#, r#"callback_host = "state""#),
        ("shopify.toml", r#"client = { secret = "required""#, r#"client = { secret = "none""#),
        ("shopify.toml", r#"access_token = { header = "X-Sh"#, r#"access_token = { header = "X Sh"#),
        (
            "salesforce.toml",
            "reply_values = [",
            "callback_values = [{ parameter = \"d\", name = \"domain\", pattern = \"d\" }]\nreply_values = [",
        ),
        ("quickbooks.toml", r#"parameter = "realmId""#, r#"parameter = "code""#),
        ("quickbooks.toml", "[0-9]{1,32}", "[0-9"),
        ("quickbooks.toml", "companyinfo/{realm_id}\" }\nexternal", "companyinfo/{company}\" }\nexternal"),
    ];
    let complaints: Vec<_> =
        rows.iter().map(|(name, from, to)| complaint(name, file(name), from, to)).collect();
    insta::assert_snapshot!(complaints.join("\n---\n"));
}

#[test]
fn the_protocol_is_not_a_manifests_to_change() {
    let github = |from, to| complaint("github.toml", GITHUB, from, to);
    let scopes = "scopes = [\n  { name = \"read:user\"";
    let plain = format!("authorize_parameters = {{ code_challenge_method = \"plain\" }}\n{scopes}");
    assert!(github(scopes, &plain).contains("code_challenge_method: is set by Hearthkey"));
    let token = github("headers = { Accept", "headers = { Authorization = \"x\", Accept");
    assert!(token.contains("api.headers.Authorization: must be a header"), "{token}");
    let userinfo = github("[test]\nrequest = { path = \"/user\" }", "[test]\nrequest = { userinfo = true }");
    assert!(userinfo.contains("needs a userinfo endpoint"), "{userinfo}");
}

#[test]
fn oauth_endpoints_are_https_names() {
    let from = "https://github.com/login/oauth/access_token";
    let line = GITHUB.lines().position(|line| line.contains(from)).unwrap() + 1;
    for bad in ["http://github.com/x", "https://localhost/x", "https://10.0.0.1/x", "ftp://github.com/x"] {
        let text = complaint("github.toml", GITHUB, from, bad);
        assert!(
            text.starts_with(&format!(
                "github.toml:{line}: auth[0].oauth2.server.token_endpoint: must be https"
            )),
            "{text}"
        );
    }
}
