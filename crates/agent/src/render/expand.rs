//! `$(NAME)` in a stream of bytes: one pass, and no more held than a name.
//!
//! In: pieces of a text, and what a name stands for. Out: the expanded text, to
//! a writer; names that stand for nothing are left as they are, and noted. What a
//! name stands for is not looked at again. Pure.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{Result, Write};

/// What is longer is no name of a variable.
pub(crate) const LONGEST_NAME: usize = 256;
/// No more names are noted; the rest is counted.
pub(crate) const NOTED: usize = 1000;

/// Names that were used and stand for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Unset {
    /// The first of them.
    pub(crate) names: BTreeSet<String>,
    /// How often others were used.
    pub(crate) more: u64,
}

impl Unset {
    /// At least so many.
    pub(crate) fn count(&self) -> u64 {
        self.names.len() as u64 + self.more
    }

    fn note(&mut self, name: &str) {
        if self.names.contains(name) {
            return;
        }
        if self.names.len() < NOTED {
            self.names.insert(name.to_owned());
        } else {
            self.more += 1;
        }
    }
}

/// The work under way.
pub(super) struct Expander<W, L> {
    out: W,
    lookup: L,
    /// `$`, `$(` or `$(NAM`: not known yet what it will be.
    held: Vec<u8>,
    unset: Unset,
}

impl<W: Write, L: Fn(&str) -> Option<OsString>> Expander<W, L> {
    pub(super) fn new(out: W, lookup: L) -> Self {
        Self {
            out,
            lookup,
            held: Vec::new(),
            unset: Unset::default(),
        }
    }

    /// The next piece of the text.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<()> {
        let mut rest = piece;
        while let Some(first) = rest.first() {
            if self.held.is_empty() {
                let start = rest.iter().position(|byte| *byte == b'$');
                let (plain, from) = rest.split_at(start.unwrap_or(rest.len()));
                self.out.write_all(plain)?;
                rest = from;
                if start.is_some() {
                    self.held.push(b'$');
                    rest = &rest[1..];
                }
            } else if self.takes(*first) {
                self.held.push(*first);
                rest = &rest[1..];
            } else if *first == b')' && self.held.len() > 2 {
                self.variable()?;
                rest = &rest[1..];
            } else {
                self.let_go()?;
            }
        }
        Ok(())
    }

    /// The text is at its end.
    pub(super) fn finish(mut self) -> Result<(W, Unset)> {
        self.let_go()?;
        Ok((self.out, self.unset))
    }

    /// Whether this may go on what is held.
    fn takes(&self, byte: u8) -> bool {
        let is_of_name = byte.is_ascii_alphanumeric() || byte == b'_';
        match self.held.len() {
            1 => byte == b'(',
            length => is_of_name && length < LONGEST_NAME + 2,
        }
    }

    fn variable(&mut self) -> Result<()> {
        // What is held is ASCII.
        let name = String::from_utf8_lossy(&self.held[2..]).into_owned();
        if let Some(value) = (self.lookup)(&name) {
            self.held.clear();
            return self.out.write_all(value.as_encoded_bytes());
        }
        self.unset.note(&name);
        self.held.push(b')');
        self.let_go()
    }

    /// It is text like any other.
    fn let_go(&mut self) -> Result<()> {
        self.out.write_all(&self.held)?;
        self.held.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &[u8], step: usize) -> (String, Unset) {
        let lookup = |name: &str| (name == "A").then(|| "x$(A)".into());
        let mut expander = Expander::new(Vec::new(), lookup);
        for piece in text.chunks(step) {
            expander.push(piece).unwrap();
        }
        let (out, unset) = expander.finish().unwrap();
        (String::from_utf8(out).unwrap(), unset)
    }

    #[test]
    fn only_round_brackets_are_expanded() {
        let long = format!("$({})", "B".repeat(LONGEST_NAME + 1));
        for (text, expected, unset) in [
            ("a $(A) b", "a x$(A) b", 0),
            ("$(A)$(A)", "x$(A)x$(A)", 0),
            ("${A} $A $() $(A B) $(", "${A} $A $() $(A B) $(", 0),
            ("$(B)$(B)", "$(B)$(B)", 1),
            ("$($(A))", "$(x$(A))", 0),
            ("$$(A)$", "$x$(A)$", 0),
            (&long, &long, 0),
        ] {
            for step in [1, 2, 3, 1000] {
                let (got, noted) = expanded(text.as_bytes(), step);
                assert_eq!(got, expected, "{text} by {step}");
                assert_eq!(noted.count(), unset, "{text}");
            }
        }
    }

    #[test]
    fn no_more_names_are_noted_than_are_bearable() {
        let text: Vec<String> = (0..2 * NOTED).map(|n| format!("$(N{n})")).collect();
        let text = text.concat();
        let (_, unset) = expanded(text.as_bytes(), 4096);
        assert_eq!(unset.names.len(), NOTED);
        assert_eq!(unset.count(), 2 * NOTED as u64);
    }
}
