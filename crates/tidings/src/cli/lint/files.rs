//! The files that are linted.
//!
//! Goes in: paths; a directory stands for the manifests in it and below it, `-`
//! for standard input. Comes out: their texts, in order of their names, and how each
//! came to be read. What cannot be read is said, and the rest is read. The only I/O of the
//! command.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The path of standard input.
pub const STDIN: &str = "-";
/// What ends the name of a manifest.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

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
    let mut texts = Vec::new();
    for path in paths {
        if path.as_os_str() == STDIN {
            texts.push(Text {
                file: "<stdin>".into(),
                reached: Reached::ByName,
                text: stdin(),
            });
        } else {
            named(path, &mut texts);
        }
    }
    texts
}

fn stdin() -> Result<String, String> {
    let mut text = String::new();
    let read = std::io::stdin().lock().read_to_string(&mut text);
    read.map(|_| text).map_err(|error| error.to_string())
}

/// A path that was named is read whatever its name.
fn named(path: &Path, texts: &mut Vec<Text>) {
    if path.is_dir() {
        directory(path, Reached::Found, texts);
    } else {
        texts.push(file(path, Reached::ByName));
    }
}

fn file(path: &Path, reached: Reached) -> Text {
    Text {
        file: path.to_string_lossy().into(),
        reached,
        text: std::fs::read_to_string(path).map_err(|error| error.to_string()),
    }
}

/// Hidden entries and directories behind links are left out: the first are not
/// for the cluster, the second may lead in a circle.
fn directory(path: &Path, reached: Reached, texts: &mut Vec<Text>) {
    let entries = match entries(path) {
        Ok(entries) => entries,
        Err(error) => {
            return texts.push(Text {
                file: path.to_string_lossy().into(),
                reached,
                text: Err(error.to_string()),
            });
        }
    };
    let is_chart = entries.iter().any(|(entry, _)| entry.ends_with(CHART));
    for (entry, is_directory) in entries {
        let reached = if is_chart && entry.ends_with(TEMPLATES) {
            Reached::AsTemplate
        } else {
            reached
        };
        if is_directory {
            directory(&entry, reached, texts);
        } else if is_manifest(&entry) && entry.is_file() {
            texts.push(file(&entry, reached));
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
}
