//! The owned profile, or the problem that keeps it from being owned. The app starts either way; the window tells.

use crate::host::DesktopHost;
use crate::sandbox::Sidecar;
use hearthkey_api::Hearthkey;
use hearthkey_api::problem::{Problem, ProblemKind};
use hearthkey_engine::reach::{Claim, claim_for_desktop};
use hearthkey_engine::{Ending, Engine, EngineError, OwnerKind, Profile, Setting, open_profile};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tauri::AppHandle;
use tauri::async_runtime::JoinHandle;

/// How long the start waits for the profile before the window opens without it.
const AT_ONCE: Duration = Duration::from_millis(700);

/// How the app stands towards its profile.
pub(crate) struct Desk {
    handle: AppHandle,
    wish: Option<PathBuf>,
    ending: Ending,
    /// Held while the profile is being claimed, so that it is claimed once.
    app: tokio::sync::Mutex<Option<Arc<Hearthkey>>>,
    running: Mutex<Option<JoinHandle<()>>>,
}

impl Desk {
    pub(crate) fn new(handle: AppHandle, wish: Option<PathBuf>) -> Self {
        let (app, running) = (tokio::sync::Mutex::default(), Mutex::default());
        Self { handle, wish, ending: Ending::new(), app, running }
    }

    /// Claims the profile. True when another desktop app has it and shows its window instead. A profile that cannot be
    /// claimed at once is tried again with the window's next question: the window does not wait for it.
    pub(crate) async fn claim(&self) -> bool {
        match tokio::time::timeout(AT_ONCE, self.open()).await {
            Ok(Ok(owned)) => !owned,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the profile could not be opened");
                false
            }
            Err(_) => false,
        }
    }

    /// The verbs, once the profile is owned.
    pub(crate) async fn app(&self) -> Result<Arc<Hearthkey>, Problem> {
        if let Some(app) = &*self.app.lock().await {
            return Ok(Arc::clone(app));
        }
        match self.open().await {
            Ok(true) => {
                self.app.lock().await.clone().ok_or_else(|| Problem::new(ProblemKind::Internal, None, None))
            }
            Ok(false) => {
                self.handle.exit(0);
                Err(Problem::new(ProblemKind::ProfileInUse, None, None))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the profile if it is not open. False when another desktop app has it.
    async fn open(&self) -> Result<bool, EngineError> {
        let mut app = self.app.lock().await;
        if app.is_some() {
            return Ok(true);
        }
        let profile: Profile = open_profile(self.wish.clone())?;
        let Claim::Owned(lock) = claim_for_desktop(&profile).await? else { return Ok(false) };
        let setting = Setting {
            kind: OwnerKind::Desktop,
            host: Arc::new(DesktopHost(self.handle.clone())),
            sandbox: Some(Arc::new(Sidecar::new(self.handle.clone(), profile.sandbox_state()))),
            ending: self.ending.clone(),
        };
        let engine = Engine::open(&profile, lock, setting)?;
        *app = Some(engine.app());
        let running = tauri::async_runtime::spawn(engine.run(None));
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
        Ok(true)
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
