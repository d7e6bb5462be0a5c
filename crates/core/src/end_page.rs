//! What the browser tab shows when a sign-in has returned: what happened, and that one can go back. No scripts, nothing
//! loaded, everything that is not ours escaped.

use crate::Error;
use crate::authorize::Kept;
use hearthkey_connectors::scopes::Outcome;
use hearthkey_domain::authorization::ReturnRefused;
use hearthkey_domain::ports::EndPage;

pub(crate) fn connected(kept: &Kept) -> EndPage {
    let Kept { service, connection, already, declined } = kept;
    let who = connection.identity.display().map_or(String::new(), |who| format!(" as {who}"));
    let (title, what) = if *already {
        let label = &connection.label;
        ("Connected before", format!("{service} was connected{who} before. {label} goes on."))
    } else {
        ("Connected", format!("{service} is connected{who}."))
    };
    let missing = not_granted(service, declined).unwrap_or_default();
    page(200, title, &format!("{what}{missing} You can close this tab and return to Hearthkey."))
}

/// What was asked for and not granted, and what to do about it.
fn not_granted(service: &str, declined: &[Outcome]) -> Option<String> {
    let what: Vec<&str> = declined
        .iter()
        .map(|scope| if scope.reason.is_empty() { scope.name.as_str() } else { scope.reason.as_str() })
        .collect();
    let box_ = if what.len() == 1 { "its box" } else { "their boxes" };
    (!what.is_empty())
        .then(|| format!(" {service} did not grant: {}. Reconnect and tick {box_}.", what.join("; ")))
}

pub(crate) fn failed(error: &Error) -> EndPage {
    let title = match error {
        Error::Return(ReturnRefused::Expired) | Error::Cancelled => "Too late",
        Error::Return(ReturnRefused::WrongIssuer | ReturnRefused::WrongSignature) => {
            "Stopped for your safety"
        }
        _ => "Not connected",
    };
    let sentence = error.to_string();
    let mut chars = sentence.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let hint = error.hint().unwrap_or_else(|| "Return to Hearthkey and start again.".to_owned());
    page(400, title, &format!("{first}{}. {hint}", chars.as_str()))
}

/// Nothing can be kept now, most likely because the vault is closed; the sign-in still waits.
pub(crate) fn closed(error: &Error) -> EndPage {
    let hint = error.hint().map_or(String::new(), |hint| format!(" {hint}"));
    page(503, "One more step", &format!("{}: {error}.{hint} Then load this page again.", not_kept(error)))
}

fn not_kept(error: &Error) -> &'static str {
    match error {
        Error::Vault(_) | Error::Locked => "Your vault is not open",
        _ => "This sign-in cannot be kept yet",
    }
}

pub(crate) fn not_expected() -> EndPage {
    let text = "This address is not a sign-in that Hearthkey waits for. Start again from Hearthkey.";
    page(400, "Nothing to do here", text)
}

fn page(status: u16, title: &str, text: &str) -> EndPage {
    let (title, text) = (escape(title), escape(text));
    let html = format!(
        r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>{title} - Hearthkey</title><style>
:root {{ --page: #faf8f4; --panel: #fff; --line: #e6e1d8; --ink: #1f1b16; --soft: #6b6257; --ember: #c2501a }}
@media (prefers-color-scheme: dark) {{
  :root {{ --page: #14110e; --panel: #1d1916; --line: #332d27; --ink: #f3eee6; --soft: #a99f92; --ember: #f58549 }}
}}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--page); color: var(--ink);
  font: 15px/1.5 Inter, system-ui, sans-serif }}
main {{ max-width: 26rem; margin: 1rem; padding: 2rem; background: var(--panel); border: 1px solid var(--line);
  border-radius: 14px; border-top: 3px solid var(--ember) }}
h1 {{ margin: 0 0 .5rem; font-size: 1.25rem }} p {{ margin: 0; color: var(--soft) }}
</style></head><body><main><h1>{title}</h1><p>{text}</p></main></body></html>
"#
    );
    EndPage { status, html }
}

fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearthkey_domain::authorization::ProviderError;
    use hearthkey_domain::renewal::FailureClass;

    #[test]
    fn a_providers_words_cannot_become_markup() {
        let error = ProviderError::new("<script>alert(1)</script>", Some("\"'&"));
        let page =
            failed(&Error::Provider { connector: "Evil".into(), error, class: FailureClass::RequestRefused });
        assert!(page.html.contains("&lt;script&gt;alert(1)&lt;/script&gt;: &quot;&#39;&amp;"));
        assert!(!page.html.contains("<script"));
    }
}
