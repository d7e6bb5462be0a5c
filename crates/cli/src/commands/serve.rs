//! Owning the profile without a window.

use super::Session;
use crate::args::Serve;
use crate::failure::Failure;
use hearthkey_api::views::{VaultView, VaultWord};
use hearthkey_engine::{Ending, Engine, OwnerKind, ServeHost, Setting, signals, take_lock};
use std::sync::Arc;

impl Session {
    pub(crate) async fn serve(&self, args: Serve) -> Result<(), Failure> {
        let level = if args.verbose {
            tracing_subscriber::filter::LevelFilter::DEBUG
        } else {
            tracing_subscriber::filter::LevelFilter::WARN
        };
        tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_ansi(false).init();
        let lock = take_lock(&self.profile, OwnerKind::Serve)?;
        let ending = Ending::new();
        let host = Arc::new(ServeHost::new(ending.clone(), &self.profile));
        let setting = Setting { kind: OwnerKind::Serve, host, sandbox: None, ending: ending.clone() };
        let engine = Engine::open(&self.profile, lock, setting)?;
        let app = engine.app();
        self.output.note(&format!("Hearthkey serves {}. Ctrl+C ends it.", self.profile.dir().display()));
        tokio::spawn(async move {
            signals::asked_to_end().await;
            ending.cancel();
        });
        // Asked early, so that trouble with the keychain is said here and not at the first use.
        let output = self.output;
        tokio::spawn(async move {
            let Ok(vault) = app.vault_state(false).await.map(VaultView::from) else { return };
            match (vault.state, vault.detail, vault.fix) {
                (VaultWord::Locked, ..) if vault.working => {
                    output.note("It is locked; background work goes on. To unlock it: hearthkey unlock");
                }
                (VaultWord::Locked, ..) => output.note("It is locked. To unlock it: hearthkey unlock"),
                (_, Some(detail), fix) => {
                    output.note(&format!("The vault is not open: {detail}. {}", fix.unwrap_or_default()));
                }
                _ => {}
            }
        });
        engine.run(args.idle_exit).await;
        Ok(())
    }
}
