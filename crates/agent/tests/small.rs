//! What ships, with the memory that the examples' manifests give it, before what
//! is made to take more: it goes on, says what it left, and takes the next change.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::memory::{EXAMPLES, Limit};
use common::scene::{Scene, Watching, text};
use common::{shipped, start, until};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// Under the examples' limit.
struct Small {
    limit: Limit,
}

impl Small {
    fn new() -> Self {
        let limit = Limit::of(EXAMPLES);
        Self { limit }
    }

    fn command(&self) -> Command {
        self.limit.command(&shipped())
    }

    fn watch(&self, scene: &Scene, options: &[&str]) -> Watching {
        scene.watch_by(&mut self.command(), options)
    }

    /// It takes a change, and has kept within the limit.
    fn goes_on(&self, scene: &Scene, watching: &Watching) {
        let before = watching.agent.said("changed: ");
        fs::write(scene.path("d/a"), "another").unwrap();
        watching.agent.says("changed: ", before + 1);
        self.limit.held(watching.agent.pid());
    }
}

fn files(dir: &Path, count: usize, name: impl Fn(usize) -> String) {
    fs::create_dir(dir).unwrap();
    for number in 0..count {
        fs::File::create(dir.join(name(number))).unwrap();
    }
}

fn dirs(dir: &Path) {
    for number in 0..6_000 {
        fs::create_dir_all(dir.join(format!("{number}"))).unwrap();
    }
}

fn links(dir: &Path) {
    fs::create_dir(dir).unwrap();
    for number in 0..21_000 {
        symlink("../a", dir.join(format!("{number}"))).unwrap();
    }
}

/// Twelve directories, each with links to all of them.
fn knot(dir: &Path) {
    for from in 0..12 {
        let dir = dir.join(format!("{from}"));
        fs::create_dir_all(&dir).unwrap();
        for to in 0..12 {
            symlink(format!("../{to}"), dir.join(format!("to{to}"))).unwrap();
        }
    }
}

fn round(dir: &Path) {
    fs::create_dir(dir).unwrap();
    for number in 0..12 {
        symlink(".", dir.join(format!("{number}"))).unwrap();
    }
}

fn sparse(dir: &Path) {
    fs::create_dir(dir).unwrap();
    for number in 0..6 {
        let file = fs::File::create(dir.join(format!("{number}"))).unwrap();
        file.set_len(64 << 20).unwrap();
    }
    let file = fs::File::create(dir.join("endless")).unwrap();
    file.set_len(1 << 40).unwrap();
    symlink("/dev/zero", dir.join("zero")).unwrap();
}

/// Half a megabyte that may be a token until all of it was read.
fn token(dir: &Path) {
    fs::create_dir(dir).unwrap();
    // `{"a":[0,0,…` and so on for ever, in base64.
    let part = format!("eyJhIjpbMCwwLDAs{}", "MCwwLDAs".repeat(30_000));
    fs::write(dir.join("token"), format!("{part}.{part}.x")).unwrap();
}

/// What it is called, how it is made, what is said of it.
type Tree = (&'static str, Box<dyn Fn(&Path)>, &'static str);

#[test]
fn trees_that_are_made_to_be_large() {
    let long = |number| format!("{number:0250}");
    let short = |number| format!("{number}");
    let trees: [Tree; 8] = [
        (
            "files",
            Box::new(move |dir| files(dir, 21_000, short)),
            "too many files",
        ),
        (
            "names",
            Box::new(move |dir| files(dir, 5_000, long)),
            "too many files",
        ),
        ("dirs", Box::new(dirs), "too many directories"),
        ("links", Box::new(links), "too many files"),
        ("knot", Box::new(knot), ""),
        ("round", Box::new(round), ""),
        ("sparse", Box::new(sparse), "larger than 64 MiB"),
        ("token", Box::new(token), ""),
    ];
    for (name, build, sentence) in trees {
        let (small, scene) = (Small::new(), Scene::new());
        build(&scene.path(&format!("d/{name}")));
        let watching = small.watch(&scene, &["--exec", "true"]);
        small.goes_on(&scene, &watching);
        watching.agent.says(sentence, 1);
    }
}

/// As many as are looked at, all changed at once, while everybody asks for them.
#[test]
fn a_change_of_everything_that_everybody_asks_for() {
    let (small, scene) = (Small::new(), Scene::new());
    let dir = scene.path("d/all");
    files(&dir, 19_000, |number| {
        format!("key-of-the-usual-length-{number}")
    });
    let watching = small.watch(&scene, &["--exec", "true"]);
    let callers: Vec<TcpStream> = (0..32).map(|_| slow_caller(watching.port)).collect();
    for entry in fs::read_dir(&dir).unwrap() {
        fs::write(entry.unwrap().path(), "x").unwrap();
    }
    watching.agent.says("changed: ", 1);
    until("all are counted", || {
        watching.state()["mounts"][0]["fileCount"] == 19_001
    });
    small.goes_on(&scene, &watching);
    drop(callers);
}

/// Asks, and does not read the answer.
fn slow_caller(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .write_all(b"GET /state.json HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    stream
}

#[test]
fn a_child_is_started_beside_files_without_end() {
    let (small, scene) = (Small::new(), Scene::new());
    sparse(&scene.path("d/sparse"));
    let mut command = small.command();
    command.arg("run").arg("--watch").arg(scene.path("d"));
    // It waits, so that what was used can be read.
    let mut agent = start(command.args(["--", "sh", "-c", "echo up; sleep 1; exit 3"]));
    agent.says("up", 1);
    small.limit.held(agent.pid());
    assert_eq!(agent.code(), 3);
}

fn packed(bytes: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let level = flate2::Compression::best();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), level);
    bytes.for_each(|piece| packed.write_all(&piece).unwrap());
    packed.finish().unwrap()
}

fn megabytes(count: usize, pattern: &'static [u8]) -> Vec<u8> {
    packed((0..count).map(|_| pattern.repeat((1 << 20) / pattern.len())))
}

/// A minute, eight seconds, a gigabyte, an end by the kernel: once.
#[test]
fn texts_that_are_made_to_grow() {
    let names = (0..1000).map(|kilo| {
        let names = (0..1000).map(|one| format!("$(N{kilo}_{one})"));
        names.collect::<String>().into_bytes()
    });
    let bombs = [
        ("brackets", "$(".repeat(1 << 19).into_bytes(), ""),
        ("a million names", packed(names), "and 999980 more"),
        (
            "a large variable",
            megabytes(1, b"$(MUCH)"),
            "becomes larger than 64 MiB",
        ),
        ("zeros", megabytes(65, b"\0"), "larger than 64 MiB"),
        (
            "what vanishes",
            megabytes(65, b"$(NONE)"),
            "larger than 64 MiB",
        ),
        ("an honest file", megabytes(64, b"x"), ""),
    ];
    for (what, bomb, sentence) in bombs {
        let (small, scene) = (Small::new(), Scene::new());
        let (input, output) = (scene.path("d/a"), scene.path("out"));
        let render = format!("{}={}", text(&input), text(&output));
        let mut command = small.command();
        command.env("MUCH", "x".repeat(1 << 16)).env("NONE", "");
        let watching = scene.watch_by(&mut command, &["--render", &render, "--exec", "true"]);
        for content in [&bomb[..], b"fixed"] {
            // As the kubelet does it, so that nothing half written is rendered.
            fs::write(scene.path("new"), content).unwrap();
            fs::rename(scene.path("new"), &input).unwrap();
            if content == b"fixed" {
                until(&format!("{what}: the fix is rendered"), || {
                    fs::read(&output).unwrap() == b"fixed"
                });
            } else {
                watching.agent.says("changed: ", 1);
                watching.agent.says(sentence, 1);
            }
        }
        small.limit.held(watching.agent.pid());
    }
}

/// Eight megabytes of JSON to whoever asks.
fn large_page() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let body = format!("{{\"a\":[{}0],\"stamp\":1}}", "0,".repeat(4 << 20));
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            // The agent does not read all of it.
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(body.as_bytes());
        }
    });
    port
}

/// With a shorter limit than the default of five seconds, to end soon.
#[test]
fn a_page_that_is_made_to_be_large() {
    let (small, scene) = (Small::new(), Scene::new());
    let proof = format!("moves=http://127.0.0.1:{}/x#stamp", large_page());
    let options = ["--exec", "true", "--prove", &proof, "--prove-timeout", "1s"];
    let watching = small.watch(&scene, &options);
    small.goes_on(&scene, &watching);
    watching.agent.says("is larger than 1 MiB", 1);
    small.limit.held(watching.agent.pid());
}
