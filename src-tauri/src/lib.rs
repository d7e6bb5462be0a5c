//! The desktop shell: one window, a tray, and the window's door to the operations.
//!
//! The only code that names Tauri. It decides nothing: the operations do, and `engine` owns the profile.

mod arguments;
mod desk;
mod host;
mod ipc;
mod links;
mod sandbox;
mod tray;
mod window;

use arguments::Start;
use desk::Desk;
use std::path::PathBuf;
use std::process::ExitCode;
use tauri::{Manager, RunEvent};

/// Runs the app until the person quits it.
#[must_use]
pub fn run() -> ExitCode {
    let (profile, link) = match arguments::read(std::env::args_os().skip(1)) {
        Start::Run { profile, link } => (profile, link),
        Start::Say(text) => return say(&text),
        Start::Refuse => return refuse(),
    };
    hearthkey_engine::init();
    let level = tracing_subscriber::filter::LevelFilter::WARN;
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_ansi(false).init();
    let app = tauri::Builder::default()
        .plugin(tauri_plugin_deep_link::init())
        .plugin(tauri_plugin_shell::init())
        .plugin(tauri_plugin_window_state::Builder::default().build())
        .invoke_handler(tauri::generate_handler![ipc::read, ipc::write, ipc::watch, ipc::unwatch, ipc::blob])
        .setup(move |app| {
            let handle = app.handle().clone();
            // An address that the system hands over is meant for the usual profile.
            let usual = profile.is_none();
            let desk = Desk::new(handle.clone(), profile.or_else(profile_of_environment), usual, link);
            app.manage(ipc::Subscriptions::default());
            // Another desktop app that shows its window now makes this one superfluous.
            if tauri::async_runtime::block_on(desk.claim()) {
                app.manage(desk);
                handle.exit(0);
                return Ok(());
            }
            app.manage(desk);
            links::take(&handle);
            if usual {
                links::register(&handle);
            }
            if let Err(error) = tray::show(&handle) {
                tracing::warn!(%error, "there is no tray; starting Hearthkey again brings the window back");
            }
            window::open(&handle)?;
            tauri::async_runtime::spawn(async move {
                hearthkey_engine::signals::asked_to_end().await;
                handle.exit(0);
            });
            Ok(())
        })
        .build(tauri::generate_context!());
    let app = match app {
        Ok(app) => app,
        Err(error) => {
            tracing::error!(%error, "the app could not be started");
            return ExitCode::FAILURE;
        }
    };
    app.run(|handle, event| match event {
        // The last window was closed: background work and other programs still need this process. Quitting has a code.
        RunEvent::ExitRequested { code: None, api, .. } => api.prevent_exit(),
        RunEvent::Exit => handle.state::<Desk>().settle(),
        #[cfg(target_os = "macos")]
        RunEvent::Reopen { .. } => drop(window::open(handle)),
        _ => {}
    });
    ExitCode::SUCCESS
}

/// The profile that the environment names, as on the command line.
fn profile_of_environment() -> Option<PathBuf> {
    hearthkey_engine::var("HEARTHKEY_PROFILE").map(PathBuf::from)
}

#[expect(clippy::print_stdout, reason = "it was asked for at a terminal")]
fn say(text: &str) -> ExitCode {
    println!("{text}");
    ExitCode::SUCCESS
}

#[expect(clippy::print_stderr, reason = "nothing else is there yet to tell it")]
fn refuse() -> ExitCode {
    eprintln!("error: that is not understood\n\n{}", arguments::USAGE);
    ExitCode::from(2)
}
