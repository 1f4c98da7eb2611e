//! The start of a life: what does the process have?
//!
//! In: what an earlier life kept, what the files contain now, and the process, if
//! it can be asked. Out: what the state machine is told. What is not known is taken
//! for a change that was missed, never for none.

use crate::act::{Actor, Holds};
use crate::cli::settings::Settings;
use crate::ending::exits::Failure;
use crate::log::log;
use crate::memory::{Kept, Mark, Memory};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;
use tidings_supervise::{Event, Known, Version};

/// A question to the process, for the worker.
#[derive(Debug, Clone)]
pub(crate) struct FirstLook {
    pub(crate) baseline: Version,
    /// When the newest of the files was put there (wall clock, since 1970).
    pub(crate) changed_at: (i64, i64),
    /// An earlier life left word of another state, or of none that is known; or
    /// this is the first and the files came after the pod.
    pub(crate) may_differ: bool,
}

/// What the memory alone says.
pub(crate) fn known(kept: &Kept, now: &Mark) -> Known {
    match kept {
        Kept::Taken(mark, grounds) if mark == now => Known::Current(*grounds),
        _ => Known::NotYet,
    }
}

impl FirstLook {
    /// Asks the process.
    pub(crate) fn event(&self, actor: &Actor) -> Event {
        let has_it = match actor.holds(self.changed_at) {
            Holds::Yes => true,
            Holds::No => false,
            // It will read the files when it starts, if it has not begun to.
            Holds::NobodyThere { may_be_starting } => !(may_be_starting && self.may_differ),
            Holds::Unknown { acting_ends_us } => {
                // Without a memory every life would end with the first look.
                acting_ends_us && !self.may_differ
            }
        };
        if has_it {
            Event::IsCurrent(self.baseline)
        } else {
            Event::MayBeOld
        }
    }
}

/// Whether what an earlier life left says that something was missed. `changed_at`:
/// when the newest of the files was put there.
pub(crate) fn may_differ(kept: &Kept, memory: Option<&Memory>, changed_at: (i64, i64)) -> bool {
    match kept {
        Kept::Nowhere => false,
        Kept::Nothing => memory.is_some_and(|memory| memory.is_older_than(changed_at)),
        Kept::Taken(..) | Kept::Doubt(_) => true,
    }
}

/// Whether what the files contain needs no word to be taken: an earlier life has taken
/// it or begun to, or this is the first and the program started with it.
pub(crate) fn is_released(kept: &Kept, now: &Mark, may_differ: bool) -> bool {
    match kept {
        Kept::Taken(mark, _) => mark.version == now.version,
        Kept::Doubt(begun) => *begun == Some(now.version),
        Kept::Nothing => !may_differ,
        Kept::Nowhere => false,
    }
}

/// The memory that was asked for, if it can be used.
///
/// # Errors
/// One sentence, if none will ever be kept there.
pub(crate) fn memory(settings: &Settings, ends_us: bool) -> Result<Option<Arc<Memory>>, Failure> {
    let Some(folder) = &settings.memory else {
        return Ok(None);
    };
    if let Some(watched) = settings.watch.iter().find(|path| lies_in(folder, path)) {
        let sentence = format!(
            "--memory {} lies in what is watched ({}), and would be a change itself; choose another folder",
            folder.display(),
            watched.display()
        );
        return Err(Failure::CommandLine(sentence));
    }
    let memory = Memory::in_folder(folder, &settings.task);
    if !memory.is_ours() {
        log(&format!(
            "another agent with the same task keeps its memory in {}: this one goes on without; give each a folder of its own",
            folder.display()
        ));
        return Ok(None);
    }
    if let Err(error) = memory.try_out() {
        if is_for_good(&error) {
            let sentence = format!(
                "--memory {}: nothing can be kept there ({error}); mount an emptyDir that the agent's user may write to",
                folder.display()
            );
            return Err(Failure::Start(sentence));
        }
        say_for_now(&memory, error, ends_us);
    }
    Ok(Some(Arc::new(memory)))
}

/// Space comes and goes, and neighbours lay down what they like: no reason to keep a
/// program from its start. The folder itself stays as it was mounted.
fn is_for_good(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::NotADirectory
            | ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
    )
}

fn say_for_now(memory: &Memory, error: io::Error, ends_us: bool) {
    if ends_us {
        memory.say(&Err(error), |error| {
            format!("nothing can be kept in the folder of --memory ({error}): until it can, no change ends the agent")
        });
    } else {
        memory.say_if_not_kept(&Err(error));
    }
}

fn lies_in(folder: &Path, watched: &Path) -> bool {
    let real = std::fs::canonicalize;
    watched.is_dir()
        && matches!((real(folder), real(watched)), (Ok(folder), Ok(watched)) if folder.starts_with(&watched))
}
