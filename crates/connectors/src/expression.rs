//! Expressions in manifests: `minijinja` without templates, limited in work, over a reply's status and JSON. They see no
//! secrets.

use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// How many instructions an evaluation may take.
const FUEL: u64 = 10_000;
/// The longest expression, in characters: deep nesting would take stack while it is read.
const LENGTH: usize = 1000;

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment
}

/// Checks the syntax of an expression.
pub(crate) fn check(text: &str) -> Result<(), String> {
    if text.len() > LENGTH {
        return Err(format!("an expression has at most {LENGTH} characters"));
    }
    environment().compile_expression(text).map(drop).map_err(|error| error.to_string())
}

/// Evaluates over a reply. An error of evaluation is "no value": replies are outside anyone's control.
fn evaluate(text: &str, status: u16, body: &Json, values: &BTreeMap<String, String>) -> Option<Value> {
    let environment = environment();
    let expression = environment.compile_expression(text).ok()?;
    expression.eval(context! { status, body => Value::from(Serde(body)), values }).ok()
}

/// Whether an expression holds.
pub(crate) fn holds(text: &str, status: u16, body: &Json) -> bool {
    evaluate(text, status, body, &BTreeMap::new()).is_some_and(|value| value.is_true())
}

/// The short text an expression gives: a string or number, free of control characters, at most 200 characters.
pub(crate) fn text(expression: &str, status: u16, body: &Json) -> Option<String> {
    text_with(expression, status, body, &BTreeMap::new())
}

/// The same, over a connection's values too.
pub(crate) fn text_with(
    expression: &str,
    status: u16,
    body: &Json,
    values: &BTreeMap<String, String>,
) -> Option<String> {
    let value = evaluate(expression, status, body, values)?;
    if value.is_undefined() || value.is_none() || !(value.as_str().is_some() || value.is_number()) {
        return None;
    }
    let tame: String = value.to_string().chars().filter(|c| !c.is_control()).take(200).collect();
    Some(tame).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn expressions_read_replies_and_nothing_else() {
        let body = json!({ "user": { "id": 7, "name": "Anna\u{7}", "tags": [] } });
        assert_eq!(text("body.user.id", 200, &body).as_deref(), Some("7"));
        assert_eq!(text("body.user.name", 200, &body).as_deref(), Some("Anna"));
        assert_eq!(text("body.user.name ~ ' (' ~ status ~ ')'", 200, &body).as_deref(), Some("Anna (200)"));
        assert_eq!(text("body.nobody.name", 200, &body), None);
        assert_eq!(text("body.user.tags", 200, &body), None);
        assert!(holds("status == 200 or status == 403", 403, &body));
        assert!(!holds("body.user.missing", 200, &body));
    }

    #[test]
    fn expressions_are_short() {
        assert!(check(&"(".repeat(400)).is_err(), "nested, and not ended");
        assert!(check(&format!("{}1{}", "(".repeat(400), ")".repeat(400))).is_err(), "nested too deep");
        assert_eq!(check(&format!("{}1{}", "(".repeat(20), ")".repeat(20))), Ok(()));
        assert_eq!(check(&"1+".repeat(20_000)).unwrap_err(), "an expression has at most 1000 characters");
    }

    #[test]
    fn work_is_limited() {
        for heavy in ["'x' * 10 ** 12", "range(10 ** 9) | list | length", "[0] * 10 ** 9"] {
            assert_eq!(text(heavy, 200, &json!({})), None, "{heavy}");
        }
    }
}
