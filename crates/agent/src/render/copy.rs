//! The agent's own program, copied: an image that holds nothing else has no `cp`.
//!
//! In: where it is to be. Out: the whole program there, or what was there before, as
//! with everything that the agent writes. Only a file is replaced: a link is not
//! followed, and what is read by others, such as a FIFO, is not written to.

use super::output::Output;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

/// Another that copies to the same place takes our draft for one that was left.
const TRIES: usize = 10;

/// Copies it.
///
/// # Errors
/// One sentence.
pub(crate) fn install(place: &Path) -> Result<(), String> {
    let done = refuse_link(place).and_then(|()| {
        let mut last = Ok(());
        for _ in 0..TRIES {
            last = copy(place);
            if !matches!(&last, Err(error) if error.kind() == io::ErrorKind::NotFound) {
                break;
            }
        }
        last
    });
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
    let mut draft = Arc::new(Output::new(place)).draft()?;
    io::copy(&mut own, &mut draft)?;
    draft.place(mode)?.keep();
    Ok(())
}
