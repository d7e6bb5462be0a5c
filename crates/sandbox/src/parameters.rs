//! Request parameters as RFC 6749 section 3.1 reads them: an empty value is an absent one, and none may be repeated.

use std::borrow::Cow;

/// The decoded parameters of a query or a form.
#[derive(Debug, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(crate) fn parse(encoded: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(encoded).map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// The first value of `name`, unless it is empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// Whether `name` appears more than once.
    pub(crate) fn repeats(&self, name: &str) -> bool {
        self.0.iter().filter(|(known, _)| known == name).count() > 1
    }

    /// Whether any name appears more than once.
    pub(crate) fn repeats_any(&self) -> bool {
        self.0.iter().any(|(name, _)| self.repeats(name))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Undoes `application/x-www-form-urlencoded` for one value, as RFC 6749 section 2.3.1 wants for Basic credentials.
pub(crate) fn decode_one(text: &str) -> String {
    let joined = format!("v={}", text.replace('&', "%26").replace('=', "%3D"));
    let value = url::form_urlencoded::parse(joined.as_bytes()).next().map(|(_, value)| value);
    value.unwrap_or(Cow::Borrowed("")).into_owned()
}
