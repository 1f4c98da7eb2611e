//! Finding the process that a person means by a name: executable first, then
//! `argv[0]`, then the kernel's own 15 characters; of several, the master, and who is
//! of our user before others.

use super::disposition::MOST_THREADS;
use super::kin::{self, Among, preferring};
use super::{Process, parent, started};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// How well a process fits a name, best last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    Comm,
    Argv0,
    Exe,
}

/// The kernel keeps this much of a name (TASK_COMM_LEN - 1, proc(5)).
const COMM: usize = 15;

impl Fit {
    /// By what it fits, for people.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Comm => "name",
            Self::Argv0 => "argv0",
            Self::Exe => "executable",
        }
    }
}

/// The only process of this name whose parent is not of this name too, and by what.
pub(crate) fn named(name: &str, among: Among) -> Option<(Process, Fit)> {
    let masters = masters(name, among);
    let [(best, master)] = masters.as_slice() else {
        return None;
    };
    let process = Process::open(*master)?;
    // Opened by number: make sure that the number still is who was meant.
    (fit(*master, name) == Some(*best)).then_some((process, *best))
}

/// The numbers of several that are all masters of this name: nobody is told then,
/// since one of them may be somebody else's.
pub(crate) fn rivals(name: &str, among: Among) -> Option<Vec<i32>> {
    let masters = masters(name, among);
    (masters.len() > 1).then(|| masters.into_iter().map(|(_, pid)| pid).collect())
}

/// The oldest first.
fn masters(name: &str, among: Among) -> Vec<(Fit, i32)> {
    let me = std::process::id().cast_signed();
    let fits: Vec<(Fit, i32)> = pids()
        .filter(|pid| *pid != me)
        .filter_map(|pid| Some((fit(pid, name)?, pid)))
        .filter(|(_, pid)| among.holds(*pid))
        .collect();
    // The executable of a master is often hidden from us, and that of its workers not.
    // A script that is called as its program is, by the kernel alone, is no master.
    let leads = |above: i32| {
        let is_above = |(fit, pid): &(Fit, i32)| *pid == above && *fit > Fit::Comm;
        fits.iter().any(is_above)
    };
    let is_master = |(_, pid): &(Fit, i32)| !parent(*pid).is_some_and(leads);
    let masters: Vec<(Fit, i32)> = fits.iter().copied().filter(is_master).collect();
    // Not a check of ours that is under way.
    let masters = match among {
        Among::Own => masters,
        Among::All => preferring(masters, |(_, pid)| !kin::is_started_by_us(*pid)),
    };
    let mut masters = preferring(masters, |(_, pid)| kin::is_of_our_user(*pid));
    let best = masters.iter().map(|(fit, _)| *fit).max();
    masters.retain(|(fit, _)| Some(*fit) == best);
    masters.sort_by_key(|(_, pid)| (started(*pid), *pid));
    masters
}

/// Whether a process runs.
pub(crate) fn lives(pid: i32) -> bool {
    !is_zombie(pid)
}

/// Whether nobody can be seen but us, who started us, and whom we started: the
/// processes of a pod's other containers are then hidden.
pub(crate) fn nobody_else() -> bool {
    let me = std::process::id().cast_signed();
    let above: Vec<i32> = std::iter::successors(Some(me), |pid| parent(*pid)).collect();
    let is_ours = |pid| std::iter::successors(Some(pid), |pid| parent(*pid)).any(|pid| pid == me);
    above.contains(&1) && pids().all(|pid| above.contains(&pid) || is_ours(pid))
}

/// The children of a process, by number.
pub(crate) fn children_of(pid: i32) -> Vec<i32> {
    pids().filter(|child| parent(*child) == Some(pid)).collect()
}

/// All that can be seen.
pub(crate) fn pids() -> impl Iterator<Item = i32> {
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn fit(pid: i32, name: &str) -> Option<Fit> {
    let shown = living(pid)?;
    let exe = std::fs::read_link(shown.join("exe")).ok();
    let exe_is_known = exe.is_some();
    if name.contains('/') {
        let exe = exe?.into_os_string();
        return (undeleted(exe.as_bytes()) == name.as_bytes()).then_some(Fit::Exe);
    }
    if exe.is_some_and(|exe| base(exe.as_os_str().as_bytes()) == name.as_bytes()) {
        return Some(Fit::Exe);
    }
    let line = std::fs::read(shown.join("cmdline")).ok()?;
    if argv0(&line) == name.as_bytes() {
        return Some(Fit::Argv0);
    }
    if name.len() > COMM && exe_is_known {
        // Many long names begin alike; the executable said that it is another.
        return None;
    }
    let comm = std::fs::read(format!("/proc/{pid}/comm")).ok()?;
    let kept = &name.as_bytes()[..name.len().min(COMM)];
    (comm.trim_ascii_end() == kept).then_some(Fit::Comm)
}

/// Whether nothing but its exit code is left of a process.
pub(super) fn is_zombie(pid: i32) -> bool {
    living(pid).is_none()
}

/// Where the kernel shows a process that lives. Its first thread may have ended while
/// others go on (pthread_exit(3) in `main`): what it runs is then shown at these alone.
pub(super) fn living(pid: i32) -> Option<PathBuf> {
    let process = PathBuf::from(format!("/proc/{pid}"));
    if !is_over(&process) {
        return Some(process);
    }
    let threads = std::fs::read_dir(process.join("task")).ok()?.flatten();
    let mut threads = threads.take(MOST_THREADS).map(|thread| thread.path());
    threads.find(|thread| !is_over(thread))
}

fn is_over(thread: &Path) -> bool {
    let stat = super::text(thread.join("stat")).unwrap_or_default();
    super::after_name(&stat).is_none_or(|rest| rest.starts_with(['Z', 'X']))
}

/// The file name of the first argument; `nginx` of `nginx: master process …`.
fn argv0(line: &[u8]) -> &[u8] {
    let first = line.split(|byte| *byte == 0).next().unwrap_or_default();
    let word = first.split(|byte| *byte == b' ').next().unwrap_or_default();
    base(word.strip_suffix(b":").unwrap_or(word))
}

/// As it was called before an update replaced it.
fn undeleted(path: &[u8]) -> &[u8] {
    path.strip_suffix(b" (deleted)").unwrap_or(path)
}

fn base(path: &[u8]) -> &[u8] {
    let path = undeleted(path);
    let name = Path::new(std::ffi::OsStr::from_bytes(path)).file_name();
    name.map_or(path, OsStrExt::as_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};

    struct Sleeper(Child);

    impl Drop for Sleeper {
        fn drop(&mut self) {
            self.0.kill().ok();
            self.0.wait().ok();
        }
    }

    fn sleeper(dir: &Path, name: &str) -> Sleeper {
        let program = dir.join(name);
        // By another process: a copy of our own would still be open for writing
        // in whatever a test beside this one starts meanwhile (ETXTBSY).
        let copied = Command::new("cp").arg("/bin/sleep").arg(&program).status();
        assert!(copied.unwrap().success());
        Sleeper(Command::new(program).arg("600").spawn().unwrap())
    }

    fn found(name: &str) -> Option<i32> {
        let (process, fit) = named(name, Among::Own)?;
        assert_eq!(fit.word(), "executable");
        Some(process.pid)
    }

    #[test]
    fn rewritten_and_full_command_lines_are_read() {
        assert_eq!(argv0(b"nginx: master process /usr/sbin/nginx\0"), b"nginx");
        assert_eq!(argv0(b"/usr/sbin/haproxy\0-W\0"), b"haproxy");
        assert_eq!(argv0(b""), b"");
        assert_eq!(base(b"/usr/bin/x (deleted)"), b"x");
    }

    #[test]
    fn a_name_longer_than_the_kernel_keeps_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let name = "tidings-test-a-very-long-name";
        let child = sleeper(dir.path(), name);
        assert_eq!(found(name).unwrap(), child.0.id().cast_signed());
        assert!(found("tidings-test-a-very-long-nom").is_none());
    }

    #[test]
    fn of_several_masters_none_is_chosen_and_the_dead_are_none() {
        let dir = tempfile::tempdir().unwrap();
        let first = sleeper(dir.path(), "tidings-test-twin");
        let second = Command::new(dir.path().join("tidings-test-twin"))
            .arg("600")
            .spawn();
        let second = Sleeper(second.unwrap());
        let both = [&first, &second].map(|one| one.0.id().cast_signed());
        assert!(found("tidings-test-twin").is_none());
        assert_eq!(rivals("tidings-test-twin", Among::Own).unwrap(), both);
        drop(first);
        assert!(rivals("tidings-test-twin", Among::Own).is_none());
        assert_eq!(
            found("tidings-test-twin").unwrap(),
            second.0.id().cast_signed()
        );
        drop(second);
        assert!(found("tidings-test-twin").is_none());
    }

    #[test]
    fn a_path_means_that_program_and_no_other() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let child = sleeper(dir.path(), "tidings-test-path");
        let _other = sleeper(other.path(), "tidings-test-path");
        let path = dir.path().join("tidings-test-path");
        let found = found(path.to_str().unwrap()).unwrap();
        assert_eq!(found, child.0.id().cast_signed());
    }

    /// The kernel cuts the name within a letter.
    #[test]
    fn a_name_that_is_cut_within_a_letter_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let child = sleeper(dir.path(), "жжжжжжжжж");
        let pid = child.0.id().cast_signed();
        assert_eq!(found("жжжжжжжжж").unwrap(), pid);
        assert!(children_of(std::process::id().cast_signed()).contains(&pid));
    }

    #[test]
    fn children_are_found_by_their_parent() {
        let dir = tempfile::tempdir().unwrap();
        let child = sleeper(dir.path(), "tidings-test-child");
        let mine = children_of(std::process::id().cast_signed());
        assert!(mine.contains(&child.0.id().cast_signed()));
    }
}
