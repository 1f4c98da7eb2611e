//! A signal that ends the agent ends it soon, whatever it is at: within two seconds
//! of the grace that was asked for, where the child has one.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::{
    Hook, Running, agent, binary, children, full_socket, signal, start, until, with_default_signals,
};
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Two seconds, and what a busy machine adds.
const SOON: Duration = Duration::from_secs(4);

/// A place, and what is to be kept until the agent has ended.
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
        scene.hook.set(0);
        fs::create_dir(scene.path("d")).unwrap();
        fs::write(scene.path("d/a"), "1").unwrap();
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// A line of arguments in which `D` is the directory, `HOOK` an address that
    /// does not answer, and `DEAF` a command that says that it has begun and then
    /// ends for nobody.
    fn start(&self, line: &str) -> Running {
        agent(&self.words(line))
    }

    fn words(&self, line: &str) -> Vec<&'static str> {
        let dir = self.root.path().display().to_string();
        let deaf = format!("trap '' TERM INT; echo > {dir}/begun; while :; do sleep 1; done");
        let filled = |word: &str| match word {
            "DEAF" => format!("sh -c \"{deaf}\""),
            word => word
                .replace("D/", &format!("{dir}/"))
                .replace("HOOK", &self.hook.url("/")),
        };
        let words = line.split_whitespace().map(filled);
        words.map(|word| &*word.leak()).collect()
    }

    /// The same, with a script as its command.
    fn run(&self, line: &str, script: &str) -> Running {
        let mut words = self.words(line);
        words.extend(["--", "sh", "-c", script]);
        agent(&words)
    }

    fn begins(&self) {
        until("it has begun", || self.path("begun").exists());
    }

    /// Other content, put there whole.
    fn change(&self) {
        fs::write(self.path("new"), "2").unwrap();
        fs::rename(self.path("new"), self.path("d/a")).unwrap();
    }

    fn holds(&self, file: &str, content: &str) -> bool {
        fs::read_to_string(self.path(file)).is_ok_and(|text| text == content)
    }

    /// Of all that was started here nothing runs any more.
    fn is_quiet(&self) -> bool {
        let dir = self.root.path().display().to_string();
        let pids = fs::read_dir("/proc").unwrap().flatten();
        pids.into_iter().all(|entry| {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            !String::from_utf8_lossy(&line).contains(&dir)
        })
    }
}

/// Sends signals in a row and waits for the end, which comes in time.
fn ends(mut agent: Running, signals: &[&str], grace: u64) -> i32 {
    let began = Instant::now();
    for signal in signals {
        if agent.runs() {
            agent.signal(signal);
        }
    }
    let code = agent.code();
    let took = began.elapsed();
    let limit = SOON + Duration::from_secs(grace);
    assert!(took < limit, "{took:?}:\n{}", agent.output());
    code
}

/// How the agent ends: by the number of the first signal.
type Code = fn(i32) -> i32;

/// 128 + n, as whatever the signal kills.
const KILLED: Code = |signal| 128 + signal;
const WELL: Code = |_| 0;

/// Reaches a state, sends signals to it, and looks at what is left. As many times as
/// there are ways to end it.
fn each(grace: u64, code: Code, reach: fn(&Scene) -> Running, after: fn(&Scene) -> bool) {
    for (signals, numbers) in [
        (&["TERM"][..], &[15][..]),
        (&["INT"], &[2]),
        // Of those that come together any may be the first.
        (&["TERM", "TERM", "INT"], &[15, 2]),
    ] {
        let scene = Scene::new();
        let agent = reach(&scene);
        let ended = ends(agent, signals, grace);
        let expected = numbers.iter().any(|number| ended == code(*number));
        assert!(expected, "{signals:?}: {ended}");
        assert!(after(&scene), "{signals:?}");
        assert!(scene.is_quiet(), "{signals:?}");
    }
}

/// A test for each state: its name, the grace in seconds, the exit code, how it is
/// reached, and what must be true after the end.
macro_rules! states {
    ($($name:ident: $grace:literal, $code:expr, $reach:expr, $after:expr;)*) => {
        $(#[test] fn $name() { each($grace, $code, $reach, $after); })*
    };
}

states! {
    run_at_its_first_check: 0, KILLED, |scene| {
        fs::write(scene.path("out"), "good").unwrap();
        let line = "run --watch D/d --render D/d/a=D/out --command-timeout 10m --check DEAF -- touch D/started";
        let agent = scene.start(line);
        scene.begins();
        assert!(scene.holds("out", "1"));
        agent
    }, |scene| scene.holds("out", "good") && !scene.path("started").exists();

    run_while_it_renders_first: 0, KILLED, |scene| {
        fs::write(scene.path("d/a"), "$(NOT_SET)".repeat(6 << 20)).unwrap();
        let agent = scene.start("run --watch D/d --render D/d/a=D/out -- sleep 600");
        until("it renders", || fs::read_dir(scene.root.path()).unwrap().count() > 1);
        agent
    }, |_| true;

    run_while_a_check_has_exchanged_an_output: 0, KILLED, |scene| {
        fs::write(scene.path("out"), "good").unwrap();
        let line = "run --watch D/d --render D/d/a=D/out --command-timeout 10m --check";
        let deaf = scene.words("DEAF")[0];
        let check = format!("sh -c 'grep -q 1 {} || exec {deaf}'", scene.path("out").display());
        let mut words = scene.words(line);
        words.extend([&*check.leak(), "--", "sleep", "600"]);
        let agent = agent(&words);
        until("the child runs", || children(agent.pid()).len() == 1 && scene.holds("out", "1"));
        scene.change();
        scene.begins();
        assert!(scene.holds("out", "2"));
        agent
    }, |scene| scene.holds("out", "1");

    run_while_a_command_acts: 0, KILLED, |scene| {
        let agent = scene.start("run --watch D/d --command-timeout 10m --exec DEAF -- sleep 600");
        agent.says("watching", 1);
        scene.change();
        scene.begins();
        agent
    }, |_| true;

    run_while_a_proof_is_awaited: 0, KILLED, |scene| {
        let line = "run --watch D/d --signal HUP --prove answers=HOOK --prove-timeout 10m";
        let agent = scene.run(line, "trap 'echo heard' HUP; echo up; while :; do sleep 0.1; done");
        agent.says("up", 1);
        scene.change();
        agent.says("heard", 1);
        until("it is asked", || scene.hook.count() > 0);
        agent
    }, |_| true;

    run_while_the_child_does_not_stop: 1, |_| 137, |scene| {
        let script = "trap 'echo told' TERM; trap '' INT; echo up; while :; do sleep 0.1; done";
        let agent = scene.run("run --watch D/d --on-change restart --grace 1s", script);
        agent.says("up", 1);
        scene.change();
        agent.says("told", 1);
        agent
    }, |_| true;

    run_while_what_the_child_left_does_not_stop: 1, |_| 7, |scene| {
        let script = "(trap '' TERM INT; while :; do sleep 0.1; done) & trap 'echo gone; exit 7' TERM; echo up; wait";
        let agent = scene.run("run --watch D/d --on-change restart --grace 1s", script);
        agent.says("up", 1);
        scene.change();
        agent.says("gone", 1);
        agent
    }, |_| true;

    run_while_a_failed_restart_waits: 0, |_| 5, |scene| {
        let line = "run --watch D/d --on-change restart --on-failed-restart keep-trying --retry 1h --retry-longest 1h";
        let script = format!("grep -q 2 {} && exit 5; echo up; while :; do sleep 0.1; done", scene.path("d/a").display());
        let agent = scene.run(line, &script);
        agent.says("up", 1);
        scene.change();
        agent.says("rejected", 1);
        agent
    }, |_| true;

    watch_at_rest: 0, WELL, |scene| {
        let agent = scene.start("watch --watch D/d --exec true --at-start never");
        agent.says("watching", 1);
        agent
    }, |_| true;

    watch_while_a_place_is_missing: 0, WELL, |scene| {
        let agent = scene.start("watch --watch D/none --exec true");
        agent.says("not there yet", 1);
        agent
    }, |_| true;

    watch_while_nobody_is_there: 0, WELL, |scene| {
        let agent = scene.start("watch --watch D/d --process tidings-nobody --at-start always");
        agent.says("waiting", 1);
        agent
    }, |_| true;

    watch_at_its_first_check: 0, WELL, |scene| {
        fs::write(scene.path("out"), "good").unwrap();
        let line = "watch --watch D/d --render D/d/a=D/out --exec true --command-timeout 10m --check DEAF";
        let agent = scene.start(line);
        scene.begins();
        agent
    }, |scene| scene.holds("out", "good");

    watch_at_a_later_check: 0, WELL, |scene| {
        let line = "watch --watch D/d --exec true --at-start always --command-timeout 10m --check DEAF";
        let agent = scene.start(line);
        scene.begins();
        agent
    }, |_| true;

    watch_while_a_command_acts: 0, WELL, |scene| {
        let agent = scene.start("watch --watch D/d --at-start always --command-timeout 10m --exec DEAF");
        scene.begins();
        agent
    }, |_| true;

    watch_while_a_target_hangs: 0, WELL, |scene| {
        let agent = scene.start("watch --watch D/d --at-start always --http-timeout 10m --http HOOK");
        until("it is called", || scene.hook.count() > 0);
        agent
    }, |_| true;

    watch_while_a_proof_is_awaited: 0, WELL, |scene| {
        let line = "watch --watch D/d --at-start always --exec true --prove answers=HOOK --prove-timeout 10m";
        let agent = scene.start(line);
        until("it is asked", || scene.hook.count() > 0);
        agent
    }, |_| true;

    watch_while_a_proving_command_runs: 0, WELL, |scene| {
        let deaf = scene.words("DEAF")[0];
        let mut words = scene.words("watch --watch D/d --at-start always --exec true --prove-timeout 10m --prove");
        words.push(format!("succeeds={deaf}").leak());
        let agent = agent(&words);
        scene.begins();
        agent
    }, |_| true;

    once_at_its_check: 0, KILLED, |scene| {
        fs::write(scene.path("out"), "good").unwrap();
        let agent = scene.start("watch --once --render D/d/a=D/out --command-timeout 10m --check DEAF");
        scene.begins();
        agent
    }, |scene| scene.holds("out", "good");

    in_the_place_of_configmap_reload: 0, WELL, |scene| {
        let agent = scene.start("configmap-reload --volume-dir=D/d --webhook-url=HOOK --webhook-method=POST --web.listen-address=127.0.0.1:0");
        agent.says("watching", 1);
        scene.change();
        until("it is called", || scene.hook.count() > 0);
        agent
    }, |_| true;

    in_the_place_of_prometheus_config_reloader: 0, WELL, |scene| {
        let agent = scene.start("prometheus-config-reloader --config-file=D/d/a --config-envsubst-file=D/out --reload-url=HOOK --listen-address=127.0.0.1:0");
        until("it is called", || scene.hook.count() > 0);
        agent
    }, |_| true;
}

/// Nobody takes anything from its queue of connections.
#[test]
fn watch_while_a_socket_takes_nobody() {
    let scene = Scene::new();
    let socket = scene.path("socket");
    let _full = full_socket(&socket);
    let line = "watch --watch D/d --at-start always --http-timeout 10m --http unix:D/socket:/";
    let agent = scene.start(line);
    let connects = || threads(agent.pid()).any(|call| call.starts_with("42 "));
    until("it connects", connects);
    assert_eq!(ends(agent, &["TERM"], 0), 0);
}

/// What the child left has no grace of its own beside the child's.
#[test]
fn run_while_a_slow_child_and_what_it_left_are_stopped() {
    let scene = Scene::new();
    let script = "(trap '' TERM; while :; do sleep 0.1; done) & trap 'trap : TERM; echo told; sleep 5; exit 7' TERM; echo up; wait";
    let agent = scene.run("run --watch D/d --on-change restart --grace 6s", script);
    agent.says("up", 1);
    scene.change();
    agent.says("told", 1);
    assert_eq!(ends(agent, &["TERM"], 6), 7);
}

/// What a thread waits in: the number of the system call, and its arguments.
fn threads(pid: i32) -> impl Iterator<Item = String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter();
    let call = |task: fs::DirEntry| fs::read_to_string(task.path().join("syscall")).ok();
    tasks.flatten().flatten().filter_map(call)
}

/// A log that nobody reads holds up whoever writes to it.
#[test]
fn a_log_that_nobody_reads_does_not_keep_it_from_ending() {
    for (line, expected) in [
        ("watch --watch D/d --exec true", 0),
        ("run --watch D/d -- sleep 600", 143),
    ] {
        let scene = Scene::new();
        let (_reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(&vec![b'.'; 65536]).unwrap();
        let mut agent = with_default_signals()
            .args(scene.words(line))
            .stderr(writer)
            .spawn()
            .unwrap();
        let pid = agent.id().cast_signed();
        let writes = || threads(pid).any(|call| call.starts_with("1 0x2 "));
        until("it writes", writes);
        signal(pid, "TERM");
        until("it has ended", || agent.try_wait().unwrap().is_some());
        assert_eq!(agent.wait().unwrap().code(), Some(expected), "{line}");
    }
}

#[test]
fn as_pid_1_it_ends_before_its_child_was_started() {
    let scene = Scene::new();
    let line =
        "run --watch D/d --render D/d/a=D/out --command-timeout 10m --check DEAF -- sleep 600";
    let words = scene.words(line);
    let mut outer = start(
        Command::new("unshare")
            .args(["--pid", "--fork", "--kill-child", "--mount-proc"])
            .arg(binary())
            .args(words)
            .stdin(Stdio::null()),
    );
    scene.begins();
    signal(children(outer.pid())[0], "TERM");
    assert_eq!(outer.code(), 143);
}

#[test]
fn a_child_that_is_told_to_end_after_a_change_did_not_end_of_the_change() {
    let scene = Scene::new();
    let script = "trap 'echo told' HUP; trap 'exit 7' TERM; echo up; while :; do sleep 0.02; done";
    let place = scene.path("d");
    let mut agent = agent(&[
        "run",
        "--watch",
        place.to_str().unwrap(),
        "--signal",
        "HUP",
        "--",
        "sh",
        "-c",
        script,
    ]);
    agent.says("up", 1);
    fs::write(scene.path("d/a"), "2").unwrap();
    agent.says("told", 1);
    agent.signal("TERM");
    assert_eq!(agent.code(), 7);
    assert_eq!(agent.said("when it got SIGHUP"), 0, "{}", agent.output());
}
