//! `--paced`: what is new is taken on a word that names all of it as it is, and on none
//! but that, over restarts of the agent too. The kubelet's own code writes the volumes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::asking::{APP, Asked, Pod, write};
use common::{Kubelet, start, until};
use std::fs;
use std::process::Command;
use tidings_wire::holds::{Standing, Wanted};

const PACED: &[&str] = &["--paced"];

/// The volume `cm` with one key, and an agent whose program has it.
fn begun(pod: &mut Pod, options: &[&str]) -> (Kubelet, Asked) {
    let cm = pod.volume("cm", &[("a", "1")]);
    let asked = next_life(pod, options);
    pod.comes_to(&asked, &[pod.app("a", "1")], Standing::Applied);
    (cm, asked)
}

fn next_life(pod: &Pod, options: &[&str]) -> Asked {
    pod.agent(&["cm"], &[PACED, options].concat())
}

#[test]
fn what_is_new_is_held_until_all_of_it_is_named() {
    let mut pod = Pod::new();
    let (mut cm, asked) = begun(&mut pod, &[]);
    let before = pod.acts();
    write(&mut cm, &[("a", "2"), ("b", "1")]);
    let held = pod.comes_to(&asked, &[pod.app("a", "2")], Standing::Held);
    assert!(held.holds && held.text.ends_with("cm/b"), "{held:?}");
    assert!(held.text.starts_with("new, and not named: "), "{held:?}");
    // One that is not as it is meant to be releases nothing, nor does another content.
    for wrong in [
        pod.app("b", "2"),
        pod.asked("cm/b", APP, "b", Wanted::Absent),
    ] {
        let answer = pod.answer(&asked, &[pod.app("a", "2"), wrong]);
        assert!(!answer.holds && answer.outcome == Standing::Pending);
    }
    let still = pod.answer(&asked, &[pod.app("a", "2")]);
    assert_eq!((still.outcome, pod.acts()), (Standing::Held, before));
    let all = [pod.app("a", "2"), pod.app("b", "1")];
    pod.comes_to(&asked, &all, Standing::Applied);
    assert_eq!(pod.acts(), before + 1);
}

#[test]
fn what_does_not_count_and_what_is_gone_is_named_as_such() {
    let mut pod = Pod::new();
    let mut cm = pod.volume("cm", &[("a", "1"), ("gone", "1"), ("other", "1")]);
    let asked = next_life(&pod, &[]);
    let at_first = ["a", "gone", "other"].map(|key| pod.app(key, "1"));
    pod.comes_to(&asked, &at_first, Standing::Applied);
    write(&mut cm, &[("a", "2"), ("other", "2")]);
    let a = pod.app("a", "2");
    let gone = pod.asked("cm/gone", APP, "gone", Wanted::Absent);
    let other = pod.asked("cm/other", "configmap/shop/other", "other", Wanted::Any);
    let held = pod.comes_to(&asked, std::slice::from_ref(&a), Standing::Held);
    assert!(held.text.ends_with("cm/gone, and 1 more"), "{held:?}");
    pod.comes_to(&asked, &[a.clone(), gone.clone()], Standing::Held);
    pod.comes_to(&asked, &[a, gone, other], Standing::Applied);
    assert_eq!(pod.acts(), 2);
}

/// Token and files come in two volumes, in any order, or together in one.
#[test]
fn the_order_of_token_and_files_does_not_matter() {
    let mut pod = Pod::new();
    let (mut cm, asked) = begun(&mut pod, &[]);
    let before = pod.acts();
    // The token first: what it is asked for is not there yet.
    let token = pod.token();
    assert!(!asked.answer(&token, &[pod.app("a", "2")]).holds);
    write(&mut cm, &[("a", "2")]);
    let question = [pod.app("a", "2")];
    asked.comes_to(&token, &question, Standing::Applied);
    // The files first: the old token may ask, too, until there is another.
    write(&mut cm, &[("a", "3")]);
    asked.agent.says("changed: a", 2);
    let token = pod.token();
    let question = [pod.app("a", "3")];
    asked.comes_to(&token, &question, Standing::Applied);
    assert_eq!(pod.acts(), before + 2);
}

#[test]
fn the_token_may_come_with_the_files_in_one_volume() {
    let mut pod = Pod::new();
    let (text, token) = pod.next_token();
    let mut cm = pod.volume("cm", &[("a", "1"), ("poke", &text)]);
    let poke = format!("--poke-file={}", pod.path("cm/poke").display());
    let asked = next_life(&pod, &[&poke]);
    asked.comes_to(&token, &[pod.app("a", "1")], Standing::Applied);
    for (acts, value) in [(2, "2"), (3, "3")] {
        let (text, token) = pod.next_token();
        write(&mut cm, &[("a", value), ("poke", &text)]);
        let question = [pod.app("a", value)];
        asked.comes_to(&token, &question, Standing::Applied);
        assert_eq!(pod.acts(), acts);
    }
}

#[test]
fn newer_content_needs_a_word_of_its_own() {
    let mut pod = Pod::new();
    let (mut cm, asked) = begun(&mut pod, &[]);
    let before = pod.acts();
    for value in ["2", "3", "4"] {
        write(&mut cm, &[("a", value)]);
        pod.comes_to(
            &asked,
            &[pod.asked("cm/x", APP, "x", Wanted::Any)],
            Standing::Held,
        );
    }
    let late = pod.answer(&asked, &[pod.app("a", "3")]);
    assert!(!late.holds && late.outcome == Standing::Pending);
    assert_eq!(pod.acts(), before);
    // What it has needs none: it is as it was released before.
    write(&mut cm, &[("a", "1")]);
    pod.comes_to(&asked, &[pod.app("a", "1")], Standing::Applied);
    write(&mut cm, &[("a", "4")]);
    pod.comes_to(&asked, &[pod.app("a", "4")], Standing::Applied);
    assert_eq!(pod.acts(), before + 2);
}

#[test]
fn a_restarted_agent_does_not_take_what_was_held() {
    let mut pod = Pod::new();
    let (mut cm, asked) = begun(&mut pod, &[]);
    let before = pod.acts();
    write(&mut cm, &[("a", "2")]);
    let any = [pod.asked("cm/x", APP, "x", Wanted::Any)];
    pod.comes_to(&asked, &any, Standing::Held);
    asked.agent.kill();
    let asked = next_life(&pod, &[]);
    pod.comes_to(&asked, &any, Standing::Held);
    // And what comes while it is down.
    asked.agent.kill();
    write(&mut cm, &[("a", "3")]);
    let asked = next_life(&pod, &[]);
    pod.comes_to(&asked, &any, Standing::Held);
    assert_eq!(pod.acts(), before);
    pod.comes_to(&asked, &[pod.app("a", "3")], Standing::Applied);
    assert_eq!(pod.acts(), before + 1);
    until("it is kept", || pod.remembers("\"taken\":\""));
    asked.agent.kill();
    let asked = next_life(&pod, &[]);
    let answer = pod.answer(&asked, &[pod.app("a", "3")]);
    assert_eq!(
        (answer.outcome, pod.acts()),
        (Standing::Applied, before + 1)
    );
}

/// What was begun on a word needs no second one, by whomever the agent was ended.
#[test]
fn an_agent_that_is_killed_amid_an_action_goes_on_with_it() {
    let mut pod = Pod::new();
    let (mut cm, asked) = begun(&mut pod, &[]);
    let before = pod.acts();
    fs::remove_file(pod.path("proves")).unwrap();
    write(&mut cm, &[("a", "2")]);
    let question = [pod.app("a", "2")];
    until("it has begun", || {
        pod.answer(&asked, &question);
        pod.acts() > before
    });
    asked.agent.kill();
    let asked = next_life(&pod, &[]);
    asked.agent.says("applied", 1);
    assert_eq!(pod.answer(&asked, &question).outcome, Standing::Applied);
}

#[test]
fn a_memory_that_was_lost_releases_nothing() {
    let mut pod = Pod::new();
    let (mut cm, asked) = begun(&mut pod, &[]);
    let before = pod.acts();
    write(&mut cm, &[("a", "2"), ("b", "1")]);
    let any = [pod.asked("cm/x", APP, "x", Wanted::Any)];
    pod.comes_to(&asked, &any, Standing::Held);
    asked.agent.kill();
    for file in fs::read_dir(pod.path("memory")).unwrap().flatten() {
        fs::write(file.path(), "nonsense").unwrap();
    }
    let asked = next_life(&pod, &[]);
    // It is not known which files are new: all have to be named.
    let held = pod.comes_to(&asked, &[pod.app("a", "2")], Standing::Held);
    assert!(held.text.ends_with("cm/b"), "{held:?}");
    assert_eq!(pod.acts(), before);
    let all = [pod.app("a", "2"), pod.app("b", "1")];
    pod.comes_to(&asked, &all, Standing::Applied);
    assert_eq!(pod.acts(), before + 1);
}

#[test]
fn what_is_held_is_checked_when_it_comes() {
    let mut pod = Pod::new();
    let check = format!("--check=grep -q good {}", pod.path("cm/a").display());
    let mut cm = pod.volume("cm", &[("a", "good 1")]);
    let asked = next_life(&pod, &[&check]);
    pod.comes_to(&asked, &[pod.app("a", "good 1")], Standing::Applied);
    write(&mut cm, &[("a", "bad")]);
    let any = [pod.asked("cm/x", APP, "x", Wanted::Any)];
    let answer = pod.comes_to(&asked, &any, Standing::Rejected);
    assert_eq!(answer.text, "the check failed with exit code 1");
    // A word does not help what is refused.
    assert_eq!(
        pod.answer(&asked, &[pod.app("a", "bad")]).outcome,
        Standing::Rejected
    );
    write(&mut cm, &[("a", "good 2")]);
    pod.comes_to(&asked, &any, Standing::Held);
    assert_eq!(pod.acts(), 1);
    pod.comes_to(&asked, &[pod.app("a", "good 2")], Standing::Applied);
    assert_eq!(pod.acts(), 2);
}

/// The kubelet starts the container anew, and its program reads what is there.
#[test]
fn a_program_that_is_started_anew_has_what_was_held() {
    let mut pod = Pod::new();
    let mut cm = pod.volume("cm", &[("a", "1")]);
    let life = |pod: &Pod| {
        let port = common::free_port();
        let path = |name| pod.path(name).display().to_string();
        let line = format!(
            "run --watch={} --memory={} --listen=127.0.0.1:{port} --poke-file={} --paced --on-change=restart -- sleep 600",
            path("cm"),
            path("memory"),
            path("poke/poke")
        );
        let mut command = Command::new(common::binary());
        Asked::of(start(command.args(line.split(' '))), port)
    };
    let mut asked = life(&pod);
    let program = common::children(asked.agent.pid());
    write(&mut cm, &[("a", "2")]);
    let any = [pod.asked("cm/x", APP, "x", Wanted::Any)];
    pod.comes_to(&asked, &any, Standing::Held);
    assert_eq!(common::children(asked.agent.pid()), program);
    common::signal(program[0], "KILL");
    assert_eq!(asked.agent.code(), 137);
    let asked = life(&pod);
    let answer = pod.answer(&asked, &[pod.app("a", "2")]);
    assert!(answer.holds && answer.outcome == Standing::Applied);
    let program = common::children(asked.agent.pid());
    write(&mut cm, &[("a", "3")]);
    pod.comes_to(&asked, &[pod.app("a", "3")], Standing::Applied);
    assert_ne!(common::children(asked.agent.pid()), program);
}

/// Two programs of a pod, each with an agent: one word does not release for the other.
#[test]
fn each_agent_of_a_pod_is_released_by_its_own_word() {
    let mut pod = Pod::new();
    let mut cm = pod.volume("cm", &[("a", "1")]);
    let first = next_life(&pod, &[]);
    fs::create_dir(pod.path("theirs")).unwrap();
    let acts = format!("--exec=touch {}", pod.path("second").display());
    let second = pod.bare_agent(&["cm"], &[&acts, "--paced", "--prove=succeeds=true"]);
    for asked in [&first, &second] {
        pod.comes_to(asked, &[pod.app("a", "1")], Standing::Applied);
    }
    fs::remove_file(pod.path("second")).unwrap();
    write(&mut cm, &[("a", "2")]);
    let any = [pod.asked("cm/x", APP, "x", Wanted::Any)];
    for asked in [&first, &second] {
        pod.comes_to(asked, &any, Standing::Held);
    }
    let question = [pod.app("a", "2")];
    pod.comes_to(&first, &question, Standing::Applied);
    let answer = pod.answer(&second, &any);
    assert_eq!(answer.outcome, Standing::Held);
    assert!(!common::asking::exists(&pod.path("second")));
    pod.comes_to(&second, &question, Standing::Applied);
}
