//! A kernel that fails when a test says so, for the thread of that test alone.
//!
//! In: a plan, asked before each call. Out: the call's own answer, an error in
//! its place, or less than was asked for. A plan may also do something to the
//! files just before the call: that is how they shrink and grow meanwhile.

use rustix::fs::{self, AtFlags, DirEntry, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;
use rustix::path::Arg;
use std::cell::RefCell;
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};

/// Which call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syscall {
    Chmod,
    Exchange,
    List,
    Open,
    Read,
    ReadLink,
    Rename,
    Stat,
    Sync,
    Unlink,
    Write,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails, and does nothing.
    Fails(Errno),
    /// It reads or writes no more than so many bytes.
    Short(usize),
}

type Plan<'a> = Box<dyn FnMut(Syscall) -> Option<Fault> + 'a>;

thread_local! {
    static PLAN: RefCell<Option<Plan<'static>>> = const { RefCell::new(None) };
}

/// Does something while calls fail as the plan says.
pub(crate) fn during<T>(
    plan: impl FnMut(Syscall) -> Option<Fault> + 'static,
    what: impl FnOnce() -> T,
) -> T {
    /// Whatever comes of it, the next test has none.
    struct Over;
    impl Drop for Over {
        fn drop(&mut self) {
            PLAN.set(None);
        }
    }
    let _over = Over;
    PLAN.set(Some(Box::new(plan)));
    what()
}

/// One call fails: the one with this number, of those that the filter takes.
pub(crate) fn once(
    number: usize,
    fault: Fault,
    of: impl Fn(Syscall) -> bool + 'static,
) -> impl FnMut(Syscall) -> Option<Fault> {
    let mut calls = 0;
    move |call| {
        calls += usize::from(of(call));
        (of(call) && calls == number + 1).then_some(fault)
    }
}

/// How many calls it makes.
pub(crate) fn calls_of<T>(what: impl FnOnce() -> T) -> (T, Vec<Syscall>) {
    let calls = std::rc::Rc::new(RefCell::new(Vec::new()));
    let counted = std::rc::Rc::clone(&calls);
    let plan = move |call| {
        counted.borrow_mut().push(call);
        None
    };
    let done = during(plan, what);
    (done, calls.take())
}

/// The most bytes that the call may take.
fn ask(call: Syscall) -> Result<usize, Errno> {
    let fault = PLAN.with_borrow_mut(|plan| plan.as_mut().and_then(|plan| plan(call)));
    match fault {
        None => Ok(usize::MAX),
        Some(Fault::Short(most)) => Ok(most),
        Some(Fault::Fails(why)) => Err(why),
    }
}

pub(crate) fn openat(
    dir: impl AsFd,
    path: impl Arg,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    ask(Syscall::Open)?;
    fs::openat(dir, path, flags, mode)
}

pub(crate) fn fstat(fd: impl AsFd) -> Result<Stat, Errno> {
    ask(Syscall::Stat)?;
    fs::fstat(fd)
}

pub(crate) fn stat(path: impl Arg) -> Result<Stat, Errno> {
    ask(Syscall::Stat)?;
    fs::stat(path)
}

pub(crate) fn lstat(path: impl Arg) -> Result<Stat, Errno> {
    ask(Syscall::Stat)?;
    fs::lstat(path)
}

pub(crate) fn statat(dir: impl AsFd, path: impl Arg, flags: AtFlags) -> Result<Stat, Errno> {
    ask(Syscall::Stat)?;
    fs::statat(dir, path, flags)
}

pub(crate) fn readlink(path: impl Arg, reuse: Vec<u8>) -> Result<CString, Errno> {
    ask(Syscall::ReadLink)?;
    fs::readlink(path, reuse)
}

pub(crate) fn readlinkat(dir: impl AsFd, path: impl Arg, reuse: Vec<u8>) -> Result<CString, Errno> {
    ask(Syscall::ReadLink)?;
    fs::readlinkat(dir, path, reuse)
}

pub(crate) fn renameat(
    from_dir: impl AsFd,
    from: impl Arg,
    to_dir: impl AsFd,
    to: impl Arg,
) -> Result<(), Errno> {
    ask(Syscall::Rename)?;
    fs::renameat(from_dir, from, to_dir, to)
}

pub(crate) fn renameat_with(
    from_dir: impl AsFd,
    from: impl Arg,
    to_dir: impl AsFd,
    to: impl Arg,
    flags: RenameFlags,
) -> Result<(), Errno> {
    ask(Syscall::Exchange)?;
    fs::renameat_with(from_dir, from, to_dir, to, flags)
}

pub(crate) fn unlinkat(dir: impl AsFd, path: impl Arg, flags: AtFlags) -> Result<(), Errno> {
    ask(Syscall::Unlink)?;
    fs::unlinkat(dir, path, flags)
}

pub(crate) fn fchmod(fd: impl AsFd, mode: Mode) -> Result<(), Errno> {
    ask(Syscall::Chmod)?;
    fs::fchmod(fd, mode)
}

pub(crate) fn fsync(fd: impl AsFd) -> Result<(), Errno> {
    ask(Syscall::Sync)?;
    fs::fsync(fd)
}

pub(crate) fn read(fd: impl AsFd, piece: &mut [u8]) -> Result<usize, Errno> {
    let most = ask(Syscall::Read)?.min(piece.len());
    rustix::io::read(fd, &mut piece[..most])
}

pub(crate) fn write(fd: impl AsFd, piece: &[u8]) -> Result<usize, Errno> {
    let most = ask(Syscall::Write)?.min(piece.len());
    rustix::io::write(fd, &piece[..most])
}

/// A directory whose listing may break off.
pub(crate) struct Dir(fs::Dir);

impl Dir {
    pub(crate) fn read_from(dir: impl AsFd) -> Result<Self, Errno> {
        ask(Syscall::List)?;
        fs::Dir::read_from(dir).map(Self)
    }
}

impl Iterator for Dir {
    type Item = Result<DirEntry, Errno>;

    fn next(&mut self) -> Option<Self::Item> {
        match ask(Syscall::List) {
            Ok(_) => self.0.next(),
            Err(why) => Some(Err(why)),
        }
    }
}
