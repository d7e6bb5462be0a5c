//! The catalog: the connectors there are.

use crate::{Manifest, ManifestError};

static BUILT_IN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/catalog.rs"));

/// Every connector that can be used, by name.
#[derive(Debug)]
pub struct Catalog {
    manifests: Vec<Manifest>,
}

impl Catalog {
    /// The connectors that come with Hearthkey.
    ///
    /// # Errors
    /// [`ManifestError`] of the first manifest that is wrong; a test keeps that from being shipped.
    pub fn built_in() -> Result<Self, ManifestError> {
        Self::read(BUILT_IN.iter().copied())
    }

    /// The connectors described by `files`, as (name, text).
    ///
    /// # Errors
    /// [`ManifestError`] of the first manifest that is wrong.
    pub fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, ManifestError> {
        let mut manifests = files
            .into_iter()
            .map(|(file, text)| Manifest::parse(file, text))
            .collect::<Result<Vec<_>, _>>()?;
        manifests.sort_by_key(|manifest| manifest.name.to_lowercase());
        Ok(Self { manifests })
    }

    /// The files of the connectors that come with Hearthkey, as (name, text).
    #[cfg(test)]
    pub(crate) fn files() -> impl Iterator<Item = (&'static str, &'static str)> {
        BUILT_IN.iter().copied()
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Manifest> {
        self.manifests.iter()
    }

    /// The one with this identifier.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Manifest> {
        self.manifests.iter().find(|manifest| manifest.id == id)
    }
}
