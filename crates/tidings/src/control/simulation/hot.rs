//! The controller and a Deployment whose pods have agents: any order of answers, any fault,
//! killed at any moment. In the end every pod has the content that is there, no template was
//! touched where the agents are well, and no pod was poked without a reason.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tidings_core::method::Method;

use super::town::{Agents, BAD, Town, are_alike};

fn live(seed: u64, methods: &'static str) {
    let mut town = Town::new(methods, 3);
    town.dice = seed | 1;
    town.faults = true;
    for content in 1..400 {
        match town.below(40) {
            0 => town.change(content),
            1 => town.start(),
            _ => {}
        }
        town.step();
    }
    town.calm();
    let told = format!("{:?} {:?}", town.entry(), town.said);
    assert!(town.entry().done, "{told}");
    let is_there = |files: &u32| are_alike(*files, town.source.1);
    assert!(
        town.files().iter().all(is_there),
        "{:?} {told}",
        town.files()
    );
    assert_eq!(town.rollouts, 0, "{told}");
    assert!(town.control.is_drained());
}

proptest! {
    // The same lives each time; PROPTEST_RNG_SEED plays others.
    #![proptest_config(ProptestConfig {
        cases: 200,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_is_lost_and_no_pod_poked_for_nothing(seed: u64) {
        live(seed, "hot, rollout");
    }
}

#[test]
fn a_change_is_in_every_running_process_and_the_template_as_it_was() {
    let mut town = Town::new("hot, rollout", 5);
    town.change(1);
    town.calm();
    assert_eq!(town.files(), [1; 5], "{:?} {:?}", town.said, town.entry());
    assert_eq!(town.rollouts, 0);
    assert!(town.pods.values().all(|pod| pod.pokes == 1));
    assert!(
        town.said.contains(&"hot: proven".to_owned()),
        "{:?}",
        town.said
    );
    assert_eq!((town.entry().n, town.entry().done), (1, true));
}

#[test]
fn where_pods_are_is_asked_once() {
    let mut town = Town::new("hot, rollout", 5);
    for content in 1..4 {
        town.change(content);
        town.calm();
        assert_eq!(town.files(), [content; 5], "{:?}", town.said);
    }
    assert_eq!(town.selectors, 1);
}

#[test]
fn what_a_check_refuses_goes_no_further_until_there_is_other_content() {
    let mut town = Town::new("hot, rollout", 3);
    town.change(BAD);
    town.calm();
    // The canary alone.
    assert_eq!(
        town.files().iter().filter(|files| **files == BAD).count(),
        1
    );
    assert!(
        town.said.contains(&"Rejected".to_owned()),
        "{:?}",
        town.said
    );
    // Another leader leaves it so.
    town.start();
    town.calm();
    assert_eq!(
        town.files().iter().filter(|files| **files == BAD).count(),
        1
    );
    assert_eq!(town.rollouts, 0);
    town.change(2);
    town.calm();
    assert_eq!(town.files(), [2; 3]);
    assert!(town.entry().done);
}

#[test]
fn where_agents_are_silent_the_next_method_follows_if_it_is_listed() {
    for (methods, rollouts, word) in [("hot, rollout", 1, "rolled"), ("hot", 0, "NotTaken")] {
        let mut town = Town::new(methods, 2);
        town.agents = Agents::Silent;
        town.change(1);
        town.calm();
        assert_eq!(town.rollouts, rollouts, "{methods}");
        assert!(
            town.said.contains(&"hot: not_taken".to_owned()),
            "{:?}",
            town.said
        );
        assert!(town.said.contains(&word.to_owned()), "{:?}", town.said);
        assert!(town.now >= 120_000);
    }
}

/// Though it is the same key, and so the same words.
#[test]
fn who_only_wants_to_be_told_is_told_once_for_each_content() {
    let mut town = Town::new("notify", 2);
    for content in 1..4 {
        town.change(content);
        town.calm();
        let told = town.said.iter().filter(|said| *said == "Notified");
        let times = u32::try_from(told.count()).unwrap();
        assert_eq!(times, content, "{:?}", town.said);
    }
}

/// Nobody waits for a ladder, and what becomes of its requests means nothing.
#[test]
fn the_end_of_the_program_does_not_wait_for_pods() {
    let mut town = Town::new("hot, rollout", 3);
    town.agents = Agents::Silent;
    town.change(1);
    for _ in 0..5_000 {
        if town.pods.values().any(|pod| pod.pokes > 0) {
            break;
        }
        town.step();
        if town.is_quiet() {
            town.now = town.control.next().unwrap_or(town.now);
        }
    }
    assert!(
        town.pods.values().any(|pod| pod.pokes > 0),
        "{:?}",
        town.said
    );
    town.control.drain();
    town.turn();
    assert!(town.control.is_drained());
    town.requests.clear();
    for _ in 0..100 {
        town.now += 1_000;
        town.step();
    }
    assert!(town.requests.is_empty(), "{:?}", town.requests);
}

#[test]
fn a_desk_at_rest_is_as_small_as_it_was() {
    assert!(size_of::<crate::control::desk::UnderWay>() <= 24);
    assert_eq!(Method::Hot.row().at_once, Some(10));
}
