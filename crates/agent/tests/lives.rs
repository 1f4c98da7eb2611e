//! Random lives of an agent beside a volume that the kubelet's own code writes:
//! updates, identical updates, kills and starts of the agent, restarts of the
//! application, in any order. Nothing is lost, and a restart of the agent costs
//! one action at most. `TIDINGS_LIVES=3000` plays more of them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::{Kubelet, Running, agent};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{scope, sleep};
use std::time::Duration;

/// An application that reads its file when it starts and when it is called.
struct App {
    port: u16,
    loaded: Arc<Mutex<String>>,
    calls: Arc<AtomicUsize>,
    file: PathBuf,
}

impl App {
    fn start(file: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let app = Self {
            port: listener.local_addr().unwrap().port(),
            loaded: Arc::default(),
            calls: Arc::default(),
            file: file.clone(),
        };
        app.restart();
        let (loaded, calls) = (Arc::clone(&app.loaded), Arc::clone(&app.calls));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                reload(stream, &file, &loaded, &calls);
            }
        });
        app
    }

    fn restart(&self) {
        *self.loaded.lock().unwrap() = read(&self.file);
    }

    fn loaded(&self) -> String {
        self.loaded.lock().unwrap().clone()
    }
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

fn reload(mut stream: TcpStream, file: &Path, loaded: &Mutex<String>, calls: &AtomicUsize) {
    let mut request = [0u8; 1024];
    // Nothing comes from who only looks whether somebody listens.
    if stream.read(&mut request).unwrap_or(0) == 0 {
        return;
    }
    *loaded.lock().unwrap() = read(file);
    calls.fetch_add(1, Ordering::SeqCst);
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
    dir: PathBuf,
    kubelet: Kubelet,
    app: App,
    agent: Option<Running>,
    content: u64,
    changes: usize,
    starts: usize,
}

impl Life {
    fn begin(seed: u64, dir: PathBuf) -> Self {
        fs::create_dir_all(&dir).unwrap();
        let mut kubelet = Kubelet::new(&dir);
        kubelet.write(&[("a".into(), "0".into())]);
        Self {
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            app: App::start(dir.join("a")),
            dir,
            kubelet,
            agent: None,
            content: 0,
            changes: 0,
            starts: 0,
        }
    }

    fn step(&mut self) {
        match self.dice.roll(8) {
            0..=2 => self.write(),
            3 => self.kill_agent(),
            4 => self.start_agent(),
            5 => self.app.restart(),
            _ => sleep(Duration::from_millis(self.dice.roll(60))),
        }
    }

    /// One time in four the same content again.
    fn write(&mut self) {
        if self.dice.roll(4) > 0 {
            self.content += 1;
            self.changes += 1;
        }
        let content = self.content.to_string();
        self.kubelet.write(&[("a".into(), content)]);
    }

    fn kill_agent(&mut self) {
        if let Some(agent) = self.agent.take() {
            agent.kill();
        }
    }

    fn start_agent(&mut self) {
        if self.agent.as_mut().is_some_and(Running::runs) {
            return;
        }
        self.starts += 1;
        let url = format!("http://127.0.0.1:{}/", self.app.port);
        self.agent = Some(agent(&[
            "watch",
            "--watch",
            self.dir.to_str().unwrap(),
            "--http",
            &url,
        ]));
    }

    fn end(mut self, seed: u64) {
        self.start_agent();
        let wanted = self.content.to_string();
        common::until(&format!("life {seed}: {wanted} is loaded"), || {
            self.app.loaded() == wanted
        });
        let calls = self.app.calls.load(Ordering::SeqCst);
        let most = self.changes + self.starts;
        assert!(
            calls <= most,
            "life {seed}: {calls} calls for {most} reasons"
        );
    }
}

#[test]
fn no_life_loses_a_change() {
    let lives = std::env::var("TIDINGS_LIVES").map_or(300, |text| text.parse().unwrap());
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
                    let mut life = Life::begin(seed, root.path().join(format!("cm-{seed}")));
                    for _ in 0..12 {
                        life.step();
                    }
                    life.end(seed);
                }
            });
        }
    });
}
