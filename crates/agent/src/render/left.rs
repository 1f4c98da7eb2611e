//! What a check, or a neighbour, leaves where the agent keeps its own beside an output.

use super::{Render, Rendering};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

struct EarlierLife {
    dir: tempfile::TempDir,
}

impl EarlierLife {
    /// With a good output, and another input.
    fn new() -> Self {
        let scene = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        fs::write(scene.path("in"), "good").unwrap();
        scene.rendering().run().unwrap().keep();
        fs::write(scene.path("in"), "bad").unwrap();
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn rendering(&self) -> Rendering {
        let render = Render {
            input: self.path("in"),
            output: self.path("out"),
            variables: Vec::new(),
        };
        Rendering::of(&render, false)
    }

    fn names(&self) -> usize {
        fs::read_dir(self.dir.path()).unwrap().count()
    }

    /// What lies beside the output during a check.
    fn beside(&self) -> PathBuf {
        let names = fs::read_dir(self.dir.path()).unwrap().flatten();
        let mut paths = names.map(|entry| entry.path());
        let is_ours = |path: &PathBuf| path.to_string_lossy().contains(".tidings-");
        paths.find(is_ours).unwrap()
    }

    fn out(&self) -> String {
        fs::read_to_string(self.path("out")).unwrap()
    }
}

#[test]
fn a_directory_in_the_place_of_the_output_goes_when_the_file_comes_back() {
    let scene = EarlierLife::new();
    let refused = scene.rendering().run().unwrap();
    fs::remove_file(scene.path("out")).unwrap();
    fs::create_dir(scene.path("out")).unwrap();
    drop(refused);
    assert_eq!((scene.out().as_str(), scene.names()), ("good", 2));
}

#[test]
fn what_is_laid_in_the_place_of_the_file_of_before_becomes_no_output() {
    for lay in [
        |path: &PathBuf| fs::create_dir(path).unwrap(),
        |path: &PathBuf| drop(std::os::unix::net::UnixListener::bind(path).unwrap()),
    ] {
        let scene = EarlierLife::new();
        let refused = scene.rendering().run().unwrap();
        let beside = scene.beside();
        fs::remove_file(&beside).unwrap();
        lay(&beside);
        drop(refused);
        assert_eq!((scene.out().as_str(), scene.names()), ("bad", 2));
        scene.rendering().run().unwrap().keep();
    }
}

/// It may hold what somebody needs.
#[test]
fn a_directory_that_holds_something_stays_and_hinders_nothing() {
    let scene = EarlierLife::new();
    let rendering = scene.rendering();
    let refused = rendering.run().unwrap();
    let beside = scene.beside();
    fs::remove_file(&beside).unwrap();
    fs::create_dir(&beside).unwrap();
    fs::write(beside.join("theirs"), "").unwrap();
    drop(refused);
    for (rendering, content) in [(rendering, "one"), (scene.rendering(), "two")] {
        fs::write(scene.path("in"), content).unwrap();
        rendering.run().unwrap().keep();
        assert_eq!(scene.out(), content);
        assert!(beside.join("theirs").exists());
    }
    assert_eq!(scene.names(), 3);
}

#[test]
fn what_earlier_lives_had_goes_whatever_it_was_replaced_by() {
    let scene = EarlierLife::new();
    fs::create_dir(scene.path(".out.tidings-draft-1")).unwrap();
    fs::create_dir(scene.path(".out.tidings-new7-2")).unwrap();
    symlink("in", scene.path(".out.tidings-draft-3")).unwrap();
    scene.rendering().run().unwrap().keep();
    assert_eq!((scene.out().as_str(), scene.names()), ("bad", 2));
}

/// A link may be what an output was before.
#[test]
fn a_link_comes_back_after_a_life_that_was_killed_during_the_check() {
    let scene = EarlierLife::new();
    fs::rename(scene.path("out"), scene.path("target")).unwrap();
    symlink("target", scene.path("out")).unwrap();
    std::mem::forget(scene.rendering().run().unwrap());
    assert_eq!(scene.out(), "bad");
    fs::remove_file(scene.path("in")).unwrap();
    drop(scene.rendering().output.draft().unwrap());
    assert_eq!(scene.out(), "good");
    assert!(scene.path("out").is_symlink());
    assert_eq!(scene.names(), 2);
}
