//! Whether a program was made by Go.
//!
//! Go's runtime catches every signal, so `SigCgt` shows them all, and then dies
//! of those that the program did not ask for (os/signal, "Default behavior of
//! signals in Go programs"). Such a binary has a section `.go.buildinfo`
//! (debug/buildinfo). ELF layout: elf(5).

use std::fs::File;
use std::os::unix::fs::FileExt;

/// No program that is worth a signal has more sections.
const MOST_SECTIONS: u16 = 4096;
/// Nor are the names of its sections longer, all together.
const MOST_NAMES: u64 = 1 << 20;

/// `None`: its executable may not be read.
pub(crate) fn is_go(pid: i32) -> Option<bool> {
    let file = File::open(super::find::living(pid)?.join("exe")).ok()?;
    Some(section_names(&file).is_some_and(|names| contains(&names, b"\0.go.buildinfo\0")))
}

/// The string table of section names of a 64-bit or 32-bit little-endian ELF file.
fn section_names(file: &File) -> Option<Vec<u8>> {
    let mut header = [0u8; 64];
    file.read_exact_at(&mut header, 0).ok()?;
    let wide = header[4] == 2;
    if !header.starts_with(b"\x7fELF") || header[5] != 1 {
        return None;
    }
    let (table, size, count, index) = if wide {
        (number(&header, 40, 8), 64, 60, 62)
    } else {
        (number(&header, 32, 4), 40, 48, 50)
    };
    let count = u16::try_from(number(&header, count, 2)).ok()?;
    let index = number(&header, index, 2);
    if count > MOST_SECTIONS || index >= u64::from(count) {
        return None;
    }
    let mut section = vec![0u8; size];
    let at = table.checked_add(index * size as u64)?;
    file.read_exact_at(&mut section, at).ok()?;
    let (offset, length) = if wide {
        (number(&section, 24, 8), number(&section, 32, 8))
    } else {
        (number(&section, 16, 4), number(&section, 20, 4))
    };
    let mut names = vec![0u8; usize::try_from(length.min(MOST_NAMES)).ok()?];
    file.read_exact_at(&mut names, offset).ok()?;
    Some(names)
}

/// A little-endian number of `width` bytes.
fn number(bytes: &[u8], at: usize, width: usize) -> u64 {
    let digits = bytes[at..at + width].iter().rev();
    digits.fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_is_not_a_go_program() {
        assert_eq!(is_go(std::process::id().cast_signed()), Some(false));
    }

    #[test]
    fn section_names_of_an_elf_file_are_found() {
        let file = File::open("/proc/self/exe").unwrap();
        assert!(contains(&section_names(&file).unwrap(), b"\0.text\0"));
    }

    #[test]
    fn what_is_no_elf_file_has_no_sections() {
        let file = File::open("/proc/self/status").unwrap();
        assert!(section_names(&file).is_none());
    }
}
