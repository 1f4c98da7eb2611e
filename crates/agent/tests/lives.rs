//! Random lives of an agent beside a volume that the kubelet's own code writes:
//! updates, going back, identical updates, kills and starts of the agent, restarts
//! of the application, in any order, for every way in which an application is told.
//! Nothing is lost. Without a memory a restart of the agent costs one action at
//! most; with one, only a kill amid an action does. `TIDINGS_LIVES=300` plays more
//! of them, for each way.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::{Kubelet, Running, agent, lines, start, until};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

/// How an application is told.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Http,
    Signal,
    Exec,
    ExitCode,
}

/// What the agent ends with, so that everything starts anew.
const ALL_ANEW: i32 = 77;

/// An application that reads its file when it starts and when it is told. What it
/// has, and a line for each time that it was told, lie in files.
struct App {
    way: Way,
    root: PathBuf,
    port: u16,
    process: Option<Running>,
}

impl App {
    fn start(way: Way, root: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut app = Self {
            way,
            root,
            port: listener.local_addr().unwrap().port(),
            process: None,
        };
        let root = app.root.clone();
        if way == Way::Http {
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    answer(stream, &root);
                }
            });
        }
        app.restart();
        app
    }

    fn restart(&mut self) {
        if matches!(self.way, Way::Http | Way::Exec) {
            return load(&self.root);
        }
        if let Some(process) = self.process.take() {
            process.kill();
        }
        let process = start(
            Command::new("python3")
                .args(["-c", PROGRAM])
                .current_dir(&self.root),
        );
        fs::write(self.root.join("pid"), process.pid().to_string()).unwrap();
        process.says("up", 1);
        self.process = Some(process);
    }

    fn options(&self, remembers: bool) -> Vec<String> {
        let pid_file = ["--pid-file".into(), self.path("pid")];
        match self.way {
            Way::Http => vec!["--http".into(), format!("http://127.0.0.1:{}/", self.port)],
            Way::Signal => [vec!["--signal".into(), "HUP".into()], pid_file.into()].concat(),
            Way::Exec => {
                let line = format!(
                    "sh -c 'cd {}; {LOAD}; echo told >> told'",
                    self.root.display()
                );
                vec!["--exec".into(), line]
            }
            Way::ExitCode => {
                let options = vec!["--exit-code".into(), ALL_ANEW.to_string()];
                // Without a memory, only a process that can be seen tells.
                [options, if remembers { vec![] } else { pid_file.into() }].concat()
            }
        }
    }

    fn path(&self, name: &str) -> String {
        self.root.join(name).display().to_string()
    }

    fn loaded(&self) -> String {
        read(&self.root.join("loaded"))
    }

    fn told(&self) -> usize {
        lines(&self.root.join("told"))
    }
}

/// In one process: what it started would go on after its end.
const PROGRAM: &str = "
import os, signal
def load():
    with open('cm/a') as a, open('draft', 'w') as draft: draft.write(a.read())
    os.rename('draft', 'loaded')
def told(*_):
    load()
    with open('told', 'a') as told: told.write('told\\n')
load()
signal.signal(signal.SIGHUP, told)
print('up', flush=True)
while True: signal.pause()
";

/// Whole or not at all.
const LOAD: &str = "cp cm/a draft.$$; mv draft.$$ loaded";

fn load(root: &Path) {
    let draft = root.join("draft");
    fs::write(&draft, read(&root.join("cm/a"))).unwrap();
    fs::rename(draft, root.join("loaded")).unwrap();
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

fn answer(mut stream: TcpStream, root: &Path) {
    let mut request = [0u8; 1024];
    // Nothing comes from who only looks whether somebody listens.
    if stream.read(&mut request).unwrap_or(0) == 0 {
        return;
    }
    let status = Command::new("sh")
        .args(["-c", &format!("{LOAD}; echo told >> told")])
        .current_dir(root)
        .status();
    assert!(status.unwrap().success());
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .ok();
}

/// xorshift: any sequence will do, as long as its seed gives it again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

struct Life {
    dice: Dice,
    root: PathBuf,
    remembers: bool,
    kubelet: Kubelet,
    generation: String,
    app: App,
    agent: Option<Running>,
    content: u64,
    changes: usize,
    starts: usize,
    /// Times that the agent was killed while it may have been acting.
    kills: usize,
    /// Times that everything started anew.
    anew: usize,
}

impl Life {
    fn begin(way: Way, remembers: bool, seed: u64, root: PathBuf) -> Self {
        fs::create_dir_all(root.join("cm")).unwrap();
        fs::create_dir_all(root.join("memory")).unwrap();
        let mut kubelet = Kubelet::new(&root.join("cm"));
        let generation = kubelet.write(&[("a".into(), "0".into())]);
        let mut life = Self {
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            app: App::start(way, root.clone()),
            root,
            remembers,
            kubelet,
            generation,
            agent: None,
            content: 0,
            changes: 0,
            starts: 0,
            kills: 0,
            anew: 0,
        };
        if way == Way::ExitCode && remembers {
            // The containers of a pod start before its files first change, and who
            // cannot see any process has to rely on that.
            life.start_agent();
            life.settle();
        }
        life
    }

    fn step(&mut self) {
        match self.dice.roll(10) {
            0..=2 => self.write(),
            3 => self.kill_agent(),
            4 | 5 => self.start_agent(),
            6 => self.app.restart(),
            7 if self.agent.is_some() => self.settle(),
            _ => sleep(Duration::from_millis(self.dice.roll(60))),
        }
        self.serve_as_kubelet();
    }

    /// Of three contents: it often goes back to what was there before.
    fn write(&mut self) {
        let content = self.dice.roll(3);
        self.changes += usize::from(content != self.content);
        self.content = content;
        self.generation = self.kubelet.write(&[("a".into(), content.to_string())]);
    }

    fn kill_agent(&mut self) {
        if let Some(agent) = self.agent.take() {
            self.kills += usize::from(!self.is_kept());
            if agent.kill().code() == Some(ALL_ANEW) {
                self.all_anew();
            }
        }
    }

    fn start_agent(&mut self) {
        if self.agent.is_some() {
            return;
        }
        self.starts += 1;
        let cm = self.root.join("cm").display().to_string();
        let mut options = vec!["watch".to_owned(), "--watch".to_owned(), cm];
        options.extend(self.app.options(self.remembers));
        if self.remembers {
            options.extend(["--memory".to_owned(), self.app.path("memory")]);
        }
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        self.agent = Some(agent(&options));
    }

    /// The node's part: an exit code on which the whole pod starts anew.
    fn serve_as_kubelet(&mut self) {
        if let Some(mut agent) = self.agent.take_if(|agent| !agent.runs()) {
            assert_eq!(agent.code(), ALL_ANEW, "{}", agent.output());
            self.all_anew();
        }
    }

    fn all_anew(&mut self) {
        self.anew += 1;
        self.app.restart();
        self.start_agent();
    }

    /// Whether the memory has the newest content as taken.
    fn is_kept(&self) -> bool {
        let files = fs::read_dir(self.root.join("memory")).unwrap().flatten();
        files
            .filter(|file| file.path().extension().is_some_and(|end| end == "json"))
            .map(|file| read(&file.path()))
            .any(|text| !text.starts_with('?') && text.contains(&self.generation))
    }

    fn settle(&mut self) {
        let wanted = self.content.to_string();
        let root = self.root.display().to_string();
        until(&format!("{root}: {wanted} is loaded"), || {
            self.serve_as_kubelet();
            self.app.loaded() == wanted && (!self.remembers || self.is_kept())
        });
    }

    fn end(mut self) {
        self.start_agent();
        self.settle();
        let actions = self.app.told() + self.anew;
        let most = if self.remembers {
            self.changes + self.kills + 1
        } else {
            self.changes + self.starts
        };
        let root = self.root.display();
        assert!(
            actions <= most,
            "{root}: {actions} actions for {most} reasons"
        );
    }
}

fn play(way: Way, remembers: bool) {
    let lives = std::env::var("TIDINGS_LIVES").map_or(30, |text| text.parse().unwrap());
    let root = tempfile::tempdir().unwrap();
    let next = AtomicU64::new(0);
    scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= lives {
                        return;
                    }
                    let name = format!("{way:?}-{remembers}-{seed}");
                    let mut life = Life::begin(way, remembers, seed, root.path().join(name));
                    for _ in 0..12 {
                        life.step();
                    }
                    life.end();
                }
            });
        }
    });
}

#[test]
fn by_http_no_life_loses_a_change() {
    play(Way::Http, false);
}

#[test]
fn by_signal_no_life_loses_a_change() {
    play(Way::Signal, false);
}

#[test]
fn by_exec_no_life_loses_a_change() {
    play(Way::Exec, false);
}

#[test]
fn by_exit_code_no_life_loses_a_change() {
    play(Way::ExitCode, false);
}

#[test]
fn by_http_a_life_with_a_memory_does_nothing_twice() {
    play(Way::Http, true);
}

#[test]
fn by_signal_a_life_with_a_memory_does_nothing_twice() {
    play(Way::Signal, true);
}

#[test]
fn by_exec_a_life_with_a_memory_does_nothing_twice() {
    play(Way::Exec, true);
}

#[test]
fn by_exit_code_a_life_with_a_memory_does_nothing_twice() {
    play(Way::ExitCode, true);
}
