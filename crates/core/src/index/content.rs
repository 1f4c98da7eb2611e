//! What a source holds: digests, and what few sources have besides.

use crate::digest::Digest;
use crate::object::Version;
use crate::refs::Name;
use crate::reloader::traces::Sha1;

/// The digests of a source's keys at one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Which version.
    pub version: Version,
    /// By key, in order.
    pub keys: Box<[(Name, Digest)]>,
    rare: Option<Box<Rare>>,
}

/// What few sources have. Most of what is held is without, so it is small there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rare {
    /// The keys that are in `binaryData`, in order: no environment has them.
    pub binary: Box<[Name]>,
    /// Whether it may not be changed, only made anew.
    pub immutable: bool,
    /// As Reloader hashes it, where that was asked for.
    pub sha1: Option<Sha1>,
}

impl Content {
    /// These keys, in order, and nothing rare.
    pub fn new(version: Version, keys: impl Into<Box<[(Name, Digest)]>>) -> Self {
        let (keys, rare) = (keys.into(), None);
        Self {
            version,
            keys,
            rare,
        }
    }

    /// The same with what is rare.
    #[must_use]
    pub fn with(self, rare: Rare) -> Self {
        let rare = (rare != Rare::default()).then(|| rare.into());
        Self { rare, ..self }
    }

    /// The same at another version, with these keys, in order, and no hash of Reloader's.
    #[must_use]
    pub fn holding(&self, version: Version, keys: impl Into<Box<[(Name, Digest)]>>) -> Self {
        let rare = self.rare.as_deref().cloned().unwrap_or_default();
        Self::new(version, keys).with(Rare { sha1: None, ..rare })
    }

    /// The same with what Reloader hashes it to.
    #[must_use]
    pub fn hashed(mut self, sha1: Sha1) -> Self {
        let rare = self.rare.take().map(|rare| *rare).unwrap_or_default();
        let sha1 = Some(sha1);
        self.with(Rare { sha1, ..rare })
    }

    /// What Reloader hashes it to, where that was asked for.
    pub fn sha1(&self) -> Option<&Sha1> {
        self.rare.as_ref()?.sha1.as_ref()
    }

    /// Whether it may not be changed, only made anew.
    pub fn is_immutable(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.immutable)
    }

    /// The keys that are in `binaryData`, in order.
    pub fn binary(&self) -> &[Name] {
        self.rare.as_ref().map_or(&[], |rare| &rare.binary)
    }

    /// The digest of a key.
    pub fn get(&self, key: &str) -> Option<Digest> {
        let at = self.keys.binary_search_by(|(k, _)| (**k).cmp(key)).ok()?;
        Some(self.keys[at].1)
    }

    /// Whether a key is in `binaryData`.
    pub fn is_binary(&self, key: &str) -> bool {
        let binary = self.binary();
        binary.binary_search_by(|k| (**k).cmp(key)).is_ok()
    }

    /// One digest of all keys.
    pub fn digest(&self) -> Digest {
        let keys = self.keys.iter();
        Digest::of_keys(keys.map(|(key, digest)| (&**key, Some(*digest))))
    }
}
