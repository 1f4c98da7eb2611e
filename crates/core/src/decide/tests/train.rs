//! Trains, as scenarios of a town.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use super::World;
use super::town::{BAD, House, Town, source, workload};
use crate::decide::{Act, Verdict};
use crate::reason::Reason;
use crate::refs::{SourceRef, WorkloadRef};
use crate::state::{Entry, LegEnd};

fn shared() -> SourceRef {
    source("n", "c")
}

fn house(name: &str) -> WorkloadRef {
    workload(0, "n", name)
}

/// So many that use one source, `w00` first.
fn street(at_once: u32, of: usize) -> Town {
    let each = (0..of).map(|n| (house(&format!("w{n:02}")), House::new(&[shared()])));
    Town::new(at_once, each.collect())
}

/// Decides until nothing is left, carries out everything, and tells who has begun.
fn begun(town: &mut Town) -> Vec<String> {
    let mut begun = Vec::new();
    town.settle(|_, key, verdict| {
        if let Act::Roll(..) = verdict.act {
            begun.push(key.name.to_string());
        }
        true
    });
    begun
}

/// The pods of all come, and a while passes.
fn ride(town: &mut Town, seconds: i64) -> Vec<String> {
    let mut all = Vec::new();
    for _ in 0..2 {
        for key in town.houses.keys().cloned().collect::<Vec<_>>() {
            town.step(&key);
        }
        all.extend(begun(town));
    }
    town.pass(seconds);
    all.extend(begun(town));
    all
}

fn reason(town: &Town, name: &str) -> Reason {
    town.said[&house(name)].0
}

#[test]
fn the_first_goes_alone_and_then_so_many_at_once() {
    let mut town = street(3, 8);
    town.write(&shared(), "1");
    assert_eq!(begun(&mut town), ["w00"]);
    assert_eq!(reason(&town, "w01"), Reason::TrainWaits);
    assert_eq!(town.trains.place(&shared(), &house("w00")), None);
    assert_eq!(town.trains.place(&shared(), &house("w03")), Some((3, 7)));
    assert_eq!(ride(&mut town, 9), [""; 0]);
    town.pass(1);
    assert_eq!(begun(&mut town), ["w01", "w02", "w03"]);
    assert_eq!(ride(&mut town, 10), ["w04", "w05", "w06"]);
    assert_eq!(ride(&mut town, 10), ["w07"]);
    ride(&mut town, 10);
    assert!(town.houses.keys().all(|key| !town.is_stale(key)));
    assert_eq!(reason(&town, "w07"), Reason::UpToDate);
}

#[test]
fn without_a_number_all_go_at_once_and_nothing_is_recorded_of_it() {
    let mut town = street(0, 8);
    town.write(&shared(), "1");
    assert_eq!(begun(&mut town).len(), 8);
    assert!(town.entries.values().all(|entry| entry.ride.is_none()));
    assert!(town.trains.rouse().is_empty());
}

#[test]
fn what_fails_stops_who_has_not_begun_until_somebody_lets_it_go_on() {
    let mut town = street(2, 8);
    let broken = |town: &mut Town, name: &str| {
        town.change(&house(name), |house| house.fragile = true);
    };
    broken(&mut town, "w01");
    broken(&mut town, "w04");
    town.write(&shared(), BAD);
    begun(&mut town);
    assert_eq!(ride(&mut town, 10), ["w01", "w02"]);
    assert_eq!(ride(&mut town, 10), ["w03"], "w02 has arrived");
    town.is_late(&house("w01"));
    assert_eq!(begun(&mut town), [""; 0]);
    ride(&mut town, 100);
    assert_eq!(reason(&town, "w05"), Reason::TrainStopped);
    let text = &town.said[&house("w05")].1;
    let number = town.number(&house("w05")).unwrap();
    assert!(text.contains("has stopped at deployment/w01"), "{text}");
    assert!(
        text.ends_with(&format!(
            "n deployment/w05 --overwrite tidings.dev/resume={number}"
        )),
        "{text}"
    );
    // Another number than the one that is held lets nothing go on.
    town.say(&house("w05"), "resume", "99-aaaa");
    assert_eq!(begun(&mut town), [""; 0]);
    town.say(&house("w05"), "resume", &number);
    assert_eq!(begun(&mut town), ["w04", "w05"]);
    ride(&mut town, 10);
    town.is_late(&house("w04"));
    begun(&mut town);
    ride(&mut town, 100);
    // Once: what fails next stops it again, and the word is used up.
    assert_eq!(reason(&town, "w07"), Reason::TrainStopped);
    assert!(town.is_stale(&house("w07")));
    // So does the next content let it go on, alone at first, also to who failed.
    town.write(&shared(), "1");
    assert!(begun(&mut town).contains(&"w00".to_owned()));
    for _ in 0..8 {
        ride(&mut town, 10);
    }
    assert!(town.houses.keys().all(|key| !town.is_stale(key)));
}

#[test]
fn a_word_that_was_heeded_lets_nothing_go_on_a_second_time() {
    let mut town = street(1, 4);
    for name in ["w00", "w01"] {
        town.change(&house(name), |house| house.fragile = true);
    }
    town.write(&shared(), BAD);
    begun(&mut town);
    ride(&mut town, 1);
    town.is_late(&house("w00"));
    begun(&mut town);
    town.pass(1);
    begun(&mut town);
    let number = town.number(&house("w03")).unwrap();
    town.say(&house("w03"), "resume", &number);
    assert_eq!(begun(&mut town), ["w01"]);
    ride(&mut town, 1);
    town.is_late(&house("w01"));
    assert_eq!(begun(&mut town), [""; 0]);
    town.pass(60);
    assert_eq!(begun(&mut town), [""; 0]);
    assert_eq!(reason(&town, "w03"), Reason::TrainStopped);
    let next = town.number(&house("w03")).unwrap();
    assert_ne!(next, number);
    town.say(&house("w03"), "resume", &next);
    assert_eq!(begun(&mut town), ["w02"]);
}

#[test]
fn a_kind_without_a_deadline_has_failed_after_ten_minutes_without_progress() {
    let sts = |n: u32| workload(1, "n", &format!("w{n:02}"));
    let house = || House::new(&[shared()]).fragile();
    let mut town = Town::new(2, (0..4).map(|n| (sts(n), house())).collect());
    town.write(&shared(), BAD);
    begun(&mut town);
    ride(&mut town, 500);
    assert_eq!(town.said[&sts(1)].0, Reason::TrainWaits);
    town.pass(60);
    begun(&mut town);
    town.pass(60);
    begun(&mut town);
    assert_eq!(town.said[&sts(1)].0, Reason::TrainStopped);
}

#[test]
fn a_lower_wave_is_well_before_the_next_one_begins() {
    let wave = |name: &str, wave: &str| (house(name), House::new(&[shared()]).with("wave", wave));
    let mut town = Town::new(
        5,
        vec![
            wave("a", "1"),
            wave("b", "0"),
            wave("c", "-1"),
            wave("d", "x"),
            (house("e"), House::new(&[shared()])),
        ],
    );
    town.write(&shared(), "1");
    assert_eq!(begun(&mut town), ["c"]);
    assert_eq!(ride(&mut town, 10), ["b", "e"]);
    assert_eq!(ride(&mut town, 10), ["a"]);
    assert_eq!(
        ride(&mut town, 10),
        ["d"],
        "one that cannot be read goes last"
    );
}

#[test]
fn who_waits_for_people_holds_the_later_waves_but_not_who_is_paused_or_has_no_pods() {
    let held = |key: &str, value: &str| {
        let first = House::new(&[shared()]).with("wave", "-1").with(key, value);
        let then = House::new(&[shared()]);
        let mut town = Town::new(5, vec![(house("a"), first), (house("b"), then)]);
        if key == "none" {
            town.change(&house("a"), |house| {
                (house.pods, house.ready) = (0, 0);
            });
            begun(&mut town);
        }
        town.write(&shared(), "1");
        let mut begun_first = begun(&mut town);
        begun_first.extend(ride(&mut town, 1));
        begun_first
    };
    assert_eq!(held("approval", "required"), [""; 0]);
    assert_eq!(held("window", "02:00-02:01"), [""; 0]);
    assert_eq!(held("pause", "true"), ["b"]);
    assert_eq!(held("none", ""), ["a", "b"]);
}

#[test]
fn whose_pods_nobody_replaces_proves_nothing() {
    let mut by_hand = House::new(&[shared()]).with("wave", "-1");
    by_hand.on_delete = true;
    let sts = workload(1, "n", "by-hand");
    let others = ["a", "b"].map(|name| (house(name), House::new(&[shared()])));
    let all = others.into_iter().chain([(sts, by_hand)]);
    let mut town = Town::new(2, all.collect());
    town.write(&shared(), "1");
    assert_eq!(begun(&mut town), ["by-hand", "a"], "it holds nobody");
    town.pass(20);
    assert_eq!(begun(&mut town), [""; 0], "the first goes alone");
}

#[test]
fn who_was_not_well_before_takes_no_place_and_stops_nobody() {
    let mut town = street(1, 4);
    town.change(&house("w00"), |house| house.ready = 0);
    begun(&mut town);
    town.write(&shared(), "1");
    assert_eq!(begun(&mut town), ["w00", "w01"]);
    town.change(&house("w00"), |house| house.fragile = true);
    ride(&mut town, 10);
    town.is_late(&house("w00"));
    ride(&mut town, 10);
    ride(&mut town, 10);
    assert!(!town.is_stale(&house("w03")));
}

#[test]
fn a_number_with_an_exclamation_mark_does_not_wait_for_its_turn() {
    let mut town = street(1, 4);
    town.write(&shared(), "1");
    assert_eq!(begun(&mut town), ["w00"]);
    let number = town.number(&house("w03")).unwrap();
    town.say(&house("w03"), "approve", &format!("{number}!"));
    assert_eq!(begun(&mut town), ["w03"]);
}

#[test]
fn newer_content_goes_first_to_who_is_under_way_with_what_is_broken() {
    let mut town = street(2, 6);
    for key in town.houses.keys().cloned().collect::<Vec<_>>() {
        town.change(&key, |house| house.fragile = true);
    }
    town.write(&shared(), BAD);
    assert_eq!(begun(&mut town), ["w00"]);
    ride(&mut town, 1);
    town.write(&shared(), "1");
    assert_eq!(begun(&mut town), ["w00"], "nothing waits for its deadline");
    assert_eq!(ride(&mut town, 10), ["w01", "w02"]);
}

/// Decides, and writes intents down that do not come about.
fn intended(town: &mut Town) -> Vec<String> {
    let mut intended = Vec::new();
    town.settle(|_, key, verdict| {
        let begins = matches!(verdict.act, Act::Roll(..) | Act::Resume(_));
        if begins {
            intended.push(key.name.to_string());
        }
        !begins
    });
    intended
}

#[test]
fn a_roll_that_is_taken_back_leaves_the_line_and_proves_nothing() {
    let mut town = street(2, 4);
    town.write(&shared(), "1");
    assert_eq!(intended(&mut town), ["w00"]);
    town.write(&shared(), "0");
    begun(&mut town);
    assert_eq!(reason(&town, "w00"), Reason::Withdrawn);
    assert!(town.entries.values().all(|entry| entry.ride.is_none()));
    ride(&mut town, 20);
    town.write(&shared(), "1");
    assert_eq!(begun(&mut town), ["w00"], "nobody has had it");
    assert_eq!(ride(&mut town, 10), ["w01", "w02"]);
}

#[test]
fn whose_newer_roll_is_taken_back_is_under_way_still() {
    let mut town = street(2, 4);
    town.write(&shared(), "1");
    assert_eq!(begun(&mut town), ["w00"]);
    town.step(&house("w00"));
    begun(&mut town);
    town.write(&shared(), "2");
    assert_eq!(intended(&mut town), ["w00"]);
    town.write(&shared(), "1");
    assert_eq!(begun(&mut town), [""; 0], "its pods are on their way to it");
    assert_eq!(ride(&mut town, 10), ["w01", "w02"]);
}

#[test]
fn who_waits_for_what_is_taken_back_holds_nobody() {
    let first = House::new(&[shared()]).with("approval", "required");
    let then = House::new(&[shared(), source("n", "d")]).with("wave", "1");
    let mut town = Town::new(5, vec![(house("a"), first), (house("b"), then)]);
    town.write(&shared(), "1");
    assert_eq!(begun(&mut town), [""; 0]);
    assert_eq!(reason(&town, "b"), Reason::TrainWaits);
    town.write(&shared(), "0");
    town.write(&source("n", "d"), "1");
    assert_eq!(begun(&mut town), ["b"]);
}

#[test]
fn whoever_leads_next_goes_on_with_it() {
    let mut town = street(2, 8);
    town.write(&shared(), "1");
    begun(&mut town);
    ride(&mut town, 10);
    town.restart();
    assert_eq!(begun(&mut town), [""; 0], "w01 and w02 are under way");
    assert_eq!(ride(&mut town, 10), ["w03", "w04"]);
}

/// One workload that is brought to it hot, in turn with others.
fn hot(methods: &str) -> World {
    let mut world = World::new();
    world.defaults.at_once = NonZeroU32::new(1);
    world.run("restart");
    let gates = format!("ann tidings.dev/reload=auto|tidings.dev/method={methods}");
    world.run(&format!(
        "flag hot; {gates}; cm c k=1; use agent:9533 vol:c"
    ));
    let verdict = world.decide();
    world.carry_out(&verdict.act);
    world.run("cm c k=2");
    let verdict = world.decide();
    assert!(matches!(verdict.act, Act::Roll(..)), "{verdict:?}");
    world.carry_out(&verdict.act);
    world
}

/// How its ride has ended, once that is decided.
fn end_of(world: &mut World) -> Option<LegEnd> {
    let verdict = world.decide();
    world.carry_out(&verdict.act);
    let ride = world.entry.as_ref()?.ride.as_ref()?;
    ride.on.values().next()?.end
}

#[test]
fn what_a_pod_refuses_has_failed() {
    let mut world = hot("hot");
    assert_eq!(end_of(&mut world), None);
    world.run("refused line 3: unexpected }");
    assert_eq!(end_of(&mut world), Some(LegEnd::Failed));
}

#[test]
fn what_cannot_be_proven_has_arrived_when_it_is_done() {
    let mut world = hot("poke");
    world.run("taken");
    assert_eq!(end_of(&mut world), Some(LegEnd::Arrived));
    let mut world = hot("hot");
    world.run("taken");
    assert_eq!(end_of(&mut world), None, "it is to be well for a while");
}

/// What is decided for one change grows with how many there are, and not with its square.
#[test]
fn a_thousand_workloads_are_decided_a_few_times_each() {
    let mut town = street(5, 1_000);
    town.decisions = 0;
    town.write(&shared(), "1");
    let mut all = BTreeSet::new();
    let mut most = 0;
    let mut sees = |town: &Town, key: &WorkloadRef, verdict: &Verdict| {
        if let Act::Roll(..) = verdict.act {
            all.insert(key.clone());
            let open = |e: &&Entry| e.is_on_its_way();
            most = most.max(1 + town.entries.values().filter(open).count());
        }
        true
    };
    town.settle(&mut sees);
    while town.houses.keys().any(|key| town.is_stale(key)) {
        for _ in 0..2 {
            let rides = |key: &&WorkloadRef| town.entries[key].is_on_its_way();
            let under_way: Vec<_> = town.houses.keys().filter(rides).cloned().collect();
            for key in &under_way {
                town.step(key);
            }
            town.settle(&mut sees);
        }
        town.pass(10);
        town.settle(&mut sees);
    }
    assert_eq!((all.len(), most), (1_000, 5));
    assert!(town.decisions < 15_000, "{} decisions", town.decisions);
}
