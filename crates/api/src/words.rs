//! Closed lists of words that the domain and callers share: the wire's own type, and how it comes from the inner one.

/// Declares a wire type with the same variants as an inner one.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident of $from:ident { $($(#[$line:meta])* $word:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$line])* $word,)* }

        impl From<$from> for $name {
            fn from(value: $from) -> Self {
                match value { $($from::$word => Self::$word,)* }
            }
        }
    };
}
pub(crate) use words;
