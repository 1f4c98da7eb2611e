//! `POST /holds`: whether files hold what the controller means, and whether that was
//! taken. The kubelet's own code writes the volumes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::asking::{APP, Pod, write};
use common::start;
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::scope;
use tidings_wire::holds::{LONGEST_QUESTION, Standing, Wanted};

#[test]
fn who_bears_no_token_is_told_nothing() {
    let mut pod = Pod::new();
    let _cm = pod.volume("cm", &[("a", "1")]);
    let asked = pod.agent(&["cm"], &[]);
    let question = [pod.app("a", "1")];
    let guess = "0".repeat(32);
    for borne in ["", "4-k7f2", &guess] {
        assert_eq!(asked.ask(borne, &question).0, 401, "none is there");
    }
    assert_eq!(
        asked
            .request("POST /holds", "Content-Length: 2\r\n", "{}")
            .0,
        401
    );
    let first = pod.token();
    assert_eq!(asked.ask(&guess, &question).0, 401);
    assert_eq!(asked.ask(&first, &question).0, 200);
    let second = pod.token();
    assert_eq!(asked.ask(&first, &question).0, 401, "it is another now");
    assert_eq!(asked.ask(&second, &question).0, 200);
    let log = asked.agent.output();
    assert!(!log.contains(&first) && !log.contains(&second), "{log}");
    let (_, state) = common::get(asked.port, "/state.json").unwrap();
    assert!(!state.contains(&second), "{state}");
}

#[test]
fn a_token_is_good_for_a_hundred_questions() {
    let mut pod = Pod::new();
    let _cm = pod.volume("cm", &[("a", "1")]);
    let asked = pod.agent(&["cm"], &[]);
    let question = [pod.app("a", "1")];
    for _ in 0..2 {
        let token = pod.token();
        let statuses = (0..102).map(|_| asked.ask(&token, &question).0);
        let statuses: Vec<u16> = statuses.collect();
        assert!(statuses[..100].iter().all(|status| *status == 200));
        assert_eq!(statuses[100..], [429, 429]);
    }
}

#[test]
fn what_is_no_question_is_refused_and_nothing_else_is_served_there() {
    let mut pod = Pod::new();
    let _cm = pod.volume("cm", &[("a", "1")]);
    let asked = pod.agent(&["cm"], &[]);
    let token = pod.token();
    let bears = format!("tidings-token: {token}\r\n");
    let sent = |body: &str| {
        let head = format!("{bears}content-length: {}\r\n", body.len());
        asked.request("POST /holds", &head, body)
    };
    let one = |path: &str, source: &str| {
        let file = format!(r#""path":"{path}","source":"{source}","key":"a","digest":"*""#);
        format!(r#"{{"files":[{{{file}}}]}}"#)
    };
    let absent = one("/x", APP).replace(r#","digest":"*""#, "");
    let many = format!(r#"{{"files":[{}]}}"#, vec!["0"; 2000].join(","));
    for body in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"files":[]}"#,
        &absent,
        &many,
        &one("x", APP),
        &one("/etc/../etc/x", APP),
    ] {
        assert_eq!(sent(body).0, 400, "{body}");
    }
    let cm = pod.path("cm/a").display().to_string();
    assert_eq!(sent(&one(&cm, APP).replace("\"*\"", "null")).0, 200);
    assert_eq!(sent(&one(&cm, "app").replace("\"*\"", "null")).0, 400);
    assert_eq!(asked.request("POST /holds", &bears, "").0, 411);
    let long = format!("{bears}Content-Length: {}\r\n", LONGEST_QUESTION + 1);
    assert_eq!(asked.request("POST /holds", &long, "").0, 413);
    for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH"] {
        assert_eq!(
            asked.request(&format!("{method} /holds"), &bears, "").0,
            405
        );
    }
    assert_eq!(asked.request("POST /livez", &bears, "").0, 405);
}

#[test]
fn bodies_that_do_not_come_hold_nobody_up() {
    let mut pod = Pod::new();
    let _cm = pod.volume("cm", &[("a", "1")]);
    let asked = pod.agent(&["cm"], &[]);
    let token = pod.token();
    let head = format!(
        "POST /holds HTTP/1.1\r\nTidings-Token: {token}\r\nContent-Length: {LONGEST_QUESTION}\r\n\r\n{}",
        "[".repeat(LONGEST_QUESTION / 2)
    );
    let begun = |_| {
        let mut stream = TcpStream::connect(("127.0.0.1", asked.port)).unwrap();
        // The agent may have had enough of it.
        let _ = stream.write_all(head.as_bytes());
        stream
    };
    let all: Vec<TcpStream> = (0..50).map(begun).collect();
    for _ in 0..20 {
        assert_eq!(asked.ask(&token, &[pod.app("a", "1")]).0, 200);
        assert!(common::get(asked.port, "/livez").is_some_and(|(status, _)| status == 200));
    }
    drop(all);
}

#[test]
fn without_a_poke_file_nobody_may_ask() {
    let pod = Pod::new();
    let _cm = pod.volume("cm", &[("a", "1")]);
    let port = common::free_port();
    let (listen, watch) = (format!("127.0.0.1:{port}"), pod.path("cm"));
    let agent = common::agent(&[
        "watch",
        "--exec=true",
        "--listen",
        &listen,
        "--watch",
        watch.to_str().unwrap(),
    ]);
    let asked = common::asking::Asked::of(agent, port);
    assert_eq!(asked.ask(&"0".repeat(32), &[pod.app("a", "1")]).0, 405);
    assert_eq!(common::get(port, "/holds").unwrap().0, 404);
}

#[test]
fn a_change_is_pending_until_it_is_applied() {
    let mut pod = Pod::new();
    let mut cm = pod.volume("cm", &[("a", "1"), ("b", "1")]);
    let asked = pod.agent(&["cm"], &["--at-start=never"]);
    let old = pod.answer(&asked, &[pod.app("a", "1")]);
    assert!(old.holds && old.outcome == Standing::Applied && !old.restarts);
    let early = pod.answer(&asked, &[pod.app("a", "2")]);
    assert!(!early.holds && early.outcome == Standing::Pending);
    assert!(
        early.text.ends_with("cm/a holds something else"),
        "{}",
        early.text
    );
    write(&mut cm, &[("a", "2"), ("b", "1")]);
    let new = pod.comes_to(&asked, &[pod.app("a", "2")], Standing::Applied);
    assert!(new.holds && new.text.is_empty());
    assert_eq!(pod.acts(), 1);
    // The same value of another source, or key, has another digest.
    let right = pod.app("a", "2");
    let mut others = [right.clone(), right.clone(), right, pod.app("a", "2\n")];
    others[0].source = "secret/shop/app".into();
    others[1].source = "configmap/other/app".into();
    others[2].key = "b".into();
    for other in others {
        assert!(!pod.answer(&asked, &[pod.app("b", "1"), other]).holds);
    }
}

#[test]
fn what_nothing_shows_is_unverified_also_to_the_next_life() {
    let mut pod = Pod::new();
    let mut cm = pod.volume("cm", &[("a", "1")]);
    let life = |pod: &Pod| pod.bare_agent(&["cm"], &["--exec=true"]);
    let asked = life(&pod);
    asked.agent.says("unverified", 1);
    write(&mut cm, &[("a", "2")]);
    pod.comes_to(&asked, &[pod.app("a", "2")], Standing::Unverified);
    asked.agent.says("unverified", 2);
    drop(asked);
    let next = life(&pod);
    let answer = pod.answer(&next, &[pod.app("a", "2")]);
    assert!(answer.holds && answer.outcome == Standing::Unverified);
}

#[test]
fn what_a_check_refuses_is_rejected_with_its_last_line_and_without_what_it_quotes() {
    let mut pod = Pod::new();
    let mut cm = pod.volume("cm", &[("a", "good"), ("b", "1")]);
    let script = pod.path("check");
    let text = "#!/bin/sh\nread x < \"$1/a\"\n[ \"$x\" = good ] || { echo loading >&2; echo \"bad word \\\"$x\\\" in $1/a\" >&2; exit 1; }\n";
    fs::write(&script, text).unwrap();
    let check = format!(
        "--check=sh {} {}",
        script.display(),
        pod.path("cm").display()
    );
    let asked = pod.agent(&["cm"], &["--at-start=never", &check]);
    write(&mut cm, &[("a", "hunter2\n"), ("b", "1")]);
    let answer = pod.comes_to(&asked, &[pod.app("a", "hunter2\n")], Standing::Rejected);
    assert!(answer.holds);
    let told = format!("bad word \"…\" in {}/a", pod.path("cm").display());
    assert!(
        answer.text == told || answer.text.contains("…"),
        "{}",
        answer.text
    );
    assert!(!answer.text.contains("hunter2"), "{}", answer.text);
    // What did not change with it is as it was taken.
    let other = pod.answer(&asked, &[pod.app("b", "1")]);
    assert_eq!(other.outcome, Standing::Applied);
    write(&mut cm, &[("a", "good"), ("b", "2")]);
    pod.comes_to(&asked, &[pod.app("b", "2")], Standing::Applied);
    assert_eq!(pod.acts(), 1);
}

#[test]
fn a_key_that_is_gone_or_never_was_is_absent() {
    let mut pod = Pod::new();
    let mut cm = pod.volume("cm", &[("a", "1"), ("b", "1")]);
    // An optional source that is not there is a volume without a file.
    let _optional = pod.volume("optional", &[]);
    let asked = pod.agent(&["cm", "optional"], &["--at-start=never"]);
    let gone = pod.asked("cm/b", APP, "b", Wanted::Absent);
    let early = pod.answer(&asked, std::slice::from_ref(&gone));
    assert!(!early.holds && early.text.ends_with("cm/b is still there"));
    let never = pod.asked("optional/x", "secret/shop/none", "x", Wanted::Absent);
    let answer = pod.answer(&asked, std::slice::from_ref(&never));
    assert!(answer.holds && answer.outcome == Standing::Applied);
    write(&mut cm, &[("a", "1")]);
    pod.comes_to(&asked, &[gone, never.clone()], Standing::Applied);
    let gone_as_value = pod.answer(&asked, &[pod.app("b", "1"), never]);
    assert!(!gone_as_value.holds && gone_as_value.text.ends_with("is not there"));
}

#[test]
fn whatever_counts_not_may_be_anything() {
    let mut pod = Pod::new();
    let _cm = pod.volume("cm", &[("a", "1"), ("b", "1")]);
    let asked = pod.agent(&["cm"], &["--at-start=never"]);
    let any = |path| pod.asked(path, APP, "x", Wanted::Any);
    let files = [pod.app("a", "1"), any("cm/b"), any("cm/none")];
    let answer = pod.answer(&asked, &files);
    assert!(answer.holds && answer.outcome == Standing::Applied);
}

/// The same ConfigMap at two places, `items` with other paths, and a projected volume of
/// two sources; names of files tell nothing of keys.
#[test]
fn a_file_is_known_by_its_path_and_a_value_by_its_source_and_key() {
    let mut pod = Pod::new();
    let mut first = pod.volume("cm", &[("a", "1")]);
    let mut second = pod.volume("other", &[("conf.d/renamed.conf", "1")]);
    let both = [("app/a", "1"), ("tls/key", "s")];
    let mut projected = pod.volume("projected", &both);
    let asked = pod.agent(&["cm", "other/conf.d", "projected"], &["--at-start=never"]);
    let files = |pod: &Pod, a: &str, s: &str| {
        [
            pod.app("a", a),
            pod.file("other/conf.d/renamed.conf", APP, "a", a),
            pod.file("projected/app/a", APP, "a", a),
            pod.file("projected/tls/key", "secret/shop/tls", "tls.key", s),
        ]
    };
    let answer = pod.answer(&asked, &files(&pod, "1", "s"));
    assert!(
        answer.holds && answer.outcome == Standing::Applied,
        "{answer:?}"
    );
    write(&mut projected, &[("app/a", "2"), ("tls/key", "t")]);
    write(&mut first, &[("a", "2")]);
    let answer = pod.answer(&asked, &files(&pod, "2", "t"));
    assert!(
        !answer.holds && answer.text.contains("renamed.conf"),
        "{answer:?}"
    );
    write(&mut second, &[("conf.d/renamed.conf", "2")]);
    pod.comes_to(&asked, &files(&pod, "2", "t"), Standing::Applied);
}

/// Two containers have it mounted, each at a path of its own.
#[test]
fn two_agents_of_a_pod_answer_each_for_its_own_program() {
    let mut pod = Pod::new();
    let mut cm = pod.volume("cm", &[("a", "1")]);
    let at_once = pod.agent(&["cm"], &["--at-start=never"]);
    fs::create_dir(pod.path("second")).unwrap();
    symlink(pod.path("cm"), pod.path("second/mount")).unwrap();
    let second = ["--exec=false", "--at-start=never", "--follow-links"];
    let refuses = pod.bare_agent(&["second/mount"], &second);
    write(&mut cm, &[("a", "2")]);
    pod.comes_to(&at_once, &[pod.app("a", "2")], Standing::Applied);
    let by_its_path = pod.file("second/mount/a", APP, "a", "2");
    pod.comes_to(&refuses, &[by_its_path], Standing::Rejected);
    // The same place by another way.
    pod.comes_to(&refuses, &[pod.app("a", "2")], Standing::Rejected);
}

#[test]
fn nothing_is_read_but_files_that_are_watched() {
    let mut pod = Pod::new();
    let _cm = pod.volume("cm", &[("a", "1"), ("skipped.txt", "1")]);
    let _other = pod.volume("other", &[("a", "1")]);
    fs::create_dir(pod.path("d")).unwrap();
    fs::write(pod.path("secret"), "1").unwrap();
    symlink(pod.path("secret"), pod.path("d/out")).unwrap();
    symlink("../secret", pod.path("d/back")).unwrap();
    fs::create_dir(pod.path("d/dir")).unwrap();
    let fifo = Command::new("mkfifo").arg(pod.path("d/fifo")).status();
    assert!(fifo.unwrap().success());
    let huge = fs::File::create(pod.path("d/huge")).unwrap();
    huge.set_len(2 << 20).unwrap();
    let options = ["--at-start=never", "--exclude=*.txt"];
    let asked = pod.agent(&["cm", "d"], &options);
    for path in ["other/a", "secret", "cm/skipped.txt", "poke/poke", "cmx"] {
        let answer = pod.answer(&asked, &[pod.file(path, APP, "a", "1")]);
        let is_refused = !answer.holds && answer.outcome == Standing::Unverified;
        assert!(
            is_refused && answer.text.ends_with("is not watched here"),
            "{answer:?}"
        );
    }
    for (path, why) in [
        ("d/out", "a link leads out of its place"),
        ("d/back", "a link leads out of its place"),
        ("d/dir", "it is no regular file"),
        ("d/fifo", "it is no regular file"),
        ("d/huge", "it is larger than 1 MiB"),
        ("d/none", "is not there"),
    ] {
        let answer = pod.answer(&asked, &[pod.file(path, APP, "a", "1")]);
        assert!(
            !answer.holds && answer.text.ends_with(why),
            "{path}: {answer:?}"
        );
        let gone = pod.asked(path, APP, "a", Wanted::Absent);
        assert_eq!(
            pod.answer(&asked, &[gone]).holds,
            path == "d/none",
            "{path}"
        );
    }
}

/// One rename brings both, and only the one is configuration.
#[test]
fn the_poke_in_a_watched_volume_is_no_change() {
    let mut pod = Pod::new();
    let (text, token) = pod.next_token();
    let mut cm = pod.volume("cm", &[("a", "1"), ("poke", &text)]);
    let poke = format!("--poke-file={}", pod.path("cm/poke").display());
    let asked = pod.agent(&["cm"], &["--at-start=never", &poke]);
    assert!(asked.answer(&token, &[pod.app("a", "1")]).holds);
    for value in ["1", "2", "2"] {
        let (text, token) = pod.next_token();
        write(&mut cm, &[("a", value), ("poke", &text)]);
        let question = [pod.app("a", value)];
        asked.comes_to(&token, &question, Standing::Applied);
        assert_eq!(pod.acts(), usize::from(value == "2"));
    }
}

#[test]
fn who_restarts_the_program_says_so() {
    let mut pod = Pod::new();
    let _cm = pod.volume("cm", &[("a", "1")]);
    let asked = pod.bare_agent(&["cm"], &["--exit-code=77"]);
    assert!(pod.answer(&asked, &[pod.app("a", "1")]).restarts);
}

/// Of content that never was there nothing is said to be taken, whenever it is asked.
#[test]
fn a_file_that_is_replaced_while_it_is_asked_for_is_what_it_was_or_is() {
    let mut pod = Pod::new();
    let mut cm = pod.volume("cm", &[("a", "0")]);
    let asked = pod.agent(&["cm"], &["--at-start=never"]);
    let is_over = AtomicBool::new(false);
    scope(|scope| {
        scope.spawn(|| {
            for value in 1..200 {
                write(&mut cm, &[("a", &value.to_string())]);
            }
            is_over.store(true, Ordering::Relaxed);
        });
        while !is_over.load(Ordering::Relaxed) {
            let never = pod.answer(&asked, &[pod.app("a", "never")]);
            assert!(
                !never.holds && never.outcome == Standing::Pending,
                "{never:?}"
            );
        }
    });
    pod.comes_to(&asked, &[pod.app("a", "199")], Standing::Applied);
}

#[test]
fn a_flood_of_askers_delays_no_reload() {
    let mut pod = Pod::new();
    let full = "x".repeat(900_000);
    let mut cm = pod.volume("cm", &[("a", "1"), ("full", &full)]);
    let asked = pod.agent(&["cm"], &["--at-start=never"]);
    let token = pod.token();
    let is_over = AtomicBool::new(false);
    let question = [pod.app("a", "1"), pod.app("full", &full)];
    let flood = |token: &str| {
        while !is_over.load(Ordering::Relaxed) {
            asked.ask(token, &question);
        }
    };
    scope(|scope| {
        for token in [token.as_str(), &"0".repeat(32), &token, ""] {
            let (flood, token) = (&flood, token.to_owned());
            scope.spawn(move || flood(&token));
        }
        for value in 2..7 {
            write(&mut cm, &[("a", &value.to_string()), ("full", &full)]);
            asked.agent.says("applied", value - 1);
            assert!(common::get(asked.port, "/livez").is_some_and(|(status, _)| status == 200));
        }
        is_over.store(true, Ordering::Relaxed);
    });
    pod.comes_to(&asked, &[pod.app("a", "6")], Standing::Applied);
    assert_eq!(pod.acts(), 5);
}

#[test]
fn a_supervised_program_has_what_it_started_with() {
    let mut pod = Pod::new();
    let mut cm = pod.volume("cm", &[("a", "1")]);
    let port = common::free_port();
    let line = format!(
        "run --watch={} --listen=127.0.0.1:{port} --poke-file={} --on-change=restart -- sleep 600",
        pod.path("cm").display(),
        pod.path("poke/poke").display()
    );
    let mut command = Command::new(common::binary());
    let agent = start(command.args(line.split(' ')));
    let asked = common::asking::Asked::of(agent, port);
    let answer = pod.answer(&asked, &[pod.app("a", "1")]);
    assert!(answer.outcome == Standing::Applied && answer.restarts);
    write(&mut cm, &[("a", "2")]);
    pod.comes_to(&asked, &[pod.app("a", "2")], Standing::Applied);
}
