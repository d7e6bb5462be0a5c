//! The bundled sandbox, started as the app's sidecar. It ends when this process lets go of its standard input.

use async_trait::async_trait;
use hearthkey_domain::ports::SandboxHost;
use hearthkey_engine::sandbox;
use std::path::PathBuf;
use tauri::AppHandle;
use tauri_plugin_shell::ShellExt;
use tauri_plugin_shell::process::{CommandChild, CommandEvent};
use tokio::sync::Mutex;
use url::Url;

/// The sidecar and its process.
pub(crate) struct Sidecar {
    handle: AppHandle,
    state_file: PathBuf,
    child: Mutex<Option<CommandChild>>,
}

impl Sidecar {
    pub(crate) fn new(handle: AppHandle, state_file: PathBuf) -> Self {
        Self { handle, state_file, child: Mutex::default() }
    }

    async fn start(&self, port: u16) -> Result<CommandChild, String> {
        let missing = |error| {
            format!(
                "The sandbox that belongs to this app could not be run ({error}). Install Hearthkey again."
            )
        };
        let command = self.handle.shell().sidecar("hearthkey-sandbox").map_err(missing)?;
        let command = command
            .args(["--exit-with-stdin", "--port", &port.to_string(), "--state-file"])
            .arg(&self.state_file);
        let (mut events, child) = command.spawn().map_err(missing)?;
        let mut complaint = String::new();
        while let Some(event) = events.recv().await {
            match event {
                CommandEvent::Stdout(line) if line.starts_with(b"hearthkey-sandbox listening on") => {
                    // Its output has to be read on, or it would stand still with a full pipe.
                    tauri::async_runtime::spawn(async move { while events.recv().await.is_some() {} });
                    return Ok(child);
                }
                CommandEvent::Stderr(line) => complaint.push_str(&String::from_utf8_lossy(&line)),
                _ => {}
            }
        }
        Err(format!("The sandbox ended at once: {}", complaint.trim()))
    }
}

#[async_trait]
impl SandboxHost for Sidecar {
    async fn ensure_running(&self, base: &Url) -> Result<(), String> {
        let port = sandbox::port_of(base)?;
        // Whoever comes second waits here, and finds it running.
        let mut child = self.child.lock().await;
        if sandbox::answers(base).await {
            return Ok(());
        }
        if let Some(silent) = child.take() {
            let _ = silent.kill();
        }
        let started = tokio::time::timeout(sandbox::START_TIMEOUT, self.start(port)).await;
        *child = Some(started.unwrap_or_else(|_| Err("The sandbox did not start in time.".to_owned()))?);
        Ok(())
    }
}
