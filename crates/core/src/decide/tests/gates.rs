//! What makes a roll wait: the least interval, the fuse, and pauses. The clock of
//! the world moves ten seconds with each command.

use rstest::rstest;

use super::{check, show};
use crate::decide::world::World;

const PERIOD: &str = "deployment.reloader.stakater.com/pause-period";

#[rstest]
#[case::the_sixth_in_ten_minutes_waits(
    "
    flag fuse; cm c k=1; use env:c.k => Record Adopted
    cm c k=2                         => Roll Changed configmap/c (k)
    cm c k=3                         => Roll Changed configmap/c (k)
    cm c k=4                         => Roll Changed configmap/c (k)
    cm c k=5                         => Roll Changed configmap/c (k)
    cm c k=6                         => Roll Changed configmap/c (k)
    cm c k=7                         => Nothing Fused configmap/c (k)
    restart; cm c k=8                => Nothing Fused configmap/c (k)
    cm c k=6                         => Note UpToDate
    tick 540; cm c k=9               => Roll Changed configmap/c (k)
"
)]
#[case::an_own_interval(
    "
    ann tidings.dev/reload=auto|tidings.dev/min-interval=1m; cm c k=1; use env:c.k => Record Adopted
    cm c k=2                         => Roll Changed configmap/c (k)
    cm c k=3                         => Nothing TooSoon configmap/c (k)
    tick 60; touch c                 => Roll Changed configmap/c (k)
"
)]
fn rolls_wait(#[case] scenario: &str) {
    check(scenario);
}

fn step(world: &mut World, commands: &str, expect: &str) {
    world.run(commands);
    let verdict = world.decide();
    let shown = show(&verdict);
    assert!(shown.starts_with(expect), "{commands}: {shown}");
    world.carry_out(&verdict.act);
}

#[test]
fn a_pause_by_hand_is_left_alone() {
    let mut world = World::new();
    step(&mut world, "cm c k=1; use env:c.k; pause", "Record Adopted");
    step(&mut world, "cm c k=2", "Nothing Paused");
    step(&mut world, "tick 9999; touch c", "Nothing Paused");
    step(&mut world, "resume", "Roll Changed");
}

#[test]
fn a_pause_period_gathers_changes_and_ends() {
    let mut world = World::new();
    let ann = format!("ann tidings.dev/reload=auto|{PERIOD}=2m");
    step(
        &mut world,
        &format!("{ann}; cm c k=1; use env:c.k"),
        "Record Adopted",
    );
    step(&mut world, "cm c k=2", "Roll Changed");
    step(&mut world, "", "Note PausePeriod until");
    assert_eq!(show(&world.decide()).split(' ').next(), Some("Nothing"));
    let again = world.decide().again;
    step(&mut world, "cm c k=3", "Roll Changed");
    step(&mut world, "", "Note PausePeriod until");
    assert_eq!(world.decide().again, again, "it does not begin anew");
    step(&mut world, "tick 120; touch c", "Unpause PauseOver since");
    step(&mut world, "", "Note UpToDate");
    assert_eq!(world.rolls, [1, 2]);
}

#[rstest]
#[case::the_period_was_taken_away("ann tidings.dev/reload=auto")]
#[case::it_cannot_be_read(
    "ann deployment.reloader.stakater.com/pause-period=soon|tidings.dev/reload=auto"
)]
#[case::nobody_opts_in_any_more("ann x=y")]
fn nothing_stays_paused(#[case] ann: &str) {
    let mut world = World::new();
    let paused_at = "deployment.reloader.stakater.com/paused-at=1970-01-12T13:46:40+01:00";
    world.run(&format!("{ann}|{paused_at}; cm c k=1; use env:c.k; pause"));
    let mut verdict = world.decide();
    if show(&verdict) == "Record Adopted" {
        assert!(verdict.again.is_some(), "nothing else makes it look again");
        world.carry_out(&verdict.act);
        verdict = world.decide();
    }
    assert!(
        show(&verdict).starts_with("Unpause PauseOver"),
        "{verdict:?}"
    );
}

#[test]
fn what_somebody_resumed_and_paused_again_is_theirs() {
    let mut world = World::new();
    let ann = format!("ann tidings.dev/reload=auto|{PERIOD}=2m");
    step(
        &mut world,
        &format!("{ann}; cm c k=1; use env:c.k"),
        "Record Adopted",
    );
    step(&mut world, "cm c k=2", "Roll Changed");
    step(&mut world, "resume", "Unpause PauseOver");
    step(&mut world, "pause; cm c k=3", "Nothing Paused");
    step(&mut world, "tick 9999; touch c", "Nothing Paused");
}

#[test]
fn a_pause_that_lies_ahead_lasts_one_period() {
    let mut world = World::new();
    let paused_at = "deployment.reloader.stakater.com/paused-at=2070-01-01T00:00:00Z";
    world.run(&format!(
        "ann {PERIOD}=1m|{paused_at}; cm c k=1; use env:c.k; pause"
    ));
    let verdict = world.decide();
    assert_eq!(show(&verdict), "Nothing NotOptedIn");
    assert!(
        verdict.again.is_some_and(|again| again < 1_000_200),
        "{verdict:?}"
    );
}
