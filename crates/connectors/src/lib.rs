//! Connectors: services described by data.
//!
//! A connector is one manifest file ([`manifest`]); this crate reads and checks it ([`catalog`]), checks a person's answers to
//! its form ([`form`]), builds requests from it ([`request`]) and reads replies with it ([`reply`], [`discovery`]). It is
//! pure: it sends nothing, and no secret passes through it.

pub mod catalog;
pub mod discovery;
mod expression;
pub mod form;
pub mod manifest;
pub mod reply;
pub mod request;

pub use catalog::Catalog;
pub use manifest::{Manifest, ManifestError};
