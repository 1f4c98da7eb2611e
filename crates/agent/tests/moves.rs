//! `--prove moves=`: what a page says, and what of it is a proof.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::sidecar::Scene;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};

/// Status and body.
type Page = (u16, &'static str);

/// A program that says the one before it was called, and the other one afterwards.
/// Returns its address.
fn program(before: Page, after: Page) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let called = AtomicBool::new(false);
        for stream in listener.incoming().flatten() {
            let page = |is_call: bool| match is_call {
                true => {
                    called.store(true, Ordering::Relaxed);
                    (200, "")
                }
                false if called.load(Ordering::Relaxed) => after,
                false => before,
            };
            answer(stream, page);
        }
    });
    address
}

fn answer(mut stream: TcpStream, page: impl FnOnce(bool) -> Page) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut first, mut line) = (String::new(), String::new());
    reader.read_line(&mut first).ok();
    while reader.read_line(&mut line).is_ok_and(|length| length > 2) {
        line.clear();
    }
    if first.is_empty() {
        return;
    }
    let (status, body) = page(first.starts_with("POST"));
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close");
    write!(stream, "{head}\r\n\r\n{body}").ok();
    // Until the other side has closed.
    reader.read_exact(&mut [0]).ok();
}

/// What the log says of a change.
fn outcome(before: Page, after: Page, proof: &str) -> String {
    let scene = Scene::new();
    let address = program(before, after);
    let (call, proof) = (format!("{address}/r"), format!("moves={address}/m#{proof}"));
    let agent = scene.watch(&[
        "--http",
        &call,
        "--prove",
        &proof,
        "--prove-timeout",
        "500ms",
        "--at-start",
        "never",
        "--retry",
        "1h",
    ]);
    agent.says("watching", 1);
    scene.change("2");
    let words = ["applied", "rejected", "unverified"];
    common::until("there is an outcome", || {
        words.iter().any(|word| agent.said(word) > 0)
    });
    agent.output()
}

#[test]
fn numbers_are_numbers_however_they_are_written() {
    for (before, after, proof, word) in [
        ("t 1.0\nok 1.0\n", "t 2.0\nok 1.0\n", "t#ok", "applied"),
        ("t 3 1\nok 1 5\n", "t 4 2\nok 1 6\n", "t#ok", "applied"),
        ("t 3 1001\n", "t 3 1002\n", "t", "unverified"),
        ("t 1e+09\n", "t 1000000000\n", "t", "unverified"),
        ("t 1\nok 1\n", "t 2\nok 0.0\n", "t#ok", "rejected"),
        ("t\t1\n", "t\t2\n", "t", "applied"),
        (
            "i{ v = \"1\" } 1\n",
            "i{ v = \"2\" } 1\n",
            "i{v}",
            "applied",
        ),
    ] {
        let output = outcome((200, before), (200, after), proof);
        assert!(output.contains(word), "{before} {after} {output}");
    }
}

#[test]
fn what_is_not_on_the_page_proves_nothing_and_is_named() {
    for (after, proof, why) in [
        ("t 2\nok 1\n", "t#okk", "the page does not say okk"),
        ("t 2\nok 1\n", "t#!okk", "the page does not say okk"),
        ("t 2\n", "t#ok", "the page does not say ok"),
        (
            "t{f=\"b\"} 2\nt{f=\"a\"} 1\nok 1",
            "t#ok",
            "the page says t 2 times: write which is meant, as t{f=\"…\"}",
        ),
    ] {
        let output = outcome((200, "t 1\nok 1\n"), (200, after), proof);
        assert!(output.contains(&format!("unverified: {why}")), "{output}");
    }
}

#[test]
fn an_error_page_proves_nothing() {
    for status in [500, 301, 404] {
        let output = outcome((200, "t 1\n"), (status, "t 2\n"), "t");
        let why = format!("/m answers {status}");
        assert!(output.contains("unverified: http://127.0.0.1:"), "{output}");
        assert!(output.contains(&why), "{output}");
    }
}

#[test]
fn a_name_that_is_not_on_the_page_is_said_at_the_start() {
    let scene = Scene::new();
    let page = (200, "t 1\nok 1\n");
    let address = program(page, page);
    let proof = format!("moves={address}/m#t#okk");
    let agent = scene.watch(&["--http", &address, "--prove", &proof]);
    agent.says(
        "the page does not say okk; no change is proved like this",
        1,
    );
}
