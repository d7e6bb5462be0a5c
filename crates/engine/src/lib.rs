//! The composition root: opens a profile, wires the ports, supervises background work, serves the socket.
//!
//! Exactly one process owns a profile, by its lock. [`Engine`] is that owner's inside; [`reach`] is how everyone else talks to
//! it. What lives here decides nothing about connections: `core` does.

pub mod reach;

use hearthkey_api::problem::ProblemKind;
use hearthkey_api::{Hearthkey, Problem};
use hearthkey_connectors::{Catalog, ManifestError};
use hearthkey_core::{Caller, Owner, Ports};
use hearthkey_domain::activity::Door;
use hearthkey_domain::authorization::LINK_SCHEME;
use hearthkey_domain::ports::{Clock, Host, SandboxHost, StoreError};
use hearthkey_platform::browser::SystemBrowser;
use hearthkey_platform::entropy::KernelEntropy;
use hearthkey_platform::files::DiskFiles;
use hearthkey_platform::http::HttpClient;
use hearthkey_platform::keychain::OsKeychain;
use hearthkey_platform::loopback::LoopbackRedirects;
use hearthkey_platform::notices::SessionNotices;
use hearthkey_platform::profile::OwnerKind as LockKind;
use hearthkey_platform::sandbox_process::SandboxProcess;
use hearthkey_platform::socket::LocalListener;
use hearthkey_store::VaultDb;
use jiff::SignedDuration;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use hearthkey_core::OwnerKind;
pub use hearthkey_platform::clock::SystemClock;
pub use hearthkey_platform::environment::{has_browser, var};
pub use hearthkey_platform::links::is_handled;
pub use hearthkey_platform::profile::{OwnerNote, Profile, ProfileError, ProfileLock};
pub use hearthkey_platform::sandbox_process as sandbox;
pub use hearthkey_platform::{init, signals};
pub use hearthkey_store::Restored;
pub use tokio_util::sync::CancellationToken as Ending;

/// Why a profile could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// No home directory to put a profile into.
    #[error("there is no home directory; name a profile with --profile DIR")]
    NoHome,
    /// The profile's directory.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The database.
    #[error("{file}: {cause}")]
    Store {
        /// The file.
        file: String,
        /// What is wrong.
        #[source]
        cause: StoreError,
    },
    /// A connector's manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The HTTP client.
    #[error("the HTTP client could not be made: {0}")]
    Http(String),
    /// The local socket.
    #[error("the local socket could not be opened ({0})")]
    Socket(#[source] std::io::Error),
    /// Another process owns the profile.
    #[error("{}", in_use(.0.as_ref()))]
    InUse(Option<OwnerNote>),
    /// The owner is there and does not answer.
    #[error("{}, and it does not answer", in_use(.0.as_ref()))]
    Silent(Option<OwnerNote>),
    /// `hearthkey serve` could not be started.
    #[error("hearthkey serve did not start: {0}")]
    NotServed(String),
    /// `hearthkey serve` was started and said what is wrong.
    #[error(transparent)]
    Owner(#[from] Problem),
}

/// The one mapping to what callers see.
impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let (kind, hint) = match &error {
            EngineError::Owner(problem) => return problem.clone(),
            EngineError::NoHome => (ProblemKind::InvalidInput, None),
            EngineError::Profile(_) => {
                (ProblemKind::InvalidInput, Some("Mend the profile's directory, then try again."))
            }
            EngineError::InUse(_) => {
                (ProblemKind::ProfileInUse, Some("That process can be talked to; or end it, then try again."))
            }
            EngineError::Silent(_) => (ProblemKind::ProfileInUse, Some("End that process, then try again.")),
            EngineError::Store { cause: StoreError::Newer { .. }, .. } => (
                ProblemKind::IncompatibleProfile,
                Some("Install the newer Hearthkey; this one changes nothing."),
            ),
            EngineError::Store { cause: StoreError::Damaged { .. }, .. } => (
                ProblemKind::Internal,
                Some(
                    "hearthkey doctor --restore puts the newest copy in its place; the damaged file is kept.",
                ),
            ),
            EngineError::Store { cause: StoreError::DiskFull, .. } => {
                (ProblemKind::Internal, Some("Free some space on the disk, then try again."))
            }
            _ => (ProblemKind::Internal, None),
        };
        Self::new(kind, Some(error.to_string()), hint.map(str::to_owned))
    }
}

fn in_use(owner: Option<&OwnerNote>) -> String {
    match owner {
        Some(note) => {
            let kind = match note.kind {
                LockKind::Desktop => "the desktop app",
                LockKind::Serve => "hearthkey serve",
            };
            format!("the profile is in use by {kind} (process {}, since {})", note.pid, note.since)
        }
        None => "the profile is in use by another process".to_owned(),
    }
}

/// What kind of owner this process is, and what it brings.
pub struct Setting {
    /// The kind.
    pub kind: OwnerKind,
    /// What the process can be asked to do with itself.
    pub host: Arc<dyn Host>,
    /// How the sandbox is started; as a child process if left out.
    pub sandbox: Option<Arc<dyn SandboxHost>>,
    /// Fires when the process is to end.
    pub ending: CancellationToken,
}

/// The owner of a profile.
pub struct Engine {
    app: Arc<Hearthkey>,
    listener: LocalListener,
    clock: SystemClock,
    ending: CancellationToken,
    conversations: TaskTracker,
    open: Arc<AtomicUsize>,
    _lock: ProfileLock,
}

/// Opens the profile's directory, the usual one if none is named.
///
/// # Errors
/// When it cannot be used, or is open to others.
pub fn open_profile(dir: Option<std::path::PathBuf>) -> Result<Profile, EngineError> {
    let dir = dir.or_else(Profile::default_dir).ok_or(EngineError::NoHome)?;
    Ok(Profile::open(dir)?)
}

/// Puts the newest copy of the database in the place of the one that is there, which is kept aside.
///
/// # Errors
/// [`EngineError::InUse`] while somebody owns the profile; or that there is no copy that opens.
pub fn restore_database(profile: &Profile) -> Result<Restored, EngineError> {
    let _lock = take_lock(profile, OwnerKind::Serve)?;
    let file = profile.vault_db();
    VaultDb::restore_backup(&file, SystemClock.now())
        .map_err(|cause| EngineError::Store { file: file.display().to_string(), cause })
}

/// Takes the profile's lock, or says who has it.
///
/// # Errors
/// [`EngineError::InUse`], or that the lock file cannot be used.
pub fn take_lock(profile: &Profile, kind: OwnerKind) -> Result<ProfileLock, EngineError> {
    let taken = ProfileLock::try_acquire(profile, lock_kind(kind))?;
    taken.ok_or_else(|| EngineError::InUse(profile.owner()))
}

fn lock_kind(kind: OwnerKind) -> LockKind {
    match kind {
        OwnerKind::Desktop => LockKind::Desktop,
        OwnerKind::Serve => LockKind::Serve,
    }
}

impl Engine {
    /// Opens a profile whose lock was taken. The vault is not opened yet: the keychain is asked with the first need, and the
    /// app starts whatever it answers.
    ///
    /// # Errors
    /// When the database or the socket cannot be opened.
    ///
    /// From here on no other program of the same user can look into this process.
    pub fn open(profile: &Profile, lock: ProfileLock, setting: Setting) -> Result<Self, EngineError> {
        if let Err(error) = hearthkey_platform::harden_owner() {
            tracing::warn!(%error, "other programs of this user could look into this process");
        }
        let file = profile.vault_db();
        let store = VaultDb::open(&file)
            .map_err(|cause| EngineError::Store { file: file.display().to_string(), cause })?;
        let clock = SystemClock;
        let sandbox =
            setting.sandbox.unwrap_or_else(|| Arc::new(SandboxProcess::new(profile.sandbox_state())));
        let ports = Ports {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(KernelEntropy),
            http: Arc::new(HttpClient::new().map_err(EngineError::Http)?),
            keys: Arc::new(OsKeychain::default()),
            store: Arc::new(store),
            files: Arc::new(DiskFiles::default()),
            browser: Arc::new(SystemBrowser),
            loopback: Arc::new(LoopbackRedirects::default()),
            notices: Arc::new(SessionNotices::default()),
            sandbox: Some(sandbox),
            host: setting.host,
        };
        let owner = Owner {
            kind: setting.kind,
            pid: std::process::id(),
            since: clock.now(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            profile: profile.dir().display().to_string(),
        };
        Ok(Self {
            app: Hearthkey::new(ports, Catalog::built_in()?, owner),
            listener: LocalListener::bind(&profile.socket()).map_err(EngineError::Socket)?,
            clock,
            ending: setting.ending,
            conversations: TaskTracker::new(),
            open: Arc::default(),
            _lock: lock,
        })
    }

    /// The verbs, for the process's own door.
    #[must_use]
    pub fn app(&self) -> Arc<Hearthkey> {
        Arc::clone(&self.app)
    }

    /// Serves the socket and does the background work until the process is to end, or until nobody needed it for
    /// `idle_exit`. What is under way settles before this returns, and the profile is free after.
    pub async fn run(self, idle_exit: Option<SignedDuration>) {
        let Self { app, listener, clock, ending, conversations, open, _lock: lock } = self;
        if let Err(error) = app.resume_authorizations().await {
            tracing::warn!(kind = ?error.kind(), "the sign-ins under way could not be resumed");
        }
        let cut = CancellationToken::new();
        let hall = Hall { app: &app, clock: &clock, conversations: &conversations, open: &open, cut: &cut };
        tokio::select! {
            () = ending.cancelled() => {}
            () = hall.accept(&listener) => {}
            () = hall.work(idle_exit) => {}
        }
        ending.cancel();
        // Nobody new comes in; whoever has asked is answered before the conversations end.
        drop(listener);
        app.settle().await;
        cut.cancel();
        conversations.close();
        conversations.wait().await;
        drop(app);
        drop(lock);
    }
}

/// Where callers are received while the owner runs.
struct Hall<'a> {
    app: &'a Arc<Hearthkey>,
    clock: &'a SystemClock,
    conversations: &'a TaskTracker,
    open: &'a Arc<AtomicUsize>,
    cut: &'a CancellationToken,
}

impl Hall<'_> {
    async fn accept(&self, listener: &LocalListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let caller = Caller { door: Door::Socket, program: peer.program, workspace: None };
                    let app = Arc::clone(self.app);
                    let cut = self.cut.clone();
                    let open = Open::one_more(self.open);
                    self.conversations.spawn(async move {
                        let _open = open;
                        tokio::select! {
                            () = hearthkey_api::doors::server::serve(stream, app, caller) => {}
                            () = cut.cancelled() => {}
                        }
                    });
                }
                Err(error) => {
                    // Out of file handles, most likely: the next second may be better.
                    tracing::warn!(kind = %error.kind(), "a local connection could not be accepted");
                    self.clock.sleep_until(self.clock.now() + SignedDuration::from_secs(1)).await;
                }
            }
        }
    }

    /// The one-second tick, until nobody needed this process for `idle_exit`.
    async fn work(&self, idle_exit: Option<SignedDuration>) {
        let mut needed_at = self.clock.now();
        loop {
            self.app.tick().await;
            let now = self.clock.now();
            if let Some(patience) = idle_exit {
                if self.open.load(Ordering::Relaxed) > 0 || self.app.is_busy().await {
                    needed_at = now;
                }
                if needed_at.duration_until(now) >= patience {
                    return;
                }
            }
            self.clock.sleep_until(now + SignedDuration::from_secs(1)).await;
        }
    }
}

/// Counts open conversations.
struct Open(Arc<AtomicUsize>);

impl Open {
    fn one_more(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The host of `hearthkey serve`: gives way when asked, and has no window.
pub struct ServeHost {
    ending: CancellationToken,
    /// Whether the profile is the one that the desktop app opens when the system hands it an address.
    usual: bool,
}

impl ServeHost {
    /// The host of the process that ends with `ending` and owns `profile`.
    #[must_use]
    pub fn new(ending: CancellationToken, profile: &Profile) -> Self {
        Self { ending, usual: Profile::default_dir().is_some_and(|dir| dir == profile.dir()) }
    }
}

impl Host for ServeHost {
    fn hand_over(&self) -> Result<(), String> {
        self.ending.cancel();
        Ok(())
    }

    /// The desktop app that is started for an address takes the profile over.
    fn receives_links(&self) -> bool {
        self.usual && is_handled(LINK_SCHEME)
    }

    fn show_window(&self) -> Result<(), String> {
        Err("hearthkey serve has no window; start the desktop app".to_owned())
    }
}
