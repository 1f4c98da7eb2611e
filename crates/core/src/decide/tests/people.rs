//! What waits for people, and what their words do. The clock of the world moves ten
//! seconds with each command.

use super::show;
use crate::annotations::PAUSE;
use crate::decide::Act;
use crate::decide::world::World;
use crate::index::Fact;
use crate::method::Method;
use crate::reason::Reason;
use crate::standing::Word;
use crate::state::Ruling;
use crate::time::show as show_time;

const REQUIRED: &str = "tidings.dev/reload=auto|tidings.dev/approval=required";

/// A workload that has `c` as it was, and needs approval.
fn needing_approval() -> World {
    let mut world = World::new();
    step(
        &mut world,
        &format!("ann {REQUIRED}; cm c k=1; use env:c.k"),
        "Record Adopted",
    );
    world
}

fn step(world: &mut World, commands: &str, expect: &str) {
    world.run(commands);
    let verdict = world.decide();
    let shown = show(&verdict);
    assert!(shown.starts_with(expect), "{commands}: {shown}");
    world.carry_out(&verdict.act);
}

/// The number that waits.
fn waiting(world: &World) -> String {
    let entry = world.entry.as_ref().unwrap();
    let pending = entry.waits.as_ref().expect("nothing waits");
    entry.number_of(pending).to_string()
}

/// What is written on it besides that approval is required.
fn say(word: &str) -> String {
    format!("ann {REQUIRED}|tidings.dev/{word}")
}

fn says(world: &mut World, word: &str, expect: &str) {
    step(world, &say(word), expect);
}

#[test]
fn nothing_is_rolled_without_a_word() {
    let mut world = needing_approval();
    step(
        &mut world,
        "cm c k=2",
        "Record NeedsApproval configmap/c (k)",
    );
    let verdict = world.decide();
    assert_eq!(verdict.act, Act::Nothing);
    let line = format!(
        "kubectl annotate -n ns deployment/web --overwrite tidings.dev/approve={}",
        waiting(&world)
    );
    assert!(verdict.text.ends_with(&line), "{}", verdict.text);
    assert_eq!(
        verdict.standing.map(|s| (s.word, s.due)),
        Some((Word::Waiting, true))
    );
    step(
        &mut world,
        "tick 9999; touch c; restart",
        "Nothing NeedsApproval",
    );
    assert_eq!(world.rolls, [0; 0]);
}

#[test]
fn a_word_counts_once_and_is_checked_before_it_is_acted_on() {
    let mut world = needing_approval();
    step(&mut world, "cm c k=2", "Record NeedsApproval");
    let number = waiting(&world);
    says(
        &mut world,
        &format!("approve={number}|tidings.dev/approved-by=ada"),
        &format!("Record Approved {number} by ada"),
    );
    world.asked = 0;
    // GitOps takes the word away: it counts all the same.
    step(
        &mut world,
        &format!("ann {REQUIRED}"),
        "Roll Changed configmap/c (k)",
    );
    assert_eq!(world.asked, 1, "it is read once more");
    assert_eq!(world.rolls, [1]);
    assert_eq!(world.entry.as_ref().unwrap().number().to_string(), number);
    step(&mut world, "", "Note UpToDate");
    says(
        &mut world,
        &format!("approve={number}; cm c k=3"),
        "Record NeedsApproval",
    );
    assert!(waiting(&world).starts_with("2-"));
}

#[test]
fn other_content_is_another_number() {
    let mut world = needing_approval();
    step(&mut world, "cm c k=2", "Record NeedsApproval");
    let (first, since) = (waiting(&world), world.now);
    world.run("cm c k=3");
    let verdict = world.decide();
    assert_eq!(verdict.waits, None, "its number is not given yet");
    world.carry_out(&verdict.act);
    assert_ne!(waiting(&world), first);
    assert_eq!(
        world.entry.as_ref().unwrap().waits.as_ref().unwrap().since,
        since
    );
    says(
        &mut world,
        &format!("approve={first}"),
        "Nothing NeedsApproval",
    );
    let told = world.decide().waits.expect("nothing is told");
    assert_eq!((told.n, told.ruling), (2, None));
    let problems = world.decide().problems;
    assert_eq!(problems[0].reason, Reason::NotWaiting);
    assert!(
        problems[0]
            .text
            .ends_with(&format!("{} does", waiting(&world))),
        "{problems:?}"
    );
}

#[test]
fn what_is_taken_back_does_not_wait_and_its_number_is_spent() {
    let mut world = needing_approval();
    step(&mut world, "cm c k=2", "Record NeedsApproval");
    let spent = waiting(&world);
    step(&mut world, "cm c k=1", "Note UpToDate");
    assert_eq!(world.entry.as_ref().unwrap().waits, None);
    says(
        &mut world,
        &format!("approve={spent}; cm c k=3"),
        "Record NeedsApproval",
    );
    assert_ne!(waiting(&world), spent);
    step(&mut world, "restart", "Nothing NeedsApproval");
    assert_eq!(world.rolls, [0; 0]);
}

#[test]
fn a_word_about_a_number_that_was_not_given_yet_is_none() {
    let mut world = needing_approval();
    let epoch = world.entry.as_ref().unwrap().epoch;
    says(
        &mut world,
        &format!("approve=1-{epoch}!; cm c k=2"),
        "Record NeedsApproval",
    );
    assert_eq!(waiting(&world), format!("2-{epoch}"));
    step(&mut world, "restart", "Nothing NeedsApproval");
}

#[test]
fn a_lost_record_takes_no_old_word() {
    let mut world = needing_approval();
    step(&mut world, "cm c k=2", "Record NeedsApproval");
    let old = waiting(&world);
    step(
        &mut world,
        &format!("lose; restart; {}", say(&format!("approve={old}!"))),
        "Record MaybeStale",
    );
    step(&mut world, "cm c k=3", "Record NeedsApproval");
    step(&mut world, "restart", "Nothing NeedsApproval");
    assert_eq!(world.rolls, [0; 0]);
}

#[test]
fn what_is_rejected_waits_for_other_content() {
    let mut world = needing_approval();
    step(&mut world, "cm c k=2", "Record NeedsApproval");
    let number = waiting(&world);
    says(
        &mut world,
        &format!("reject={number}"),
        "Record Declined configmap/c (k); ",
    );
    says(
        &mut world,
        &format!("approve={number}!"),
        "Nothing Declined",
    );
    step(&mut world, "cm c k=3", "Record NeedsApproval");
    assert_eq!(world.rolls, [0; 0]);
}

#[test]
fn a_watch_that_lags_behind_the_word_lets_nothing_through() {
    let mut world = needing_approval();
    step(&mut world, "cm c k=2", "Record NeedsApproval");
    let number = waiting(&world);
    says(&mut world, &format!("approve={number}"), "Record Approved");
    world.run("unseen; cm c k=3");
    let verdict = world.decide();
    assert_eq!(show(&verdict), "Nothing NotRead configmap/c");
    assert_eq!(verdict.again, Some(world.now + 1));
    step(&mut world, "relist", "Record NeedsApproval");
    assert_eq!(world.rolls, [0; 0]);
}

#[test]
fn a_window_gathers_what_changes_until_it_opens() {
    let mut world = World::new();
    let window = "ann tidings.dev/reload=auto|tidings.dev/window=15:00-16:00";
    step(
        &mut world,
        &format!("{window}; cm c k=1; use env:c.k"),
        "Record Adopted",
    );
    step(
        &mut world,
        "cm c k=2",
        "Record WindowClosed configmap/c (k)",
    );
    step(
        &mut world,
        "cm c k=3",
        "Record WindowClosed configmap/c (k)",
    );
    let opens = 1_000_000 + 73 * 60 + 20;
    let verdict = world.decide();
    assert_eq!((verdict.act, verdict.again), (Act::Nothing, Some(opens)));
    assert!(
        verdict
            .text
            .contains("not before 1970-01-12T15:00:00Z; waits as 2-"),
        "{}",
        verdict.text
    );
    world.at(opens);
    step(&mut world, "", "Roll Changed configmap/c (k)");
    assert_eq!(world.rolls, [2]);
}

#[test]
fn an_exclamation_mark_passes_window_and_interval() {
    let mut world = World::new();
    let gates =
        "tidings.dev/reload=auto|tidings.dev/min-interval=1h|tidings.dev/window=00:00-13:49";
    step(
        &mut world,
        &format!("ann {gates}; cm c k=1; use env:c.k"),
        "Record Adopted",
    );
    step(&mut world, "cm c k=2", "Roll Changed");
    step(&mut world, "cm c k=3", "Record TooSoon");
    step(&mut world, "tick 60; cm c k=4", "Record WindowClosed");
    let number = waiting(&world);
    step(
        &mut world,
        &format!("ann {gates}|tidings.dev/approve={number}"),
        "Record WindowClosed",
    );
    step(&mut world, "", "Nothing WindowClosed");
    step(
        &mut world,
        &format!("ann {gates}|tidings.dev/approve={number}!"),
        "Record Approved",
    );
    step(&mut world, "", "Roll Changed");
    let ruling = world.entry.as_ref().unwrap().waits.as_ref();
    assert_eq!(ruling.and_then(|pending| pending.ruling), None::<Ruling>);
}

#[test]
fn what_is_urgent_does_not_wait_for_a_window() {
    let mut world = World::new();
    let window = "ann tidings.dev/reload=auto|tidings.dev/window=15:00-16:00";
    step(
        &mut world,
        &format!("{window}; cm c k=1; use env:c.k"),
        "Record Adopted",
    );
    step(
        &mut world,
        "cm c k=2; mark c tidings.dev/urgent=true",
        "Roll Changed",
    );
}

#[test]
fn a_window_that_never_opens_is_told() {
    let mut world = World::new();
    let window = "ann tidings.dev/reload=auto|tidings.dev/window=!1970-01-01/9999-12-31";
    step(
        &mut world,
        &format!("{window}; cm c k=1; use env:c.k"),
        "Record Adopted",
    );
    step(
        &mut world,
        "cm c k=2",
        "Record WindowClosed configmap/c (k); it never opens",
    );
    assert!(
        world.decide().problems[0]
            .text
            .contains("never opens from now on")
    );
}

#[test]
fn a_pause_holds_until_its_time() {
    let mut world = World::new();
    let pause = "tidings.dev/reload=auto|tidings.dev/pause=until 1970-01-12T15:00Z";
    step(
        &mut world,
        &format!("ann {pause}; cm c k=1; use env:c.k"),
        "Record Adopted",
    );
    step(&mut world, "cm c k=2", "Nothing Paused configmap/c (k)");
    let opens = 1_000_000 + 73 * 60 + 20;
    assert_eq!(world.decide().again, Some(opens));
    world.at(opens);
    step(&mut world, "", "Roll Changed");
}

#[test]
fn catching_up_waits_for_approval_too() {
    let mut world = World::new();
    world.run(&format!(
        "flag catch-up; ann {REQUIRED}; cm c k=1; use env:c.k; cm c k=2; restart"
    ));
    step(&mut world, "", "Record NeedsApproval");
    step(&mut world, "restart", "Nothing NeedsApproval");
    let number = waiting(&world);
    says(&mut world, &format!("approve={number}"), "Record Approved");
    step(&mut world, "", "Roll CaughtUp configmap/c");
}

const BY_METHODS: &str = "tidings.dev/reload=auto|tidings.dev/approval=required|tidings.dev/method";

/// One with a mounted file and an agent, by these methods, whose second content waits;
/// gives the number of that.
fn waiting_by(methods: &str) -> (World, String) {
    let mut world = World::new();
    let begin = format!("flag hot; ann {BY_METHODS}={methods}; cm c k=1; use agent:9533 vol:c");
    step(&mut world, &begin, "Record Adopted");
    step(
        &mut world,
        "cm c k=2",
        "Record NeedsApproval configmap/c (k)",
    );
    let number = waiting(&world);
    (world, number)
}

/// Somebody approves it, and it begins hot under that number.
fn begun_hot(methods: &str) -> World {
    let (mut world, number) = waiting_by(methods);
    let approved = format!("ann {BY_METHODS}={methods}|tidings.dev/approve={number}");
    step(&mut world, &approved, "Record Approved");
    step(&mut world, "", "Roll Changed configmap/c (k); by hot");
    let entry = world.entry.as_ref().unwrap();
    assert_eq!(
        (entry.number().to_string(), entry.method()),
        (number, Method::Hot)
    );
    world
}

#[test]
fn no_method_begins_before_it_is_approved() {
    let (mut world, _) = waiting_by("hot, rollout");
    let rests = "tick 9999; touch c; restart";
    step(&mut world, rests, "Nothing NeedsApproval");
    let mut world = begun_hot("hot, rollout");
    step(&mut world, "", "Resume UnderWay configmap/c (k); by hot");
    assert_eq!(world.rolls, [0; 0]);
}

#[test]
fn its_next_rung_is_not_held_again() {
    let mut world = begun_hot("hot, rollout");
    step(
        &mut world,
        "climbs late",
        "Resume Resumed configmap/c (k); by rollout (hot: late)",
    );
    assert_eq!(world.rolls, [1]);
}

#[test]
fn nor_is_a_method_that_is_listed_later() {
    let mut world = begun_hot("hot");
    step(&mut world, "not-taken late", "Nothing NotTaken");
    let more = format!("ann {BY_METHODS}=hot, rollout");
    step(
        &mut world,
        &more,
        "Roll Resumed configmap/c (k); by rollout",
    );
    assert_eq!(world.rolls, [2]);
}

#[test]
fn newer_content_waits_again_while_it_is_under_way() {
    let mut world = begun_hot("hot, rollout");
    step(&mut world, "cm c k=3", "Record NeedsApproval");
    let verdict = world.decide();
    assert_eq!(
        verdict.standing.map(|s| (s.word, s.due)),
        Some((Word::Waiting, true))
    );
    // What was approved is there again.
    step(&mut world, "cm c k=2", "Resume UnderWay");
}

#[test]
fn what_is_caught_up_with_may_go_hot() {
    let mut world = World::new();
    world.run(&format!(
        "flag hot; flag catch-up; ann {BY_METHODS}=hot; cm c k=1; use agent:9533 vol:c; \
         cm c k=2; restart"
    ));
    step(&mut world, "", "Record NeedsApproval");
    let number = waiting(&world);
    let approved = format!("ann {BY_METHODS}=hot|tidings.dev/approve={number}");
    step(&mut world, &approved, "Record Approved");
    step(&mut world, "", "Roll CaughtUp configmap/c; by hot");
}

/// What was approved and only told of, by a list that has no more.
fn told_of() -> World {
    let mut world = World::new();
    let told = |more: &str| format!("ann {REQUIRED}|tidings.dev/method=notify{more}");
    step(
        &mut world,
        &format!("{}; cm c k=1; use env:c.k env?:d.k", told("")),
        "Record Adopted",
    );
    step(&mut world, "cm c k=2", "Record NeedsApproval");
    let approve = format!("|tidings.dev/approve={}", waiting(&world));
    step(&mut world, &told(&approve), "Record Approved");
    step(&mut world, &told(""), "Record Notified");
    world
}

const LISTED: &str = "|tidings.dev/method=notify, rollout";

#[test]
fn a_method_that_is_listed_later_brings_what_was_approved() {
    let mut world = told_of();
    step(
        &mut world,
        &format!("ann {REQUIRED}{LISTED}"),
        "Roll Resumed",
    );
}

/// It rolls nothing by itself, but nobody has approved it.
#[test]
fn with_what_has_appeared_since_it_passes_the_gates_anew() {
    let mut world = told_of();
    step(&mut world, "cm d k=1", "Note Notified");
    let listed = format!("ann {REQUIRED}{LISTED}");
    step(&mut world, &listed, "Record NeedsApproval");
    step(&mut world, "restart", "Nothing NeedsApproval");
    assert_eq!(world.rolls, [0; 0]);
    // What was approved is there again.
    step(&mut world, "del d", "Roll Resumed");
}

/// A pause of the namespace, or of everything, with this value.
fn paused(world: &mut World, namespace: &str, value: Option<&str>) {
    let pause = value.map(|value| (PAUSE.to_owned(), value.to_owned()));
    let home = "tidings".into();
    world.index = std::mem::take(&mut world.index).at_home(home);
    world.index.apply(Fact::Namespace {
        name: namespace.into(),
        annotations: pause.into_iter().collect(),
        left_out: false,
        since: None,
    });
}

#[test]
fn a_pause_of_more_than_the_workload_holds_it_and_says_of_what() {
    for (namespace, held) in [
        ("ns", "its namespace is paused"),
        ("tidings", "everything is paused"),
    ] {
        let mut world = World::new();
        step(&mut world, "cm c k=1; use env:c.k", "Record Adopted");
        paused(&mut world, namespace, Some("true"));
        let expect = format!("Nothing Paused configmap/c (k); {held}");
        step(&mut world, "cm c k=2", &expect);
        let standing = world.decide().standing.map(|it| (it.word, it.due));
        assert_eq!(standing, Some((Word::Waiting, true)));
        let until = format!("until {}", show_time(world.now + 100));
        paused(&mut world, namespace, Some(&until));
        step(&mut world, "", &expect);
        let text = world.decide().text;
        assert!(text.contains("; not before"), "{text}");
        step(&mut world, "tick 200;", "Roll Changed configmap/c (k)");
    }
}

/// Of several pauses the one that lasts longest is told.
#[test]
fn what_is_paused_twice_waits_for_both() {
    let mut world = World::new();
    step(&mut world, "cm c k=1; use env:c.k", "Record Adopted");
    paused(&mut world, "ns", Some("until 1970-01-01T00:00:01Z"));
    let own = "ann tidings.dev/reload=auto|tidings.dev/pause=true; cm c k=2";
    step(&mut world, own, "Nothing Paused configmap/c (k)");
    paused(&mut world, "ns", Some("true"));
    let free = "ann tidings.dev/reload=auto";
    step(
        &mut world,
        free,
        "Nothing Paused configmap/c (k); its namespace",
    );
    paused(&mut world, "ns", None);
    step(&mut world, "", "Roll Changed configmap/c (k)");
}
