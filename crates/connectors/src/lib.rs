//! Connectors: services described by data.
//!
//! A connector is one manifest file ([`manifest`]); this crate reads and checks it ([`catalog`]), checks a person's answers to
//! its form ([`form`]), builds requests from it ([`request`], [`address`]) and reads replies with it ([`reply`],
//! [`discovery`], [`told`], [`scopes`], [`client_check`]). It is pure: it sends nothing, and no secret passes through it.

pub mod address;
pub mod catalog;
pub mod client_check;
pub mod discovery;
mod expression;
pub mod form;
pub mod manifest;
pub mod reply;
pub mod request;
pub mod scopes;
pub mod told;

pub use catalog::Catalog;
pub use manifest::{Manifest, ManifestError};
