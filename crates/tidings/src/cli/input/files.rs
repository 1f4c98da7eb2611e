//! The files that a command is given.
//!
//! Goes in: paths; a directory stands for the manifests in it and below it, `-`
//! for standard input. Comes out: their texts, in order of their names, and how each
//! came to be read. What cannot be read, or is more than the limits below, is said, and the
//! rest is read.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The path of standard input.
pub const STDIN: &str = "-";
/// What ends the name of a manifest.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// So many bytes are read in all; in memory they are up to four times as much.
const MOST_BYTES: u64 = 64 << 20;
/// So many files.
const MOST_FILES: usize = 20_000;
/// So many directories lie within each other.
const DEEPEST: usize = 64;

/// What a chart has in its directory, beside its templates.
const CHART: &str = "Chart.yaml";
/// Where a chart has its templates.
const TEMPLATES: &str = "templates";

/// How a text came to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// By its own name, or standard input.
    ByName,
    /// It lies in a directory that was named.
    Found,
    /// It does, and is a chart's: no manifest before it is rendered.
    AsTemplate,
}

/// One text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Where it is from.
    pub file: Arc<str>,
    /// How it came to be read.
    pub reached: Reached,
    /// It, or why it cannot be read.
    pub text: Result<String, String>,
}

/// Reads everything.
pub fn read(paths: &[PathBuf]) -> Vec<Text> {
    let mut reading = FileReading {
        texts: Vec::new(),
        left: MOST_BYTES,
    };
    for path in paths {
        if path.as_os_str() == STDIN {
            let stdin = Ok(std::io::stdin().lock());
            reading.text("<stdin>".into(), Reached::ByName, stdin);
        } else if path.is_dir() {
            reading.directory(path, Reached::Found, DEEPEST);
        } else {
            // What was named is read whatever its name.
            reading.file(path, Reached::ByName);
        }
    }
    reading.texts
}

struct FileReading {
    texts: Vec<Text>,
    /// How many bytes may still come.
    left: u64,
}

impl FileReading {
    fn file(&mut self, path: &Path, reached: Reached) {
        let file = path.to_string_lossy().into();
        self.text(file, reached, File::open(path));
    }

    /// Reads to the end, or says that there is more than may be.
    fn text(&mut self, file: Arc<str>, reached: Reached, from: std::io::Result<impl Read>) {
        let mut text = String::new();
        let read = from.and_then(|from| from.take(self.left + 1).read_to_string(&mut text));
        let text = match read {
            Err(error) => Err(error.to_string()),
            Ok(bytes) if bytes as u64 > self.left => Err(format!(
                "it is longer than what may be read in all, {MOST_BYTES} bytes"
            )),
            Ok(bytes) => {
                self.left -= bytes as u64;
                Ok(text)
            }
        };
        self.texts.push(Text {
            file,
            reached,
            text,
        });
    }

    fn refuse(&mut self, path: &Path, reached: Reached, why: String) {
        self.texts.push(Text {
            file: path.to_string_lossy().into(),
            reached,
            text: Err(why),
        });
    }

    /// Hidden entries and directories behind links are left out: the first are not
    /// for the cluster, the second may lead in a circle.
    fn directory(&mut self, path: &Path, reached: Reached, deeper: usize) {
        let entries = match entries(path) {
            Ok(_) if deeper == 0 => {
                let why = format!("more than {DEEPEST} directories deep");
                return self.refuse(path, reached, why);
            }
            Ok(entries) => entries,
            Err(error) => return self.refuse(path, reached, error.to_string()),
        };
        let is_chart = entries.iter().any(|(entry, _)| entry.ends_with(CHART));
        for (entry, is_directory) in entries {
            if self.texts.len() >= MOST_FILES {
                return self.refuse(path, reached, format!("more than {MOST_FILES} files"));
            }
            let reached = if is_chart && entry.ends_with(TEMPLATES) {
                Reached::AsTemplate
            } else {
                reached
            };
            if is_directory {
                self.directory(&entry, reached, deeper - 1);
            } else if is_manifest(&entry) && entry.is_file() {
                self.file(&entry, reached);
            }
        }
    }
}

fn entries(path: &Path) -> std::io::Result<Vec<(PathBuf, bool)>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            entries.push((entry.path(), entry.file_type()?.is_dir()));
        }
    }
    entries.sort();
    Ok(entries)
}

fn is_manifest(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| {
        ENDINGS
            .iter()
            .any(|known| ending.eq_ignore_ascii_case(known))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_read_to_their_ends() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        std::fs::create_dir_all(at("b/c")).unwrap();
        std::fs::create_dir_all(at(".git")).unwrap();
        std::fs::create_dir_all(at("chart/templates/tests")).unwrap();
        let files = [
            "b/c/x.yml",
            "a.yaml",
            "z.JSON",
            "README.md",
            ".git/y.yaml",
            "chart/Chart.yaml",
            "chart/templates/tests/{{.yaml",
        ];
        for name in files {
            std::fs::write(at(name), name).unwrap();
        }
        std::os::unix::fs::symlink(root.path(), at("b/circle")).unwrap();
        let texts = read(&[root.path().into(), at("README.md"), at("none.yaml")]);
        let seen: Vec<_> = texts
            .iter()
            .map(|t| (t.text.as_deref().ok(), t.reached))
            .collect();
        assert_eq!(
            seen,
            [
                (Some("a.yaml"), Reached::Found),
                (Some("b/c/x.yml"), Reached::Found),
                (Some("chart/Chart.yaml"), Reached::Found),
                (Some("chart/templates/tests/{{.yaml"), Reached::AsTemplate),
                (Some("z.JSON"), Reached::Found),
                (Some("README.md"), Reached::ByName),
                (None, Reached::ByName)
            ]
        );
    }

    #[test]
    fn there_is_an_end_to_what_is_read() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("d/".repeat(DEEPEST + 1));
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(deep.join("a.yaml"), "").unwrap();
        let texts = read(&[root.path().into(), "/dev/zero".into()]);
        let why: Vec<_> = texts.iter().map(|t| t.text.clone().unwrap_err()).collect();
        assert!(why[0].contains("64 directories deep"), "{why:?}");
        assert!(why[1].contains("longer than"), "{why:?}");
        assert_eq!(why.len(), 2);
    }
}
