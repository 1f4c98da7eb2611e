//! `install`: the whole program or nothing, in the place that is named and nowhere else.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::scene::{Scene, text};
use common::{agent, binary};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::Path;
use std::process::Command;

/// The exit code and what was said.
fn install(place: &Path) -> (i32, String) {
    let done = Command::new(binary()).arg("install").arg(place).output();
    let done = done.unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    (done.status.code().unwrap(), said)
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn is_whole(place: &Path) {
    assert_eq!(fs::read(place).unwrap(), fs::read(binary()).unwrap());
    let modes = [place, &binary()].map(|path| fs::metadata(path).unwrap().mode() & 0o777);
    assert_eq!(modes[0], modes[1]);
}

#[test]
fn it_is_put_where_nothing_or_a_file_is_even_one_that_runs() {
    let scene = Scene::new();
    let place = scene.path("d/agent");
    assert_eq!(install(&place).0, 0);
    is_whole(&place);

    // Who runs the old one keeps it, and nothing is written into that.
    let old = fs::File::open(&place).unwrap();
    let mut sleeper = common::start(
        Command::new(&place)
            .args(["run", "--watch"])
            .arg(scene.path("d/a"))
            .args(["--", "sleep", "600"]),
    );
    sleeper.says("watching", 1);
    assert_eq!(install(&place).0, 0);
    is_whole(&place);
    assert_ne!(
        old.metadata().unwrap().ino(),
        fs::metadata(&place).unwrap().ino()
    );
    assert!(sleeper.runs());
    assert_eq!(names(&scene.path("d")), ["a", "agent"]);
}

#[test]
fn what_one_that_was_killed_left_long_ago_goes_and_what_is_fresh_may_be_anothers() {
    let scene = Scene::new();
    for name in [".agent.tidings-draft-1", ".agent.tidings-draft-2", ".other"] {
        fs::write(scene.path("d").join(name), "x").unwrap();
    }
    for name in [".agent.tidings-draft-1", ".other"] {
        let mut made = Command::new("touch");
        made.args(["-d", "2 hours ago"])
            .arg(scene.path("d").join(name));
        assert!(made.status().unwrap().success());
    }
    assert_eq!(install(&scene.path("d/agent")).0, 0);
    let left = names(&scene.path("d"));
    assert_eq!(left, [".agent.tidings-draft-2", ".other", "a", "agent"]);
}

#[test]
fn whatever_else_is_there_stays_and_is_said() {
    let scene = Scene::new();
    fs::create_dir(scene.path("dir")).unwrap();
    symlink(scene.path("d/a"), scene.path("link")).unwrap();
    symlink(scene.path("none"), scene.path("to-nothing")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(scene.path("socket")).unwrap();
    let fifo = scene.fifo("fifo");
    for (place, why) in [
        (fifo.clone(), "no regular file"),
        (scene.path("socket"), "no regular file"),
        ("/dev/null".into(), "no regular file"),
        (scene.path("dir"), "is a directory"),
        (scene.path("link"), "is a link"),
        (scene.path("to-nothing"), "is a link"),
    ] {
        let (code, said) = install(&place);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(text(&place)) && said.contains(why), "{said}");
    }
    assert!(fs::metadata(fifo).unwrap().file_type().is_fifo());
    assert!(!scene.path("none").exists());
    assert_eq!(fs::read_to_string(scene.path("d/a")).unwrap(), "1");
}

/// A limit of file sizes is as a full disk.
#[test]
fn what_does_not_fit_leaves_what_was_there() {
    let scene = Scene::new();
    let place = scene.path("d/agent");
    for before in [None, Some("old")] {
        if let Some(before) = before {
            fs::write(&place, before).unwrap();
        }
        let mut installing = common::start(
            Command::new("sh")
                .args(["-c", "ulimit -f 100; exec \"$0\" install \"$1\""])
                .arg(binary())
                .arg(&place),
        );
        assert_eq!(installing.code(), 1, "{}", installing.output());
        assert_eq!(fs::read_to_string(&place).ok().as_deref(), before);
    }
    assert_eq!(names(&scene.path("d")), ["a", "agent"]);
}

#[test]
fn a_folder_that_takes_no_file_is_said() {
    let scene = Scene::new();
    let (code, said) = install(&scene.path("none/agent"));
    assert_eq!(code, 1);
    assert!(said.contains("No such file"), "{said}");
    for nameless in ["", "/", "..", "dir/"] {
        let mut installing = agent(&["install", nameless]);
        assert_eq!(installing.code(), 2, "{nameless}: {}", installing.output());
    }
}

/// What is meant as an option is never the name of a file, unless `--` says so.
#[test]
fn an_option_is_not_taken_for_the_place() {
    let scene = Scene::new();
    let in_scene = |words: &[&str]| {
        let mut command = Command::new(binary());
        let command = command.arg("install").args(words);
        command.current_dir(scene.path("d")).output().unwrap()
    };
    for word in ["--help", "-h"] {
        let done = in_scene(&[word]);
        assert_eq!(done.status.code(), Some(0));
        assert!(
            String::from_utf8(done.stdout)
                .unwrap()
                .contains("install FILE")
        );
    }
    for word in ["--version", "--force", "-x", "-"] {
        let done = in_scene(&[word]);
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(2), "{said}");
        assert!(said.contains("knows no option"), "{said}");
    }
    let done = in_scene(&["new/x/"]);
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(said.contains("of a directory"), "{said}");
    assert_eq!(names(&scene.path("d")), ["a"]);
    for name in ["--force", "agent"] {
        assert_eq!(in_scene(&["--", name]).status.code(), Some(0));
        is_whole(&scene.path("d").join(name));
    }
}

/// As the pods of a node do with a folder of the node.
#[test]
fn many_at_once_leave_one_whole_file() {
    let scene = Scene::new();
    let place = scene.path("d/agent");
    let mut all: Vec<_> = (0..4).map(|_| agent(&["install", text(&place)])).collect();
    for installing in &mut all {
        assert_eq!(installing.code(), 0, "{}", installing.output());
    }
    is_whole(&place);
    assert_eq!(names(&scene.path("d")), ["a", "agent"]);
}
