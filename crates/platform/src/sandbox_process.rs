//! The bundled sandbox as a child process that ends with this one.
//!
//! It is started when a connection to it is wanted and nothing answers at its address. What it simulates is its own business.

use crate::environment;
use async_trait::async_trait;
use hearthkey_domain::{egress::is_loopback_literal, ports::SandboxHost};
use std::{path::PathBuf, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader},
    process::{Child, Command},
    sync::Mutex,
};
use url::Url;

/// The file name of the program, without the suffix that Windows adds.
const PROGRAM: &str = "hearthkey-sandbox";
/// How its first line begins once it answers.
const READY: &str = "hearthkey-sandbox listening on";
/// How long it may take to say so.
pub const START_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one that runs may take to answer.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(1);
/// How much of its complaint is read, in bytes.
const MAX_COMPLAINT: u64 = 2048;

/// The sandbox of a profile. Dropping it ends the process.
#[derive(Debug)]
pub struct SandboxProcess {
    program: Option<PathBuf>,
    state_file: PathBuf,
    child: Mutex<Option<Child>>,
}

impl SandboxProcess {
    /// The sandbox beside the running program, with its state in `state_file`
    /// ([`Profile::sandbox_state`](crate::profile::Profile::sandbox_state)).
    #[must_use]
    pub fn new(state_file: PathBuf) -> Self {
        let program = environment::current_program_dir()
            .map(|dir| dir.join(PROGRAM).with_extension(std::env::consts::EXE_EXTENSION));
        Self { program, state_file, child: Mutex::default() }
    }

    /// The same, with the program at `program`.
    #[must_use]
    pub fn with_program(self, program: PathBuf) -> Self {
        Self { program: Some(program), ..self }
    }

    async fn start(&self, port: u16) -> Result<Child, String> {
        let program = self
            .program
            .as_deref()
            .filter(|program| program.is_file())
            .ok_or_else(|| {
                format!("The sandbox ({PROGRAM}) is not installed beside this program. Install Hearthkey again, or start {PROGRAM} --port {port} yourself.")
            })?;
        let mut command = Command::new(program);
        command
            .arg("--port")
            .arg(port.to_string())
            .arg("--state-file")
            .arg(&self.state_file)
            .arg("--exit-with-stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command
            .spawn()
            .map_err(|error| format!("The sandbox could not be started ({}).", error.kind()))?;
        let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err("The sandbox could not be started (no output).".to_owned());
        };
        let mut lines = BufReader::new(stdout).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await.ok().flatten() {
                if line.starts_with(READY) {
                    return true;
                }
            }
            false
        };
        match tokio::time::timeout(START_TIMEOUT, ready).await {
            Ok(true) => {
                // Its pipes are emptied for as long as it lives, or it would stand still once they are full.
                tokio::spawn(drain(lines.into_inner()));
                tokio::spawn(drain(stderr));
                Ok(child)
            }
            Ok(false) => Err(match complaint(&mut stderr).await {
                Some(words) => format!("The sandbox ended at once: {words}"),
                None => "The sandbox ended at once.".to_owned(),
            }),
            Err(_) => Err(format!("The sandbox did not answer within {} s.", START_TIMEOUT.as_secs())),
        }
    }
}

#[async_trait]
impl SandboxHost for SandboxProcess {
    async fn ensure_running(&self, base: &Url) -> Result<(), String> {
        let port = port_of(base)?;
        // Whoever comes second waits here, and finds it running.
        let mut child = self.child.lock().await;
        if answers(base).await {
            return Ok(());
        }
        // One that does not answer any more is ended first, so that its port is free.
        if let Some(mut silent) = child.take() {
            let _ = silent.kill().await;
        }
        *child = Some(self.start(port).await?);
        Ok(())
    }
}

/// The port of a sandbox's address.
///
/// # Errors
/// A sentence for an address that is not on this machine.
pub fn port_of(base: &Url) -> Result<u16, String> {
    match base.port_or_known_default() {
        Some(port) if base.scheme() == "http" && is_loopback_literal(base) => Ok(port),
        _ => Err("The sandbox runs on this machine only (http://127.0.0.1).".to_owned()),
    }
}

/// Whether a sandbox answers at `base`.
pub async fn answers(base: &Url) -> bool {
    crate::install_tls();
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(HEALTH_TIMEOUT)
        .tls_certs_only([])
        .build();
    let (Ok(client), Ok(health)) = (client, base.join("/_sandbox/health")) else {
        return false;
    };
    let reply = client.get(health).send().await;
    reply.is_ok_and(|reply| reply.status().is_success())
}

async fn drain(mut pipe: impl AsyncRead + Unpin) {
    // It ends with the process at the other end, for whatever reason.
    let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
}

/// The last line that the process wrote before it ended.
async fn complaint(stderr: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut text = Vec::new();
    let mut stderr = stderr.take(MAX_COMPLAINT);
    let read = stderr.read_to_end(&mut text);
    tokio::time::timeout(HEALTH_TIMEOUT, read).await.ok()?.ok()?;
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
    Some(line.trim().to_owned())
}
