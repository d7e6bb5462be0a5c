//! The owned profile, or the problem that keeps it from being owned. The app starts either way; the window tells.

use crate::host::DesktopHost;
use crate::links::Waiting;
use crate::sandbox::Sidecar;
use hearthkey_api::Hearthkey;
use hearthkey_api::problem::{Problem, ProblemKind};
use hearthkey_domain::Secret;
use hearthkey_engine::reach::{Claim, claim_for_desktop};
use hearthkey_engine::{Ending, Engine, EngineError, OwnerKind, Profile, Setting, open_profile};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tauri::AppHandle;
use tauri::async_runtime::JoinHandle;

/// How long the start waits for the profile before the window opens without it.
const AT_ONCE: Duration = Duration::from_millis(700);

/// How the app stands towards its profile.
pub(crate) struct Desk {
    handle: AppHandle,
    wish: Option<PathBuf>,
    /// Whether the profile is the one that is opened when the system hands over an address.
    usual: bool,
    /// Addresses that wait until the profile is owned.
    links: Mutex<Waiting>,
    ending: Ending,
    /// Held while the profile is being claimed, so that it is claimed once.
    claimed: tokio::sync::Mutex<Claimed>,
    /// How many attempts have failed.
    attempts: AtomicU64,
    running: Mutex<Option<JoinHandle<()>>>,
}

/// What became of claiming the profile.
#[derive(Default)]
struct Claimed {
    app: Option<Arc<Hearthkey>>,
    failure: Option<Problem>,
}

impl Desk {
    pub(crate) fn new(handle: AppHandle, wish: Option<PathBuf>, usual: bool, link: Option<Secret>) -> Self {
        let (claimed, attempts) = (tokio::sync::Mutex::default(), AtomicU64::new(0));
        let mut links = Waiting::default();
        link.into_iter().for_each(|link| links.keep(link));
        let links = Mutex::new(links);
        let (ending, running) = (Ending::new(), Mutex::default());
        Self { handle, wish, usual, links, ending, claimed, attempts, running }
    }

    /// Keeps an address that the system handed over until [`Self::deliver_links`].
    pub(crate) fn take_link(&self, address: Secret) {
        self.links().keep(address);
    }

    fn links(&self) -> MutexGuard<'_, Waiting> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands on the addresses that were kept, as soon as the profile is owned.
    pub(crate) async fn deliver_links(&self) {
        // Owning the profile delivers what was kept before; what came since is left here.
        if let Ok(app) = self.app().await {
            self.deliver_to(&app);
        }
    }

    fn deliver_to(&self, app: &Arc<Hearthkey>) {
        let waiting = std::mem::take(&mut *self.links());
        for address in waiting {
            let app = Arc::clone(app);
            tauri::async_runtime::spawn(async move {
                if let Err(error) = app.deliver_link(address).await {
                    tracing::warn!(kind = ?error.kind(), "an address could not be looked at");
                }
            });
        }
    }

    /// Claims the profile. True when another desktop app has it and shows its window instead. A profile that cannot be
    /// claimed at once is tried again with the window's next question: the window does not wait for it.
    pub(crate) async fn claim(&self) -> bool {
        let claim = async { self.open(&mut *self.claimed.lock().await).await };
        match tokio::time::timeout(AT_ONCE, claim).await {
            Ok(Ok(app)) => app.is_none(),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the profile could not be opened");
                false
            }
            Err(_) => false,
        }
    }

    /// The verbs, once the profile is owned.
    pub(crate) async fn app(&self) -> Result<Arc<Hearthkey>, Problem> {
        let asked = self.attempts.load(Ordering::Acquire);
        let mut desk = self.claimed.lock().await;
        // Whoever waited while another question's attempt failed has its answer.
        if let (Some(failure), true) = (&desk.failure, self.attempts.load(Ordering::Acquire) != asked) {
            return Err(failure.clone());
        }
        match self.open(&mut desk).await {
            Ok(Some(app)) => Ok(app),
            Ok(None) => {
                self.handle.exit(0);
                Err(Problem::new(ProblemKind::ProfileInUse, None, None))
            }
            Err(error) => {
                let problem = Problem::from(error);
                desk.failure = Some(problem.clone());
                self.attempts.fetch_add(1, Ordering::Release);
                Err(problem)
            }
        }
    }

    /// Opens the profile if it is not open. Nothing when another desktop app has it.
    async fn open(&self, desk: &mut Claimed) -> Result<Option<Arc<Hearthkey>>, EngineError> {
        if let Some(app) = &desk.app {
            return Ok(Some(Arc::clone(app)));
        }
        let profile: Profile = open_profile(self.wish.clone())?;
        let mut link = self.links().take();
        let claim = claim_for_desktop(&profile, &mut link).await;
        if let Some(link) = link {
            self.links().put_back(link);
        }
        let Claim::Owned(lock) = claim? else { return Ok(None) };
        let setting = Setting {
            kind: OwnerKind::Desktop,
            host: Arc::new(DesktopHost { handle: self.handle.clone(), usual: self.usual }),
            sandbox: Some(Arc::new(Sidecar::new(self.handle.clone(), profile.sandbox_state()))),
            ending: self.ending.clone(),
        };
        let engine = Engine::open(&profile, lock, setting)?;
        let app = engine.app();
        *desk = Claimed { app: Some(Arc::clone(&app)), failure: None };
        let running = tauri::async_runtime::spawn(engine.run(None));
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
        self.deliver_to(&app);
        Ok(Some(app))
    }

    /// Ends the engine and waits for what is under way.
    pub(crate) fn settle(&self) {
        self.ending.cancel();
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(running) = running {
            let _ = tauri::async_runtime::block_on(running);
        }
    }
}
