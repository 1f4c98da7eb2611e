//! What lies in the memory of a process.
//!
//! In: a process id and byte strings. Out: where any piece of them lies in memory
//! that the process can write to. A piece, since a buffer that is overwritten in
//! part still tells the rest.

use std::fs::File;
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use regex::bytes::Regex;

use crate::random;

/// Bytes that are no coincidence.
const PIECE: usize = 16;
const CHUNK: usize = 4 * 1024 * 1024;
const CONTEXT: usize = 48;

/// A random word of 64 letters and digits, to be looked for.
pub fn token() -> String {
    let numbers = [(); 4].map(|()| format!("{:016x}", random::number()));
    numbers.concat()
}

/// Texts that must not be found, plain or encoded as in a Secret's data.
pub struct Needles(Regex);

/// A piece of a text in memory.
#[derive(Debug)]
pub struct Find {
    /// The line of `/proc/PID/maps`.
    pub mapping: String,
    /// Where in the process.
    pub address: u64,
    /// What lies around it, as far as it is printable.
    pub around: String,
}

impl Needles {
    /// All pieces of these texts, each at least twice as long as a piece.
    pub fn new(texts: &[&str]) -> Result<Self> {
        let forms = texts
            .iter()
            .flat_map(|text| [(*text).to_owned(), BASE64_STANDARD.encode(text)]);
        let pieces: Vec<_> = forms.flat_map(|form| pieces(&form)).collect();
        Ok(Self(Regex::new(&pieces.join("|"))?))
    }

    /// Whether any piece is in these bytes.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        self.0.is_match(bytes)
    }

    /// Where pieces lie in the memory of a process.
    pub fn in_memory_of(&self, pid: u32) -> Result<Vec<Find>> {
        let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).context("maps")?;
        let memory = File::open(format!("/proc/{pid}/mem")).context("mem")?;
        let written = maps.lines().filter_map(writable);
        Ok(written
            .flat_map(|(mapping, from, to)| self.in_mapping(&memory, mapping, from, to))
            .collect())
    }

    fn in_mapping(&self, memory: &File, mapping: &str, from: u64, to: u64) -> Vec<Find> {
        let mut finds = Vec::new();
        let mut buffer = vec![0; CHUNK + PIECE];
        // Chunks overlap by a piece, so that none is missed at their borders.
        for start in (from..to).step_by(CHUNK) {
            let length = usize::try_from(to - start).unwrap_or(usize::MAX);
            let length = length.min(buffer.len());
            // What was unmapped meanwhile holds nothing any more.
            let Ok(read) = memory.read_at(&mut buffer[..length], start) else {
                continue;
            };
            let bytes = &buffer[..read];
            finds.extend(self.0.find_iter(bytes).map(|found| Find {
                mapping: mapping.to_owned(),
                address: start + found.start() as u64,
                around: printable(bytes, found.start(), found.end()),
            }));
        }
        finds
    }
}

fn pieces(text: &str) -> Vec<String> {
    let whole = text.as_bytes().chunks_exact(PIECE);
    whole
        .map(|piece| regex::escape(&String::from_utf8_lossy(piece)))
        .collect()
}

/// The mapping's line with its range, when the process may write to it.
fn writable(line: &str) -> Option<(&str, u64, u64)> {
    let (range, rest) = line.split_once(' ')?;
    let (from, to) = range.split_once('-')?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    let range = (number(from)?, number(to)?);
    rest.starts_with("rw").then_some((line, range.0, range.1))
}

fn printable(bytes: &[u8], from: usize, to: usize) -> String {
    let from = from.saturating_sub(CONTEXT);
    let to = (to + CONTEXT).min(bytes.len());
    let shown = bytes[from..to].iter().map(|byte| match byte {
        b' '..=b'~' => char::from(*byte),
        _ => '.',
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::{Needles, token};
    use anyhow::Result;

    #[test]
    fn finds_what_is_held_and_not_what_is_not() -> Result<()> {
        let held = token();
        let needles = Needles::new(&[&held])?;
        assert!(!needles.in_memory_of(std::process::id())?.is_empty());
        assert!(needles.is_in(format!("x{}y", &held[16..32]).as_bytes()));
        assert!(!needles.is_in(token().as_bytes()));
        Ok(())
    }
}
