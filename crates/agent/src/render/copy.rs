//! The agent's own program, copied: an image that holds nothing else has no `cp`.
//!
//! In: where it is to be. Out: the whole program there, or what was there before, as
//! with everything that the agent writes. Only a file is replaced: a link is not
//! followed, and what is read by others, such as a FIFO, is not written to.

use super::output::{Output, SEARCHED};
use crate::files::location::is_of_output;
use rustix::process::geteuid;
use std::fs::{self, DirEntry, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Nobody copies for as long: what is older was left by one that was killed.
const LEFT: Duration = Duration::from_hours(1);

/// Copies it.
///
/// # Errors
/// One sentence.
pub(crate) fn install(place: &Path) -> Result<(), String> {
    let done = refuse_link(place).and_then(|()| copy(place));
    clear(place);
    done.map_err(|error| format!("cannot install to {}: {error}", place.display()))
}

fn refuse_link(place: &Path) -> io::Result<()> {
    if place.is_symlink() {
        let sentence = "it is a link, which is not followed; remove it, or name what it leads to";
        return Err(io::Error::other(sentence));
    }
    Ok(())
}

fn copy(place: &Path) -> io::Result<()> {
    let mut own = File::open("/proc/self/exe")?;
    // So what is installed can be executed.
    let mode = own.metadata()?.mode() & 0o777;
    // Pods of one node may share the folder.
    let mut draft = Arc::new(Output::of_many(place)).draft()?;
    io::copy(&mut own, &mut draft)?;
    draft.place(mode)?.keep();
    Ok(())
}

/// What cannot be removed stays: the program is in its place.
fn clear(place: &Path) {
    let parent = place
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let entries = fs::read_dir(parent.unwrap_or(Path::new("."))).into_iter();
    for entry in entries.flatten().take(SEARCHED).flatten() {
        if is_left(&entry, place).unwrap_or(false) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn is_left(entry: &DirEntry, place: &Path) -> Option<bool> {
    let (output, name) = (place.file_name()?, entry.file_name());
    if name == output || !is_of_output(output, &name) {
        return Some(false);
    }
    let found = entry.metadata().ok()?;
    let is_old = found.modified().ok()?.elapsed().ok()? > LEFT;
    Some(is_old && found.is_file() && found.uid() == geteuid().as_raw())
}
