//! The desktop app: driven through its window, or merely started.

use crate::browser::{Browser, capabilities, free_port, testid};
use hearthkey_tests::{Home, Process, programs, wait, world};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

/// A home in which the app can run: a display, and a default browser that notes what it is asked to open.
pub(crate) struct Desk {
    pub(crate) home: Home,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::in_home(Home::start())
    }

    pub(crate) fn in_home(home: Home) -> Self {
        let script = home.path().join("browser");
        let text =
            format!("#!/bin/sh\nprintf '%s\\n' \"$1\" >> '{}'\n", home.path().join("opened").display());
        fs::write(&script, text).expect("a browser of one's own");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).expect("it can be run");
        let entry =
            format!("[Desktop Entry]\nType=Application\nName=Browser\nExec={} %u\n", script.display());
        let applications = home.path().join("data/applications");
        fs::create_dir_all(&applications).expect("a folder of applications");
        fs::write(applications.join("browser.desktop"), entry).expect("an application");
        let defaults = "[Default Applications]\nx-scheme-handler/http=browser.desktop\nx-scheme-handler/https=browser.desktop\n";
        fs::write(home.path().join("config/mimeapps.list"), defaults).expect("the default browser");
        Self { home }
    }

    /// `program` in this home, with a display and a default browser.
    pub(crate) fn command(&self, program: PathBuf) -> Command {
        let mut command = self.home.command(program);
        let display = world::variable("DISPLAY").expect("a display: run these tests with xvfb-run");
        command
            .env("DISPLAY", display)
            .env("NO_AT_BRIDGE", "1")
            .env("BROWSER", self.home.path().join("browser"));
        if let Some(authority) = world::variable("XAUTHORITY") {
            command.env("XAUTHORITY", authority);
        }
        command
    }

    /// Starts the app with its window under control.
    pub(crate) fn window(&self) -> Browser {
        self.window_with(&[])
    }

    /// The same, with more in the app's environment.
    pub(crate) fn window_with(&self, environment: &[(&str, &str)]) -> Browser {
        let (port, native) = (free_port(), free_port());
        let own = programs::target().join("tools/bin/tauri-driver");
        let mut command = self.command(if own.is_file() { own } else { PathBuf::from("tauri-driver") });
        command.envs(environment.iter().copied());
        command.args(["--port", &port.to_string(), "--native-port", &native.to_string()]);
        let driver = Process::start(command);
        let wanted = json!({ "browserName": "wry", "tauri:options": { "application": programs::desktop() } });
        let window = Browser::open("the window", driver, port, &capabilities(wanted));
        window.wait("main h1");
        window
    }

    /// Starts the app as a person does.
    pub(crate) fn start(&self) -> Process {
        Process::start(self.command(programs::desktop()))
    }

    /// How many addresses the default browser was asked to open.
    pub(crate) fn opened_so_far(&self) -> usize {
        fs::read_to_string(self.home.path().join("opened")).map_or(0, |opened| opened.lines().count())
    }

    /// Waits for the address number `which` (from 0) that the default browser was asked to open.
    #[track_caller]
    pub(crate) fn opened(&self, which: usize) -> String {
        wait::until(format_args!("the browser to be opened {} times", which + 1), || {
            let opened = fs::read_to_string(self.home.path().join("opened")).ok()?;
            opened.lines().nth(which).filter(|_| opened.ends_with('\n')).map(str::to_owned)
        })
    }
}

/// The css selector of the row of the connection called `label`, with `status`.
pub(crate) fn row(label: &str, status: &str) -> String {
    format!("{}[data-label=\"{label}\"][data-status=\"{status}\"]", testid("connection-row"))
}
