//! Workloads whose pod template an operator keeps as it wants it.

use rstest::rstest;

use super::{check, show};
use crate::annotations::{CONFIG, RESTARTED_AT};
use crate::decide::world::World;
use crate::reason::Reason;

#[rstest]
#[case::made_by_an_operator(
    "
    owned; cm c k=1; use env:c.k    => Record Adopted
    cm c k=2                        => Roll Changed configmap/c (k)
    strip kubectl.kubernetes.io/    => Nothing UpToDate
    restart                         => Nothing UpToDate
    cm c k=3                        => Roll Changed configmap/c (k)
    strip kubectl.kubernetes.io/    => Nothing UpToDate
    edit 2                          => Note UpToDate
    cm c k=3; restart               => Nothing UpToDate
"
)]
#[case::interrupted_before_the_patch(
    "
    owned; cm c k=1; use env:c.k    => Record Adopted
    cm c k=2                        => crash: Roll Changed configmap/c (k)
    restart                         => Resume Resumed configmap/c (k)
    restart                         => Nothing UpToDate
"
)]
#[case::interrupted_after_the_patch(
    "
    owned; cm c k=1; use env:c.k    => Record Adopted
    cm c k=2                        => half: Roll Changed configmap/c (k)
    restart                         => Note UpToDate
"
)]
#[case::restarted_by_hand_before_the_patch(
    "
    owned; cm c k=1; use env:c.k    => Record Adopted
    cm c k=2                        => crash: Roll Changed configmap/c (k)
    template kubectl.kubernetes.io/restartedAt=2026-01-01T00:00:00Z => Record Absorbed configmap/c (k)
    restart                         => Nothing UpToDate
"
)]
#[case::restarted_by_hand_before_the_patch_and_not_seen(
    "
    owned; cm c k=1; use env:c.k    => Record Adopted
    cm c k=2                        => crash: Roll Changed configmap/c (k)
    template kubectl.kubernetes.io/restartedAt=2026-01-01T00:00:00Z; restart => Record Absorbed configmap/c (k)
"
)]
#[case::restarted_by_hand_after_the_patch(
    "
    owned; cm c k=1; use env:c.k    => Record Adopted
    cm c k=2                        => Roll Changed configmap/c (k)
    template kubectl.kubernetes.io/restartedAt=2026-01-01T00:00:00Z => Note UpToDate
    cm c k=3                        => Roll Changed configmap/c (k)
"
)]
#[case::all_is_stripped_and_not_fought(
    "
    owned; cm c k=1; use env:c.k    => Record Adopted
    stuck; cm c k=2                 => half: Roll Changed configmap/c (k)
    strip                           => Note UpToDate
    restart                         => Nothing UpToDate
    cm c k=3                        => Roll Changed configmap/c (k)
    strip                           => Note UpToDate
    restart                         => Nothing UpToDate
"
)]
#[case::all_is_stripped_and_nobody_saw_it(
    "
    owned; cm c k=1; use env:c.k    => Record Adopted
    cm c k=2                        => Roll Changed configmap/c (k)
    unseen; strip; restart          => Note UpToDate
    restart                         => Nothing UpToDate
"
)]
fn an_operator_keeps_its_template(#[case] scenario: &str) {
    check(scenario);
}

/// How a change is brought.
fn roll(world: &mut World, commands: &str) {
    world.run(commands);
    let verdict = world.decide();
    assert_eq!(show(&verdict), "Roll Changed configmap/c (k)");
    world.carry_out(&verdict.act);
}

fn reverted(world: &mut World) -> bool {
    let problems = world.decide().problems;
    problems.iter().any(|p| p.reason == Reason::Reverted)
}

fn adopted(commands: &str) -> World {
    let mut world = World::new();
    world.run("cm c k=1; use env:c.k");
    world.run(commands);
    let verdict = world.decide();
    world.carry_out(&verdict.act);
    world
}

#[test]
fn what_an_operator_made_is_told_a_time_and_nothing_else() {
    let mut world = adopted("owned");
    roll(&mut world, "cm c k=2");
    assert_eq!(world.written(CONFIG), None);
    let first = world.written(RESTARTED_AT).map(str::to_owned);
    assert!(first.is_some());
    world.rests();
    roll(&mut world, "cm c k=3");
    assert_ne!(world.written(RESTARTED_AT), first.as_deref());
    assert_eq!(world.rolls, [1, 2]);
}

#[test]
fn two_rolls_within_a_second_are_told_two_times() {
    for operator in ["strip", "strip kubectl.kubernetes.io/"] {
        let mut world = adopted("tick 0; owned");
        let mut last = None;
        for k in 2..6 {
            roll(&mut world, &format!("cm c k={k}"));
            let now = world.written(RESTARTED_AT).map(str::to_owned);
            assert!(now.is_some() && now != last, "{now:?}");
            last = now;
            world.run(operator);
            world.rests();
        }
    }
}

#[test]
fn what_was_taken_back_once_is_told_a_time_from_then_on() {
    let mut world = adopted("");
    roll(&mut world, "cm c k=2");
    assert_eq!(world.written(CONFIG), Some("t/1"));
    world.run("strip kubectl.kubernetes.io/");
    world.rests();
    world.run("restart");
    for k in 3..5 {
        roll(&mut world, &format!("cm c k={k}"));
        world.run("strip kubectl.kubernetes.io/");
        assert_eq!(world.written(CONFIG), None);
        assert!(world.written(RESTARTED_AT).is_some());
        world.rests();
    }
    assert_eq!(world.rolls, [1, 2, 3]);
}

#[test]
fn what_had_not_reached_all_pods_is_stale_until_they_are_replaced() {
    for owned in ["owned; stuck", "stuck"] {
        for ends in ["edit 2", "roll"] {
            let mut world = adopted(owned);
            roll(&mut world, "cm c k=2");
            assert!(!reverted(&mut world));
            world.run("strip");
            assert!(reverted(&mut world), "{owned}");
            world.rests();
            world.run("through; restart");
            assert!(reverted(&mut world), "{owned}, after a restart");
            match ends {
                "roll" => roll(&mut world, "cm c k=3"),
                edit => world.run(edit),
            }
            assert!(!reverted(&mut world), "{owned}, {ends}");
        }
    }
}

#[test]
fn what_had_reached_all_pods_is_in_step() {
    for owned in ["owned; stuck", "stuck"] {
        let mut world = adopted(owned);
        roll(&mut world, "cm c k=2");
        world.run("through; stuck; strip");
        assert!(!reverted(&mut world), "{owned}");
        world.rests();
        world.run("restart");
        assert!(!reverted(&mut world), "{owned}, after a restart");
    }
}

/// The intent of the next roll may be written before the watch has told of the last
/// one, whose time is no restart of somebody else then.
#[test]
fn what_the_watch_tells_late_is_not_taken_for_the_next_roll() {
    // Or versions would tell that the pods are newer.
    let mut world = adopted("owned; flag many-etcds");
    world.run("cm c k=2");
    let first = world.decide();
    world.write_down(&first.act);
    let patched = world.entry.clone().and_then(|entry| entry.restart).unwrap();
    world.entry.as_mut().unwrap().done = true;
    world.run("cm c k=3");
    let second = world.decide();
    world.write_down(&second.act);
    world.run(&format!("template {RESTARTED_AT}={}", patched.at));
    assert_eq!(show(&world.decide()), "Roll Resumed configmap/c (k)");
}

/// The answer to the patch may come before the watch tells of it.
#[test]
fn what_the_watch_has_not_told_yet_is_not_taken_back() {
    let mut world = adopted("owned");
    world.run("cm c k=2");
    let verdict = world.decide();
    world.write_down(&verdict.act);
    let entry = world.entry.as_mut().unwrap();
    entry.done = true;
    assert!(!reverted(&mut world));
    world.rests();
    assert!(world.entry.unwrap().back.is_none());
}

#[test]
fn where_nothing_is_written_nothing_is_taken_back() {
    let mut world = adopted("owned");
    world.rules.writes = false;
    world.run("cm c k=2");
    let verdict = world.decide();
    let crate::decide::Act::Roll(entry, _) = verdict.act else {
        unreachable!("{verdict:?}")
    };
    assert_eq!(entry.restart, None);
    world.entry = Some(crate::state::Entry {
        done: true,
        ..entry
    });
    world.rests();
    assert!(!reverted(&mut world));
}
