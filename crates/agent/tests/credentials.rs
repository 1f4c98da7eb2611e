//! What `watch --http` is secured with: what cannot be sent, and what no log may show.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::sidecar::Scene;
use common::{Hook, free_port, get};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Command;

#[test]
fn a_file_that_cannot_be_sent_is_rejected_and_nothing_is_called() {
    let scene = Scene::new();
    let fifo = scene.path("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    for (name, content, why) in [
        ("gone", None, "No such file"),
        ("fifo", None, "regular file"),
        ("empty", Some(" \n".to_owned()), "is empty"),
        ("lines", Some("a\r\nX: b".to_owned()), "several lines"),
        ("zero", Some("a\0b".to_owned()), "control characters"),
        ("large", Some("a".repeat((1 << 20) + 1)), "larger than"),
    ] {
        if let Some(content) = content {
            fs::write(scene.path(name), content).unwrap();
        }
        for option in ["--bearer-file", "--basic-file"] {
            let (hook, port) = (Hook::new(), free_port());
            let listen = format!("127.0.0.1:{port}");
            let file = scene.path(name);
            let agent = scene.watch(&[
                "--http",
                &hook.url("/"),
                option,
                file.to_str().unwrap(),
                "--at-start",
                "always",
                "--listen",
                &listen,
            ]);
            agent.says("rejected: ", 1);
            agent.says(why, 1);
            common::until("not ready", || get(port, "/readyz").unwrap().0 == 503);
            assert_eq!(hook.count(), 0);
        }
    }
}

/// Answers 404, and repeats the request. Returns its port.
fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut body = "Cannot ".to_owned();
            while reader.read_line(&mut body).is_ok_and(|length| length > 2) {}
            let body = body.replace("user-agent", "").replace("accept", "");
            let head = format!("HTTP/1.1 404 X\r\nContent-Length: {}", body.len());
            write!(stream, "{head}\r\nConnection: close\r\n\r\n{body}").ok();
            // Until the other side has closed.
            reader.read_exact(&mut [0]).ok();
        }
    });
    port
}

#[test]
fn what_the_agent_sent_is_not_shown_when_the_answer_repeats_it() {
    let scene = Scene::new();
    fs::write(scene.path("token"), "S3CR-bearer").unwrap();
    fs::write(scene.path("basic"), "user:S3CR-basic").unwrap();
    let in_base64 = "dXNlcjpTM0NSLWJhc2lj";
    let (token, basic) = (scene.path("token"), scene.path("basic"));
    for options in [
        vec!["--bearer-file", token.to_str().unwrap()],
        vec!["--basic-file", basic.to_str().unwrap()],
        vec!["--header", "X-Key: S3CR-header"],
        vec!["--header", "Authorization: Token S3CR-own"],
    ] {
        let url = format!("http://127.0.0.1:{}/reload?token=S3CR-query", echo());
        let fixed = ["--http", &url, "--at-start", "always"];
        let agent = scene.watch(&[&fixed, options.as_slice()].concat());
        agent.says("Cannot POST /reload?***", 1);
        let output = agent.output();
        assert!(
            !output.contains("S3CR") && !output.contains(in_base64),
            "{output}"
        );
    }
}
