//! A server that publishes whatever document it is given, sends every browser straight back with a code, and writes down
//! what reaches it. No real server makes this fault.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use url::{Url, form_urlencoded};

/// A running server. Dropping it ends it.
pub(crate) struct Liar {
    pub(crate) issuer: String,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What stands where the metadata is looked for: a text, or the address to look at instead.
#[derive(Default, Clone)]
struct Document {
    text: String,
    elsewhere: String,
}

#[derive(Default)]
struct Shared {
    document: Mutex<Document>,
    asked: Mutex<Vec<String>>,
    over: AtomicBool,
}

impl Liar {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let issuer = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Arc::new(Shared::default());
        let thread = {
            let (issuer, shared) = (issuer.clone(), Arc::clone(&shared));
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    if shared.over.load(Ordering::SeqCst) {
                        return;
                    }
                    // Who hangs up halfway has asked for nothing.
                    let _ = shared.answer(stream, &issuer);
                }
            })
        };
        Self { issuer, shared, thread: Some(thread) }
    }

    /// A document that is true in everything, then changed.
    pub(crate) fn publish(&self, changes: &[(&str, Value)]) {
        let issuer = &self.issuer;
        let mut document = serde_json::json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "userinfo_endpoint": format!("{issuer}/userinfo"),
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "authorization_response_iss_parameter_supported": true,
        });
        for (name, value) in changes {
            document[name] = value.clone();
        }
        self.publish_text(document.to_string());
    }

    /// Any text.
    pub(crate) fn publish_text(&self, text: String) {
        self.put(Document { text, elsewhere: String::new() });
    }

    /// No document, but the word that it is at another address.
    pub(crate) fn publish_elsewhere(&self, elsewhere: String) {
        self.put(Document { text: String::new(), elsewhere });
    }

    fn put(&self, document: Document) {
        *self.shared.document.lock().unwrap_or_else(PoisonError::into_inner) = document;
    }

    /// What was asked so far and not yet told, such as `POST /token`.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // One more visit, so that it looks up.
        let _ = TcpStream::connect(self.issuer.trim_start_matches("http://"));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Shared {
    fn answer(&self, stream: TcpStream, issuer: &str) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        let mut line = vec![];
        reader.read_until(b'\n', &mut line)?;
        // What is not HTTP is written down as well.
        let line = String::from_utf8_lossy(&line);
        let mut words = line.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut length = 0;
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
                break;
            }
            let (name, value) = header.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap_or_default();
            }
        }
        reader.by_ref().take(length).read_to_end(&mut vec![])?;
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{method} {path}"));
        let (status, location, body) = match path {
            "/.well-known/openid-configuration" => {
                let published = self.document.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let status = if published.elsewhere.is_empty() { "200 OK" } else { "302 Found" };
                (status, published.elsewhere, published.text)
            }
            "/authorize" => ("303 See Other", back(query, issuer), String::new()),
            "/token" => {
                ("200 OK", String::new(), r#"{"access_token":"given","token_type":"Bearer"}"#.to_owned())
            }
            _ => ("200 OK", String::new(), r#"{"sub":"mallory","email":"mallory@liar.example"}"#.to_owned()),
        };
        let location = if location.is_empty() { location } else { format!("location: {location}\r\n") };
        let length = body.len();
        write!(
            reader.into_inner(),
            "HTTP/1.1 {status}\r\n{location}content-type: application/json\r\ncontent-length: {length}\r\n\
             connection: close\r\n\r\n{body}"
        )
    }
}

/// Where a browser that was sent to `/authorize` is sent back to.
fn back(query: &str, issuer: &str) -> String {
    let find = |name: &str| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    let redirect = find("redirect_uri").and_then(|address| Url::parse(&address).ok());
    let Some(mut redirect) = redirect else { return String::new() };
    let state = find("state").unwrap_or_default();
    let answer = [("code", "a-code"), ("state", &state), ("iss", issuer)];
    redirect.query_pairs_mut().extend_pairs(answer);
    redirect.into()
}
