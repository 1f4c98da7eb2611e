//! Reloads that take longer than their proof is waited for: told once, and
//! `applied` in the end. Times other than the defaults are given where the
//! defaults would only take longer; one test has the defaults.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::run::volume;
use common::{Running, Volume, agent, lines, start, until};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::Duration;

/// A server whose reload takes a while.
#[derive(Clone)]
struct Server {
    port: u16,
    file: std::path::PathBuf,
    takes: Arc<Mutex<Duration>>,
    /// It answers when the reload is over, and not at once.
    waits: bool,
    told: Arc<AtomicUsize>,
    reloads: Arc<AtomicU64>,
    good: Arc<AtomicU64>,
    loaded: Arc<Mutex<String>>,
    turn: Arc<Mutex<()>>,
    /// What it is told is lost.
    deaf: Arc<AtomicBool>,
    /// Reloads now, and how many there were at most at once.
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Server {
    fn start(volume: &Volume, takes: Duration, waits: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            file: volume.0.join("a"),
            takes: Arc::new(Mutex::new(takes)),
            waits,
            told: Arc::default(),
            reloads: Arc::default(),
            good: Arc::new(AtomicU64::new(1)),
            loaded: Arc::default(),
            turn: Arc::default(),
            deaf: Arc::default(),
            now: Arc::default(),
            most: Arc::default(),
        };
        let serving = server.clone();
        spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = serving.clone();
                spawn(move || server.answer(stream));
            }
        });
        server
    }

    fn answer(&self, mut stream: TcpStream) {
        let mut request = [0u8; 2048];
        let length = stream.read(&mut request).unwrap_or(0);
        if request[..length].starts_with(b"GET") {
            let (reloads, good) = (self.reloads.load(SeqCst), self.good.load(SeqCst));
            return say(&mut stream, &format!("reloads {reloads}\ngood {good}\n"));
        }
        if length == 0 {
            return;
        }
        self.told.fetch_add(1, SeqCst);
        if self.waits {
            self.reload();
            return say(&mut stream, "done");
        }
        say(&mut stream, "begun");
        if !self.deaf.load(SeqCst) {
            self.reload();
        }
    }

    fn reload(&self) {
        // Who begins and does not wait does it one after the other.
        let _turn = (!self.waits).then(|| self.turn.lock().unwrap());
        let now = self.now.fetch_add(1, SeqCst) + 1;
        self.most.fetch_max(now, SeqCst);
        let read = std::fs::read_to_string(&self.file).unwrap_or_default();
        let takes = *self.takes.lock().unwrap();
        sleep(takes);
        let good = read != "broken";
        self.good.store(good.into(), SeqCst);
        if good {
            *self.loaded.lock().unwrap() = read;
            self.reloads.fetch_add(1, SeqCst);
        }
        self.now.fetch_sub(1, SeqCst);
    }

    fn most(&self) -> usize {
        self.most.load(SeqCst)
    }

    fn told(&self) -> usize {
        self.told.load(SeqCst)
    }

    fn loaded(&self) -> String {
        self.loaded.lock().unwrap().clone()
    }

    fn watch(&self, options: &[&str]) -> Running {
        let dir = self.file.parent().unwrap().to_str().unwrap();
        let url = format!("http://127.0.0.1:{}/", self.port);
        let fixed = [
            "watch",
            "--watch",
            dir,
            "--http",
            &url,
            "--at-start",
            "never",
        ];
        let agent = agent(&[&fixed, options].concat());
        agent.says("watching", 1);
        agent
    }

    fn proof(&self) -> String {
        format!("moves=http://127.0.0.1:{}/metrics#reloads#good", self.port)
    }
}

fn say(stream: &mut TcpStream, body: &str) {
    let length = body.len();
    let answer =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).ok();
}

#[test]
fn by_default_a_reload_of_seven_seconds_is_asked_for_once_and_applied() {
    let root = tempfile::tempdir().unwrap();
    let volume = volume(root.path());
    let server = Server::start(&volume, Duration::from_secs(7), false);
    let agent = server.watch(&["--prove", &server.proof()]);
    volume.write(&[("a", "2")]);
    agent.says("unverified", 1);
    agent.says("applied", 1);
    assert_eq!((server.told(), server.loaded()), (1, "2".into()));
}

#[test]
fn what_is_not_proved_in_time_is_looked_at_again_and_not_asked_for_again() {
    let root = tempfile::tempdir().unwrap();
    let volume = volume(root.path());
    let server = Server::start(&volume, Duration::from_secs(3), false);
    // A second attempt would come after 12 × 500 ms.
    let agent = server.watch(&["--prove", &server.proof(), "--prove-timeout", "500ms"]);
    for (count, content) in [(1, "2"), (2, "3")] {
        volume.write(&[("a", content)]);
        agent.says("unverified", count);
        agent.says("applied", count);
        assert_eq!((server.told(), server.loaded()), (count, content.into()));
    }
}

#[test]
fn a_call_that_is_answered_late_is_not_made_again() {
    let root = tempfile::tempdir().unwrap();
    let volume = volume(root.path());
    let server = Server::start(&volume, Duration::from_secs(3), true);
    // A second attempt would come after 12 × 500 ms.
    let agent = server.watch(&["--http-timeout", "500ms"]);
    volume.write(&[("a", "2")]);
    agent.says("did not answer in time", 1);
    agent.says("applied", 1);
    assert_eq!((server.told(), server.loaded()), (1, "2".into()));
}

#[test]
fn an_attempt_that_comes_to_nothing_is_made_again() {
    let root = tempfile::tempdir().unwrap();
    let volume = volume(root.path());
    let server = Server::start(&volume, Duration::from_hours(1), true);
    // The second attempt comes after 12 × 100 ms; by default after two minutes.
    let agent = server.watch(&["--http-timeout", "100ms"]);
    volume.write(&[("a", "2")]);
    agent.says("did not answer in time", 1);
    *server.takes.lock().unwrap() = Duration::ZERO;
    agent.says("applied", 1);
    assert_eq!((server.told(), server.loaded()), (2, "2".into()));
}

#[test]
fn a_reload_that_fails_late_is_rejected_and_a_fix_is_taken() {
    let root = tempfile::tempdir().unwrap();
    let volume = volume(root.path());
    let server = Server::start(&volume, Duration::from_secs(2), false);
    // Beyond the proof, and soon.
    let agent = server.watch(&["--prove", &server.proof(), "--prove-timeout", "200ms"]);
    volume.write(&[("a", "broken")]);
    agent.says("rejected: the process says that its last reload failed", 1);
    volume.write(&[("a", "fixed")]);
    agent.says("applied", 1);
    assert_eq!(server.loaded(), "fixed");
}

#[test]
fn what_was_rejected_stays_so_as_long_as_the_process_says_it() {
    let root = tempfile::tempdir().unwrap();
    let volume = volume(root.path());
    let server = Server::start(&volume, Duration::ZERO, false);
    // Tried again soon.
    let agent = server.watch(&[
        "--prove",
        &server.proof(),
        "--prove-timeout",
        "100ms",
        "--retry",
        "100ms",
    ]);
    volume.write(&[("a", "broken")]);
    until("tried again", || server.told() >= 3);
    assert_eq!(agent.said("unverified"), 0, "{}", agent.output());
    volume.write(&[("a", "fixed")]);
    agent.says("applied", 1);
}

#[test]
fn newer_content_waits_for_the_answer_to_a_call() {
    let root = tempfile::tempdir().unwrap();
    let volume = volume(root.path());
    let server = Server::start(&volume, Duration::from_secs(2), true);
    let agent = server.watch(&[]);
    volume.write(&[("a", "2")]);
    until("told", || server.told() == 1);
    // Gone and back: what is called now may have read any of them.
    for content in ["3", "2", "4", "3"] {
        volume.write(&[("a", content)]);
    }
    agent.says("applied", 2);
    let seen = (server.told(), server.most(), server.loaded());
    assert_eq!(seen, (2, 1, "3".into()), "{}", agent.output());
    assert_eq!(agent.said("unverified"), 0, "{}", agent.output());
}

#[test]
fn newer_content_waits_for_a_call_that_takes_longer_than_its_time() {
    let root = tempfile::tempdir().unwrap();
    let volume = volume(root.path());
    let server = Server::start(&volume, Duration::from_secs(2), true);
    // Waited for during 12 × 500 ms.
    let agent = server.watch(&["--http-timeout", "500ms"]);
    volume.write(&[("a", "2")]);
    agent.says("did not answer in time", 1);
    volume.write(&[("a", "3")]);
    agent.says("waiting: a call for older content is not answered yet", 1);
    until("loaded", || server.loaded() == "3");
    let seen = (server.told(), server.most());
    assert_eq!(seen, (2, 1), "{}", agent.output());
    agent.says("applied", 1);
}

#[test]
fn newer_content_is_told_when_a_call_is_never_answered() {
    let root = tempfile::tempdir().unwrap();
    let volume = volume(root.path());
    let server = Server::start(&volume, Duration::from_hours(1), true);
    // Given up after 12 × 100 ms.
    let agent = server.watch(&["--http-timeout", "100ms"]);
    volume.write(&[("a", "2")]);
    until("told", || server.told() == 1);
    *server.takes.lock().unwrap() = Duration::ZERO;
    volume.write(&[("a", "3")]);
    agent.says("applied", 1);
    assert_eq!((server.told(), server.loaded()), (2, "3".into()));
}

#[test]
fn of_several_calls_none_more_is_made_for_older_content() {
    let root = tempfile::tempdir().unwrap();
    let volume = volume(root.path());
    let server = Server::start(&volume, Duration::from_secs(1), true);
    let second = common::Hook::new();
    let agent = server.watch(&["--http", &second.url("/second")]);
    volume.write(&[("a", "2")]);
    until("told", || server.told() == 1);
    volume.write(&[("a", "3")]);
    agent.says("changed: a", 2);
    agent.says("applied", 1);
    let seen = (server.told(), second.count(), server.loaded());
    assert_eq!(seen, (2, 1, "3".into()), "{}", agent.output());
}

#[test]
fn what_an_earlier_attempt_brought_is_no_proof_of_newer_content() {
    let root = tempfile::tempdir().unwrap();
    let volume = volume(root.path());
    let server = Server::start(&volume, Duration::from_secs(4), false);
    // The first attempt is over before its reload is.
    let agent = server.watch(&["--prove", &server.proof(), "--prove-timeout", "500ms"]);
    volume.write(&[("a", "2")]);
    agent.says("unverified", 1);
    volume.write(&[("a", "broken")]);
    agent.says("rejected: the process says that its last reload failed", 1);
    assert_eq!(agent.said("applied"), 0, "{}", agent.output());
    volume.write(&[("a", "fixed")]);
    agent.says("applied", 1);
    until("loaded", || server.loaded() == "fixed");
}

#[test]
fn after_an_attempt_that_was_lost_newer_content_is_proved_by_another_one() {
    let root = tempfile::tempdir().unwrap();
    let volume = volume(root.path());
    let server = Server::start(&volume, Duration::ZERO, false);
    let agent = server.watch(&["--prove", &server.proof(), "--prove-timeout", "500ms"]);
    server.deaf.store(true, SeqCst);
    volume.write(&[("a", "2")]);
    agent.says("unverified", 1);
    server.deaf.store(false, SeqCst);
    volume.write(&[("a", "3")]);
    agent.says("applied", 1);
    assert_eq!((server.told(), server.loaded()), (3, "3".into()));
}

#[test]
fn content_that_was_another_in_between_is_told_again() {
    let root = tempfile::tempdir().unwrap();
    let volume = volume(root.path());
    let server = Server::start(&volume, Duration::from_secs(2), false);
    // So that the first attempt is over before it is proved.
    let agent = server.watch(&["--prove", &server.proof(), "--prove-timeout", "100ms"]);
    volume.write(&[("a", "2")]);
    agent.says("unverified", 1);
    volume.write(&[("a", "3")]);
    volume.write(&[("a", "2")]);
    until("told again", || server.told() >= 2);
    agent.says("applied", 1);
    until("loaded", || server.loaded() == "2");
}

#[test]
fn workers_that_come_late_are_waited_for() {
    let root = tempfile::tempdir().unwrap();
    let (volume, log) = (volume(root.path()), root.path().join("log"));
    let dir = volume.0.to_str().unwrap();
    let script = format!(
        "trap 'echo told >> {}' HUP; trap 'sleep 600 &' USR1; echo up; while :; do wait; read x; done",
        log.display()
    );
    let program = start(
        Command::new("sh")
            .args(["-c", &script])
            .stdin(std::process::Stdio::piped()),
    );
    program.says("up", 1);
    let pid_file = root.path().join("pid");
    std::fs::write(&pid_file, program.pid().to_string()).unwrap();
    // A second attempt would come after 12 × 500 ms.
    let agent = agent(&[
        "watch",
        "--watch",
        dir,
        "--signal",
        "HUP",
        "--pid-file",
        pid_file.to_str().unwrap(),
        "--prove",
        "children",
        "--prove-timeout",
        "500ms",
        "--at-start",
        "never",
    ]);
    agent.says("watching", 1);
    volume.write(&[("a", "2")]);
    agent.says("no new child process", 1);
    until("told", || lines(&log) == 1);
    program.signal("USR1");
    agent.says("applied", 1);
    assert_eq!(lines(&log), 1);
    for worker in common::children(program.pid()) {
        common::signal(worker, "KILL");
    }
}

#[test]
fn first_workers_of_a_master_prove_nothing() {
    let root = tempfile::tempdir().unwrap();
    let volume = volume(root.path());
    // It makes children for a while, whatever it is told.
    let script =
        "trap : HUP; sleep 30 & echo up; for i in 1 2 3 4 5 6; do sleep 0.05; done; wait; wait";
    let agent = agent(&[
        "run",
        "--watch",
        volume.0.to_str().unwrap(),
        "--prove",
        "children",
        "--prove-timeout",
        "100ms",
        "--",
        "sh",
        "-c",
        script,
    ]);
    agent.says("up", 1);
    volume.write(&[("a", "2")]);
    agent.says("rejected: no new child process", 1);
    assert_eq!(agent.said("applied"), 0, "{}", agent.output());
}
