//! Random lives of an agent beside two volumes that the kubelet's own code
//! writes, a link between them that is set anew, and plain files: several places
//! in one directory, watched twice over. Nothing is lost, and each change is
//! taken once. `TIDINGS_LIVES=3000` plays more of them.
//!
//! With `--follow-links`: one of the links leads from one place into another.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::{Kubelet, Running, agent, until};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{scope, sleep};
use std::time::Duration;

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

/// Everything that the application reads.
const READ: [&str; 5] = ["current/a", "blue/a", "blue/b", "plain/x", "linked/g"];

fn read(root: &Path) -> Vec<String> {
    let text = |name| fs::read_to_string(root.join(name)).unwrap_or_default();
    READ.into_iter().map(text).collect()
}

/// An application that reads all files when it is called.
struct App {
    port: u16,
    loaded: Arc<Mutex<Vec<String>>>,
    calls: Arc<AtomicUsize>,
}

impl App {
    fn start(root: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let app = Self {
            port: listener.local_addr().unwrap().port(),
            loaded: Arc::new(Mutex::new(read(&root))),
            calls: Arc::default(),
        };
        let (loaded, calls) = (Arc::clone(&app.loaded), Arc::clone(&app.calls));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                // Nothing comes from who only looks whether somebody listens.
                if stream.read(&mut [0u8; 1024]).unwrap_or(0) == 0 {
                    continue;
                }
                *loaded.lock().unwrap() = read(&root);
                calls.fetch_add(1, Ordering::SeqCst);
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                stream.write_all(answer).ok();
            }
        });
        app
    }
}

struct Life {
    dice: Dice,
    root: PathBuf,
    volumes: [Kubelet; 2],
    app: App,
    agent: Option<Running>,
    content: u64,
    changes: usize,
    starts: usize,
}

impl Life {
    fn begin(seed: u64, root: PathBuf) -> Self {
        let volume = |name: &str| {
            let dir = root.join(name);
            fs::create_dir_all(&dir).unwrap();
            let mut kubelet = Kubelet::new(&dir);
            kubelet.write(&files(0));
            kubelet
        };
        let volumes = [volume("blue"), volume("green")];
        for name in ["plain", "linked"] {
            fs::create_dir(root.join(name)).unwrap();
        }
        fs::write(root.join("plain/x"), "0").unwrap();
        symlink("../green/a", root.join("linked/g")).unwrap();
        symlink("blue", root.join("current")).unwrap();
        Self {
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            app: App::start(root.clone()),
            volumes,
            root,
            agent: None,
            content: 0,
            changes: 0,
            starts: 0,
        }
    }

    fn step(&mut self) {
        match self.dice.roll(10) {
            0..=2 => self.write_volume(),
            3 => self.set_link(),
            4 => self.write_plain(),
            5 => drop(self.agent.take().map(Running::kill)),
            6 => self.start_agent(),
            _ => sleep(Duration::from_millis(self.dice.roll(60))),
        }
    }

    fn next(&mut self) -> u64 {
        self.content += 1;
        self.changes += 1;
        self.content
    }

    fn write_volume(&mut self) {
        let which = usize::from(self.dice.roll(2) == 1);
        let content = self.next();
        self.volumes[which].write(&files(content));
    }

    fn set_link(&mut self) {
        let target = ["blue", "green"][usize::from(self.dice.roll(2) == 1)];
        self.changes += 1;
        symlink(target, self.root.join("new")).unwrap();
        fs::rename(self.root.join("new"), self.root.join("current")).unwrap();
    }

    fn write_plain(&mut self) {
        let content = self.next().to_string();
        fs::write(self.root.join("plain/new"), content).unwrap();
        fs::rename(self.root.join("plain/new"), self.root.join("plain/x")).unwrap();
    }

    fn start_agent(&mut self) {
        if self.agent.as_mut().is_some_and(Running::runs) {
            return;
        }
        self.starts += 1;
        let mut options = ["watch", "--follow-links", "--http"]
            .map(str::to_owned)
            .to_vec();
        options.push(format!("http://127.0.0.1:{}/", self.app.port));
        for place in [
            "blue",
            "current",
            "blue/b",
            "current/a",
            "plain/x",
            "linked",
        ] {
            options.push(format!("--watch={}", self.root.join(place).display()));
        }
        self.agent = Some(agent(
            &options.iter().map(String::as_str).collect::<Vec<_>>(),
        ));
    }

    fn end(mut self, seed: u64) {
        self.start_agent();
        let wanted = read(&self.root);
        until(&format!("life {seed}: {wanted:?} is loaded"), || {
            *self.app.loaded.lock().unwrap() == wanted
        });
        let calls = self.app.calls.load(Ordering::SeqCst);
        let most = self.changes + self.starts;
        assert!(
            calls <= most,
            "life {seed}: {calls} calls for {most} reasons"
        );
    }
}

fn files(content: u64) -> Vec<(String, String)> {
    ["a", "b"]
        .map(|name| (name.to_owned(), content.to_string()))
        .to_vec()
}

#[test]
fn no_life_loses_a_change() {
    let lives = std::env::var("TIDINGS_LIVES").map_or(100, |text| text.parse().unwrap());
    let root = tempfile::tempdir().unwrap();
    let next = AtomicU64::new(0);
    scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= lives {
                        return;
                    }
                    let mut life = Life::begin(seed, root.path().join(seed.to_string()));
                    for _ in 0..16 {
                        life.step();
                    }
                    life.end(seed);
                }
            });
        }
    });
}
