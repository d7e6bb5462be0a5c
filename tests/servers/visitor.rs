//! A person's browser without a screen: cookies, forms, and someone who signs in and answers what they are asked.

use hearthkey_tests::browse::{self, Page};
use hearthkey_tests::http::{self, Reply};
use reqwest::blocking::RequestBuilder;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde_json::Value;
use std::collections::BTreeMap;
use url::Url;

/// How many pages and redirects a visit may take.
const STEPS: usize = 20;

/// Someone with a browser.
pub(crate) struct Visitor {
    name: String,
    allows: bool,
    cookies: BTreeMap<String, String>,
}

/// Where a visit ended.
enum End {
    /// The server sends the browser elsewhere.
    Leaves(String),
    /// Nothing more is asked.
    Stays(Page),
}

impl Visitor {
    /// Who allows what they are asked.
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), allows: true, cookies: BTreeMap::new() }
    }

    /// Who says no.
    pub(crate) fn who_denies(name: &str) -> Self {
        Self { allows: false, ..Self::new(name) }
    }

    /// Signs in, answers, and goes back to where the server sends the browser: the page there.
    #[track_caller]
    pub(crate) fn signs_in(&mut self, address: &str) -> Page {
        let back = self.answers(address);
        browse::open(&back)
    }

    /// Signs in, answers, and says where the browser would go now.
    #[track_caller]
    pub(crate) fn answers(&mut self, address: &str) -> String {
        match self.visits(address, None) {
            End::Leaves(back) => back,
            End::Stays(page) => panic!("the server keeps the browser: {} {}", page.status, page.html),
        }
    }

    /// Opens the address of a device's page, types the code if it is asked for, and answers: the last page.
    #[track_caller]
    pub(crate) fn answers_device(&mut self, address: &str, code: Option<&str>) -> Page {
        match self.visits(address, code) {
            End::Stays(page) => page,
            End::Leaves(to) => panic!("the server sends the browser to {to}"),
        }
    }

    #[track_caller]
    fn visits(&mut self, address: &str, mut code: Option<&str>) -> End {
        let mut at = Url::parse(address).expect("an address");
        let mut request = http::client().get(at.clone());
        for _ in 0..STEPS {
            let (reply, location) = self.send(request);
            if let Some(location) = location {
                let next = at.join(&location).expect("a redirect leads somewhere");
                if next.origin() != at.origin() {
                    return End::Leaves(next.into());
                }
                request = http::client().get(next.clone());
                at = next;
                continue;
            }
            let stays = End::Stays(Page { status: reply.status, html: reply.body.clone() });
            let Some(mut form) = Form::first_in(&reply.body).filter(|_| reply.status == 200) else {
                return stays;
            };
            // A code is typed once: asked for it again, the person gives up.
            if let Some(typed) = form.fields.get_mut("user_code").filter(|typed| typed.is_empty()) {
                let Some(code) = code.take() else { return stays };
                code.clone_into(typed);
            }
            let mut action =
                if form.action.is_empty() { at.clone() } else { at.join(&form.action).expect("an action") };
            let answers = self.fill(form.fields, &reply.body);
            (at, request) = if form.posts {
                (action.clone(), http::client().post(action).form(&answers))
            } else {
                action.query_pairs_mut().clear().extend_pairs(&answers);
                (action.clone(), http::client().get(action))
            };
        }
        panic!("after {STEPS} steps there was still no end to {address}");
    }

    fn send(&mut self, request: RequestBuilder) -> (Reply, Option<String>) {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let reply = request.header(COOKIE, cookies.join("; ")).send().expect("the server answers");
        for cookie in reply.headers().get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let pair = cookie.split(';').next().unwrap_or_default();
            match pair.split_once('=') {
                Some((name, "")) => drop(self.cookies.remove(name)),
                Some((name, value)) => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
                None => {}
            }
        }
        let location = reply.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let status = reply.status().as_u16();
        (Reply { status, location: None, body: reply.text().expect("a page is text") }, location)
    }

    /// What the person types and presses: their name, and yes or no in the words of the page.
    fn fill(&self, mut fields: BTreeMap<String, String>, page: &str) -> BTreeMap<String, String> {
        if fields.contains_key("name") {
            fields.insert("name".to_owned(), self.name.clone());
        }
        if fields.contains_key("account") {
            fields.insert("account".to_owned(), format!("acc_{}", self.name));
        }
        for (button, yes, no) in [("answer", "allow", "deny"), ("decision", "approve", "deny")] {
            if page.contains(&format!("name=\"{button}\"")) {
                fields.insert(button.to_owned(), if self.allows { yes } else { no }.to_owned());
            }
        }
        fields
    }
}

/// A form with what it would send as it stands, but for its buttons.
struct Form {
    action: String,
    posts: bool,
    fields: BTreeMap<String, String>,
}

impl Form {
    fn first_in(page: &str) -> Option<Self> {
        let (head, rest) = page.split_once("<form")?.1.split_once('>')?;
        let inside = rest.split("</form").next().unwrap_or_default();
        let inputs = inside.split("<input").skip(1).filter_map(|rest| {
            let tag = rest.split('>').next().unwrap_or_default();
            Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default()))
        });
        let posts = attribute(head, "method").is_some_and(|method| method == "post");
        Some(Self { action: attribute(head, "action").unwrap_or_default(), posts, fields: inputs.collect() })
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split_once(&format!(" {name}=\""))?.1.split('"').next()?;
    Some(value.replace("&amp;", "&").replace("&#39;", "'").replace("&quot;", "\""))
}

/// A reply's body as JSON.
#[track_caller]
pub(crate) fn json(reply: &reqwest::Result<Reply>) -> Value {
    let reply = reply.as_ref().expect("the server answers");
    serde_json::from_str(&reply.body).unwrap_or_else(|error| panic!("not JSON ({error}): {}", reply.body))
}
