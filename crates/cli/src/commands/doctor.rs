//! The doctor, and putting back a copy of the database.

use super::Session;
use crate::args::Doctor;
use crate::failure::{Failure, KEY_LOST};
use crate::output::{advice_mark, mark};
use hearthkey_api::Problem;
use hearthkey_api::operations::app;
use hearthkey_api::problem::ProblemKind;
use hearthkey_api::views::{CheckView, DoctorReport, FindingWord};
use hearthkey_engine::{EngineError, OwnerKind, restore_database, take_lock};
use serde_json::json;

impl Session {
    pub(crate) async fn doctor(&self, args: Doctor) -> Result<(), Failure> {
        if args.restore {
            return self.put_copy_back(args.yes);
        }
        let report = self.call(&app::Doctor {}).await?;
        self.output.result(&report, || report.checks.iter().map(said).collect::<Vec<_>>().join("\n"));
        if report.healthy { Ok(()) } else { Err(Failure::Told(exit_code(&report))) }
    }

    /// Without an owner: a database that does not open has none.
    fn put_copy_back(&self, sure: bool) -> Result<(), Failure> {
        // Said before anything is asked.
        drop(take_lock(&self.profile, OwnerKind::Serve).map_err(refused)?);
        let question = "Put the newest copy of vault.db in its place? What is there now is kept aside. [y/N]";
        if !sure
            && let Some(answer) = self.output.ask(question)?
            && !matches!(answer.to_lowercase().as_str(), "y" | "yes")
        {
            self.output.note("Nothing was changed.");
            return Ok(());
        }
        let restored = restore_database(&self.profile).map_err(refused)?;
        let (made_at, copy, aside) = (restored.made_at, restored.copy, restored.set_aside);
        self.output.result(&json!({ "copy": copy, "made_at": made_at, "set_aside": aside }), || {
            let aside = aside.as_ref().map_or("There was no file in its place.".to_owned(), |aside| {
                format!("What was there is kept as {}.", aside.display())
            });
            format!(
                "{} The copy of {} is in place.\n  {aside}\n  What was changed since then is not in it; \
                 where a sign-in has ended, connect it again.",
                mark(true),
                made_at.strftime("%Y-%m-%d %H:%M UTC"),
            )
        });
        Ok(())
    }
}

/// The words of a restore that was not done: others than where it is the advice.
fn refused(error: EngineError) -> Failure {
    let hint = match &error {
        EngineError::InUse(_) => {
            "End that Hearthkey first. One that a command started ends a minute after its last use."
        }
        EngineError::Store { .. } => "Nothing was changed.",
        _ => return error.into(),
    };
    Failure::Problem(Problem { hint: Some(hint.to_owned()), ..Problem::from(error) })
}

fn said(check: &CheckView) -> String {
    let mark = match check.finding {
        FindingWord::Fine => mark(true).to_string(),
        FindingWord::Advice => advice_mark().to_string(),
        FindingWord::Trouble => mark(false).to_string(),
    };
    let fix = check.fix.as_ref().map_or(String::new(), |fix| format!("\n  {fix}"));
    format!("{mark} {}: {}{fix}", check.title, check.detail)
}

/// The exit code a failed call would have had: the keychain's trouble, the key's, or another's.
fn exit_code(report: &DoctorReport) -> u8 {
    let trouble = |id: &str| {
        let found = report.checks.iter().find(|check| check.id == id);
        found.is_some_and(|check| check.finding == FindingWord::Trouble)
    };
    let code = |kind| Failure::from(Problem::new(kind, None, None)).exit_code();
    match () {
        () if trouble("database") => code(ProblemKind::Internal),
        () if trouble("keychain") => code(ProblemKind::KeychainUnavailable),
        () if trouble("vault") => KEY_LOST,
        () => code(ProblemKind::Internal),
    }
}
