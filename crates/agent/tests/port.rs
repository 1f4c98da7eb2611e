//! The agent's own port, beside callers who are slow, rude or many.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::memory::{EXAMPLES, Limit};
use common::{Running, free_port, get, shipped, start, until, with_default_signals};
use rustix::net::{AddressFamily, SocketType, socket, sockopt};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::scope;
use std::time::Duration;

struct Scene {
    _root: tempfile::TempDir,
    agent: Running,
    port: u16,
}

impl Scene {
    fn new(places: usize) -> Self {
        Self::by(&mut with_default_signals(), places)
    }

    /// By a command that starts the agent.
    fn by(command: &mut Command, places: usize) -> Self {
        let root = tempfile::tempdir().unwrap();
        let port = free_port();
        let mut arguments = vec!["watch".to_owned(), "--exec=true".to_owned()];
        arguments.push(format!("--listen=127.0.0.1:{port}"));
        for place in 0..places {
            let dir = root.path().join(format!("{place}"));
            fs::create_dir(&dir).unwrap();
            for n in 0..300 {
                fs::write(dir.join(format!("{n:0>248}")), "x").unwrap();
            }
            arguments.push(format!("--watch={}", dir.display()));
        }
        let scene = Self {
            _root: root,
            agent: start(command.args(&arguments)),
            port,
        };
        until("it answers", || scene.lives());
        scene
    }

    fn lives(&self) -> bool {
        get(self.port, "/livez").is_some_and(|(status, _)| status == 200)
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).unwrap()
    }

    /// Asks for much, and reads nothing.
    fn deaf(&self) -> TcpStream {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        sockopt::set_socket_recv_buffer_size(&socket, 2048).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        rustix::net::connect(&socket, &address).unwrap();
        let mut stream = TcpStream::from(socket);
        // The agent may have had enough of it.
        let _ = stream.write_all(b"GET /state.json HTTP/1.1\r\n\r\n");
        stream
    }

    /// As often as somebody who is slow would have held it up for a minute.
    fn answers_everybody(&self) {
        for _ in 0..50 {
            assert!(self.lives());
        }
    }
}

#[test]
fn idle_connections_hold_nobody_up() {
    let scene = Scene::new(1);
    let idle: Vec<TcpStream> = (0..300).map(|_| scene.connect()).collect();
    scene.answers_everybody();
    drop(idle);
}

#[test]
fn half_requests_hold_nobody_up() {
    let scene = Scene::new(1);
    let half = || {
        let mut stream = scene.connect();
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost:").unwrap();
        stream
    };
    let all: Vec<TcpStream> = (0..300).map(|_| half()).collect();
    scene.answers_everybody();
    drop(all);
}

#[test]
fn a_byte_now_and_then_holds_nobody_up() {
    let scene = Scene::new(1);
    let done = AtomicBool::new(false);
    scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let mut drops: Vec<TcpStream> = (0..40).map(|_| scene.connect()).collect();
                for byte in b"GET /livez" {
                    for stream in &mut drops {
                        // The agent may have had enough of it.
                        let _ = stream.write_all(&[*byte]);
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
        });
        scene.answers_everybody();
        done.store(true, Ordering::Relaxed);
    });
}

/// Whoever asks for much and does not read it.
#[test]
fn who_does_not_listen_holds_nobody_up() {
    let scene = Scene::new(20);
    let all: Vec<TcpStream> = (0..60).map(|_| scene.deaf()).collect();
    scene.answers_everybody();
    drop(all);
    let (status, body) = get(scene.port, "/state.json").unwrap();
    assert!(status == 200 && body.len() > 64_000);
}

#[test]
fn who_does_not_listen_takes_no_memory() {
    let limit = Limit::of(EXAMPLES);
    let scene = Scene::by(&mut limit.command(&shipped()), 12);
    let listed = |state: serde_json::Value| {
        let mounts = state["mounts"].as_array().unwrap().iter();
        mounts
            .map(|mount| {
                assert_eq!(mount["fileCount"], 300);
                mount["files"].as_array().unwrap().len()
            })
            .collect::<Vec<_>>()
    };
    for _ in 0..5 {
        let all: Vec<TcpStream> = (0..64).map(|_| scene.deaf()).collect();
        assert!(scene.lives());
        drop(all);
    }
    let (_, state) = get(scene.port, "/state.json").unwrap();
    assert!(state.len() < 200_000, "{}", state.len());
    let listed = listed(serde_json::from_str(&state).unwrap());
    assert!(listed.iter().all(|count| *count > 10), "{listed:?}");
    limit.held(scene.agent.pid());
}

/// The first is answered, whole, and the connection closed: what else was sent
/// does not tear the answer away.
#[test]
fn of_requests_in_a_row_the_first_is_answered() {
    let scene = Scene::new(1);
    for _ in 0..50 {
        let mut stream = scene.connect();
        let request = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n".repeat(20);
        stream.write_all(&request).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1 200").count(), 1);
    }
}

#[test]
fn what_is_no_request_is_refused() {
    let scene = Scene::new(1);
    for request in [
        &b"POST /livez HTTP/1.1\r\n\r\n"[..],
        b"\r\n\r\n",
        &[0xff; 9000],
        &b"x".repeat(100_000),
    ] {
        let mut stream = scene.connect();
        stream.write_all(request).ok();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok();
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"),
            "{answer}"
        );
    }
    assert!(scene.lives());
}

/// A connection ends, whatever it does.
#[test]
fn nobody_stays_longer_than_the_limit() {
    let scene = Scene::new(1);
    let mut idle = scene.connect();
    idle.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    assert_eq!(idle.read(&mut [0; 16]).unwrap(), 0);
}
