//! How the workload stands, whatever is done about it.

use rstest::rstest;

use crate::decide::world::World;
use crate::standing::Word;

/// Runs a scenario line by line: commands and, after `=>`, how it stands then. The
/// decision is carried out unless the line ends with `!`.
fn check(scenario: &str) {
    let mut world = World::new();
    for line in scenario.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let (commands, expect) = line.split_once("=>").unwrap();
        world.run(commands);
        let verdict = world.decide();
        let seen = verdict
            .standing
            .as_ref()
            .map_or("none", |s| s.word.row().text);
        let (expect, undone) = match expect.trim().strip_suffix('!') {
            Some(expect) => (expect.trim(), true),
            None => (expect.trim(), false),
        };
        assert_eq!(seen, expect, "in {line:?} of {scenario}");
        if !undone {
            world.carry_out(&verdict.act);
        }
    }
}

#[rstest]
#[case::nothing_to_do(
    "
    cm c k=1; use env:c.k; updated 3    => in step
    touch c                             => in step
"
)]
#[case::its_record_was_lost_and_its_pods_are_old(
    "
    cm c k=1; use env:c.k; updated 3    => in step
    cm c k=2                            => stale
    updated 3                           => in step
    lose; cm c k=3; restart             => stale
    touch c                             => stale
    cm c k=4                            => stale
    updated 3                           => in step
    lose; restart                       => in step
"
)]
#[case::not_opted_in("ann; cm c k=1; use env:c.k => none")]
#[case::a_change(
    "
    cm c k=1; use env:c.k; updated 3    => in step
    cm c k=2                            => stale!
    cm c k=1                            => in step
    cm c k=2                            => stale
    updated 3                           => in step
"
)]
#[case::stale_when_it_was_opted_in_though_another_change_came_and_went(
    "
    ann; cm c k=1; cm d k=1; use env:c.k env:d.k; cm c k=2; ann tidings.dev/reload=auto; cm d k=2 => stale
    cm d k=1                            => stale
    cm d k=2                            => stale
    updated 3                           => in step
"
)]
#[case::a_rollout_that_hangs(
    "
    cm c k=1; use env:c.k; updated 3    => in step
    cm c k=2                            => stale
    stuck                               => rolling
    touch c                             => rolling
    late                                => failed
"
)]
#[case::paused_before(
    "
    cm c k=1; use env:c.k; updated 3    => in step
    pause; cm c k=2                     => waiting
    resume                              => stale
"
)]
#[case::paused_in_the_middle(
    "
    cm c k=1; use env:c.k; updated 3    => in step
    cm c k=2                            => stale
    stuck; pause                        => waiting
"
)]
#[case::held_by_the_fuse(
    "
    flag fuse; cm c k=1; use env:c.k; updated 3 => in step
    cm c k=2                            => stale
    cm c k=3                            => stale
    cm c k=4                            => stale
    cm c k=5                            => stale
    cm c k=6                            => stale
    cm c k=7                            => waiting
    cm c k=6                            => in step
"
)]
#[case::missing(
    "
    cm c k=1; use env:c.k; updated 3    => in step
    del c                               => waiting
    cm c k=1                            => in step
"
)]
#[case::an_intent_that_is_not_carried_out(
    "
    cm c k=1; use env:c.k; updated 3    => in step
    pause; cm c k=2; restart            => waiting
    restart                             => waiting
"
)]
#[case::pods_wait_to_be_deleted(
    "
    strategy on-delete; cm c k=1; use env:c.k; updated 3 => in step
    cm c k=2                            => stale
    stuck; updated 0                    => waiting
"
)]
#[case::pods_wait_to_be_deleted_for_an_edit_alone(
    "
    strategy on-delete; cm c k=1; use env:c.k; updated 3 => in step
    stuck; edit 1; updated 0            => in step
    touch c                             => in step
    cm c k=2                            => stale
    touch c                             => waiting
"
)]
#[case::another_installation(
    "
    cm c k=1; use env:c.k; updated 3    => in step
    template tidings.dev/config=other/1 => unknown
"
)]
#[case::an_optional_source_goes(
    "
    cm c k=1; use env?:c.k; updated 3   => in step
    del c                               => in step
"
)]
fn the_word_for_it(#[case] scenario: &str) {
    check(scenario);
}

#[test]
fn it_says_how_far_and_until_when() {
    let mut world = World::new();
    world.rules.min_interval = 600;
    world.run("cm c k=1; use env:c.k; updated 3");
    for _ in 0..2 {
        let act = world.decide().act;
        world.carry_out(&act);
        world.run("cm c k=2");
    }
    let act = world.decide().act;
    world.carry_out(&act);
    world.run("cm c k=3");
    let standing = world.decide().standing.unwrap();
    assert_eq!(standing.word, Word::Waiting);
    assert!(standing.until.is_some());
    world.run("stuck; updated 1");
    world.rules.min_interval = 0;
    let act = world.decide().act;
    world.carry_out(&act);
    let standing = world.decide().standing.unwrap();
    assert_eq!(
        (standing.word, standing.pods),
        (Word::Rolling, Some((1, 3)))
    );
}

/// A rollout that was under way at first sight: nobody knows what its older pods have.
#[rstest]
#[case::hanging_and_taken_back(
    "
    cm c k=1; use env:c.k; edit a; cm c k=2; edit b; stuck; restart => rolling
    restart                             => rolling
    undo a                              => rolling
    through                             => in step
"
)]
#[case::hanging_and_through(
    "
    cm c k=1; use env:c.k; edit a; cm c k=2; edit b; stuck; restart => rolling
    through                             => in step
"
)]
#[case::hanging_and_forgotten(
    "
    cm c k=1; use env:c.k; edit a; cm c k=2; edit b; stuck; compact; restart => rolling
    undo a                              => rolling
"
)]
#[case::edited_before_it_changed(
    "
    cm c k=1; use env:c.k; edit a; edit b; stuck; restart => rolling
    cm c k=2                            => rolling
    undo a                              => rolling
    through                             => in step
"
)]
#[case::by_ordinal(
    "
    strategy partition; cm c k=1; use env:c.k; updated 3 => in step
    cm c k=2                            => stale
    stuck; updated 0                    => rolling
    updated 1                           => waiting
    restart                             => waiting
"
)]
#[case::on_delete(
    "
    strategy on-delete; cm c k=1; use env:c.k; updated 3 => in step
    cm c k=2                            => stale
    stuck; updated 0                    => waiting
    restart                             => waiting
    touch c                             => waiting
"
)]
#[case::maybe_stale(
    "
    cm c k=1; use env:c.k; cm c k=2     => stale
    => stale
    restart                             => stale
    touch c                             => stale
    edit 1                              => in step
"
)]
#[case::maybe_stale_and_rolled(
    "
    cm c k=1; use env:c.k; cm c k=2     => stale
    cm c k=3                            => stale
    => in step
"
)]
#[case::maybe_stale_and_edited_in_a_rollout_that_hangs(
    "
    cm c k=1; use env:c.k; cm c k=2     => stale
    edit 1; stuck                       => rolling
    through                             => in step
"
)]
fn what_is_not_known_of_older_pods(#[case] scenario: &str) {
    check(scenario);
}
