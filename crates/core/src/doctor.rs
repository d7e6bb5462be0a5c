//! The doctor: first checks of everything a connection needs, each with its fix. Reads only.

use crate::vault_gate::Trouble;
use crate::{Error, Hearthkey};

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// As it should be.
    Fine,
    /// Does not work.
    Trouble,
}

/// One check.
#[derive(Debug, Clone)]
pub struct Check {
    /// A word to name it by.
    pub id: &'static str,
    /// What was looked at.
    pub title: &'static str,
    /// What was found.
    pub finding: Finding,
    /// What was seen.
    pub detail: String,
    /// What to do, unless it is fine.
    pub fix: Option<String>,
}

impl Check {
    fn fine(id: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { id, title, finding: Finding::Fine, detail: detail.into(), fix: None }
    }

    fn trouble(id: &'static str, title: &'static str, error: &Error) -> Self {
        Self { id, title, finding: Finding::Trouble, detail: error.to_string(), fix: error.hint() }
    }
}

impl Hearthkey {
    /// Runs every check. One that fails keeps none of the others from running.
    pub async fn examine(&self) -> Vec<Check> {
        let owner = self.owner();
        let kind = match owner.kind {
            crate::OwnerKind::Desktop => "the desktop app",
            crate::OwnerKind::Serve => "hearthkey serve",
        };
        let mut checks = vec![
            Check::fine("owner", "Owner of the profile", format!("{kind}, process {}", owner.pid)),
            Check::fine("profile", "Profile", owner.profile.clone()),
        ];
        checks.push(match self.ports.store.health().await {
            Ok(health) if health.damage.is_empty() => {
                let detail = format!("{}, SQLite {}", health.file, health.sqlite_version);
                Check::fine("database", "Database", detail)
            }
            Ok(health) => Check {
                finding: Finding::Trouble,
                fix: Some(
                    "Restore the profile's vault.db from a backup; what is readable stays usable.".into(),
                ),
                ..Check::fine("database", "Database", health.damage.join("; "))
            },
            Err(error) => Check::trouble("database", "Database", &error.into()),
        });
        let (keychain, vault) = ("Keychain", "Vault");
        let founded = self.ports.store.vault_record().await;
        if let Ok(None) = founded {
            let detail = "not founded yet; the first connection does, and puts its key into the keychain";
            // The answer for a vault that does not exist tells whether the keychain would take one.
            checks.push(match self.ports.keys.read("doctor").await {
                Ok(_) => Check::fine("keychain", keychain, "it answers"),
                Err(error) => Check::trouble("keychain", keychain, &Trouble::from(error).into()),
            });
            checks.push(Check::fine("vault", vault, detail));
            checks.push(self.examine_services());
            return checks;
        }
        match self.vault_state(true).await {
            Ok(None) => {
                checks.push(Check::fine("keychain", keychain, "it answers and holds the vault key"));
                checks.push(self.examine_rows().await);
            }
            Ok(Some(trouble)) => {
                let (id, title) =
                    if trouble.is_key_lost() { ("vault", vault) } else { ("keychain", keychain) };
                checks.push(Check::trouble(id, title, &trouble.into()));
            }
            Err(error) => checks.push(Check::trouble("vault", vault, &error)),
        }
        checks.push(self.examine_services());
        checks
    }

    fn examine_services(&self) -> Check {
        Check::fine("connectors", "Services", format!("{} known", self.catalog.iter().count()))
    }

    async fn examine_rows(&self) -> Check {
        let (id, title) = ("vault", "Vault");
        let connections = match self.connections().await {
            Ok(connections) => connections,
            Err(error) => return Check::trouble(id, title, &error),
        };
        let mut unreadable = vec![];
        for connection in &connections {
            if self.open_credential(connection.workspace, connection.id).await.is_err() {
                unreadable.push(connection.label.clone());
            }
        }
        if unreadable.is_empty() {
            return Check::fine(id, title, format!("open; {} connections, all readable", connections.len()));
        }
        Check {
            finding: Finding::Trouble,
            fix: Some("Disconnect these and connect them again; the others are not affected.".into()),
            ..Check::fine(id, title, format!("unreadable: {}", unreadable.join(", ")))
        }
    }
}
