//! From a path that a person wrote to the [`Place`] that must be watched.
//!
//! A file's own inode, `..data` and everything behind it are replaced at the
//! first update, so a watch on them dies (kubernetes/kubernetes#111947). What
//! is watched is the directory that holds `..data`, or else the file's parent.

use super::glob::Filter;
use super::snapshot::Place;
use std::path::{Path, PathBuf};

/// Links that lead to links further than this are taken to go round.
const MOST_LINKS: u32 = 8;

impl Place {
    /// The place to watch for `path`, which need not exist yet.
    pub(crate) fn at(path: &Path, filter: &Filter) -> Self {
        let path = follow(path.to_path_buf());
        let (dir, file) = volume_around(&path).unwrap_or_else(|| plain(&path));
        Self {
            dir,
            file,
            filter: filter.clone(),
        }
    }
}

/// Follows links until a volume is reached or there is no further link.
fn follow(mut path: PathBuf) -> PathBuf {
    for _ in 0..MOST_LINKS {
        if volume_around(&path).is_some() {
            break;
        }
        let Ok(target) = std::fs::read_link(&path) else {
            break;
        };
        let parent = path.parent().unwrap_or(Path::new("/"));
        path = parent.join(target);
    }
    path
}

/// The nearest directory at or above `path` that holds `..data`, and the rest.
fn volume_around(path: &Path) -> Option<(PathBuf, Option<String>)> {
    let volume = path
        .ancestors()
        .find(|dir| dir.join("..data").is_symlink())?;
    let rest = path.strip_prefix(volume).ok()?.to_string_lossy();
    let rest = rest.strip_prefix("..data/").unwrap_or(&rest);
    let whole = rest.is_empty() || rest == "..data";
    Some((volume.to_path_buf(), (!whole).then(|| rest.to_owned())))
}

fn plain(path: &Path) -> (PathBuf, Option<String>) {
    let looks_like_file = !path.is_dir() && path.extension().is_some();
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if path.is_file() || looks_like_file => {
            let parent = if parent.as_os_str().is_empty() {
                Path::new(".")
            } else {
                parent
            };
            (
                parent.to_path_buf(),
                Some(name.to_string_lossy().into_owned()),
            )
        }
        _ => (path.to_path_buf(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn at(path: &Path) -> (PathBuf, Option<String>) {
        let place = Place::at(path, &Filter::default());
        (place.dir, place.file)
    }

    #[test]
    fn every_way_into_a_volume_watches_its_mount() {
        let root = tempfile::tempdir().unwrap();
        let mount = root.path().join("cm");
        std::fs::create_dir_all(mount.join("..2026/conf.d")).unwrap();
        std::fs::write(mount.join("..2026/conf.d/x"), "").unwrap();
        std::fs::write(mount.join("..2026/a"), "").unwrap();
        symlink("..2026", mount.join("..data")).unwrap();
        symlink("..data/a", mount.join("a")).unwrap();
        symlink("..data/conf.d", mount.join("conf.d")).unwrap();
        symlink(mount.join("a"), root.path().join("app.conf")).unwrap();
        for (path, file) in [
            ("cm", None),
            ("cm/..data", None),
            ("cm/a", Some("a")),
            ("cm/..data/a", Some("a")),
            ("cm/conf.d", Some("conf.d")),
            ("cm/conf.d/x", Some("conf.d/x")),
            ("app.conf", Some("a")),
        ] {
            let expected = (mount.clone(), file.map(str::to_owned));
            assert_eq!(at(&root.path().join(path)), expected, "{path}");
        }
    }

    #[test]
    fn a_plain_file_is_watched_by_its_directory() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("conf"), "").unwrap();
        let expected = (root.path().to_path_buf(), Some("conf".to_owned()));
        assert_eq!(at(&root.path().join("conf")), expected);
        let later = (root.path().to_path_buf(), Some("later.yaml".to_owned()));
        assert_eq!(at(&root.path().join("later.yaml")), later);
        assert_eq!(at(root.path()), (root.path().to_path_buf(), None));
    }
}
