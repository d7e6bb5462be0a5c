//! Expressions in manifests: `minijinja` without templates, limited in work, over a reply's status and JSON. They see no
//! secrets.

use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use serde_json::Value as Json;

/// How many instructions an evaluation may take.
const FUEL: u64 = 10_000;

/// A compiled expression.
pub(crate) struct Expression<'a> {
    environment: Environment<'static>,
    text: &'a str,
}

impl<'a> Expression<'a> {
    /// Checks the syntax.
    pub(crate) fn compile(text: &'a str) -> Result<Self, String> {
        let mut environment = Environment::empty();
        environment.set_fuel(Some(FUEL));
        environment.compile_expression(text).map_err(|error| error.to_string())?;
        Ok(Self { environment, text })
    }

    /// Evaluates over a reply. An error of evaluation is "no value": replies are outside anyone's control.
    pub(crate) fn evaluate(&self, status: u16, body: &Json) -> Option<Value> {
        let compiled = self.environment.compile_expression(self.text).ok()?;
        compiled.eval(context! { status, body => Value::from(Serde(body)) }).ok()
    }
}

/// Whether an expression holds.
pub(crate) fn holds(text: &str, status: u16, body: &Json) -> bool {
    Expression::compile(text)
        .ok()
        .and_then(|expression| expression.evaluate(status, body))
        .is_some_and(|value| value.is_true())
}

/// The short text an expression gives: a string or number, free of control characters, at most 200 characters.
pub(crate) fn text(expression: &str, status: u16, body: &Json) -> Option<String> {
    let value = Expression::compile(expression).ok()?.evaluate(status, body)?;
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
    fn work_is_limited() {
        assert_eq!(text("range(1000000000) | list | length", 200, &json!({})), None);
    }
}
