//! Where the watched paths lead: several into one directory, through links that
//! are set anew, to what is not there yet. Each change is taken once, by a
//! message of the kernel: but where it says otherwise, these tests put the poll
//! off (`--poll 1h`), which would see in the end what was missed at first.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::{Hook, Kubelet, Running, agent, binary, start, until};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An agent that calls a server at each change, and nothing else.
struct Scene {
    root: tempfile::TempDir,
    hook: Hook,
}

impl Scene {
    fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
            hook: Hook::new(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn dir(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn volume(&self, name: &str) -> Kubelet {
        let mut kubelet = Kubelet::new(&self.dir(name));
        kubelet.write(&keys(&[("a", "1"), ("b", "1")]));
        kubelet
    }

    fn options(&self, paths: &[&Path]) -> Vec<String> {
        let mut options: Vec<String> = ["watch", "--at-start", "never", "--poll", "1h", "--http"]
            .map(String::from)
            .to_vec();
        options.push(self.hook.url("/"));
        for path in paths {
            options.push("--watch".into());
            options.push(path.to_str().unwrap().into());
        }
        options
    }

    fn watch(&self, paths: &[&Path]) -> Running {
        let options = self.options(paths);
        let agent = agent(&options.iter().map(String::as_str).collect::<Vec<_>>());
        agent.says("watching", 1);
        agent
    }

    /// Exactly so many changes were seen and taken, and no more.
    fn took(&self, agent: &Running, times: usize) {
        agent.says("changed:", times);
        agent.says("applied", times);
        assert_eq!(agent.said("changed:"), times, "{}", agent.output());
        assert_eq!(self.hook.count(), times, "{}", agent.output());
    }
}

fn keys(files: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, content): &(&str, &str)| ((*name).to_owned(), (*content).to_owned());
    files.iter().map(owned).collect()
}

#[test]
fn two_files_of_one_directory_are_both_watched() {
    let scene = Scene::new();
    let dir = scene.dir("d");
    for name in ["a", "b", "c"] {
        fs::write(dir.join(name), "1").unwrap();
    }
    let agent = scene.watch(&[&dir.join("a"), &dir.join("b")]);
    fs::write(dir.join("a"), "2").unwrap();
    scene.took(&agent, 1);
    // Nobody asked for this one.
    fs::write(dir.join("c"), "2").unwrap();
    fs::write(dir.join("b"), "2").unwrap();
    scene.took(&agent, 2);
    agent.says("changed: b", 1);
    fs::write(dir.join("a"), "3").unwrap();
    scene.took(&agent, 3);
}

#[test]
fn a_volume_and_files_of_it_change_together() {
    let scene = Scene::new();
    let mut kubelet = scene.volume("cm");
    let cm = scene.path("cm");
    let out = scene.path("out");
    let mut options = scene.options(&[&cm, &cm.join("b")]);
    options.push("--render".into());
    options.push(format!("{}/a={}", cm.display(), out.display()));
    let agent = agent(&options.iter().map(String::as_str).collect::<Vec<_>>());
    agent.says("watching", 1);
    for n in 1..7 {
        let content = format!("new {n}");
        kubelet.write(&keys(&[("a", &content), ("b", &content)]));
        scene.took(&agent, n);
        assert_eq!(fs::read_to_string(&out).unwrap(), content);
    }
}

#[test]
fn a_directory_within_another_is_watched_with_it() {
    let scene = Scene::new();
    let (outer, inner) = (scene.dir("d"), scene.dir("d/conf.d"));
    fs::write(outer.join("a"), "1").unwrap();
    fs::write(inner.join("b"), "1").unwrap();
    for (round, paths) in [[&outer, &inner], [&inner, &outer]].iter().enumerate() {
        let scene = Scene::new();
        let agent = scene.watch(&[paths[0], paths[1]]);
        fs::write(outer.join("a"), format!("2 {round}")).unwrap();
        scene.took(&agent, 1);
        fs::write(inner.join("b"), format!("2 {round}")).unwrap();
        scene.took(&agent, 2);
        fs::create_dir(inner.join(round.to_string())).unwrap();
        fs::write(inner.join(format!("{round}/c")), "1").unwrap();
        agent.says("changed: ", 3);
        agent.says("applied", 3);
        fs::write(inner.join(format!("{round}/c")), "2").unwrap();
        scene.took(&agent, 4);
    }
}

#[test]
fn one_volume_that_is_mounted_twice_is_one_change() {
    let scene = Scene::new();
    let mut kubelet = scene.volume("cm");
    let (one, two) = (scene.dir("one"), scene.dir("two"));
    let line = format!(
        "mount --bind {cm} {one} && mount --bind {cm} {two} && exec {agent} {options}",
        cm = scene.path("cm").display(),
        one = one.display(),
        two = two.display(),
        agent = binary().display(),
        options = scene.options(&[&one, &two]).join(" ")
    );
    let agent = start(Command::new("unshare").args(["--mount", "sh", "-c", &line]));
    agent.says("watching", 2);
    for n in 2..6 {
        let content = n.to_string();
        kubelet.write(&keys(&[("a", &content)]));
        scene.took(&agent, n - 1);
    }
}

/// prometheus-operator's own layout: the file, its directory once more, and the
/// rules. Its program is called without a poll of ours (`--watch-interval` is
/// as the operator leaves it).
#[test]
fn the_operators_layout_reloads_once_for_each_change() {
    let scene = Scene::new();
    let mut config = Kubelet::new(&scene.dir("config"));
    config.write(&keys(&[("prometheus.yaml.gz", "0")]));
    let mut rules: Vec<Kubelet> = (0..3).map(|n| scene.volume(&format!("r{n}"))).collect();
    let out = scene.path("prometheus.env.yaml");
    let dir = |name: &str| format!("--watched-dir={}", scene.path(name).display());
    let agent = agent(&[
        "prometheus-config-reloader",
        &format!("--reload-url={}", scene.hook.url("/-/reload")),
        &format!(
            "--config-file={}",
            scene.path("config/prometheus.yaml.gz").display()
        ),
        &format!("--config-envsubst-file={}", out.display()),
        &dir("r0"),
        &dir("r1"),
        &dir("r2"),
        &dir("config"),
    ]);
    agent.says("applied", 1);
    for n in 1..=12 {
        let content = n.to_string();
        match n % 4 {
            0 => drop(config.write(&keys(&[("prometheus.yaml.gz", &content)]))),
            rule => drop(rules[rule - 1].write(&keys(&[("a", &content)]))),
        }
        agent.says("applied", n + 1);
        assert_eq!(scene.hook.count(), n + 1, "{}", agent.output());
    }
    assert_eq!(fs::read_to_string(&out).unwrap(), "12");
    assert_eq!(agent.said("changed:"), 12, "{}", agent.output());
}

/// `ln -s TARGET t; mv -T t LINK`, as git-sync does it.
fn set(link: &Path, target: &Path) {
    let new = link.with_extension("tmp");
    symlink(target, &new).unwrap();
    fs::rename(&new, link).unwrap();
}

fn tree(scene: &Scene, name: &str) -> PathBuf {
    let dir = scene.dir(name);
    fs::create_dir(dir.join("conf")).unwrap();
    fs::write(dir.join("conf/a"), name).unwrap();
    fs::write(dir.join("conf/same"), "always").unwrap();
    dir
}

/// All at once: each mostly waits.
#[test]
fn a_link_that_is_set_anew_is_followed() {
    std::thread::scope(|scope| {
        for absolute in [false, true] {
            for watched in ["current", "current/conf", "chain", "chain/conf/a"] {
                for removes in [false, true] {
                    scope.spawn(move || follow_a_link(watched, absolute, removes));
                }
            }
        }
    });
}

fn follow_a_link(watched: &str, absolute: bool, removes: bool) {
    let scene = Scene::new();
    let link = scene.path("current");
    let target = |name: &str| {
        if absolute {
            scene.path(name)
        } else {
            name.into()
        }
    };
    symlink("./current", scene.path("chain")).unwrap();
    tree(&scene, "rev0");
    set(&link, &target("rev0"));
    let agent = scene.watch(&[&scene.path(watched)]);
    for n in 1..4 {
        tree(&scene, &format!("rev{n}"));
        set(&link, &target(&format!("rev{n}")));
        scene.took(&agent, n);
        if removes {
            fs::remove_dir_all(scene.path(&format!("rev{}", n - 1))).unwrap();
        }
    }
    // And what is written where it leads to.
    fs::write(scene.path("rev3/conf/a"), "written").unwrap();
    scene.took(&agent, 4);
    // The old ones concern nobody any more.
    if !removes {
        fs::write(scene.path("rev1/conf/a"), "written").unwrap();
    }
    fs::write(scene.path("rev3/conf/a"), "again").unwrap();
    scene.took(&agent, 5);
}

#[test]
fn a_link_to_the_same_content_is_no_change() {
    let scene = Scene::new();
    tree(&scene, "rev0");
    let link = scene.path("current");
    set(&link, Path::new("rev0"));
    for name in ["copy1", "copy2"] {
        let copied = Command::new("cp")
            .args(["-r", "rev0", name])
            .current_dir(scene.root.path())
            .status();
        assert!(copied.unwrap().success());
    }
    fs::rename(scene.path("copy2/conf/a"), scene.path("copy2/conf/other")).unwrap();
    let file = scene.path("file");
    set(&file, Path::new("rev0/conf/a"));
    let agent = scene.watch(&[&link, &file]);
    set(&link, Path::new("copy1"));
    // The file's name differs, but not what is in it.
    set(&file, Path::new("copy2/conf/other"));
    fs::write(scene.path("copy1/conf/a"), "new").unwrap();
    scene.took(&agent, 1);
    agent.says("changed: conf/a", 1);
}

/// A link between two volumes, which the kubelet goes on writing.
#[test]
fn a_link_to_a_volume_that_is_set_anew_is_followed() {
    let scene = Scene::new();
    let (mut blue, mut green) = (scene.volume("blue"), scene.volume("green"));
    green.write(&keys(&[("a", "green"), ("b", "1")]));
    let link = scene.path("current");
    set(&link, Path::new("blue"));
    let agent = scene.watch(&[&link, &link.join("a"), &scene.path("blue/b")]);
    set(&link, Path::new("green"));
    scene.took(&agent, 1);
    // This one is left.
    blue.write(&keys(&[("a", "2"), ("b", "1")]));
    green.write(&keys(&[("a", "green 2"), ("b", "1")]));
    scene.took(&agent, 2);
    blue.write(&keys(&[("a", "2"), ("b", "2")]));
    scene.took(&agent, 3);
}

/// A directory of links, each to a file elsewhere: with `--follow-links`, since
/// that is refused otherwise.
#[test]
fn what_links_in_a_directory_lead_to_is_watched() {
    let scene = Scene::new();
    let mut kubelet = scene.volume("cm");
    let (dir, other) = (scene.dir("conf.d"), scene.dir("other"));
    fs::write(other.join("x"), "1").unwrap();
    symlink("../cm/a", dir.join("a")).unwrap();
    symlink(other.join("x"), dir.join("x")).unwrap();
    let mut options = scene.options(&[&dir]);
    options.push("--follow-links".into());
    let agent = agent(&options.iter().map(String::as_str).collect::<Vec<_>>());
    agent.says("watching", 1);
    kubelet.write(&keys(&[("a", "2"), ("b", "1")]));
    scene.took(&agent, 1);
    fs::write(other.join("x"), "2").unwrap();
    scene.took(&agent, 2);
    fs::write(other.join("y"), "3").unwrap();
    set(&dir.join("x"), Path::new("../other/y"));
    scene.took(&agent, 3);
    fs::write(other.join("y"), "4").unwrap();
    scene.took(&agent, 4);
}

#[test]
fn a_tree_whose_parent_is_replaced_is_followed() {
    let scene = Scene::new();
    scene.dir("app/etc/conf.d");
    let file = scene.path("app/etc/conf.d/a");
    fs::write(&file, "1").unwrap();
    let agent = scene.watch(&[&file]);
    for n in 1..3 {
        fs::rename(scene.path("app"), scene.path(&format!("app.{n}"))).unwrap();
        scene.dir("new/etc/conf.d");
        fs::write(scene.path("new/etc/conf.d/a"), format!("new {n}")).unwrap();
        fs::rename(scene.path("new"), scene.path("app")).unwrap();
        scene.took(&agent, 2 * n - 1);
        fs::write(&file, format!("newer {n}")).unwrap();
        scene.took(&agent, 2 * n);
    }
}

/// Watches are not gathered for ever: as many as at the start.
#[test]
fn a_tree_that_is_left_is_not_watched_any_more() {
    let scene = Scene::new();
    tree(&scene, "rev0");
    let link = scene.path("current");
    set(&link, Path::new("rev0"));
    let agent = scene.watch(&[&link]);
    let watches = || {
        let infos = fs::read_dir(format!("/proc/{}/fdinfo", agent.pid())).unwrap();
        let texts = infos.flatten().map(|info| fs::read_to_string(info.path()));
        texts
            .flatten()
            .map(|text| text.matches("inotify wd").count())
            .sum::<usize>()
    };
    let first = watches();
    assert!(first > 0);
    for n in 1..10 {
        let rev = format!("rev{n}");
        tree(&scene, &rev);
        set(&link, Path::new(&rev));
        scene.took(&agent, n);
    }
    assert_eq!(watches(), first);
}

#[test]
fn what_is_not_there_yet_is_what_it_becomes() {
    for (name, inner) in [
        ("Corefile", ""),
        ("app.conf", ""),
        ("conf.d", "/a"),
        ("config", "/a"),
        ("not/yet/there/Corefile", ""),
        ("not/yet.d/conf.d", "/a.conf"),
    ] {
        let scene = Scene::new();
        let path = scene.path(name);
        let agent = scene.watch(&[&path]);
        agent.says(&format!("watching {} (not there yet)", path.display()), 1);
        let file = PathBuf::from(format!("{}{inner}", path.display()));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "1").unwrap();
        scene.took(&agent, 1);
        fs::write(&file, "2").unwrap();
        scene.took(&agent, 2);
    }
}

#[test]
fn a_file_may_become_a_directory_a_link_and_a_file_again() {
    let scene = Scene::new();
    let path = scene.path("conf.d");
    fs::write(&path, "file").unwrap();
    let agent = scene.watch(&[&path]);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    fs::write(path.join("a"), "1").unwrap();
    scene.took(&agent, 1);
    fs::write(path.join("a"), "2").unwrap();
    scene.took(&agent, 2);
    let mut kubelet = scene.volume("cm");
    fs::remove_dir_all(&path).unwrap();
    symlink("cm", &path).unwrap();
    scene.took(&agent, 3);
    kubelet.write(&keys(&[("a", "3"), ("b", "1")]));
    scene.took(&agent, 4);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "file").unwrap();
    scene.took(&agent, 5);
}

/// A volume of an optional source, and a link to what comes later.
#[test]
fn a_key_that_comes_later_is_seen() {
    let scene = Scene::new();
    let mut kubelet = Kubelet::new(&scene.dir("cm"));
    kubelet.write(&[]);
    let link = scene.path("later");
    symlink("cm/a", &link).unwrap();
    let agent = scene.watch(&[&scene.path("cm/b"), &link]);
    kubelet.write(&keys(&[("b", "1")]));
    scene.took(&agent, 1);
    kubelet.write(&keys(&[("a", "1"), ("b", "1")]));
    scene.took(&agent, 2);
}

#[test]
fn names_that_are_no_text_are_told_as_they_are() {
    let scene = Scene::new();
    let dir = scene.dir("d");
    let log = scene.path("log");
    let command = format!(
        "sh -c 'printf %s \"$TIDINGS_FILES\" > {0}.new; mv {0}.new {0}'",
        log.display()
    );
    let agent = agent(&[
        "watch",
        "--at-start",
        "never",
        "--watch",
        dir.to_str().unwrap(),
        "--exec",
        &command,
    ]);
    agent.says("watching", 1);
    let name = b"caf\xe9.conf";
    fs::write(dir.join(std::ffi::OsStr::from_bytes(name)), "1").unwrap();
    agent.says("changed: caf\\xe9.conf", 1);
    until("told", || fs::read(&log).is_ok_and(|told| told == name));
}

/// Whatever failed in between: the first two tries do.
#[test]
fn a_command_is_told_what_changed_since_the_last_that_was_taken() {
    let scene = Scene::new();
    let mut kubelet = scene.volume("cm");
    let (log, go) = (scene.path("log"), scene.path("go"));
    let script = format!(
        "echo $TIDINGS_FILES >> {}; test -e {}",
        log.display(),
        go.display()
    );
    let agent = agent(&[
        "watch",
        "--at-start",
        "never",
        "--watch",
        scene.path("cm").to_str().unwrap(),
        "--exec",
        &format!("sh -c '{script}'"),
    ]);
    agent.says("watching", 1);
    kubelet.write(&keys(&[("a", "2"), ("b", "1")]));
    agent.says("rejected", 2);
    kubelet.write(&keys(&[("a", "2"), ("b", "2")]));
    agent.says("changed: b", 1);
    let told = || fs::read_to_string(&log).unwrap_or_default();
    until("both are told", || told().ends_with("\na b\n"));
    assert!(told().starts_with("a\na\n"), "{}", told());
    fs::write(&go, "").unwrap();
    agent.says("unverified", 1);
    kubelet.write(&keys(&[("a", "3"), ("b", "2")]));
    agent.says("unverified", 2);
    assert!(told().ends_with("a b\na\n"), "{}", told());
}

/// More names than a command's environment can hold.
#[test]
fn many_names_are_told_in_a_file() {
    let scene = Scene::new();
    let mut kubelet = scene.volume("cm");
    let names: Vec<(String, String)> = (0..600)
        .map(|n| (format!("{n:0>240}"), "x".to_owned()))
        .collect();
    let (check, log) = (scene.path("check"), scene.path("log"));
    let script = |log: &Path| {
        let log = log.display();
        format!(
            "sh -c 'cat \"$TIDINGS_FILES_FROM\" > {log}; echo \"${{TIDINGS_FILES-none}}\" >> {log}'"
        )
    };
    let agent = agent(&[
        "watch",
        "--at-start",
        "never",
        "--watch",
        scene.path("cm").to_str().unwrap(),
        "--check",
        &script(&check),
        "--exec",
        &script(&log),
    ]);
    agent.says("watching", 1);
    kubelet.write(&names);
    agent.says("unverified", 1);
    for log in [check, log] {
        let text = fs::read_to_string(log).unwrap();
        // The new ones, the two that are gone, and that there is no other list.
        assert_eq!(text.lines().count(), 603);
        assert!(text.lines().any(|line| line == names[599].0) && text.ends_with("\nnone\n"));
    }
    assert_eq!(agent.said("and 582 more"), 1);
}
