//! A browser under control: WebDriver, with every step waited for.

use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::{Client, ClientBuilder, Locator};
use hearthkey_tests::{Process, programs, wait};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};
use std::fmt::Display;
use std::fs;
use std::net::TcpListener;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The longest one command to the browser may take.
const STEP: Duration = Duration::from_secs(20);

/// The css selector of the element a test knows by `id`.
pub(crate) fn testid(id: &str) -> String {
    format!("[data-testid=\"{id}\"]")
}

/// A port that nothing uses at the moment.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("a bound port").port()
}

/// One window of a browser. Dropping it closes it, and ends the driver.
pub(crate) struct Browser {
    name: &'static str,
    client: Option<Client>,
    runtime: Runtime,
    driver: Process,
    _folder: Option<TempDir>,
}

impl Browser {
    /// Opens a session with the driver at `port`.
    pub(crate) fn open(
        name: &'static str,
        mut driver: Process,
        port: u16,
        capabilities: &Map<String, Value>,
    ) -> Self {
        let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = threads.expect("a runtime");
        let address = format!("http://127.0.0.1:{port}");
        let client = wait::until(format_args!("{name} to open a window"), || {
            let mut builder = ClientBuilder::new(HttpConnector::new());
            builder.capabilities(capabilities.clone());
            assert!(!driver.has_ended(), "{name} has no driver:\n{}", driver.said());
            let opened =
                runtime.block_on(async { tokio::time::timeout(2 * STEP, builder.connect(&address)).await });
            match opened {
                Ok(Ok(client)) => Some(client),
                // The driver, or the one behind it, does not listen yet.
                Ok(Err(error)) if !error.to_string().contains("session not created") => None,
                Ok(Err(error)) => panic!("{name} opened no window: {error}\n{}", driver.said()),
                Err(_) => panic!("{name} took too long to open a window\n{}", driver.said()),
            }
        });
        Self { name, client: Some(client), runtime, driver, _folder: None }
    }

    fn client(&self) -> &Client {
        self.client.as_ref().expect("the window is open until it drops")
    }

    fn step<T>(&self, step: impl Future<Output = Result<T, CmdError>>) -> Result<T, CmdError> {
        let done = self.runtime.block_on(async { tokio::time::timeout(STEP, step).await });
        done.unwrap_or_else(|_| {
            panic!("{} did not answer within {STEP:?}\n{}", self.name, self.driver.said())
        })
    }

    fn elements(&self, css: &str) -> Vec<Element> {
        self.step(self.client().find_all(Locator::Css(css))).unwrap_or_default()
    }

    /// The first element that matches, scrolled to the middle as a person would.
    fn in_view(&self, css: &str) -> Option<Element> {
        let element = self.elements(css).into_iter().next()?;
        let scroll = "document.querySelector(arguments[0])?.scrollIntoView({ block: 'center' })";
        self.step(self.client().execute(scroll, vec![css.into()])).ok()?;
        Some(element)
    }

    /// How many elements match now.
    pub(crate) fn count(&self, css: &str) -> usize {
        self.elements(css).len()
    }

    /// Goes to an address.
    pub(crate) fn goto(&self, address: &str) {
        self.step(self.client().goto(address)).expect("the page opens");
    }

    /// Where it is.
    pub(crate) fn address(&self) -> String {
        self.step(self.client().current_url()).expect("a page has an address").to_string()
    }

    /// Waits until `css` is there and `probe` makes something of its visible text.
    #[track_caller]
    pub(crate) fn wait_text<T>(&self, css: &str, what: impl Display, probe: impl Fn(&str) -> Option<T>) -> T {
        let mut last = String::from("nothing");
        let found = wait::try_until(|| {
            let element = self.elements(css).into_iter().next()?;
            // Not WebDriver's own idea of visible text: it misses what is cut off with an ellipsis.
            let text = self.step(element.prop("innerText")).ok()??;
            let found = probe(&text);
            last = text;
            found
        });
        found.unwrap_or_else(|| panic!("{css} never showed {what}; it showed: {last}"))
    }

    /// Waits until the visible text of `css` contains `words`.
    #[track_caller]
    pub(crate) fn sees(&self, css: &str, words: &str) {
        self.wait_text(css, words, |text| text.contains(words).then_some(()));
    }

    /// Waits until `css` is there.
    #[track_caller]
    pub(crate) fn wait(&self, css: &str) {
        wait::until_true(format_args!("{css} in {}", self.name), || self.count(css) > 0);
    }

    /// Waits until `css` is not there.
    #[track_caller]
    pub(crate) fn wait_gone(&self, css: &str) {
        wait::until_true(format_args!("{css} to go from {}", self.name), || self.count(css) == 0);
    }

    /// Clicks on `css` as soon as it can be clicked on.
    #[track_caller]
    pub(crate) fn click(&self, css: &str) {
        wait::until_true(format_args!("{css} in {} to be clicked on", self.name), || {
            let Some(element) = self.in_view(css) else { return false };
            self.step(element.is_enabled()).unwrap_or(false) && self.step(element.click()).is_ok()
        });
    }

    /// Types `text` into `css` in place of what is there.
    #[track_caller]
    pub(crate) fn fill(&self, css: &str, text: &str) {
        wait::until_true(format_args!("{css} in {} to take {text:?}", self.name), || {
            let Some(element) = self.in_view(css) else { return false };
            let typed = self.step(element.clear()).is_ok() && self.step(element.send_keys(text)).is_ok();
            typed && self.step(element.prop("value")).is_ok_and(|value| value.as_deref() == Some(text))
        });
    }

    /// Runs a script in the page.
    #[track_caller]
    pub(crate) fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.step(self.client().execute(script, arguments)).expect("the script runs")
    }

    /// Runs a script in the page that only looks. The driver now and then loses such a script's result; it is asked again then,
    /// which for a script that acts would not do.
    #[track_caller]
    pub(crate) fn look(&self, script: &str, arguments: Vec<Value>) -> Value {
        wait::until("the result of a script that looks", || self.try_run(script, arguments.clone()))
    }

    /// Runs a script in the page; `None` when there is no page to run it in, as between two of them.
    pub(crate) fn try_run(&self, script: &str, arguments: Vec<Value>) -> Option<Value> {
        self.step(self.client().execute(script, arguments)).ok()
    }

    /// Runs a script in the page that calls its last argument with its result.
    #[track_caller]
    pub(crate) fn run_async(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.step(self.client().execute_async(script, arguments)).expect("the script runs")
    }

    /// Gives the window a size, and waits until the page has it.
    #[track_caller]
    pub(crate) fn resize(&self, width: u32, height: u32) {
        self.step(self.client().set_window_rect(0, 0, width, height)).expect("the window takes a size");
        wait::until_true(format_args!("{width} x {height} in {}", self.name), || {
            self.look("return [innerWidth, innerHeight]", vec![]) == json!([width, height])
        });
    }

    /// Waits until what moves has come to rest and is painted; what moves for ever is not waited for.
    pub(crate) fn settle(&self) {
        let script = "const done = arguments[0];
            const moving = document.getAnimations().filter(({ effect }) => effect.getComputedTiming().endTime !== Infinity);
            Promise.allSettled(moving.map(({ finished }) => finished))
                .then(() => requestAnimationFrame(() => requestAnimationFrame(() => done(true))));";
        self.run_async(script, vec![]);
    }

    /// What the window shows, as PNG.
    pub(crate) fn screenshot(&self) -> Vec<u8> {
        self.step(self.client().screenshot()).expect("a picture of the window")
    }

    /// What the driver and its browser wrote.
    pub(crate) fn said(&self) -> String {
        self.driver.said()
    }
}

impl Drop for Browser {
    #[expect(clippy::print_stdout, reason = "a failed test tells where to look")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            // What was to be seen says more than what was waited for.
            let picture = self.runtime.block_on(async {
                tokio::time::timeout(STEP, self.client.as_ref()?.screenshot()).await.ok()?.ok()
            });
            let test = std::thread::current().name().unwrap_or_default().replace("::", "-");
            let file = programs::target().join(format!("tmp/{test}-{}.png", self.name.replace(' ', "-")));
            if picture.is_some_and(|picture| fs::write(&file, picture).is_ok()) {
                println!("what {} showed: {}\n{}", self.name, file.display(), self.driver.said());
            }
        }
        if let Some(client) = self.client.take() {
            // A window that is gone already needs no closing.
            let _ = self.runtime.block_on(async { tokio::time::timeout(STEP, client.close()).await });
        }
    }
}

/// Capabilities from JSON.
pub(crate) fn capabilities(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("capabilities are an object, not {other}"),
    }
}

/// A chromedriver and its Chromium, which reaches this machine only.
pub(crate) fn chromium(home: &hearthkey_tests::Home) -> Browser {
    let port = free_port();
    let mut command = home.command("chromedriver");
    command.arg(format!("--port={port}"));
    let driver = Process::start(command);
    // Not in the home: a browser's history knows where the person came back to, and so the code, which is spent by then.
    let profile = tempfile::Builder::new().prefix("hk-chromium-").tempdir().expect("a folder");
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        &format!("--user-data-dir={}", profile.path().display()),
    ];
    let wanted = json!({ "browserName": "chrome", "goog:chromeOptions": { "args": arguments } });
    let mut browser = Browser::open("the browser", driver, port, &capabilities(wanted));
    browser._folder = Some(profile);
    browser
}
