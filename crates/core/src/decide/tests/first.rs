//! First sight, and whose a workload is.

use rstest::rstest;

use super::{check, show};
use crate::decide::world::World;
use crate::state::End;

#[rstest]
#[case::number_follows_the_template("
    cm c k=1; use env:c.k; template tidings.dev/config=t/7; lose => Record StateLost its template carries t/7
    cm c k=2                                                     => Roll Changed configmap/c (k)
    template tidings.dev/config=t/8; lose                        => Record StateLost its template carries t/8
")]
#[case::a_copy_of_a_rolled_workload("
    cm c k=1; use env:c.k; unseen; template tidings.dev/config=t/7; create; restart => Record Adopted
    cm c k=2 => Roll Changed configmap/c (k)
")]
#[case::made_again_under_the_same_name(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => Roll Changed configmap/c (k)
    cm c k=3; create; edit 1        => Record Adopted
    cm c k=4                        => Roll Changed configmap/c (k)
"
)]
#[case::older_pods_may_be_stale(
    "
    cm c k=1; use env:c.k; cm c k=2 => Record MaybeStale configmap/c
    touch c                         => Note InDoubt
    edit 1                          => Note UpToDate
"
)]
#[case::newer_pods_are_not(
    "
    use env:c.k; cm c k=1; edit 1   => Record Adopted
"
)]
#[case::catch_up(
    "
    flag catch-up; cm c k=1; use env:c.k; cm c k=2 => Roll CaughtUp configmap/c
    lose; cm c k=3                                 => Roll CaughtUp configmap/c
    lose; restart                                  => Record StateLost its template carries t/2
"
)]
#[case::uses_nothing(
    "
    => Nothing UsesNothing
    cm c k=1; use env:c.k => Record Adopted
    use                   => Note UsesNothing
    cm c k=2; edit 1; use env:c.k => Record Adopted
"
)]
#[case::absent_at_first(
    "
    use env:c.k env?:d.k            => Record Adopted
    cm d k=1                        => Record Recorded configmap/d
    cm c k=1                        => Record Recorded configmap/c
    cm c k=2                        => Roll Changed configmap/c (k)
"
)]
#[case::absent_at_first_and_changed_since_it_came(
    "
    use env:c.k env?:d.k            => Record Adopted
    cm c k=1; cm c k=2; cm d k=1; cm d k=2 => Roll Changed configmap/c
    => Nothing UpToDate
"
)]
fn first_sight(#[case] scenario: &str) {
    check(scenario);
}

/// Its first pods may have what was there when it was made.
#[rstest]
#[case::changed_since(
    "
    cm c k=1; use env:c.k; create; cm c k=2 => half: Record Adopted
    => Roll Changed configmap/c (k)
"
)]
#[case::changed_twice_and_a_status_came(
    "
    cm c k=1; use env:c.k; create; updated 0; cm c k=2; touch c; cm c k=3 => half: Record Adopted
    => Roll Changed configmap/c (k)
"
)]
#[case::its_controller_has_not_been_told_of_its_pods(
    "
    cm c k=1; use env:c.k; create; cm c k=2; updated 0 => half: Record Adopted
    => Roll Changed configmap/c (k)
"
)]
#[case::there_and_back_since(
    "
    cm c k=1; use env:c.k; create; updated 3; cm c k=2; ready 2; ready 3; cm c k=1 => half: Record Adopted
    => Roll Changed configmap/c
"
)]
#[case::a_label_since(
    "
    cm c k=1; use env:c.k; create; touch c => Record Adopted
    asked 2
"
)]
#[case::another_key_since(
    "
    cm c k=1 l=1; use env:c.k; create; cm c k=1 l=2 => Record Adopted
"
)]
#[case::nothing_since(
    "
    cm c k=1; use env:c.k; create   => Record Adopted
    asked 0
"
)]
#[case::what_it_waited_for_came(
    "
    use env:c.k; create; cm c k=1   => half: Record Adopted
    => Record Recorded configmap/c
    cm c k=2                        => Roll Changed configmap/c (k)
"
)]
#[case::what_it_waited_for_came_and_changed(
    "
    use env:c.k; create; cm c k=1; cm c k=2 => half: Record Adopted
    => Roll Changed configmap/c
"
)]
#[case::a_key_that_it_waited_for_came(
    "
    cm c l=1; use env:c.k; create; cm c k=1 l=1 => half: Record Adopted
    => Record Recorded configmap/c (k)
"
)]
#[case::edited_since_too(
    "
    cm c k=1; use env:c.k; create; updated 3; cm c k=2; edit 1 => Record Adopted
"
)]
#[case::there_and_back_around_an_edit(
    "
    cm c k=1; use env:c.k; create; updated 3; cm c k=2; edit 1; cm c k=1 => half: Record Adopted
    => Roll Changed configmap/c (k)
"
)]
#[case::it_has_no_pods(
    "
    replicas 0; cm c k=1; use env:c.k; create; cm c k=2 => Record Adopted
"
)]
#[case::made_while_the_watch_was_broken(
    "
    cm c k=1; use env:c.k; unseen; create; cm c k=2; touch c; relist => half: Record Adopted
    => Roll Changed configmap/c (k)
"
)]
#[case::made_while_nobody_led(
    "
    cm c k=1; use env:c.k; unled; create; cm c k=2; restart => half: Record Adopted
    => Roll Changed configmap/c (k)
"
)]
#[case::while_an_edit_hangs_that_is_taken_back(
    "
    cm c k=1; use env:c.k; unled; create; cm c k=2; edit 1; stuck; restart => half: Record Adopted
    undo                            => Roll Changed configmap/c (k)
"
)]
#[case::made_while_nobody_led_and_changed_twice_and_back(
    "
    cm c k=1; use env:c.k; unled; create; cm c k=2; cm c k=3; restart => half: Record Adopted
    cm c k=2                        => Roll Changed configmap/c (k)
"
)]
#[case::changed_before_it_was_made(
    "
    cm c k=1; use env:c.k; unled; cm c k=2; create; restart => Record Adopted
"
)]
#[case::there_when_we_came(
    "
    cm c k=1; use env:c.k; create; cm c k=2; restart => Record MaybeStale configmap/c
"
)]
#[case::forgotten(
    "
    cm c k=1; use env:c.k; create; cm c k=2; touch c; compact; updated 3; cm c k=3 => half: Record Adopted
    => Roll Changed configmap/c (k)
"
)]
fn made_while_we_watch(#[case] scenario: &str) {
    check(scenario);
}

#[rstest]
#[case::changed_before(
    "
    ann; cm c k=1; use env:c.k; cm c k=2; touch c; ann tidings.dev/reload=auto => Record MaybeStale configmap/c
"
)]
#[case::changed_before_and_to_be_caught_up(
    "
    flag catch-up; ann; cm c k=1; use env:c.k; cm c k=2; ann tidings.dev/reload=auto => Roll CaughtUp configmap/c
"
)]
#[case::edited_after_the_change(
    "
    ann; cm c k=1; use env:c.k; cm c k=2; edit 1; ann tidings.dev/reload=auto => Record Adopted
"
)]
#[case::another_key_changed(
    "
    ann; cm c k=1 l=1; use env:c.k; edit 1; cm c k=1 l=2; ann tidings.dev/reload=auto => Record Adopted
"
)]
#[case::changed_since(
    "
    ann; cm c k=1; use env:c.k; edit 1; ann tidings.dev/reload=auto; cm c k=2 => half: Record Adopted
    => Roll Changed configmap/c (k)
"
)]
#[case::the_store_has_forgotten(
    "
    ann; cm c k=1; use env:c.k; cm c k=2; compact; ann tidings.dev/reload=auto => Record MaybeStale configmap/c
"
)]
#[case::and_it_is_not_known_yet(
    "
    ann; cm c k=1; use env:c.k; cm c k=2; compact; lags; ann tidings.dev/reload=auto => half: Ask NotRead what was there when its pods were made
    lags no => Record MaybeStale configmap/c
"
)]
fn opted_in(#[case] scenario: &str) {
    check(scenario);
}

#[rstest]
#[case::hands_off(
    "
    cm c k=1; use env:c.k           => Record Adopted
    template tidings.dev/config=b/3; cm c k=2 => Nothing OwnedByOther its template carries b/3
    template                        => Record Absorbed configmap/c (k)
    cm c k=3                        => Roll Changed configmap/c (k)
"
)]
#[case::out_and_in_again(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => Roll Changed configmap/c (k)
    ann                             => Record NotOptedIn
    cm c k=3; edit 1                => Nothing NotOptedIn
    ann tidings.dev/reload=auto     => Record Adopted
    cm c k=4                        => Roll Changed configmap/c (k)
"
)]
#[case::out_before_any_roll(
    "
    cm c k=1; use env:c.k           => Record Adopted
    ann                             => Forget NotOptedIn
    create                          => Nothing NotOptedIn
"
)]
#[case::another_of_the_name_is_not_opted_in(
    "
    cm c k=1; use env:c.k           => Record Adopted
    create; ann                     => Forget NotOptedIn
"
)]
#[case::ignored_and_not_ignored_again(
    "
    cm c k=1; cm d k=1; use env:c.k env:d.k => Record Adopted
    mark c tidings.dev/ignore=true  => Note UpToDate
    cm c k=2                        => Nothing UpToDate
    mark c                          => Record Recorded configmap/c
    cm c k=3                        => Roll Changed configmap/c (k)
"
)]
fn who_may(#[case] scenario: &str) {
    check(scenario);
}

#[test]
fn taken_over_from_another() {
    let mut world = World::new();
    world.run("cm c k=1; use env:c.k; template tidings.dev/config=b/3");
    assert_eq!(
        show(&world.decide()),
        "Nothing OwnedByOther its template carries b/3"
    );
    let known = world.index.get(&crate::decide::world::web()).unwrap();
    let uid = known.workload.uid.clone();
    let template = crate::digest::Digest::of_parts(&[]);
    let epoch = crate::state::Epoch::draw(7, "web");
    world.entry = Some(crate::state::Entry {
        over: Some("b/3".into()),
        ..crate::state::Entry::new(uid, epoch, template)
    });
    let verdict = world.decide();
    assert_eq!(show(&verdict), "Record Adopted");
    world.carry_out(&verdict.act);
    world.rests();
    world.run("cm c k=2");
    assert_eq!(show(&world.decide()), "Roll Changed configmap/c (k)");
}

/// Numbers go on counting in their epoch; after a record was lost, or an old one
/// was put back, the same count is another number.
#[test]
fn an_epoch_lasts_until_the_record_is_lost_or_behind() {
    let mut world = World::new();
    let number = |world: &mut World, commands: &str| {
        world.run(commands);
        let verdict = world.decide();
        world.carry_out(&verdict.act);
        world.rests();
        world.entry.as_ref().unwrap().number()
    };
    let first = number(&mut world, "cm c k=1; use env:c.k");
    let second = number(&mut world, "cm c k=2");
    let old = world.entry.clone();
    let third = number(&mut world, "cm c k=3; restart");
    assert_eq!([first.n, second.n, third.n], [0, 1, 2]);
    assert_eq!([second.epoch, third.epoch], [first.epoch; 2]);

    let lost = number(&mut world, "lose; restart");
    assert_eq!(lost.n, 2);
    assert_ne!(lost.epoch, first.epoch);

    world.entry = old;
    let behind = number(&mut world, "restart");
    assert!(behind.n >= 2);
    assert!(behind.epoch != first.epoch && behind.epoch != lost.epoch);
}

#[test]
fn a_record_tells_of_the_last_rolls() {
    let mut world = World::new();
    world.run("cm c k=1; use env:c.k");
    for k in 1..=12 {
        world.run(&format!("updated 3; cm c k={k}"));
        let verdict = world.decide();
        world.carry_out(&verdict.act);
        world.rests();
    }
    let entry = world.entry.unwrap();
    let told: Vec<_> = entry.rolls.iter().collect();
    assert_eq!(told.len(), 10);
    assert_eq!((told[0].n, told[0].end), (11, End::Open));
    assert_eq!((told[1].n, told[1].end), (10, End::Done));
    assert_eq!(told[9].cause, "configmap/c (k)");
}

#[test]
fn and_which_of_them_missed_its_deadline() {
    let mut world = World::new();
    world.run("cm c k=1; use env:c.k");
    for change in ["cm c k=1", "cm c k=2", "updated 1; late; cm c k=3"] {
        world.run(change);
        let verdict = world.decide();
        world.carry_out(&verdict.act);
        world.rests();
    }
    let ends: Vec<_> = world
        .entry
        .iter()
        .flat_map(|entry| entry.rolls.iter())
        .collect();
    let ends: Vec<_> = ends.iter().map(|roll| (roll.n, roll.end)).collect();
    assert_eq!(ends, [(2, End::Open), (1, End::Failed)]);
}

/// It was deleted but for its pods, and made again, which took them over.
#[rstest]
#[case::and_nothing_changed(
    "
    cm c k=1; use env:c.k           => Record Adopted
    adopt                           => Note UpToDate
    cm c k=2                        => Roll Changed configmap/c (k)
"
)]
#[case::after_a_change(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2; adopt                 => Roll Changed configmap/c (k)
"
)]
#[case::before_a_change(
    "
    cm c k=1; use env:c.k           => Record Adopted
    adopt; cm c k=2                 => Roll Changed configmap/c (k)
"
)]
#[case::while_nobody_looked(
    "
    cm c k=1; use env:c.k           => Record Adopted
    unseen; cm c k=2; adopt; restart => Roll Changed configmap/c (k)
"
)]
#[case::and_what_was_is_forgotten(
    "
    cm c k=1; use env:c.k           => Record Adopted
    unseen; cm c k=2; adopt; compact; restart => Roll Changed configmap/c (k)
"
)]
#[case::and_its_revision_tells_only_later(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2; adopt; lags           => half: Ask NotRead what was there when its pods were made
    lags no                         => Roll Changed configmap/c (k)
"
)]
#[case::with_another_template(
    "
    cm c k=1; use env:c.k           => Record Adopted
    unseen; cm c k=2; adopt; edit 1; restart => Record Adopted
"
)]
#[case::there_and_back_while_it_was_away(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2; ready 2; ready 3; cm c k=1; adopt => Roll Changed configmap/c
"
)]
#[case::but_its_pods_are_new(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2; create                => Record Adopted
"
)]
fn made_again_around_its_pods(#[case] scenario: &str) {
    check(scenario);
}
