//! The doctor: first checks of everything a connection needs, each with its fix. Reads only.

use crate::safety::Safety;
use crate::vault_gate::{Glance, Trouble};
use crate::{Error, Hearthkey};
use hearthkey_domain::ports::KeychainProtection;
use jiff::Timestamp;

const KEYCHAIN: &str = "Keychain";
const VAULT: &str = "Vault";
const RECOVERY: &str = "Recovery kit";
const KEYS: &str = "Keys";

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// As it should be.
    Fine,
    /// Works, and could be safer.
    Advice,
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

    fn advice(
        id: &'static str,
        title: &'static str,
        detail: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { finding: Finding::Advice, fix: Some(fix.into()), ..Self::fine(id, title, detail) }
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
                let copy = health.backup.map_or_else(
                    || "no copy yet".to_owned(),
                    |(_, at)| format!("newest copy of {}", at.strftime("%Y-%m-%d %H:%M UTC")),
                );
                let detail = format!("{}, SQLite {}; {copy}", health.file, health.sqlite_version);
                Check::fine("database", "Database", detail)
            }
            Ok(health) => Check {
                finding: Finding::Trouble,
                fix: Some(
                    "What is readable stays usable. With Hearthkey ended, hearthkey doctor --restore puts the newest copy in its place.".into(),
                ),
                ..Check::fine("database", "Database", health.damage.join("; "))
            },
            Err(error) => Check::trouble("database", "Database", &error.into()),
        });
        checks.push(self.examine_room().await);
        if let Ok(None) = self.ports.store.vault_record().await {
            let detail = "not founded yet; the first connection does, and puts its key into the keychain";
            // The answer for a vault that does not exist tells whether the keychain would take one.
            checks.push(match self.ports.keys.read("doctor").await {
                Ok(_) => Check::fine("keychain", KEYCHAIN, "it answers"),
                Err(error) => Check::trouble("keychain", KEYCHAIN, &Trouble::from(error).into()),
            });
            checks.push(Check::fine("vault", VAULT, detail));
            checks.push(self.examine_services());
            return checks;
        }
        match self.vault_state(true).await {
            Ok(Glance::Locked { working, .. }) => {
                let detail = if working { "locked; the background goes on" } else { "locked" };
                let fix = "Unlock to have every sealed row looked at: hearthkey unlock";
                checks.push(Check::advice("vault", VAULT, detail, fix));
            }
            Ok(Glance::Closed(trouble, _)) => {
                let (id, title) =
                    if trouble.is_key_lost() { ("vault", VAULT) } else { ("keychain", KEYCHAIN) };
                checks.push(Check::trouble(id, title, &trouble.into()));
            }
            Ok(_) => {
                checks.push(self.examine_keychain().await);
                checks.extend(self.examine_rows().await);
            }
            Err(error) => checks.push(Check::trouble("vault", VAULT, &error)),
        }
        match self.safety().await {
            Ok(safety) => checks.extend(examine_safety(&safety, self.now())),
            Err(error) => checks.push(Check::trouble("keys", KEYS, &error)),
        }
        checks.push(self.examine_services());
        checks
    }

    /// Whether there is room to write on a full disk.
    async fn examine_room(&self) -> Check {
        if self.ports.store.has_reserve().await {
            return Check::fine("disk", "Disk", "there is room kept aside for a full disk");
        }
        Check {
            finding: Finding::Trouble,
            fix: Some(
                "Free some space on the disk; until then nothing new is begun, and nothing is lost.".into(),
            ),
            ..Check::fine("disk", "Disk", "it is full: the room kept aside is used up")
        }
    }

    /// Whether the keychain that answers protects what it holds.
    async fn examine_keychain(&self) -> Check {
        let holds = match self.ports.store.vault_record().await {
            Ok(Some(record)) if record.in_keychain => "it answers and holds the vault key",
            _ => return Check::fine("keychain", KEYCHAIN, "not used: the passphrase opens the vault"),
        };
        match self.ports.keys.protection().await {
            KeychainProtection::InClear { file } => Check::advice(
                "keychain",
                KEYCHAIN,
                format!("it has no password: the vault key lies readable in {file}"),
                "Give the keychain a password in its own application, or keep the key under a passphrase: hearthkey passphrase set --without-keychain",
            ),
            _ => Check::fine("keychain", KEYCHAIN, holds),
        }
    }

    fn examine_services(&self) -> Check {
        Check::fine("connectors", "Services", format!("{} known", self.catalog.iter().count()))
    }

    /// Opens every sealed row of every workspace.
    async fn examine_rows(&self) -> Vec<Check> {
        let workspaces = match self.ports.store.workspaces().await {
            Ok(workspaces) => workspaces,
            Err(error) => return vec![Check::trouble("vault", VAULT, &error.into())],
        };
        let (mut count, mut unreadable) = (0, vec![]);
        for row in workspaces {
            let connections = match self.ports.store.connections(row.workspace.id).await {
                Ok(connections) => connections,
                Err(error) => return vec![Check::trouble("vault", VAULT, &error.into())],
            };
            count += connections.len();
            let clients = self.ports.store.clients(row.workspace.id).await.unwrap_or_default();
            for (client, sealed) in clients {
                let (Ok(Some(client)), Some(sealed)) = (self.meant(client).await, sealed) else { continue };
                if self.client_secret(&client, &sealed).await.is_err() {
                    unreadable.push(format!("the client {}", client.client_id));
                }
            }
            for connection in &connections {
                if self.open_credential(connection.workspace, connection.id).await.is_err() {
                    unreadable.push(connection.label.clone());
                }
            }
        }
        let mut checks = vec![match unreadable.is_empty() {
            true => Check::fine("vault", VAULT, format!("open; {}", counted(count))),
            false => Check {
                finding: Finding::Trouble,
                fix: Some("Disconnect these and connect them again; the others are not affected.".into()),
                ..Check::fine("vault", VAULT, format!("unreadable: {}", unreadable.join(", ")))
            },
        }];
        if self.vault.open().is_some_and(|vault| !vault.is_locked_in_memory()) {
            checks.push(Check::advice(
                "memory",
                "Memory",
                "the keys could not be kept from being swapped out",
                "Allow more locked memory (ulimit -l), or encrypt the swap space.",
            ));
        }
        checks
    }
}

fn counted(connections: usize) -> String {
    match connections {
        0 => "no connections yet".to_owned(),
        1 => "1 connection, readable".to_owned(),
        more => format!("{more} connections, all readable"),
    }
}

/// What is to be said about how the vault is protected.
fn examine_safety(safety: &Safety, now: Timestamp) -> Vec<Check> {
    let mut checks = vec![];
    checks.push(match safety.recovery {
        Some(Some(tested)) => {
            Check::fine("recovery", RECOVERY, format!("tested on {}", tested.strftime("%Y-%m-%d")))
        }
        Some(None) => Check::advice(
            "recovery",
            RECOVERY,
            "made, and never tested: it does not count yet",
            "hearthkey recovery test FILE",
        ),
        None => Check::advice(
            "recovery",
            RECOVERY,
            if safety.in_keychain {
                "none: without the keychain entry the vault would be lost"
            } else {
                "none: without the passphrase the vault would be lost"
            },
            "hearthkey recovery create FILE",
        ),
    });
    let age = safety.rotated_at.duration_until(now).as_hours() / 24;
    let detail = format!("generation {}, in use for {age} days", safety.generation);
    checks.push(if safety.rotation_unfinished || safety.rotation_due {
        let why = if safety.rotation_unfinished { "being replaced" } else { "to be replaced" };
        Check::advice(
            "keys",
            KEYS,
            format!("{detail}; {why}, so that nothing that was removed can be opened again"),
            "This happens by itself while the vault is open; or at once: hearthkey rotate",
        )
    } else {
        Check::fine("keys", KEYS, detail)
    });
    checks
}
