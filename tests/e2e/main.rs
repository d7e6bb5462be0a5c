//! The real window, a real browser, a real keychain, real servers: what a person sees and does, from the outside.
//!
//! It wants a display (`xvfb-run`), WebKitWebDriver, chromedriver, tauri-driver and Node, and runs one test at a time: the
//! bundled sandbox has one port. How all of it is brought together is what `cargo xtask test --only e2e` knows.

mod browser;
mod desktop;
mod door;
mod links;
mod locking;
mod notices;
mod oidc;
mod ownership;
mod person;
mod sandbox;
mod screenshots;
mod sign_in;
mod tray;
mod x11;
