//! What a person does in their browser: approve, deny, sign in, and read the page at the end.

use crate::browser::{Browser, chromium};
use hearthkey_tests::{Home, wait};

/// A person with a browser.
pub(crate) struct Person(Browser);

impl Person {
    pub(crate) fn new(home: &Home) -> Self {
        Self(chromium(home))
    }

    /// Approves at the sandbox, and reads the end page.
    #[track_caller]
    pub(crate) fn approves(&self, address: &str) -> String {
        self.answers(address, "#approve")
    }

    /// Denies at the sandbox, and reads the end page.
    #[track_caller]
    pub(crate) fn denies(&self, address: &str) -> String {
        self.answers(address, "#deny")
    }

    fn answers(&self, address: &str, button: &str) -> String {
        self.0.goto(address);
        self.0.sees("h1", "Hearthkey wants to use your Sandbox account");
        self.0.click(button);
        self.end_page()
    }

    /// Signs in at the OpenID Connect server as `name`, allows, and reads the end page.
    #[track_caller]
    pub(crate) fn signs_in(&self, address: &str, name: &str) -> String {
        self.0.goto(address);
        // Who signed in before is still signed in, and is asked for the consent alone.
        let first = self.0.wait_text("h1", "a question", |text| Some(text.to_owned()));
        if first == "Sign in" {
            self.0.fill("#name", name);
            self.0.click("#sign-in");
        }
        self.0.sees("h1", "Allow Hearthkey?");
        self.0.click("#allow");
        self.end_page()
    }

    /// Waits until the browser is back at Hearthkey's own address, and reads what stands there.
    #[track_caller]
    fn end_page(&self) -> String {
        // Address and text in one look: between two the page may change.
        let script = "return location.hostname === '127.0.0.1' && location.pathname === '/oauth/callback'
            && document.querySelector('main')?.innerText";
        let text = wait::until("an end page of Hearthkey", || {
            self.0.try_run(script, vec![])?.as_str().map(str::to_owned)
        });
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}
