//! What the process has taken, kept over the end of the agent.
//!
//! In: a [`Mark`] for each version that was taken, and word that an action begins.
//! Out: at the next start, what was kept. One small file in a folder that outlives
//! the container, an emptyDir: digest and generations, never content.
//!
//! The file is replaced whole and only when it is on the disk, so it is never half
//! of anything. What cannot be read, or is newer than this program, is doubt.
//! Others in the pod may write to the folder: links are not followed, and nothing
//! longer than a page is read.

mod condition;
mod folder;
mod form;
mod mark_file;
#[cfg(test)]
mod moved;

use crate::log::log;
use crate::watch::Observation;
use condition::Condition;
use folder::Folder;
use form::{line, understand, written};
use mark_file::MarkFile;
use rustix::fs::{self as sys, Mode, OFlags};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tidings_supervise::{Grounds, Version};

/// No file of ours is longer: a thousand volumes would fit.
pub(crate) const LONGEST: u64 = 256 << 10;

/// The volumes of a pod are made within this time.
const TOGETHER: Duration = Duration::from_secs(2);

/// Which state of the files a version is: one and the same content that was put
/// there again may have been another one in between.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// By watched directory: what its `..data` names.
    pub(crate) generations: BTreeMap<String, String>,
    /// When the newest of it was put there: seconds and nanoseconds since 1970.
    pub(crate) changed_at: (i64, i64),
}

impl Stamp {
    /// That of a look.
    pub(crate) fn of(look: &Observation) -> Self {
        let pair =
            |mount: &crate::watch::Mount| Some((mount.dir.clone(), mount.generation.clone()?));
        Self {
            generations: look.mounts.iter().filter_map(pair).collect(),
            changed_at: look.changed_at,
        }
    }
}

/// A version that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Its digest.
    pub(crate) version: Version,
    /// Which state of the files it was.
    pub(crate) stamp: Stamp,
}

/// What an earlier life left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    /// There is no place for it.
    Nowhere,
    /// Nothing: this is the first life.
    Nothing,
    /// The process had taken this.
    Taken(Mark, Grounds),
    /// An action was begun, for this version if that is known, and its end is not known;
    /// or the file makes no sense.
    Doubt(Option<Version>),
}

/// The file.
pub(crate) struct Memory {
    /// For people.
    file: PathBuf,
    folder: Arc<Folder>,
    /// What it holds, as far as this life knows.
    holds: Mutex<Known>,
    /// What the last word will be, already on the disk.
    reserved: Mutex<Option<(Version, MarkFile)>>,
    /// `None`: another agent has it. Held for life.
    lock: Option<Lock>,
    condition: Condition,
}

/// What tells two agents apart that were started alike.
enum Lock {
    Ours {
        /// Let go of by the kernel, however this life ends.
        _file: File,
    },
    /// No lock can be had there, so nobody has one.
    Nobodys,
}

#[derive(PartialEq)]
enum Known {
    Unknown,
    Doubt(Option<Version>),
    Taken(Mark, Grounds),
    /// The last word was written: whatever follows comes too late.
    Last,
}

impl Memory {
    /// The memory of an agent with this task, in words: several may share a folder.
    pub(crate) fn in_folder(folder: &Path, task: &[OsString]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for word in task {
            hasher.update(&(word.len() as u64).to_le_bytes());
            hasher.update(word.as_encoded_bytes());
        }
        let name = hasher.finalize().to_hex();
        let file = folder.join(format!("tidings-agent-{}.json", &name[..16]));
        let folder = Arc::new(Folder::open(folder));
        let lock = lock(&folder, &file.with_extension("lock"));
        if matches!(lock, Some(Lock::Ours { .. })) {
            mark_file::clear(&folder, name_of(&file));
        }
        Self {
            lock,
            file,
            folder,
            holds: Mutex::new(Known::Unknown),
            reserved: Mutex::default(),
            condition: Condition::default(),
        }
    }

    /// Whether no other agent with the same task keeps its own there.
    pub(crate) fn is_ours(&self) -> bool {
        self.lock.is_some()
    }

    /// Whether the folder was made well before this time (seconds and nanoseconds
    /// since 1970). An emptyDir is made when the pod is, with its other volumes;
    /// what comes into them later may have come after its programs started.
    pub(crate) fn is_older_than(&self, (seconds, nanos): (i64, i64)) -> bool {
        let since = |time: SystemTime| time.duration_since(UNIX_EPOCH).ok();
        let made = self.file.parent().and_then(|folder| folder.metadata().ok());
        let made = made.and_then(|made| made.created().ok()).and_then(since);
        let then = Duration::new(
            u64::try_from(seconds).unwrap_or(0),
            u32::try_from(nanos).unwrap_or(0),
        );
        made.is_some_and(|made| made + TOGETHER < then)
    }

    /// What an earlier life left, and a sentence if it makes no sense.
    pub(crate) fn recall(&self) -> (Kept, Option<String>) {
        match self.read() {
            Ok(None) => (Kept::Nothing, None),
            Ok(Some(text)) => understand(&text).map_or_else(
                || (Kept::Doubt(None), Some(self.nonsense("it makes no sense"))),
                |kept| (kept, None),
            ),
            Err(error) => (Kept::Doubt(None), Some(self.nonsense(&error.to_string()))),
        }
    }

    fn nonsense(&self, what: &str) -> String {
        let file = self.file.display();
        format!("{file} cannot be used ({what}): what the process has is not known")
    }

    /// An action begins, for this version if one is known: until it has ended well nothing
    /// is known.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn doubt(&self, begun: Option<Version>) -> io::Result<()> {
        // Whoever kills us does not take the kernel's cache along, and where the
        // node goes down nothing that runs is left: no need to wait for the disk.
        self.put(Known::Doubt(begun), &form::doubt(begun), false)
    }

    /// The process has this.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn keep(&self, mark: &Mark, grounds: Grounds) -> io::Result<()> {
        let holds = Known::Taken(mark.clone(), grounds);
        self.put(holds, &written(mark, grounds), true)
    }

    /// Makes sure that [`Self::keep_last`] will succeed for this.
    ///
    /// # Errors
    /// When it would not.
    pub(crate) fn reserve(&self, mark: &Mark) -> io::Result<()> {
        let mut reserved = locked(&self.reserved);
        *reserved = None;
        *reserved = Some((mark.version, self.not_yet(mark)?));
        Ok(())
    }

    /// What is on the disk, and holds only when it is told to: that all starts with it.
    fn not_yet(&self, mark: &Mark) -> io::Result<MarkFile> {
        self.folder.is_free(self.name())?;
        let text = [mark_file::NOT_YET, &line(&written(mark, Grounds::Shown))].concat();
        MarkFile::write(&self.folder, self.name(), &text, true)
    }

    /// Like [`Self::keep`], as the last word of this life, which ends by `leave`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn keep_last<T>(&self, mark: &Mark, leave: impl FnOnce() -> T) -> io::Result<T> {
        let reserved = locked(&self.reserved).take();
        let draft = match reserved.filter(|(version, _)| *version == mark.version) {
            Some((_, draft)) => draft,
            None => self.not_yet(mark)?,
        };
        *locked(&self.holds) = Known::Last;
        draft.put_and_let_hold(self.name(), leave)
    }

    /// A memory that fails is no reason to stop: the next life will act once more.
    pub(crate) fn say_if_not_kept(&self, result: &io::Result<()>) {
        self.say(result, |error| {
            format!("what was taken cannot be kept ({error}): until it can, the agent acts once more after a restart")
        });
    }

    /// The same in other words.
    pub(crate) fn say(&self, result: &io::Result<()>, sentence: impl FnOnce(&str) -> String) {
        let failed = result.as_ref().err();
        if let Some(sentence) = failed.and_then(|error| self.condition.fails(error, sentence)) {
            log(&sentence);
        }
    }

    /// Something was kept.
    pub(crate) fn say_if_kept_again(&self) {
        if let Some(sentence) = self.condition.is_well() {
            log(sentence);
        }
    }

    fn put(&self, holds: Known, text: &Value, to_disk: bool) -> io::Result<()> {
        let mut held = locked(&self.holds);
        if *held == Known::Last || *held == holds {
            return Ok(());
        }
        *held = Known::Unknown;
        MarkFile::write(&self.folder, self.name(), &line(text), to_disk)?.put(self.name())?;
        *held = holds;
        Ok(())
    }

    /// Whether something can be written there.
    ///
    /// # Errors
    /// When it cannot.
    pub(crate) fn try_out(&self) -> io::Result<()> {
        self.folder.is_free(self.name())?;
        MarkFile::write(&self.folder, self.name(), b"\n", false).map(drop)
    }

    fn name(&self) -> &OsStr {
        name_of(&self.file)
    }

    /// `None`: there is none.
    fn read(&self) -> io::Result<Option<String>> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = match sys::openat(self.folder.held()?, self.name(), flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        let mut text = String::new();
        file.take(LONGEST).read_to_string(&mut text)?;
        Ok(Some(text))
    }
}

fn name_of(file: &Path) -> &OsStr {
    file.file_name().unwrap_or_default()
}

/// `None`: somebody else has it.
fn lock(folder: &Folder, path: &Path) -> Option<Lock> {
    let flags =
        OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let Ok(dir) = folder.held() else {
        return Some(Lock::Nobodys);
    };
    let Ok(file) = sys::openat(dir, name_of(path), flags, Mode::RUSR | Mode::WUSR) else {
        return Some(Lock::Nobodys);
    };
    match sys::flock(&file, sys::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Some(Lock::Ours { _file: file.into() }),
        Err(rustix::io::Errno::WOULDBLOCK) => None,
        Err(_) => Some(Lock::Nobodys),
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    pub(super) const SHOWN: Grounds = Grounds::Shown;

    pub(super) fn memory(folder: &Path) -> Memory {
        Memory::in_folder(folder, &["watch".into()])
    }

    pub(super) fn mark(version: u128) -> Mark {
        Mark {
            version: Version(version),
            stamp: Stamp {
                generations: BTreeMap::from([("/etc/x".into(), "..2026".into())]),
                changed_at: (1_700_000_000, 5),
            },
        }
    }

    #[test]
    fn what_was_kept_last_is_recalled() {
        let folder = tempfile::tempdir().unwrap();
        let first = memory(folder.path());
        assert_eq!(first.recall().0, Kept::Nothing);
        first.keep(&mark(u128::MAX), SHOWN).unwrap();
        assert_eq!(
            memory(folder.path()).recall().0,
            Kept::Taken(mark(u128::MAX), SHOWN)
        );
        first.doubt(None).unwrap();
        assert_eq!(memory(folder.path()).recall(), (Kept::Doubt(None), None));
        first.keep_last(&mark(3), || ()).unwrap();
        first.keep(&mark(4), SHOWN).unwrap();
        assert_eq!(
            memory(folder.path()).recall().0,
            Kept::Taken(mark(3), SHOWN)
        );
    }

    #[test]
    fn how_it_is_known_and_what_was_begun_is_kept_too() {
        let folder = tempfile::tempdir().unwrap();
        let memory = memory(folder.path());
        memory.keep(&mark(1), Grounds::Told).unwrap();
        let told = Kept::Taken(mark(1), Grounds::Told);
        assert_eq!(memory.recall().0, told);
        memory.doubt(Some(Version(7))).unwrap();
        assert_eq!(memory.recall().0, Kept::Doubt(Some(Version(7))));
        // As earlier versions wrote it.
        fs_write(&memory, "{\"form\":1,\"taken\":null}");
        assert_eq!(memory.recall(), (Kept::Doubt(None), None));
    }

    fn fs_write(memory: &Memory, text: &str) {
        std::fs::write(&memory.file, text).unwrap();
    }

    #[test]
    fn it_is_for_its_user_alone_and_holds_one_file_and_its_lock() {
        let folder = tempfile::tempdir().unwrap();
        let memory = memory(folder.path());
        memory.keep(&mark(1), SHOWN).unwrap();
        for file in [&memory.file, &memory.file.with_extension("lock")] {
            let mode = std::fs::metadata(file).unwrap().permissions();
            assert_eq!(mode.mode() & 0o777, 0o600);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn agents_with_other_tasks_have_other_files() {
        let folder = tempfile::tempdir().unwrap();
        let of = |words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            Memory::in_folder(folder.path(), &words).file
        };
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
    }

    #[test]
    fn what_makes_no_sense_is_doubt_and_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let memory = memory(folder.path());
        for text in [
            "",
            "{",
            "{}",
            "{\"form\":2,\"taken\":null}",
            "{\"form\":1,\"taken\":\"x\"}",
            "{\"form\":1,\"taken\":\"1\",\"generations\":{},\"changedAt\":[1]}",
            "{\"form\":1,\"taken\":\"1\",\"generations\":{\"a\":1},\"changedAt\":[1,2]}",
        ] {
            std::fs::write(&memory.file, text).unwrap();
            let (kept, said) = memory.recall();
            assert_eq!(kept, Kept::Doubt(None), "{text}");
            assert!(said.is_some(), "{text}");
        }
        std::fs::write(&memory.file, [0xff, 0xfe]).unwrap();
        assert_eq!(memory.recall().0, Kept::Doubt(None));
    }

    #[test]
    fn a_link_that_somebody_laid_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let theirs = folder.path().join("theirs");
        std::fs::write(&theirs, "precious").unwrap();
        let memory = memory(folder.path());
        symlink(&theirs, &memory.file).unwrap();
        assert_eq!(memory.recall().0, Kept::Doubt(None));
        memory.keep(&mark(1), SHOWN).unwrap();
        assert_eq!(std::fs::read_to_string(&theirs).unwrap(), "precious");
        assert_eq!(memory.recall().0, Kept::Taken(mark(1), SHOWN));
    }

    #[test]
    fn whatever_lies_where_a_draft_was_or_the_file_is_hinders_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = memory(folder.path()).file;
        let old = file.with_extension("new");
        for taken in [&old, &file] {
            std::fs::create_dir(taken).unwrap();
            std::fs::write(taken.join("x"), "").unwrap();
        }
        let memory = memory(folder.path());
        assert_eq!(memory.recall().0, Kept::Doubt(None));
        for error in [
            memory.try_out(),
            memory.keep(&mark(1), SHOWN),
            memory.reserve(&mark(1)),
            memory.keep_last(&mark(1), || ()),
        ] {
            let sentence = error.unwrap_err().to_string();
            assert!(
                sentence.ends_with("is a directory; remove it"),
                "{sentence}"
            );
        }
        std::fs::remove_dir_all(&file).unwrap();
        memory.keep(&mark(1), SHOWN).unwrap();
        assert_eq!(memory.recall().0, Kept::Taken(mark(1), SHOWN));
        // No draft of an attempt that failed is left.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn drafts_of_an_agent_that_was_killed_go_and_those_of_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let file = memory(folder.path()).file;
        let left = file.with_extension("0123456789abcdef.new");
        let others = folder.path().join("tidings-agent-0.1.new");
        for draft in [&left, &others] {
            std::fs::write(draft, "").unwrap();
        }
        memory(folder.path());
        assert!(!left.exists() && others.exists());
        std::fs::create_dir(&left).unwrap();
        memory(folder.path());
        assert!(!left.exists());
    }

    #[test]
    fn what_was_reserved_is_laid_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for (reserved, kept) in [(1, 1), (2, 3)] {
            let first = memory(folder.path());
            first.reserve(&mark(reserved)).unwrap();
            assert_ne!(first.recall().0, Kept::Taken(mark(reserved), SHOWN));
            first.keep_last(&mark(kept), || ()).unwrap();
            assert_eq!(first.recall().0, Kept::Taken(mark(kept), SHOWN));
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        }
    }

    /// A life that was killed between the two acts once more.
    #[test]
    fn a_mark_that_does_not_hold_yet_is_doubt() {
        let folder = tempfile::tempdir().unwrap();
        let memory = memory(folder.path());
        let draft = memory.not_yet(&mark(1)).unwrap();
        draft.put(memory.name()).unwrap();
        assert_eq!(memory.recall(), (Kept::Doubt(None), None));
    }

    #[test]
    fn files_that_came_long_after_the_folder_are_told_from_those_that_came_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let memory = memory(folder.path());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = i64::try_from(now.as_secs()).unwrap();
        assert!(!memory.is_older_than((now, 0)));
        assert!(memory.is_older_than((now + 60, 0)));
        assert!(!memory.is_older_than((i64::MIN, -1)));
    }
}
