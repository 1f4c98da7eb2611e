//! Whether files are as they were: looked at, not read.

use std::fs::metadata;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// How files were at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct FilesSeen(Vec<(PathBuf, Option<Look>)>);

/// What differs when a file was written, or replaced by another one.
type Look = [i128; 6];

impl FilesSeen {
    /// How these files are.
    pub(super) fn now(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let seen = paths.into_iter().map(|path| (path.clone(), look(&path)));
        Self(seen.collect())
    }

    /// How these are, too.
    pub(super) fn add(&mut self, paths: impl IntoIterator<Item = PathBuf>) {
        self.0.extend(Self::now(paths).0);
    }

    /// Whether one of them is another now.
    pub(super) fn is_past(&self) -> bool {
        self.0.iter().any(|(path, then)| look(path) != *then)
    }
}

/// Of what a link leads to: that is how mounted files are replaced.
fn look(path: &PathBuf) -> Option<Look> {
    let found = metadata(path).ok()?;
    Some([
        found.dev().into(),
        found.ino().into(),
        found.len().into(),
        found.mtime().into(),
        found.mtime_nsec().into(),
        i128::from(found.ctime()) * 1_000_000_000 + i128::from(found.ctime_nsec()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_written_replaced_or_gone_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let write = |text: &str| std::fs::write(&file, text).unwrap();
        write("a");
        let seen = || FilesSeen::now([file.clone()]);
        let before = seen();
        assert!(!before.is_past());
        write("another");
        assert!(before.is_past());
        let before = seen();
        std::fs::write(folder.path().join("new"), "another").unwrap();
        std::fs::rename(folder.path().join("new"), &file).unwrap();
        assert!(before.is_past());
        let before = seen();
        std::fs::remove_file(&file).unwrap();
        assert!(before.is_past());
        assert!(!seen().is_past());
    }
}
