//! Services that depart from the RFCs, each with answers of the shape it really gives.

use crate::harness::caller;
use crate::service::{Home, failure};
use hearthkey_connectors::Catalog;
use hearthkey_core::authorize::{OwnClient, Wish};
use hearthkey_core::connections::UsageRequest;
use hearthkey_domain::Secret;
use hearthkey_domain::authorization::Strategy;
use serde_json::{Value, json};

fn client(client_id: &str, secret: Option<&str>) -> Option<OwnClient> {
    Some(OwnClient { client_id: client_id.into(), client_secret: secret.map(Secret::new) })
}

fn wish(connector: &str, strategy: Strategy, client: Option<OwnClient>) -> Wish {
    Wish {
        connector: connector.into(),
        method: Some("oauth".into()),
        strategy: Some(strategy),
        client,
        ..Wish::default()
    }
}

fn get(path: &str) -> UsageRequest {
    UsageRequest { method: "GET".into(), path: path.into(), ..UsageRequest::default() }
}

#[tokio::test]
async fn slack_asks_for_a_persons_scopes_and_nests_the_persons_token() {
    let home = Home::new().await;
    home.service.answers(
        "https://slack.com/api/oauth.v2.access",
        200,
        json!({
            "ok": true, "app_id": "A1", "team": { "id": "T1" }, "enterprise": null,
            "authed_user": {
                "id": "U1", "scope": "chat:write,channels:read", "access_token": "xoxe.xoxp-a-token-of-a-person",
                "token_type": "user", "expires_in": 43200, "refresh_token": "xoxe-1-a-refresh-token",
            },
        }),
    );
    home.service.answers(
        "https://slack.com/api/auth.test",
        200,
        json!({ "ok": true, "user": "ada", "team": "Lovelace", "user_id": "U1", "team_id": "T1" }),
    );
    let (flow, asked) = home.begin(wish("slack", Strategy::DeepLink, client("12.34", None))).await.unwrap();
    assert_eq!(asked["user_scope"], "chat:write,channels:read");
    assert!(!asked.contains_key("scope"), "{asked:?}");
    assert_eq!(asked["redirect_uri"], "app.hearthkey:/oauth/callback");
    assert_eq!(asked["code_challenge_method"], "S256");
    let connection = home.connection(&home.finish(&flow, "").await).await;
    let grant = connection.oauth.unwrap();
    assert_eq!(grant.scopes_granted, ["chat:write", "channels:read"]);
    assert_eq!(connection.identity.external_id.as_deref(), Some("T1:U1"));
    assert_eq!(connection.identity.name.as_deref(), Some("ada at Lovelace"));
    let [token] = &home.service.asked("https://slack.com/api/oauth.v2.access")[..] else {
        panic!("one request")
    };
    assert_eq!(token.headers["accept"], "application/json");
    assert_eq!(token.field("client_id").as_deref(), Some("12.34"));
    assert!(token.field("client_secret").is_none() && !token.headers.contains_key("authorization"));
    let tested = &home.service.asked("https://slack.com/api/auth.test")[0];
    assert_eq!(tested.headers["authorization"], "Bearer xoxe.xoxp-a-token-of-a-person");
}

#[tokio::test]
async fn slack_and_github_refuse_under_status_200() {
    let home = Home::new().await;
    let refusal = json!({ "ok": false, "error": "invalid_code" });
    home.service.answers("https://slack.com/api/oauth.v2.access", 200, refusal);
    let flow = home.sign_in(wish("slack", Strategy::DeepLink, client("12.34", None)), "").await;
    assert!(failure(&flow).contains("invalid_code"), "{}", failure(&flow));
    let refusal = json!({ "error": "bad_verification_code", "error_description": "The code is incorrect." });
    home.service.answers("https://github.com/login/oauth/access_token", 200, refusal);
    let flow = home.sign_in(wish("github", Strategy::Loopback, client("Ov23", Some("hush"))), "").await;
    assert!(failure(&flow).contains("The code is incorrect."), "{}", failure(&flow));
    assert!(home.app.connections(&caller()).await.unwrap().is_empty());
}

const INTUIT: &str = "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer";

#[tokio::test]
async fn quickbooks_names_the_company_in_the_return() {
    let home = Home::new().await;
    home.service.answers(
        INTUIT,
        200,
        json!({
            "access_token": "an-access-token", "expires_in": 3600, "refresh_token": "a-refresh-token",
            "x_refresh_token_expires_in": 8_726_400, "token_type": "bearer",
        }),
    );
    let company = "https://quickbooks.api.intuit.com/v3/company/9130357/companyinfo/9130357";
    let info =
        json!({ "CompanyInfo": { "CompanyName": "Ada & Co", "Email": { "Address": "ada@example.com" } } });
    home.service.answers(company, 200, info);
    let quickbooks = || wish("quickbooks", Strategy::HttpsBounce, client("AB", Some("hush")));
    let flow = home.sign_in(quickbooks(), "&realmId=9130357").await;
    let connection = home.connection(&flow).await;
    assert_eq!(connection.values["realm_id"], "9130357");
    assert_eq!(connection.identity.external_id.as_deref(), Some("9130357"));
    assert_eq!(connection.identity.display(), Some("ada@example.com"));
    let ends = connection.oauth.unwrap().renewal.refresh_ends_at.unwrap();
    assert_eq!((ends.as_second() - connection.created_at.as_second() + 43_200) / 86_400, 101);
    let token = &home.service.asked(INTUIT)[0];
    assert_eq!(token.headers["authorization"], "Basic QUI6aHVzaA==");
    assert!(token.field("client_secret").is_none());
    assert!(home.app.test_connection(&caller(), &connection.label).await.unwrap().ok);
    for (further, words) in [("", "does not say realmId"), ("&realmId=9/../1", "realmId cannot be right")] {
        let flow = home.sign_in(quickbooks(), further).await;
        assert!(failure(&flow).contains(words), "{}", failure(&flow));
    }
    assert_eq!(home.service.asked(INTUIT).len(), 1, "nothing was exchanged without it");
}

const FORCE: &str = "https://login.salesforce.com/services/oauth2";

fn force_tokens(instance: &str) -> Value {
    json!({
        "access_token": "00D-an-access-token", "refresh_token": "5Aep-a-refresh-token", "token_type": "Bearer",
        "scope": "refresh_token openid api", "instance_url": instance, "issued_at": "1790000000000",
        "id": "https://login.salesforce.com/id/00D1/0051",
    })
}

#[tokio::test]
async fn salesforce_names_its_api_with_the_tokens() {
    let home = Home::new().await;
    let (token, userinfo) = (format!("{FORCE}/token"), format!("{FORCE}/userinfo"));
    home.service.answers(&token, 200, force_tokens("https://acme--dev.sandbox.my.salesforce.com"));
    let who = json!({ "user_id": "0051", "organization_id": "00D1", "email": "ada@example.com" });
    home.service.answers(&userinfo, 200, who);
    let salesforce = || wish("salesforce", Strategy::DeepLink, client("3MVG9", None));
    let connection = home.connection(&home.sign_in(salesforce(), "").await).await;
    assert_eq!(connection.identity.external_id.as_deref(), Some("00D1:0051"));
    assert_eq!(connection.oauth.as_ref().unwrap().expires_at, None);
    let hosts = home.app.hosts(&connection).await;
    assert_eq!(hosts, ["acme--dev.sandbox.my.salesforce.com", "login.salesforce.com"]);
    home.service.answers(
        "https://acme--dev.sandbox.my.salesforce.com/services/data/v60.0/limits",
        200,
        json!({ "DailyApiRequests": {} }),
    );
    let reply = home.app.request(&caller(), &connection.label, get("/limits")).await.unwrap();
    assert_eq!(reply.status, 200);
    // It can be signed in anew, and stays where it is.
    let again = Wish { reconnect: Some(connection.label.clone()), ..salesforce() };
    assert_eq!(home.connection(&home.sign_in(again, "").await).await.id, connection.id);
}

#[tokio::test]
async fn an_api_outside_the_services_domain_gets_no_token() {
    let home = Home::new().await;
    home.service.answers(&format!("{FORCE}/revoke"), 200, json!({}));
    for (number, evil) in
        ["https://evil.example", "http://acme.my.salesforce.com", "https://169.254.169.254/latest"]
            .into_iter()
            .enumerate()
    {
        home.service.answers(&format!("{FORCE}/token"), 200, force_tokens(evil));
        let salesforce = wish("salesforce", Strategy::DeepLink, client("3MVG9", None));
        let flow = home.sign_in(salesforce, "").await;
        assert!(failure(&flow).contains("names a host that is not the service's"), "{}", failure(&flow));
        let revoked = home.service.asked(&format!("{FORCE}/revoke"));
        assert_eq!(revoked.len(), number + 1, "what cannot be kept is ended");
    }
    assert!(home.service.asked("https://evil.example").is_empty());
    assert!(home.app.connections(&caller()).await.unwrap().is_empty());
}

/// HMAC-SHA256 with the client's secret over the sorted parameters, as Shopify makes it.
fn signed(parameters: &str, secret: &str) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(parameters.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

const SHOP: &str = "https://acme.myshopify.com/admin";

#[tokio::test]
async fn shopify_signs_its_return_and_renews_with_its_parameters() {
    let home = Home::new().await;
    let token = format!("{SHOP}/oauth/access_token");
    home.service.answers(
        &token,
        200,
        json!({
            "access_token": "shpua_an_access_token", "scope": "read_orders,write_products", "expires_in": 1,
            "refresh_token": "shprt_a_refresh_token", "refresh_token_expires_in": 7_776_000,
        }),
    );
    let graphql = format!("{SHOP}/api/2026-07/graphql.json");
    let shop = json!({ "data": { "shop": { "name": "Acme", "email": "ada@example.com", "myshopifyDomain": "acme.myshopify.com" } } });
    home.service.answers(&graphql, 200, shop);
    let values = || [("shop".to_owned(), "https://Acme.myshopify.com/".to_owned())].into();
    let shopify =
        || Wish { values: values(), ..wish("shopify", Strategy::HttpsBounce, client("key", Some("hush"))) };

    let further = |state: &str, shop: &str, secret: &str| {
        let hmac = signed(&format!("code=c0de&shop={shop}&state={state}&timestamp=1790000000"), secret);
        format!("&hmac={hmac}&shop={shop}&timestamp=1790000000")
    };
    for (shop, secret, words) in [
        ("acme.myshopify.com", "other", "not signed by the service"),
        ("evil.myshopify.com", "hush", "names a host that is not the service's"),
    ] {
        let (flow, asked) = home.begin(shopify()).await.unwrap();
        let ended = home.finish(&flow, &further(&asked["state"], shop, secret)).await;
        assert!(failure(&ended).contains(words), "{}", failure(&ended));
    }
    let unsigned = home.sign_in(shopify(), "&shop=acme.myshopify.com").await;
    assert!(failure(&unsigned).contains("not signed"), "{}", failure(&unsigned));
    assert!(home.service.asked(&token).is_empty(), "nothing was exchanged");

    let (flow, asked) = home.begin(shopify()).await.unwrap();
    assert!(flow.authorize_url.as_str().starts_with(&format!("{SHOP}/oauth/authorize?")));
    assert_eq!(asked["scope"], "read_orders,read_products");
    let connection = home
        .connection(&home.finish(&flow, &further(&asked["state"], "acme.myshopify.com", "hush")).await)
        .await;
    assert_eq!(connection.values["shop"], "acme");
    assert_eq!(home.app.hosts(&connection).await, ["acme.myshopify.com"]);
    assert_eq!(home.service.asked(&token)[0].field("expiring").as_deref(), Some("1"));
    let asked = &home.service.asked(&graphql)[0];
    assert_eq!(asked.headers["x-shopify-access-token"], "shpua_an_access_token");
    assert_eq!(asked.headers["content-type"], "application/json");
    assert!(!asked.headers.contains_key("authorization") && asked.body.contains("myshopifyDomain"));

    // Its second of life is over.
    assert!(home.app.test_connection(&caller(), &connection.label).await.unwrap().ok);
    let renewed = home.service.asked(&token).pop().unwrap();
    let fields = ["grant_type", "refresh_token", "expiring"].map(|name| renewed.field(name).unwrap());
    assert_eq!(fields, ["refresh_token", "shprt_a_refresh_token", "1"]);
    let own =
        UsageRequest { headers: vec![("X-Shopify-Access-Token".into(), "x".into())], ..get("/shop.json") };
    let refused = home.app.request(&caller(), &connection.label, own).await.map(drop).unwrap_err();
    assert!(refused.to_string().contains("cannot be set"), "{refused}");
}

#[tokio::test]
async fn slack_ends_a_sign_in_by_its_access_token_and_refuses_under_status_200() {
    let home = Home::new().await;
    let revoke = "https://slack.com/api/auth.revoke";
    let tokens = json!({
        "ok": true,
        "authed_user": { "id": "U1", "access_token": "xoxe.xoxp-1", "token_type": "user", "refresh_token": "xoxe-1" },
    });
    home.service.answers("https://slack.com/api/oauth.v2.access", 200, tokens);
    for (answer, deed) in [
        (json!({ "ok": false, "error": "invalid_auth" }), "revoke_failed"),
        (json!({ "ok": true, "revoked": true }), "revoked"),
    ] {
        home.service.answers(revoke, 200, answer);
        let slack = wish("slack", Strategy::DeepLink, client("12.34", None));
        let connection = home.connection(&home.sign_in(slack, "").await).await;
        home.app.disconnect(&caller(), &connection.label, true, false).await.unwrap();
        assert_eq!(home.service.asked(revoke).pop().unwrap().field("token").as_deref(), Some("xoxe.xoxp-1"));
        assert_eq!(home.history().pop().unwrap()["deed"], deed);
    }
}

/// What the manifest itself writes out is the service's, at another host as well.
#[tokio::test]
async fn quickbooks_is_told_the_end_of_a_sign_in_with_its_clients_secret() {
    let home = quickbooks_home().await;
    let revoke = "https://developer.api.intuit.com/v2/oauth2/tokens/revoke";
    home.service.answers(revoke, 200, json!({}));
    let connection = home.connection(&home.sign_in(quickbooks(), "&realmId=91").await).await;
    home.app.disconnect(&caller(), &connection.label, true, false).await.unwrap();
    assert_eq!(home.service.asked(revoke)[0].headers["authorization"], "Basic QUI6aHVzaA==");
}

async fn quickbooks_home() -> Home {
    let home = Home::new().await;
    let tokens = json!({ "access_token": "an-access-token", "expires_in": 3600, "refresh_token": "r" });
    home.service.answers(INTUIT, 200, tokens);
    home
}

fn quickbooks() -> Wish {
    wish("quickbooks", Strategy::HttpsBounce, client("AB", Some("hush")))
}

#[tokio::test]
async fn another_company_is_another_account_though_nobody_could_be_asked() {
    let home = quickbooks_home().await;
    let connection = home.connection(&home.sign_in(quickbooks(), "&realmId=91").await).await;
    assert_eq!(connection.identity.external_id, None, "the service said nothing");
    let again = || Wish { reconnect: Some(connection.label.clone()), ..quickbooks() };
    let other = home.sign_in(again(), "&realmId=92").await;
    assert!(failure(&other).contains("92"), "{}", failure(&other));
    let kept = home.app.connection(&caller(), &connection.label).await.unwrap().0;
    assert_eq!((kept.values["realm_id"].as_str(), kept.version), ("91", connection.version));
    home.connection(&home.sign_in(again(), "&realmId=91").await).await;
}

#[tokio::test]
async fn hubspots_401_is_no_reason_to_renew() {
    let home = Home::new().await;
    let (token, details) =
        ("https://api.hubapi.com/oauth/v1/token", "https://api.hubapi.com/account-info/v3/details");
    let tokens = json!({ "access_token": "an-access-token", "expires_in": 1800, "refresh_token": "r" });
    home.service.answers(token, 200, tokens);
    home.service.answers(details, 200, json!({ "portalId": 7 }));
    let hubspot = wish("hubspot", Strategy::Loopback, client("id", Some("hush")));
    let connection = home.connection(&home.sign_in(hubspot, "").await).await;
    home.service.answers(details, 401, json!({ "message": "expired" }));
    let refused =
        home.app.request(&caller(), &connection.label, get("/account-info/v3/details")).await.unwrap();
    assert_eq!(refused.status, 401);
    assert!(!home.app.test_connection(&caller(), &connection.label).await.unwrap().ok);
    assert_eq!(home.service.asked(token).len(), 1, "nothing was renewed");
}

#[tokio::test]
async fn github_comes_back_by_the_browser_to_a_client_with_a_secret_only() {
    let home = Home::new().await;
    let codes = json!({
        "device_code": "d", "user_code": "AB-CD", "verification_uri": "https://github.com/login/device",
        "expires_in": 900, "interval": 5,
    });
    home.service.answers("https://github.com/login/device/code", 200, codes);
    let github = |secret: Option<&str>, strategy: Option<Strategy>| Wish {
        strategy,
        has_browser: Some(true),
        ..wish("github", Strategy::Device, client("Ov23", secret))
    };
    let (flow, _) = home.begin(github(None, None)).await.unwrap();
    assert_eq!((flow.answer.strategy(), flow.others), (Strategy::Device, vec![]));
    let refused = home.begin(github(None, Some(Strategy::Loopback))).await.map(drop).unwrap_err();
    assert!(refused.to_string().contains("loopback for clients with a secret only"), "{refused}");
    let (flow, _) = home.begin(github(Some("hush"), None)).await.unwrap();
    assert_eq!((flow.answer.strategy(), flow.others), (Strategy::Loopback, vec![Strategy::Device]));
    let far_away = Wish { has_browser: Some(false), ..github(Some("hush"), None) };
    assert_eq!(home.begin(far_away).await.unwrap().0.answer.strategy(), Strategy::Device);
}

/// What Google's desktop apps send beside their client ID is public, and stands in the manifest.
#[tokio::test]
async fn a_bundled_client_sends_what_goes_with_it() {
    let google = include_str!("../../crates/connectors/catalog/google-calendar.toml");
    let filled = google.replace(
        "bundled = \"\", bundled_secret = \"\"",
        "bundled = \"app\", bundled_secret = \"GOCSPX-public\"",
    );
    assert_ne!(filled, google);
    let home = Home::with(Catalog::read([("google-calendar.toml", filled.as_str())]).unwrap()).await;
    let token = "https://oauth2.googleapis.com/token";
    home.service.answers(token, 200, json!({ "access_token": "an-access-token", "expires_in": 3599 }));
    home.connection(&home.sign_in(wish("google-calendar", Strategy::Loopback, None), "").await).await;
    let asked = &home.service.asked(token)[0];
    let fields = ["client_id", "client_secret"].map(|name| asked.field(name).unwrap());
    assert_eq!(fields, ["app", "GOCSPX-public"]);
}
