//! Which places are watched, and what is to be said about them at the start.
//!
//! In: what was named on the command line, and the mounts of this container.
//! Out: the places, or one sentence; warnings go to the log.

use crate::cli::settings::Settings;
use crate::journal::{Journal, log};
use crate::watch::foreign::Foreign;
use crate::watch::mounts::{self, Found};
use crate::watch::place::Place;
use std::path::{Path, PathBuf};

/// What was named, what is rendered, or all mounted volumes.
///
/// # Errors
/// When nothing is named and nothing is mounted.
pub(crate) fn find(settings: &Settings, journal: &Journal) -> Result<Vec<Place>, String> {
    let found = mounted();
    let mut paths = settings.watch.clone();
    paths.extend(settings.renders.iter().map(|render| render.input.clone()));
    journal.frozen(&meant(&found.frozen, &paths));
    if paths.is_empty() {
        found
            .left_out
            .iter()
            .for_each(|path| not_watched(path, Foreign::Annotations));
        paths = found.volumes;
        paths.retain(|path| holds_configuration(path, settings));
    }
    if paths.is_empty() {
        return Err("no ConfigMap or Secret is mounted here; name a directory with --watch".into());
    }
    let mut places: Vec<Place> = Vec::new();
    for path in paths {
        if places.iter().all(|known| known.path != path) {
            let filter = settings.filter.clone();
            places.push(Place { path, filter });
        }
    }
    Ok(places)
}

/// A volume of files that change by themselves is none of configuration. One
/// that is empty may get some.
fn holds_configuration(path: &Path, settings: &Settings) -> bool {
    let (path, filter) = (path.to_path_buf(), settings.filter.clone());
    let place = Place { path, filter };
    let Ok(snapshot) = place.read() else {
        return true;
    };
    match snapshot.left_out.first() {
        Some((_, foreign)) if snapshot.files.is_empty() => {
            not_watched(&place.path, *foreign);
            false
        }
        _ => true,
    }
}

fn not_watched(path: &Path, what: Foreign) {
    let (path, what) = (path.display(), what.word());
    log(&format!(
        "{path} is not watched: it holds {what}; name it with --watch if it must be"
    ));
}

fn mounted() -> Found {
    let text = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    mounts::find(&text, |path| path.join("..data").is_symlink())
}

/// A subPath mount is somebody's mistake only if it is meant to be watched.
fn meant(frozen: &[PathBuf], named: &[PathBuf]) -> Vec<String> {
    let is_meant = |mount: &&PathBuf| {
        let touches = |path: &PathBuf| mount.starts_with(path) || path.starts_with(mount);
        named.is_empty() || named.iter().any(touches)
    };
    let frozen = frozen.iter().filter(is_meant);
    frozen.map(|mount| mount.display().to_string()).collect()
}
