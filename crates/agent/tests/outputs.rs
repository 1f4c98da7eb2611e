//! What is rendered into a watched place: a change of what it is made of is one
//! action, after all is written, and what the agent writes itself is none. What would
//! destroy its source is refused. The poll is put off, as in `places.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::{Hook, Running, agent, binary, free_port, get, start, until};
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

struct Scene {
    root: tempfile::TempDir,
    hook: Hook,
}

impl Scene {
    fn new() -> Self {
        let scene = Self {
            root: tempfile::tempdir().unwrap(),
            hook: Hook::new(),
        };
        for dir in ["v", "o", "v/sub"] {
            fs::create_dir(scene.path(dir)).unwrap();
        }
        fs::write(scene.path("v/a"), "0").unwrap();
        fs::write(scene.path("v/other"), "0").unwrap();
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn shell(&self, line: &str) {
        let mut command = Command::new("sh");
        let status = command.args(["-c", line]).current_dir(self.root.path());
        assert!(status.status().unwrap().success(), "{line}");
    }

    /// `@` stands for the scene's directory.
    fn agent(&self, line: &str) -> Running {
        let line = line.replace('@', self.root.path().to_str().unwrap());
        agent(&line.split(' ').collect::<Vec<_>>())
    }

    fn watch(&self, line: &str) -> Running {
        let url = self.hook.url("/");
        let agent = self.agent(&format!("watch --poll 1h --http {url} {line}"));
        agent.says("watching", 1);
        agent
    }

    fn took(&self, agent: &Running, times: usize) {
        agent.says("applied", times);
        assert_eq!(agent.said("changed:"), times, "{}", agent.output());
        assert_eq!(self.hook.count(), times, "{}", agent.output());
    }

    /// Each change is one action, and what comes too much shows at the next.
    fn each_change_is_one_action(&self, agent: &Running, output: &str) {
        for n in 1..6 {
            let content = n.to_string();
            fs::write(self.path("v/a"), &content).unwrap();
            self.took(agent, n);
            assert_eq!(fs::read_to_string(self.path(output)).unwrap(), content);
        }
        assert_eq!(agent.said("changed: a"), 5, "{}", agent.output());
    }
}

#[test]
fn an_output_in_a_watched_place_is_no_change() {
    for (line, output) in [
        ("--watch @/v --watch @/o --render @/v/a=@/o/x", "o/x"),
        ("--watch @/v --render @/v/a=@/v/x", "v/x"),
        ("--watch @/v --render @/v/a=@/v/sub/x", "v/sub/x"),
        ("--watch @/v --render @/v/a=@/o/../v/x", "v/x"),
        ("--watch @/v --watch @/o/x --render @/v/a=@/o/x", "o/x"),
        ("--watch @/v --render @/v/a=@/v/.hidden", "v/.hidden"),
        (
            "--watch @/v --watch @/o --render @/v/a=@/o/b --render @/o/b=@/o/c",
            "o/c",
        ),
        (
            "--watch @/v --render @/v/b=@/v/c --render @/v/a=@/v/b",
            "v/c",
        ),
    ] {
        let scene = Scene::new();
        let agent = scene.watch(&format!("--at-start never {line}"));
        scene.each_change_is_one_action(&agent, output);
    }
}

/// The patterns choose among what is watched besides.
#[test]
fn what_is_rendered_counts_whatever_the_patterns_say() {
    for patterns in ["--include x", "--include *.conf", "--exclude a"] {
        let scene = Scene::new();
        let line = format!("--at-start never --watch @/v {patterns} --render @/v/a=@/o/x");
        let agent = scene.watch(&line);
        scene.each_change_is_one_action(&agent, "o/x");
    }
}

#[test]
fn a_link_to_an_output_is_no_change() {
    let scene = Scene::new();
    symlink("sub/x", scene.path("v/link")).unwrap();
    symlink("link", scene.path("v/chain")).unwrap();
    symlink("v/sub/x", scene.path("named")).unwrap();
    let line = "--at-start never --watch @/v --watch @/named --render @/v/a=@/v/sub/x";
    let agent = scene.watch(line);
    scene.each_change_is_one_action(&agent, "v/sub/x");
    agent.says("named is not watched: the agent writes it", 1);
}

#[test]
fn what_lies_beside_an_output_counts() {
    let scene = Scene::new();
    let agent = scene.watch("--at-start never --watch @/v --render @/v/a=@/v/x");
    fs::write(scene.path("v/other"), "1").unwrap();
    scene.took(&agent, 1);
    fs::write(scene.path("v/.x.conf"), "1").unwrap();
    scene.took(&agent, 2);
    // Somebody else's hand in it is undone by the next rendering, and is no change.
    fs::write(scene.path("v/x"), "theirs").unwrap();
    fs::write(scene.path("v/a"), "1").unwrap();
    scene.took(&agent, 3);
    assert_eq!(fs::read_to_string(scene.path("v/x")).unwrap(), "1");
}

/// Two agents, one of which watches what the other renders: what that keeps beside its
/// output, until its check is over, is no configuration.
#[test]
fn what_another_agent_keeps_beside_its_output_is_no_change() {
    let scene = Scene::new();
    let go = scene.path("go");
    let check = format!("while ! test -e {}; do sleep 0.02; done", go.display());
    fs::write(scene.path("check"), check).unwrap();
    fs::write(&go, "").unwrap();
    let line = "watch --watch @/v --render @/v/a=@/o/x --check sh\t@/check --exec true";
    let renders = scene.agent(line);
    renders.says("unverified", 1);
    let watches = scene.watch("--at-start never --watch @/o");
    for n in 1..4 {
        fs::remove_file(&go).unwrap();
        fs::write(scene.path("v/a"), n.to_string()).unwrap();
        scene.took(&watches, 2 * n - 1);
        fs::write(&go, "").unwrap();
        renders.says("unverified", n + 1);
        let beside = || fs::read_dir(scene.path("o")).unwrap().count();
        until("it is cleared up", || beside() <= 2);
        fs::write(scene.path("o/other"), n.to_string()).unwrap();
        scene.took(&watches, 2 * n);
    }
    assert_eq!(watches.said("changed: x"), 3, "{}", watches.output());
    assert_eq!(watches.said("changed: other"), 3, "{}", watches.output());
}

/// Each start writes in the directory, if only to compare.
#[test]
fn a_restart_without_a_change_does_nothing() {
    let scene = Scene::new();
    fs::create_dir(scene.path("memory")).unwrap();
    let line = "--at-start always --memory @/memory --watch @/v --render @/v/a=@/v/x";
    let first = scene.watch(line);
    first.says("applied", 1);
    drop(first);
    for life in 1..4 {
        let line = line.replace("always", "auto");
        let mut agent = scene.watch(&line);
        fs::write(scene.path("v/a"), life.to_string()).unwrap();
        agent.says("applied", 1);
        agent.signal("TERM");
        assert_eq!(agent.code(), 0);
        assert_eq!(scene.hook.count(), life + 1, "{}", agent.output());
    }
}

#[test]
fn what_would_destroy_its_source_is_refused() {
    for (line, sentence) in [
        ("--render @/v/a=@/v/a", "made of itself"),
        ("--render @/v/a=@/o/../v/a", "made of itself"),
        (
            "--render @/v/a=@/v/b --render @/v/b=@/v/a",
            "made of itself",
        ),
        (
            "--render @/v/a=@/o/x --render @/v/other=@/o/x",
            "rendered twice",
        ),
    ] {
        for way in [
            "watch --exec true",
            "watch --once",
            "run --on-change restart",
        ] {
            let scene = Scene::new();
            let end = if way.starts_with("run") {
                " -- true"
            } else {
                ""
            };
            let mut agent = scene.agent(&format!("{way} {line}{end}"));
            assert_eq!(agent.code(), 2, "{way} {line}");
            agent.says(sentence, 1);
            assert_eq!(fs::read_to_string(scene.path("v/a")).unwrap(), "0");
            assert_eq!(fs::read_to_string(scene.path("v/other")).unwrap(), "0");
        }
    }
}

/// The way to the output may be made, or led elsewhere, while the agent runs.
#[test]
fn a_link_that_comes_later_does_not_lead_to_the_source_either() {
    let scene = Scene::new();
    let agent = scene.watch("--at-start never --retry 100ms --render @/v/a=@/later/a");
    symlink("v", scene.path("later")).unwrap();
    fs::write(scene.path("v/a"), "$(HOME)").unwrap();
    agent.says("rejected: ", 1);
    agent.says("made of itself", 1);
    assert_eq!(fs::read_to_string(scene.path("v/a")).unwrap(), "$(HOME)");
}

/// What is written to a directory that has left its place is read by nobody.
#[test]
fn a_directory_that_left_its_place_is_said_and_nothing_is_applied() {
    for (leaves, says) in [
        ("mv o moved && mkdir o", "is another directory now"),
        (
            "mv o moved && mkdir other && ln -s other o",
            "is another directory now",
        ),
        ("mv o moved && touch o", "is no directory any more"),
        ("mv o moved", "is not there any more"),
    ] {
        let scene = Scene::new();
        let port = free_port();
        let agent = scene.watch(&format!(
            "--retry 100ms --render @/v/a=@/o/a --listen 127.0.0.1:{port}"
        ));
        agent.says("applied", 1);
        scene.shell(leaves);
        fs::write(scene.path("v/a"), "$(HOME)").unwrap();
        agent.says(&format!("{says}; put back the one"), 2);
        agent.says("rejected: ", 2);
        let (status, why) = get(port, "/readyz").unwrap();
        assert!(status == 503 && why.contains(says), "{why}");
        assert_eq!(fs::read_to_string(scene.path("v/a")).unwrap(), "$(HOME)");
        assert_eq!(fs::read_to_string(scene.path("moved/a")).unwrap(), "0");
        assert_eq!(agent.said("applied"), 1, "{}", agent.output());
        scene.shell("rm -rf o && mv moved o");
        agent.says("applied", 2);
        assert!(scene.path("o/a").exists());
    }
}

/// Nobody changes what is rendered meanwhile.
#[test]
fn a_directory_that_is_covered_or_gone_is_seen_at_the_regular_look() {
    for (leaves, returns) in [
        ("mount -t tmpfs none o", "umount o"),
        ("mv o moved", "mv moved o"),
    ] {
        let scene = Scene::new();
        let port = free_port();
        let script = format!(
            "trap 'kill $!; wait' TERM; {} watch --watch v --poll 100ms --exec true --render v/a=o/a --listen 127.0.0.1:{port} & while read -r line; do eval \"$line\"; done; wait",
            binary().display()
        );
        let (reader, mut steps) = std::io::pipe().unwrap();
        let mut shell = Command::new("unshare");
        shell.args(["--mount", "sh", "-c", &script]).stdin(reader);
        let agent = start(shell.current_dir(scene.root.path()));
        let answers = |wanted| get(port, "/readyz").is_some_and(|(status, _)| status == wanted);
        until("it is ready", || answers(200));
        writeln!(steps, "{leaves}").unwrap();
        until("it says so", || answers(503));
        until("it says why", || {
            let (_, state) = get(port, "/state.json").unwrap();
            let state: serde_json::Value = serde_json::from_str(&state).unwrap();
            let why = state["astray"][0].as_str();
            why.is_some_and(|why| why.contains("put back the one"))
        });
        writeln!(steps, "{returns}").unwrap();
        until("it is ready again", || answers(200));
        agent.says("lies again where it did", 1);
    }
}

/// A check may do so too.
#[test]
fn what_leaves_during_the_check_is_not_accepted() {
    let scene = Scene::new();
    fs::write(scene.path("check"), "test ! -e go || mv o moved").unwrap();
    let root = scene.root.path().display();
    fs::write(scene.path("run"), format!("cd {root} && . ./check")).unwrap();
    let agent = scene.watch("--retry 1h --render @/v/a=@/o/a --check sh\t@/run");
    agent.says("applied", 1);
    fs::write(scene.path("go"), "").unwrap();
    fs::write(scene.path("v/a"), "1").unwrap();
    agent.says("rejected: ", 1);
    agent.says("is not there any more", 1);
    assert_eq!(fs::read_to_string(scene.path("moved/a")).unwrap(), "0");
    assert_eq!(scene.hook.count(), 1);
}

/// As on a full disk it is said, and neither the agent nor its child ends of it.
#[test]
fn an_output_beyond_the_limit_of_file_sizes_ends_nobody() {
    let scene = Scene::new();
    let render = format!(
        "{}={}",
        scene.path("v/a").display(),
        scene.path("o/x").display()
    );
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -f 1; exec \"$0\" \"$@\""]);
    command
        .arg(binary())
        .args(["run", "--poll", "1h", "--watch"]);
    command.arg(scene.path("v")).args(["--render", &render]);
    command.args(["--exec", "true", "--", "sleep", "600"]);
    let mut running = start(&mut command);
    running.says("watching", 1);
    fs::write(scene.path("v/a"), [b'x'; 5_000]).unwrap();
    running.says("File too large", 1);
    assert!(running.runs(), "{}", running.output());
    let beside = fs::read_dir(scene.path("o")).unwrap().flatten();
    let names: Vec<_> = beside.map(|entry| entry.file_name()).collect();
    assert!(names.iter().all(|name| name == "x"), "{names:?}");
    fs::write(scene.path("v/a"), "1").unwrap();
    running.says("unverified", 1);
    assert_eq!(fs::read(scene.path("o/x")).unwrap(), b"1");
}

/// A directory, and files of it: each is watched for its own reason.
#[test]
fn a_directory_is_shown_once_whatever_of_it_is_named() {
    for (line, files) in [
        ("--watch @/v --render @/v/a=@/o/x", r#"["a","other"]"#),
        ("--render @/v/a=@/o/x --watch @/v", r#"["a","other"]"#),
        ("--watch @/v/other --watch @/v/a", r#"["a","other"]"#),
        (
            "--watch @/v --include other --render @/v/a=@/o/x",
            r#"["a","other"]"#,
        ),
        ("--watch @/v --watch @/v/../v/a", r#"["a","other"]"#),
        ("--watch @/v --watch @/o/../v", r#"["a","other"]"#),
    ] {
        let scene = Scene::new();
        let port = free_port();
        let agent = scene.watch(&format!("--listen 127.0.0.1:{port} {line}"));
        until("it answers", || get(port, "/livez").is_some());
        let state = get(port, "/state.json").unwrap().1;
        let state: serde_json::Value = serde_json::from_str(&state).unwrap();
        let mounts = state["mounts"].as_array().unwrap();
        assert_eq!(mounts.len(), 1, "{line}: {state}");
        assert_eq!(mounts[0]["files"].to_string(), files, "{line}");
        assert_eq!(mounts[0]["fileCount"], 2, "{line}");
        assert_eq!(agent.said("watching"), 1, "{}", agent.output());
        let metrics = get(port, "/metrics").unwrap().1;
        assert_eq!(metrics.matches("mount_info{").count(), 1, "{metrics}");
    }
}

/// As a Secret's key may be.
#[test]
fn a_variable_that_is_no_text_is_rendered_as_it_is() {
    let scene = Scene::new();
    fs::write(scene.path("v/a"), "<$(TIDINGS_TEST_ODD)>").unwrap();
    let pair = format!(
        "{}={}",
        scene.path("v/a").display(),
        scene.path("out").display()
    );
    let odd = OsStr::from_bytes(b"caf\xe9");
    let done = Command::new(binary())
        .args(["watch", "--once", "--render", &pair])
        .env("TIDINGS_TEST_ODD", odd)
        .output()
        .unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success() && !said.contains("not set"), "{said}");
    assert_eq!(fs::read(scene.path("out")).unwrap(), b"<caf\xe9>");
}
