//! The operations, by noun. Each is a few lines: read the input, ask `core`, give a view.

pub mod app;
pub mod authorizations;
pub mod blobs;
pub mod clients;
pub mod connections;
pub mod connectors;
pub mod credentials;
pub mod portable;
pub mod vault;
pub mod workspaces;

use crate::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// An answer without content.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Done {}

/// Reads an identifier from an input.
fn id<T: FromStr>(field: &str, text: &str) -> Result<T, Problem>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| Problem::input(field, &error.to_string()))
}

/// Declares an operation that answers once.
macro_rules! call {
    ($name:ident, $operation:literal, $access:ident, $output:ty, |$input:ident, $app:ident, $caller:pat_param| $body:expr) => {
        call!($name, $operation, $access, while_locked: false, $output, |$input, $app, $caller| $body);
    };
    ($name:ident, $operation:literal, $access:ident, while_locked: $locked:literal, $output:ty, |$input:ident, $app:ident, $caller:pat_param| $body:expr) => {
        impl crate::operation::Operation for $name {
            const NAME: &'static str = $operation;
            const ACCESS: crate::operation::Access = crate::operation::Access::$access;
            const WHILE_LOCKED: bool = $locked;
        }

        impl crate::operation::Call for $name {
            type Output = $output;

            async fn run(
                self,
                $app: std::sync::Arc<hearthkey_core::Hearthkey>,
                $caller: hearthkey_core::Caller,
            ) -> Result<$output, crate::Problem> {
                let $input = self;
                $body
            }
        }
    };
}
use call;
