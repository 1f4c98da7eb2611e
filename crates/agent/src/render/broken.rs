//! Rendering before a kernel that fails: whatever call fails, the output is the
//! new one whole or the one before, and nothing is left that the next run does not
//! clear away.

use super::{Render, Rendering};
use crate::files::sys::faults::{Fault, Syscall, calls_of, during, once};
use rustix::io::Errno;
use std::fs;
use std::path::{Path, PathBuf};

const ERRORS: [Errno; 8] = [
    Errno::IO,
    Errno::MFILE,
    Errno::NFILE,
    Errno::NOSPC,
    Errno::DQUOT,
    Errno::ACCESS,
    Errno::STALE,
    Errno::INTR,
];

const OLD: &str = "old";

struct Scene {
    dir: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("in"), new()).unwrap();
        fs::write(dir.path().join("out"), OLD).unwrap();
        Self { dir }
    }

    fn rendering(&self) -> Rendering {
        let path = |name: &str| -> PathBuf { self.dir.path().join(name) };
        let render = Render {
            input: path("in"),
            output: path("out"),
            variables: Vec::new(),
        };
        Rendering::of(&render, false)
    }

    fn out(&self) -> String {
        fs::read_to_string(self.dir.path().join("out")).unwrap()
    }

    fn names(&self) -> usize {
        fs::read_dir(self.dir.path()).unwrap().count()
    }
}

/// Several pieces of it.
fn new() -> String {
    "new $(NOT_SET)\n".repeat(4000)
}

/// Renders, and keeps what came of it or not.
fn run(rendering: &Rendering, keep: bool) -> Result<(), String> {
    let rendered = rendering.run()?;
    if keep {
        rendered.keep();
    }
    Ok(())
}

fn calls(keep: bool) -> Vec<Syscall> {
    let scene = Scene::new();
    let rendering = scene.rendering();
    calls_of(|| run(&rendering, keep).unwrap()).1
}

#[test]
fn a_call_that_fails_leaves_the_whole_old_output_or_the_whole_new_one() {
    let calls = calls(true);
    for (number, call) in calls.iter().enumerate() {
        for error in ERRORS {
            let scene = Scene::new();
            let rendering = scene.rendering();
            let plan = once(number, Fault::Fails(error), |_| true);
            let done = during(plan, || run(&rendering, true));
            let case = format!("{number} {call:?} {error}: {done:?}");
            let expected = if done.is_ok() { new() } else { OLD.into() };
            assert_eq!(scene.out(), expected, "{case}");
            assert!(scene.names() == 2 || *call == Syscall::Unlink, "{case}");
            // What is left is found by the same agent, or by the next one.
            run(&rendering, true).unwrap();
            run(&scene.rendering(), true).unwrap();
            assert_eq!((scene.out(), scene.names()), (new(), 2), "{case}");
        }
    }
}

#[test]
fn what_is_not_accepted_is_taken_back_whatever_fails() {
    let calls = calls(false);
    for (number, call) in calls.iter().enumerate() {
        for error in ERRORS {
            let scene = Scene::new();
            let rendering = scene.rendering();
            let plan = once(number, Fault::Fails(error), |_| true);
            let done = during(plan, || run(&rendering, false));
            let case = format!("{number} {call:?} {error}: {done:?}");
            // The renaming back may be what failed: the next life does it.
            drop(scene.rendering().output.draft());
            assert_eq!(scene.out(), OLD, "{case}");
        }
    }
}

/// The disk stays full, or the descriptors stay used up.
#[test]
fn what_fails_for_good_is_one_sentence() {
    let calls = calls(true);
    for (number, call) in calls.iter().enumerate() {
        for error in ERRORS.into_iter().filter(|error| *error != Errno::INTR) {
            let scene = Scene::new();
            let rendering = scene.rendering();
            let (mut made, call) = (0, *call);
            let plan = move |asked| {
                made += 1;
                (made > number && asked == call).then_some(Fault::Fails(error))
            };
            let done = during(plan, || run(&rendering, true));
            let case = format!("{number} {call:?} {error}: {done:?}");
            let expected = if done.is_ok() { new() } else { OLD.into() };
            assert_eq!(scene.out(), expected, "{case}");
            let why = done.err().unwrap_or_default();
            assert!(
                why.is_empty() || why.contains("cannot be rendered: "),
                "{case}"
            );
            run(&scene.rendering(), true).unwrap();
            assert_eq!((scene.out(), scene.names()), (new(), 2), "{case}");
        }
    }
}

#[test]
fn short_reads_and_writes_lose_nothing() {
    let scene = Scene::new();
    let mut odd = false;
    let plan = move |call| {
        odd = !odd;
        let fault = if odd {
            Fault::Short(7)
        } else {
            Fault::Fails(Errno::INTR)
        };
        matches!(call, Syscall::Read | Syscall::Write).then_some(fault)
    };
    during(plan, || run(&scene.rendering(), true)).unwrap();
    assert_eq!((scene.out(), scene.names()), (new(), 2));
}

/// At each of the calls, once.
fn meanwhile(change: impl Fn(&Path) + Clone + 'static, check: impl Fn(&Scene, bool)) {
    for number in 0..calls(true).len() {
        let scene = Scene::new();
        let rendering = scene.rendering();
        let (mut made, dir, change) = (0, scene.dir.path().to_path_buf(), change.clone());
        let plan = move |_| {
            if made == number {
                change(&dir);
            }
            made += 1;
            None
        };
        let done = during(plan, || run(&rendering, true));
        check(&scene, done.is_ok());
    }
}

#[test]
fn an_input_that_changes_meanwhile_is_rendered_as_it_was_or_as_it_is() {
    for other in [String::new(), "short".to_owned(), new().repeat(2)] {
        let content = other.clone();
        let change = move |dir: &Path| fs::write(dir.join("in"), &content).unwrap();
        meanwhile(change, |scene, done| {
            assert!(done);
            assert!(scene.out() == new() || scene.out() == other);
        });
    }
}

#[test]
fn an_output_that_somebody_writes_meanwhile_is_replaced() {
    for other in [String::new(), new().repeat(2)] {
        let change = move |dir: &Path| fs::write(dir.join("out"), &other).unwrap();
        meanwhile(change, |_, done| assert!(done));
    }
}

/// It was read as if it were in place, and is not: the next look finds it.
#[test]
fn an_output_that_shrinks_while_it_is_compared_is_not_in_place() {
    let scene = Scene::new();
    run(&scene.rendering(), true).unwrap();
    let rendering = scene.rendering();
    let reads = |call: &Syscall| *call == Syscall::Read;
    let ((), calls) = calls_of(|| run(&rendering, true).unwrap());
    for number in 0..calls.iter().filter(|call| reads(call)).count() {
        let out = scene.dir.path().join("out");
        let mut made = 0;
        let plan = move |call| {
            if reads(&call) {
                if made == number {
                    fs::write(&out, "").unwrap();
                }
                made += 1;
            }
            None
        };
        during(plan, || run(&rendering, true)).unwrap();
        // One that is written after it was read to its end is somebody's own.
        let is_last = fs::metadata(scene.dir.path().join("out")).unwrap().len() == 0;
        run(&rendering, true).unwrap();
        assert_eq!(scene.out(), new());
        assert!(!is_last || number > 0);
    }
}
