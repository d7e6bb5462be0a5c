//! A client and a person in front of a browser, both made of plain requests.

use hearthkey_sandbox::{Options, Sandbox};
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Method, StatusCode, redirect};
use serde_json::Value;
use std::collections::HashMap;
use std::io;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;
use url::form_urlencoded::Serializer;

pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const CALLBACK: &str = "http://127.0.0.1:4711/oauth/callback";
pub(crate) const EVERY_SCOPE: &str = "profile events contacts messages offline_access";

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{} {}", self.status, self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The parameters of the redirect, after checking that it leads to the callback.
    pub(crate) fn callback(&self) -> HashMap<String, String> {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.text);
        let location = self.headers[LOCATION].to_str().unwrap();
        assert!(location.starts_with(&format!("{CALLBACK}?")), "{location}");
        Url::parse(location).unwrap().query_pairs().into_owned().collect()
    }

    /// The error code of OAuth, with its status.
    pub(crate) fn error(&self) -> (u16, String) {
        (self.status.as_u16(), self.json()["error"].as_str().unwrap_or_default().to_owned())
    }

    /// The one-time id in a consent page.
    pub(crate) fn form(&self) -> String {
        let (_, rest) = self.text.split_once("name=\"form\" value=\"").expect(&self.text);
        rest.split('"').next().unwrap().to_owned()
    }
}

pub(crate) struct Visitor {
    pub(crate) sandbox: Sandbox,
    http: reqwest::Client,
}

pub(crate) async fn visit(options: Options) -> Visitor {
    let http = client(redirect::Policy::none());
    Visitor { sandbox: Sandbox::start(options).await.unwrap(), http }
}

pub(crate) fn approving() -> Options {
    Options { auto_approve: true, device_interval_seconds: 0, ..Options::default() }
}

pub(crate) fn encoded(pairs: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

impl Visitor {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.sandbox.base_url())
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        self.try_send(method, path, headers, body).await.unwrap()
    }

    pub(crate) async fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> reqwest::Result<Reply> {
        let mut request = self.http.request(method, self.url(path)).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Reply { status, headers, text: response.text().await? })
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], "").await
    }

    pub(crate) async fn get_with(&self, path: &str, access_token: &str) -> Reply {
        self.send(Method::GET, path, &[("authorization", &format!("Bearer {access_token}"))], "").await
    }

    pub(crate) async fn post_json(&self, path: &str, access_token: &str, body: &Value) -> Reply {
        let bearer = format!("Bearer {access_token}");
        self.send(Method::POST, path, &[("authorization", &bearer)], &body.to_string()).await
    }

    pub(crate) async fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Reply {
        self.post_as(path, &[], pairs).await
    }

    pub(crate) async fn post_as(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        pairs: &[(&str, &str)],
    ) -> Reply {
        let mut headers = headers.to_vec();
        headers.push((CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded"));
        self.send(Method::POST, path, &headers, &encoded(pairs)).await
    }

    /// A good authorization request, with some parameters changed or, where empty, dropped.
    pub(crate) async fn authorize(&self, changes: &[(&str, &str)]) -> Reply {
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", "hearthkey"),
            ("redirect_uri", CALLBACK),
            ("scope", EVERY_SCOPE),
            ("state", "state-4711"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        for change in changes {
            parameters.retain(|(name, _)| name != &change.0);
            parameters.push(*change);
        }
        parameters.retain(|(_, value)| !value.is_empty());
        self.get(&format!("/authorize?{}", encoded(&parameters))).await
    }

    /// A code, from a sandbox that approves by itself.
    pub(crate) async fn code(&self, changes: &[(&str, &str)]) -> String {
        self.authorize(changes).await.callback()["code"].clone()
    }

    pub(crate) async fn redeem(&self, code: &str, verifier: &str) -> Reply {
        self.post(
            "/token",
            &[
                ("grant_type", "authorization_code"),
                ("client_id", "hearthkey"),
                ("code", code),
                ("redirect_uri", CALLBACK),
                ("code_verifier", verifier),
            ],
        )
        .await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Reply {
        self.post(
            "/token",
            &[("grant_type", "refresh_token"), ("client_id", "hearthkey"), ("refresh_token", token)],
        )
        .await
    }

    /// Access and refresh token of a new grant.
    pub(crate) async fn tokens(&self, scope: &str) -> (String, String) {
        let code = self.code(&[("scope", scope)]).await;
        let reply = self.redeem(&code, VERIFIER).await;
        pair(&reply)
    }

    /// The outcomes in the journal, of the requests that had one.
    pub(crate) fn outcomes(&self) -> Vec<String> {
        self.sandbox.journal().into_iter().filter_map(|entry| entry.outcome).collect()
    }

    /// Sends bytes on a connection of its own and reads to its end: what came, and how it ended.
    pub(crate) async fn raw(&self, request: &str) -> (String, io::Result<()>) {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut received = Vec::new();
        let end = stream.read_to_end(&mut received).await.map(|_| ());
        (String::from_utf8_lossy(&received).into_owned(), end)
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.authority()).await.unwrap()
    }

    pub(crate) fn authority(&self) -> String {
        self.sandbox.base_url().strip_prefix("http://").unwrap().to_owned()
    }
}

/// Access and refresh token of a token reply.
pub(crate) fn pair(reply: &Reply) -> (String, String) {
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    let document = reply.json();
    let token = |name: &str| document[name].as_str().unwrap().to_owned();
    (token("access_token"), token("refresh_token"))
}

/// An HTTP client. The whole workspace's features ask for a TLS provider by name, although nothing here speaks TLS.
pub(crate) fn client(redirects: redirect::Policy) -> reqwest::Client {
    // The second time it is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().redirect(redirects).no_proxy().build().unwrap()
}
