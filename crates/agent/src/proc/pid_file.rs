//! What a pid file says.
//!
//! In: its path. Out: a number, or why there is none. It may be the wrong file, so no
//! more of it is shown than what could be a number.

use crate::files::read;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// A file that is being written is empty for less.
const WRITING: Duration = Duration::from_secs(2);
/// No process has a higher number (`PID_MAX_LIMIT`, proc(5)).
const HIGHEST: i32 = 1 << 22;
/// So much of what stands for a number is shown.
const SHOWN: usize = 12;

/// What it says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PidFile {
    /// The number of a process, which need not be there.
    Names(i32),
    /// There is no file.
    Missing,
    /// Nothing yet: it may be written in this moment.
    Empty(String),
    /// Nothing that names a process: one sentence.
    Unclear(String),
}

impl PidFile {
    /// Reads it.
    pub(crate) fn read(path: &Path) -> Self {
        match read::small(path) {
            Ok(bytes) => Self::of(path, &bytes),
            Err(why) if path.symlink_metadata().is_ok() => Self::Unclear(why),
            Err(_) => Self::Missing,
        }
    }

    fn of(path: &Path, bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let Some(word) = text.split_whitespace().next() else {
            return Self::empty(path);
        };
        match word.parse() {
            Ok(pid @ 1..=HIGHEST) => Self::Names(pid),
            _ => Self::Unclear(format!("{} holds {}", path.display(), described(word))),
        }
    }

    fn empty(path: &Path) -> Self {
        let written = path.metadata().and_then(|found| found.modified());
        let age = written.map(|then| SystemTime::now().duration_since(then));
        let sentence = format!("{} is empty", path.display());
        if matches!(age, Ok(Ok(age)) if age < WRITING) {
            return Self::Empty(sentence);
        }
        Self::Unclear(format!(
            "{sentence}: the number of a process is to be in it"
        ))
    }
}

fn described(word: &str) -> String {
    let digits = word.strip_prefix(['-', '+']).unwrap_or(word);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return "no number; is it the pid file?".into();
    }
    let more = if word.len() > SHOWN { "…" } else { "" };
    let shown = &word[..word.len().min(SHOWN)];
    format!("{shown}{more}, which is no number of a process")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_taken_and_nonsense_is_not_shown() {
        let of = |text: &[u8]| PidFile::of(Path::new("p"), text);
        for text in ["7", " 7\n", "7 8\nx", "007\n\n"] {
            assert_eq!(of(text.as_bytes()), PidFile::Names(7), "{text}");
        }
        let no_process = |shown: &str| {
            PidFile::Unclear(format!("p holds {shown}, which is no number of a process"))
        };
        for text in ["0", "-5", "4194305", "99999999999"] {
            assert_eq!(of(text.as_bytes()), no_process(text));
        }
        assert_eq!(of(&[b'9'; 40]), no_process("999999999999…"));
        let no_number = PidFile::Unclear("p holds no number; is it the pid file?".into());
        for text in [&b"secret"[..], b"7\0", b"-", b"\xff\xfe", b"7x", b"1.5"] {
            assert_eq!(of(text), no_number, "{text:?}");
        }
    }

    #[test]
    fn an_empty_file_is_waited_for_a_moment() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pid");
        assert_eq!(PidFile::read(&path), PidFile::Missing);
        let file = std::fs::File::create(&path).unwrap();
        assert!(matches!(PidFile::read(&path), PidFile::Empty(_)));
        file.set_modified(SystemTime::now() - WRITING).unwrap();
        assert!(matches!(PidFile::read(&path), PidFile::Unclear(_)));
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(matches!(PidFile::read(&path), PidFile::Unclear(_)));
    }
}
