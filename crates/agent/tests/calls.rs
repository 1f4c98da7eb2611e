//! `tidings-agent watch --http`: a sidecar's calls.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::sidecar::Scene;
use common::{Hook, agent, free_port, get, start, until};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::Command;
#[test]
fn a_call_is_made_as_asked() {
    let scene = Scene::new();
    let hook = Hook::new();
    fs::write(scene.path("basic"), "user:pass\n").unwrap();
    let (url, basic) = (hook.url("/-/reload?x=1"), scene.path("basic"));
    let agent = scene.watch(&[
        "--http",
        &url,
        "--method",
        "put",
        "--header",
        "X-Why: config",
        "--body",
        "now",
        "--basic-file",
        basic.to_str().unwrap(),
        "--at-start",
        "never",
    ]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says("applied", 1);
    let request = hook.requests.lock().unwrap()[0].to_lowercase();
    assert!(
        request.starts_with("put /-/reload?x=1 http/1.1"),
        "{request}"
    );
    assert!(request.contains("x-why: config"));
    assert!(request.contains("authorization: basic dxnlcjpwyxnz"));
    assert!(request.ends_with("\r\n\r\nnow"));
}

#[test]
fn a_bearer_token_is_read_anew_for_each_call() {
    let scene = Scene::new();
    let (hook, token) = (Hook::new(), scene.path("token"));
    fs::write(&token, "first").unwrap();
    let agent = scene.watch(&[
        "--http",
        &hook.url("/"),
        "--bearer-file",
        token.to_str().unwrap(),
        "--at-start",
        "never",
    ]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says("applied", 1);
    fs::write(&token, "second").unwrap();
    scene.change("3");
    agent.says("applied", 2);
    let requests = hook.requests.lock().unwrap();
    assert!(requests[0].contains("Bearer first") && requests[1].contains("Bearer second"));
}

#[test]
fn a_socket_can_be_called() {
    let scene = Scene::new();
    let socket = scene.path("sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let url = format!("unix:{}:/reload", socket.display());
    let agent = scene.watch(&["--http", &url, "--at-start", "never"]);
    agent.says("watching", 1);
    scene.change("2");
    let (mut stream, _) = listener.accept().unwrap();
    let mut request = [0u8; 512];
    let length = stream.read(&mut request).unwrap();
    assert!(String::from_utf8_lossy(&request[..length]).starts_with("POST /reload HTTP/1.1"));
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        .unwrap();
    agent.says("applied", 1);
}

#[test]
fn an_answer_that_means_no_is_repeated_until_it_means_yes() {
    let scene = Scene::new();
    let (hook, port) = (Hook::new(), free_port());
    hook.set(500);
    let listen = format!("127.0.0.1:{port}");
    let agent = scene.watch(&[
        "--http",
        &hook.url("/"),
        "--retry",
        "20ms",
        "--at-start",
        "never",
        "--listen",
        &listen,
    ]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says("rejected", 3);
    assert_eq!(get(port, "/readyz").unwrap().0, 503);
    assert!(
        get(port, "/state.json")
            .unwrap()
            .1
            .contains("\"owed\":true")
    );
    hook.set(200);
    agent.says("applied", 1);
    until("ready again", || get(port, "/readyz").unwrap().0 == 200);
    assert!(
        get(port, "/state.json")
            .unwrap()
            .1
            .contains("\"owed\":false")
    );
}

#[test]
fn a_target_that_hangs_is_given_up_and_tried_again() {
    let scene = Scene::new();
    let hook = Hook::new();
    hook.set(0);
    let agent = scene.watch(&[
        "--http",
        &hook.url("/"),
        "--http-timeout",
        "100ms",
        "--retry",
        "20ms",
        "--at-start",
        "never",
    ]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says("did not answer in time", 2);
    hook.set(200);
    agent.says("applied", 1);
}

#[test]
fn a_newer_change_does_not_wait_for_a_target_that_hangs() {
    let scene = Scene::new();
    let hook = Hook::new();
    hook.set(0);
    let agent = scene.watch(&[
        "--http",
        &hook.url("/"),
        "--http-timeout",
        "1h",
        "--at-start",
        "never",
    ]);
    agent.says("watching", 1);
    scene.change("2");
    until("called", || hook.count() == 1);
    hook.set(200);
    scene.change("3");
    agent.says("applied", 1);
}

#[test]
fn a_target_that_is_down_is_waited_for() {
    let scene = Scene::new();
    let port = free_port();
    let agent = scene.watch(&["--http", &format!("http://127.0.0.1:{port}/")]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says("waiting: nobody listens", 1);
    let hook = Hook::on(TcpListener::bind(("127.0.0.1", port)).unwrap());
    agent.says("applied", 1);
    assert_eq!(hook.count(), 1);
}

#[test]
fn nobody_is_called_for_a_place_that_is_not_there() {
    let scene = Scene::new();
    let (hook, place, port) = (Hook::new(), scene.path("later"), free_port());
    let listen = format!("127.0.0.1:{port}");
    let agent = agent(&[
        "watch",
        "--watch",
        place.to_str().unwrap(),
        "--http",
        &hook.url("/"),
        "--listen",
        &listen,
    ]);
    agent.says("(not there yet)", 1);
    let owes_nothing_of = |what: &str| {
        until("nothing is owed", || {
            let state = get(port, "/state.json").unwrap_or_default().1;
            state.contains(what) && state.contains("\"owed\":false")
        });
    };
    owes_nothing_of("missing");
    let wanted = scene.path("made");
    fs::create_dir(&wanted).unwrap();
    fs::write(wanted.join("a"), "1").unwrap();
    fs::rename(&wanted, &place).unwrap();
    owes_nothing_of("\"fileCount\":1");
    assert_eq!(
        (hook.count(), agent.said("applied")),
        (1, 1),
        "{}",
        agent.output()
    );
}

#[test]
fn of_two_targets_only_the_one_that_failed_is_called_again() {
    let scene = Scene::new();
    let (good, bad) = (Hook::new(), Hook::new());
    bad.set(500);
    let agent = scene.watch(&[
        "--http",
        &good.url("/"),
        "--http",
        &bad.url("/"),
        "--retry",
        "20ms",
        "--at-start",
        "never",
    ]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says("rejected", 2);
    bad.set(200);
    agent.says("applied", 1);
    assert_eq!(good.count(), 1);
}

#[test]
fn https_needs_the_right_authority_and_can_show_a_certificate() {
    let scene = Scene::new();
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let (cert, key) = (scene.path("cert.pem"), scene.path("key.pem"));
    fs::write(&cert, certified.cert.pem()).unwrap();
    fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    let port = free_port();
    let server = start(
        Command::new("openssl")
            .args(["s_server", "-www", "-accept", &port.to_string()])
            .args([
                "-Verify",
                "1",
                "-cert",
                cert.to_str().unwrap(),
                "-key",
                key.to_str().unwrap(),
            ]),
    );
    server.says("ACCEPT", 1);
    let url = format!("https://localhost:{port}/");
    let common = [
        "--http",
        &url,
        "--method",
        "GET",
        "--at-start",
        "never",
        "--retry",
        "1h",
    ];
    let pair = [
        "--cert",
        cert.to_str().unwrap(),
        "--key",
        key.to_str().unwrap(),
    ];

    let trusting =
        scene.watch(&[&common[..], &pair[..], &["--ca", cert.to_str().unwrap()]].concat());
    let doubting = scene.watch(&[&common[..], &pair[..]].concat());
    trusting.says("watching", 1);
    doubting.says("watching", 1);
    scene.change("2");
    trusting.says("applied", 1);
    doubting.says("unverified", 1);
}

/// What is written in the place of a file's name may be what belongs into the file.
#[test]
fn a_secret_in_the_place_of_its_file_is_shown_nowhere() {
    let scene = Scene::new();
    let hook = Hook::new();
    let secure = format!("https://127.0.0.1:{}/", hook.port);
    let plain = hook.url("/");
    for (url, options) in [
        (&plain, vec!["--bearer-file", "hunter2-S3CR"]),
        (&plain, vec!["--bearer-file", "ab/S3CR+ef=="]),
        (&plain, vec!["--basic-file", "S3CR"]),
        (&secure, vec!["--ca", "S3CR"]),
        (
            &secure,
            vec!["--insecure", "--cert", "S3CR", "--key", "S3CR"],
        ),
    ] {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let http = ["--http", url, "--at-start", "always", "--listen", &listen];
        let agent = scene.watch(&[&http, options.as_slice()].concat());
        agent.says("(not shown: ", 1);
        let state = get(port, "/state.json").unwrap().1;
        let all = format!("{}{state}", agent.output());
        assert!(!all.contains("S3CR"), "{all}");
        assert!(all.contains("(not shown: "), "{all}");
    }
    for (option, value) in [
        ("--bearer-file", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.S3CR"),
        ("--bearer-file", "Bearer S3CR"),
        ("--basic-file", "u:S3CR"),
        ("--key", "-----BEGIN PRIVATE KEY-----S3CR"),
        ("--cert", "-----BEGIN CERTIFICATE-----S3CR"),
        ("--ca", "-----BEGIN CERTIFICATE-----S3CR"),
    ] {
        let mut agent = scene.watch(&["--http", &plain, option, value]);
        assert_eq!(agent.code(), 2, "{option} {value}");
        agent.says("write it into a file", 1);
        assert!(!agent.output().contains("S3CR"), "{}", agent.output());
    }
}
