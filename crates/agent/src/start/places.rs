//! Which places are watched, and what is to be said about them at the start.
//!
//! In: what was named on the command line, and the mounts of this container.
//! Out: the places, or one sentence; warnings go to the log.

use crate::cli::settings::Settings;
use crate::files::location::{self, Location};
use crate::log::log;
use crate::report::journal::Journal;
use crate::watch::foreign::Foreign;
use crate::watch::glob::Filter;
use crate::watch::mounts::{self, Mounts};
use crate::watch::place::Place;
use std::path::{Path, PathBuf};

const NOTHING: &str = "no ConfigMap or Secret is mounted here; name a directory with --watch";

/// What was named, what is rendered, or all mounted volumes.
///
/// # Errors
/// When nothing is named and nothing is mounted.
pub(crate) fn find(settings: &Settings, journal: &Journal) -> Result<Vec<Place>, String> {
    let found = mounted();
    let written = Written::by(settings);
    let mut paths = settings.watch.clone();
    paths.retain(|path| !written.holds(path, true));
    let inputs = settings.renders.iter().map(|render| render.input.clone());
    paths.extend(inputs.filter(|path| !written.holds(path, false)));
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
        return Err(NOTHING.into());
    }
    let mut places: Vec<Place> = Vec::new();
    for path in paths {
        if places.iter().all(|known| known.path != path) {
            let mut filter = filter_of(&path, settings);
            filter.own.clone_from(&written.paths);
            filter.beside.extend(settings.poke_file.clone());
            places.push(Place { path, filter });
        }
    }
    Ok(places)
}

/// Whether there is anything to begin with.
///
/// # Errors
/// When nothing is named and nothing is mounted.
pub(crate) fn any(settings: &Settings) -> Result<(), String> {
    let is_named = !settings.watch.is_empty() || !settings.renders.is_empty();
    let holds = |path: &PathBuf| holds_configuration(path, settings);
    if is_named || mounted().volumes.iter().any(holds) {
        return Ok(());
    }
    Err(NOTHING.into())
}

/// What is rendered is asked for by its name: patterns choose among the rest.
fn filter_of(path: &Path, settings: &Settings) -> Filter {
    if settings.renders.iter().all(|render| render.input != path) {
        return settings.filter.clone();
    }
    Filter {
        follow: settings.filter.follow,
        ..Filter::default()
    }
}

/// What the agent writes itself. It is made of something that is watched.
struct Written {
    paths: Vec<PathBuf>,
    locations: Vec<Location>,
}

impl Written {
    fn by(settings: &Settings) -> Self {
        let outputs = settings.renders.iter().map(|render| &render.output);
        Self {
            locations: outputs
                .clone()
                .filter_map(|path| location::written(path))
                .collect(),
            paths: outputs.cloned().collect(),
        }
    }

    fn holds(&self, path: &Path, is_said: bool) -> bool {
        let holds = location::end(path).is_some_and(|end| self.locations.contains(&end));
        if holds && is_said {
            log(&format!(
                "{} is not watched: the agent writes it (--render), and what it is made of is watched",
                path.display()
            ));
        }
        holds
    }
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

fn mounted() -> Mounts {
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
