//! Digests of configuration: what is compared instead of content.
//!
//! Goes in: bytes, hashed where they are read. Comes out: 128 bits of BLAKE3, without a
//! key: whoever knows a value can compute its digest, and guess a short one by it. So
//! digests of Secrets stay in Tidings' own namespace, and within a question to an agent.
//! Every part is preceded by its length, so no two different inputs meet in one
//! byte string (`a` + `bc` is not `ab` + `c`). The source's identity is part of
//! the digest: equal content under two names gives two digests, so a digest
//! seen in one place tells nothing about another.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// A source as its digests know it, and as it is written: `configmap/NAMESPACE/NAME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source<'a> {
    /// In lower case: `configmap`, `secret`, `secretproviderclass`.
    pub kind: &'a str,
    /// Where it is.
    pub namespace: &'a str,
    /// Its own name.
    pub name: &'a str,
}

impl<'a> Source<'a> {
    /// Reads what [`fmt::Display`] wrote. Any kind is one: its digests are those of no
    /// other.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split('/');
        let mut part = || parts.next().filter(|part| !part.is_empty());
        let (kind, namespace, name) = (part()?, part()?, part()?);
        parts.next().is_none().then_some(Self {
            kind,
            namespace,
            name,
        })
    }
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)
    }
}

/// The digest of a key whose value comes in pieces, as that of a file does.
#[derive(Debug)]
pub struct KeyHasher(blake3::Hasher);

impl KeyHasher {
    /// Of a value of so many bytes: the length is part of the digest, before them.
    pub fn new(source: Source<'_>, key: &str, length: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in [source.namespace, source.kind, source.name, key] {
            add(&mut hasher, part.as_bytes());
        }
        hasher.update(&length.to_le_bytes());
        Self(hasher)
    }

    /// The next of it.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The digest, if there was as much as was announced; else it is none of a value.
    pub fn finish(mut self) -> Digest {
        Digest::finish(&mut self.0)
    }
}

/// 128 bits of BLAKE3.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 16]);

impl Digest {
    /// The digest of one key of a source.
    pub fn of_key<'a>(source: impl Into<Source<'a>>, key: &str, value: &[u8]) -> Self {
        let mut hasher = KeyHasher::new(source.into(), key, value.len() as u64);
        hasher.update(value);
        Self::finish(&mut hasher.0)
    }

    /// One digest over many keys, in their order. A key without a value is
    /// told apart from every value.
    pub fn of_keys<'a>(keys: impl Iterator<Item = (&'a str, Option<Self>)>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for (key, digest) in keys {
            add(&mut hasher, key.as_bytes());
            add(&mut hasher, digest.as_ref().map_or(&[], |d| &d.0[..]));
        }
        Self::finish(&mut hasher)
    }

    /// The digest of a list of byte strings.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            add(&mut hasher, part);
        }
        Self::finish(&mut hasher)
    }

    /// Reads what [`fmt::Display`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        if text.len() != 32 {
            return None;
        }
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = nibble(digits[0])? << 4 | nibble(digits[1])?;
        }
        Some(Self(bytes))
    }

    /// Some of it, where it stands for chance.
    pub fn first_bytes<const N: usize>(self) -> [u8; N] {
        std::array::from_fn(|i| self.0[i % 16])
    }

    /// The hasher holds the last block of its input, which may be a Secret's.
    fn finish(hasher: &mut blake3::Hasher) -> Self {
        let mut out = [0; 16];
        hasher.finalize_xof().fill(&mut out);
        zeroize::Zeroize::zeroize(hasher);
        Self(out)
    }
}

/// Only what is written is read: no capitals, no signs.
fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

fn add(hasher: &mut blake3::Hasher, part: &[u8]) {
    hasher.update(&(part.len() as u64).to_le_bytes());
    hasher.update(part);
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not a digest"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn source(name: &str) -> Source<'_> {
        Source {
            kind: "configmap",
            namespace: "ns",
            name,
        }
    }

    #[test]
    fn equal_content_under_two_names_differs() {
        assert_ne!(
            Digest::of_key(source("a"), "k", b"v"),
            Digest::of_key(source("b"), "k", b"v")
        );
    }

    #[test]
    fn an_absent_key_is_not_an_empty_one() {
        let empty = Digest::of_key(source("a"), "k", b"");
        assert_ne!(
            Digest::of_keys([("k", None)].into_iter()),
            Digest::of_keys([("k", Some(empty))].into_iter())
        );
    }

    /// What is in records that are stored: it must not change.
    #[test]
    fn a_key_is_told_by_all_that_it_belongs_to() {
        let of_key = Digest::of_key(source("app"), "k", b"v");
        let parts: [&[u8]; 5] = [b"ns", b"configmap", b"app", b"k", b"v"];
        assert_eq!(of_key, Digest::of_parts(&parts));
        assert_eq!(of_key.to_string(), "7c0fc8d3fc0a1fb9997feeb612b60de4");
    }

    #[test]
    fn sources_are_read_as_they_are_written() {
        let written = source("a.b").to_string();
        assert_eq!(written, "configmap/ns/a.b");
        assert_eq!(Source::parse(&written), Some(source("a.b")));
        for text in ["", "a", "configmap/ns", "configmap/ns/", "//", "a/b/c/d"] {
            assert_eq!(Source::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_value_in_pieces_has_the_digest_of_the_whole(pieces: Vec<Vec<u8>>) {
            let whole = pieces.concat();
            let mut hasher = KeyHasher::new(source("a"), "k", whole.len() as u64);
            for piece in &pieces {
                hasher.update(piece);
            }
            prop_assert_eq!(hasher.finish(), Digest::of_key(source("a"), "k", &whole));
        }

        #[test]
        fn text_and_back(value: Vec<u8>) {
            let digest = Digest::of_parts(&[&value]);
            prop_assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
        }

        #[test]
        fn moving_a_boundary_changes_it(a: Vec<Vec<u8>>, b: Vec<Vec<u8>>) {
            prop_assume!(a != b);
            let parts = |list: &[Vec<u8>]| {
                Digest::of_parts(&list.iter().map(Vec::as_slice).collect::<Vec<_>>())
            };
            prop_assert_ne!(parts(&a), parts(&b));
        }

        #[test]
        fn what_is_read_is_written_so(text in "[0-9a-fA-F+]{32}|[0-9a-f]{32}|\\PC*") {
            if let Some(digest) = Digest::parse(&text) {
                prop_assert_eq!(digest.to_string(), text);
            }
        }
    }
}
