//! Taking connections along: an encrypted file, and reading one.

use super::Session;
use crate::args::{Export, Import};
use crate::failure::{Failure, KEY_LOST};
use crate::new_file::NewFile;
use crate::output::{count, mark, say, table};
use crate::secrets::{self, Passphrases};
use bytes::Bytes;
use hearthkey_api::Problem;
use hearthkey_api::operations::blobs::BLOB_MAX;
use hearthkey_api::operations::portable;
use hearthkey_api::problem::ProblemKind;
use hearthkey_api::views::{ExportView, ImportItemView, ImportReport, OutcomeWord};
use serde_json::json;
use std::io::{IsTerminal, Read, Write};
use std::path::Path;

/// The media type of an age file.
const AGE: &str = "application/age";
/// What the header of an age file that opens with an identity says early.
const FOR_IDENTITY: &[u8] = b"\n-> X25519 ";

/// Where an export goes.
enum Target {
    StandardOutput,
    File(NewFile),
}

impl Session {
    pub(crate) async fn export(&self, args: Export) -> Result<(), Failure> {
        let target = if args.file != Path::new("-") {
            Target::File(NewFile::at(&args.file, args.force)?)
        } else if std::io::stdout().is_terminal() {
            return Err(Failure::input(
                "an encrypted file is not for the terminal; name a file, or send it on",
            ));
        } else {
            Target::StandardOutput
        };
        // A locked Hearthkey says so before anything is typed.
        let safety = self.protection_of_vault().await?;
        let (recipients, all_workspaces) = (args.to, args.all_workspaces);
        let mut input = portable::Export { recipients, all_workspaces, ..portable::Export::default() };
        if safety.passphrase || input.recipients.is_empty() {
            let mut passphrases = Passphrases::begin()?;
            if safety.passphrase {
                input.current = Some(passphrases.next("Your passphrase")?);
            }
            if input.recipients.is_empty() {
                input.passphrase = Some(passphrases.next_new("Passphrase for the file")?);
            }
        }
        let mut client = self.client().await?;
        let exported = client.call(&input).await?;
        let content = client.read_blob(&exported.blob).await?;
        match &target {
            Target::StandardOutput => send(&content)?,
            Target::File(file) => file.write(&content)?,
        }
        self.tell_exported(&exported, &target);
        if exported.unreadable.is_empty() { Ok(()) } else { Err(Failure::Told(KEY_LOST)) }
    }

    fn tell_exported(&self, exported: &ExportView, target: &Target) {
        let path = match target {
            Target::StandardOutput => None,
            Target::File(file) => Some(file.path()),
        };
        let ExportView { connections, workspaces, unreadable, .. } = exported;
        let told = json!({
            "file": path, "connections": connections, "workspaces": workspaces, "unreadable": unreadable,
        });
        let what = format!("{} of {}", count(*connections, "connection"), workspaces.join(", "));
        let missing = match unreadable.as_slice() {
            [] => String::new(),
            names => {
                format!("{} Not in it, because they cannot be read: {}\n", mark(false), names.join(", "))
            }
        };
        let warning = "  Sign-ins with rotating tokens work in one place only: here, or where you import them. \
                       To disconnect one ends it in both; disconnect --keep-sign-in ends it here only.";
        match path {
            None => self.output.progress(&told, &format!("{} {what}, encrypted.\n{missing}{warning}", mark(true))),
            Some(path) => self.output.result(&told, || {
                let name = path.display();
                format!(
                    "{} {what}, encrypted, in {name}.\n{missing}{warning}\n  Elsewhere: hearthkey import FILE. \
                     `age -d FILE` opens it as well.",
                    mark(true)
                )
            }),
        }
    }

    pub(crate) async fn import(&self, args: Import) -> Result<(), Failure> {
        let file = Bytes::from(content(&args.file)?);
        // A locked Hearthkey says so before anything is typed.
        self.protection_of_vault().await?;
        let mut input =
            portable::Import { blob: String::new(), passphrase: None, identity: None, apply: false };
        if let Some(identity) = &args.identity {
            input.identity = Some(secrets::key_file(identity)?);
        } else if file.windows(FOR_IDENTITY.len()).take(64).any(|window| window == FOR_IDENTITY) {
            let hint = "Name the file that has it: --identity FILE";
            return Err(Failure::with_hint(
                ProblemKind::InvalidInput,
                "the file opens with an age identity",
                hint,
            ));
        } else {
            input.passphrase = Some(Passphrases::begin()?.next("Passphrase of the file")?);
        }
        let asks = !self.output.json && secrets::is_interactive();
        if args.dry_run || asks {
            let shown = self.read_export(&mut input, &file, false).await?;
            self.tell_imported(&shown);
            let new = number(&shown, OutcomeWord::New);
            if args.dry_run || new == 0 {
                return Ok(());
            }
            let answer = self.output.ask(&format!("Add {}? [Y/n]", count(new, "connection")))?;
            if !answer.is_some_and(|answer| matches!(answer.to_lowercase().as_str(), "" | "y" | "yes")) {
                self.output.note("Nothing was added.");
                return Ok(());
            }
        }
        let added = self.read_export(&mut input, &file, true).await?;
        if asks {
            say(&summary(&added));
        } else {
            self.tell_imported(&added);
        }
        Ok(())
    }

    /// The file is sent with every call: the owner keeps it for a while only.
    async fn read_export(
        &self,
        input: &mut portable::Import,
        file: &Bytes,
        apply: bool,
    ) -> Result<ImportReport, Failure> {
        let mut client = self.client().await?;
        (input.blob, input.apply) = (client.write_blob(file.clone(), AGE).await?, apply);
        Ok(client.call(input).await?)
    }

    fn tell_imported(&self, report: &ImportReport) {
        self.output.result(report, || {
            if report.items.is_empty() {
                return "There is no connection in it.".to_owned();
            }
            let row = |item: &ImportItemView| {
                [
                    item.label.clone(),
                    item.connector.clone(),
                    item.account.clone().unwrap_or_default(),
                    item.workspace.clone(),
                    fate(item, report.applied),
                ]
            };
            let rows = report.items.iter().map(row).collect();
            let table = table(["NAME", "SERVICE", "ACCOUNT", "WORKSPACE", "WHAT"], rows);
            format!("{table}\n\n{}", summary(report))
        });
    }
}

/// Sends a file on. A reader that left early does not have it.
fn send(content: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(content).and_then(|()| out.flush()).map_err(|error| {
        let detail = format!("standard output could not be written ({error})");
        Problem::new(ProblemKind::Internal, Some(detail), None).into()
    })
}

/// What becomes of a connection of a file, in words.
fn fate(item: &ImportItemView, applied: bool) -> String {
    let other = item.label_here.as_ref().filter(|here| **here != item.label);
    let other = other.map_or(String::new(), |here| format!(" as {here}"));
    match (item.outcome, &item.reason) {
        (OutcomeWord::New, _) => {
            let word = if applied { "added" } else { "new" };
            format!("{word}{other}; goes to {}", item.hosts.join(", "))
        }
        (OutcomeWord::Present, _) => format!("here already{other}"),
        (OutcomeWord::LeftOut, reason) => {
            format!("left out: {}", reason.as_deref().unwrap_or("it does not fit"))
        }
    }
}

fn number(report: &ImportReport, outcome: OutcomeWord) -> u64 {
    report.items.iter().filter(|item| item.outcome == outcome).count() as u64
}

fn summary(report: &ImportReport) -> String {
    let (new, here) = (number(report, OutcomeWord::New), number(report, OutcomeWord::Present));
    let word = if report.applied { "added" } else { "new" };
    let left_out = number(report, OutcomeWord::LeftOut);
    let parts = [(new, word), (here, "here already"), (left_out, "left out")];
    let said = parts.iter().filter(|(number, word)| *number > 0 || *word == parts[0].1);
    let said: Vec<_> = said.map(|(number, word)| format!("{number} {word}")).collect();
    format!("{}.", said.join(", "))
}

/// The bytes of a file that may be an export.
fn content(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = vec![];
    let read =
        std::fs::File::open(path).and_then(|file| file.take(BLOB_MAX as u64 + 1).read_to_end(&mut bytes));
    read.map_err(|error| Failure::input(format!("{}: {error}", path.display())))?;
    if bytes.len() > BLOB_MAX {
        let limit = BLOB_MAX / 1024 / 1024;
        let detail = format!("{}: it is no export, for it has more than {limit} MiB", path.display());
        return Err(Failure::input(detail));
    }
    Ok(bytes)
}
