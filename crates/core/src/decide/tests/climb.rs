//! Changes that are brought by other methods than a rollout, and what becomes of them.

use rstest::rstest;

use super::{check, show};
use crate::decide::Act;
use crate::decide::world::World;
use crate::ladder::held;
use crate::method::Method;
use crate::reason::Reason;
use crate::standing::Word;
use crate::state::Entry;

/// A workload that mounts `c`, has `d.k` in its environment and an agent, and allows
/// these methods.
fn allowing(methods: &str) -> String {
    format!(
        "flag hot; ann tidings.dev/reload=auto|tidings.dev/method={methods}; cm c k=1; cm d k=1; \
         use agent:9533 vol:c env:d.k => Record Adopted"
    )
}

#[rstest]
#[case::a_mounted_file_goes_hot(
    "hot, rollout",
    "
    cm c k=2            => crash: Roll Changed configmap/c (k); by hot
                        => crash: Resume UnderWay configmap/c (k); by hot
    touch c             => crash: Resume UnderWay configmap/c (k); by hot
    taken               => Note UpToDate
    restart             => Nothing UpToDate
    cm c k=3            => crash: Roll Changed configmap/c (k); by hot
"
)]
#[case::a_variable_is_rolled_out("hot, rollout", "
    cm d k=2            => Roll Changed configmap/d (k); by rollout (hot cannot: k of configmap/d is an environment variable of app)
")]
#[case::all_that_changed_has_to_go_hot("hot, rollout", "
    cm c k=2; cm d k=2  => Roll Changed configmap/c (k), configmap/d (k); by rollout (hot cannot: k of configmap/d is an environment variable of app)
")]
#[case::what_is_still_due_counts("hot, rollout", "
    cm d k=2            => crash: Roll Changed configmap/d (k); by rollout (hot cannot: k of configmap/d is an environment variable of app)
    cm c k=2            => Roll Changed configmap/c (k), configmap/d (k); by rollout (hot cannot: an earlier change is due for which a rollout was decided)
")]
#[case::newer_content_is_the_next_number(
    "hot, rollout",
    "
    cm c k=2            => crash: Roll Changed configmap/c (k); by hot
    cm c k=3            => crash: Roll Changed configmap/c (k); by hot
    taken               => Nothing UpToDate
"
)]
#[case::and_may_need_another_method("hot, rollout", "
    cm c k=2            => crash: Roll Changed configmap/c (k); by hot
    cm d k=2            => Roll Changed configmap/c (k), configmap/d (k); by rollout (hot cannot: k of configmap/d is an environment variable of app)
")]
#[case::what_went_back_is_brought_too(
    "hot, rollout",
    "
    cm c k=2            => crash: Roll Changed configmap/c (k); by hot
    cm c k=1            => crash: Roll Changed configmap/c (k); by hot
                        => crash: Resume UnderWay configmap/c (k); by hot
"
)]
#[case::also_by_a_rollout_of_what_was_begun_hot(
    "hot, rollout",
    "
    cm c k=2            => crash: Roll Changed configmap/c (k); by hot
    ann tidings.dev/reload=auto; cm c k=1 => crash: Roll Changed configmap/c (k)
                        => Resume Resumed configmap/c (k)
"
)]
#[case::a_rollout_follows(
    "hot, rollout",
    "
    cm c k=2            => crash: Roll Changed configmap/c (k); by hot
    climbs late         => crash: Resume Resumed configmap/c (k); by rollout (hot: late)
    cm c k=1            => crash: Roll Changed configmap/c (k); by hot
    climbs late         => Resume Resumed configmap/c (k); by rollout (hot: late)
    cm c k=3            => crash: Roll Changed configmap/c (k); by hot
"
)]
#[case::what_is_refused_is_not_brought("hot, rollout", "
    cm c k=2            => crash: Roll Changed configmap/c (k); by hot
    refused line 3      => Nothing Rejected configmap/c (k): web-0: line 3
    restart             => Nothing Rejected configmap/c (k): web-0: line 3
    touch c             => Note Rejected configmap/c (k): web-0: line 3
    ann tidings.dev/reload=auto|tidings.dev/method=rollout => Nothing Rejected configmap/c (k): web-0: line 3
    ann tidings.dev/reload=auto|tidings.dev/method=hot; cm c k=3 => crash: Roll Changed configmap/c (k); by hot
")]
#[case::nor_for_a_change_of_something_else("hot, rollout", "
    cm c k=2            => crash: Roll Changed configmap/c (k); by hot
    refused line 3      => Nothing Rejected configmap/c (k): web-0: line 3
    cm d k=2            => Note Rejected configmap/c (k): web-0: line 3; configmap/d (k) waits for that
    restart             => Nothing Rejected configmap/c (k): web-0: line 3; configmap/d (k) waits for that
    cm d k=1            => Note Rejected configmap/c (k): web-0: line 3
    cm d k=2; restart   => Note Rejected configmap/c (k): web-0: line 3; configmap/d (k) waits for that
    cm c k=3            => Roll Changed configmap/c (k), configmap/d (k); by rollout (hot cannot: k of configmap/d is an environment variable of app)
")]
#[case::nor_told_as_something_else("hot, notify", "
    cm c k=2            => crash: Roll Changed configmap/c (k); by hot
    refused line 3      => Nothing Rejected configmap/c (k): web-0: line 3
    cm d k=2            => Note Rejected configmap/c (k): web-0: line 3; configmap/d (k) waits for that
    cm d k=1            => Note Rejected configmap/c (k): web-0: line 3
    restart             => Nothing Rejected configmap/c (k): web-0: line 3
")]
#[case::until_a_new_template_has_pods_that_start_with_it("hot, rollout", "
    cm c k=2            => crash: Roll Changed configmap/c (k); by hot
    died                => Nothing Died configmap/c (k): web-0
    edit 2; cm d k=2    => Roll Changed configmap/d (k); by rollout (hot cannot: k of configmap/d is an environment variable of app)
")]
#[case::what_was_not_brought_is_told_with_it("hot", "
    cm c k=2            => crash: Roll Changed configmap/c (k); by hot
    not-taken late      => Nothing NotTaken configmap/c (k): late
    cm d k=2            => Record NotTaken configmap/c (k), configmap/d (k); by no method (hot cannot: k of configmap/d is an environment variable of app)
    cm d k=1            => Record NotTaken configmap/c (k), configmap/d (k); by no method (hot cannot: k of configmap/d is an environment variable of app)
    cm c k=3            => Record NotTaken configmap/c (k); by no method (hot cannot: k of configmap/d is an environment variable of app)
")]
#[case::nor_what_a_kubelet_does_not_look_at_again("hot, rollout", "
    seal c              => Note UpToDate
    del c; cm c k=2; seal c => Roll Changed configmap/c (k); by rollout (hot cannot: kubelets do not look again at what is immutable, and it was made anew)
")]
#[case::nor_what_is_died_of(
    "hot, rollout",
    "
    cm c k=2            => crash: Roll Changed configmap/c (k); by hot
    died                => Nothing Died configmap/c (k): web-0
    cm c k=1            => crash: Roll Changed configmap/c (k); by hot
"
)]
#[case::a_new_template_ends_a_refusal(
    "hot, rollout",
    "
    cm c k=2            => crash: Roll Changed configmap/c (k); by hot
    refused line 3      => Nothing Rejected configmap/c (k): web-0: line 3
    edit 2              => Record Absorbed configmap/c (k); by hot
"
)]
#[case::nobody_took_it("hot", "
    cm c k=2            => crash: Roll Changed configmap/c (k); by hot
    not-taken web-0 has not proved it in time => Nothing NotTaken configmap/c (k): web-0 has not proved it in time
    cm c k=3            => crash: Roll Changed configmap/c (k); by hot
")]
#[case::until_more_is_allowed("hot", "
    cm c k=2            => crash: Roll Changed configmap/c (k); by hot
    not-taken late      => Nothing NotTaken configmap/c (k): late
    ann tidings.dev/reload=auto|tidings.dev/method=hot, rollout => Roll Resumed configmap/c (k); by rollout
")]
#[case::nothing_listed_can("hot", "
    cm d k=2            => Record NotTaken configmap/d (k); by no method (hot cannot: k of configmap/d is an environment variable of app)
    restart             => Nothing NotTaken configmap/d (k); by no method (hot cannot: k of configmap/d is an environment variable of app)
    cm d k=1            => Record Withdrawn configmap/d (k) is as it was
")]
#[case::people_are_told_once("hot, notify", "
    cm d k=2            => Record Notified configmap/d (k); by notify (hot cannot: k of configmap/d is an environment variable of app)
    restart             => Nothing Notified configmap/d (k); by notify (hot cannot: k of configmap/d is an environment variable of app)
    cm d k=3            => Record Notified configmap/d (k); by notify (hot cannot: k of configmap/d is an environment variable of app)
    cm d k=1            => Record Withdrawn configmap/d (k) is as it was
")]
#[case::and_roll_it_themselves("notify", "
    cm d k=2            => Record Notified configmap/d (k); by notify
    template kubectl.kubernetes.io/restartedAt=2026-11-01T00:00:00Z => Record Absorbed configmap/d (k); by notify
")]
#[case::or_allow_more(
    "notify",
    "
    cm d k=2            => Record Notified configmap/d (k); by notify
    ann tidings.dev/reload=auto => Roll Resumed configmap/d (k)
"
)]
#[case::what_is_not_allowed_any_more_is_not_gone_on_with("hot, rollout", "
    cm d k=2            => crash: Roll Changed configmap/d (k); by rollout (hot cannot: k of configmap/d is an environment variable of app)
    ann tidings.dev/reload=auto|tidings.dev/method=notify => Record Notified configmap/d (k); by notify
")]
#[case::scaling_restarts_and_undoing_in_between("hot, rollout", "
    cm d k=2            => Roll Changed configmap/d (k); by rollout (hot cannot: k of configmap/d is an environment variable of app)
    cm c k=2            => crash: Roll Changed configmap/c (k); by hot
    replicas 5          => crash: Resume UnderWay configmap/c (k); by hot
    taken; replicas 3   => Nothing UpToDate
    undo 0              => Note UpToDate
    edit 3              => Note UpToDate
    cm d k=3            => Roll Changed configmap/d (k); by rollout (hot cannot: k of configmap/d is an environment variable of app)
")]
#[case::what_was_told_goes_hot_when_that_is_allowed("notify", "
    cm c k=2            => Record Notified configmap/c (k); by notify
    ann tidings.dev/reload=auto|tidings.dev/method=hot => crash: Roll Resumed configmap/c (k); by hot
")]
#[case::but_not_what_was_there_for_a_while("notify", "
    cm d k=2; edit 1; cm c k=2; cm d k=1; replicas 4; replicas 3 => Record Notified configmap/c (k), configmap/d; by notify
    ann tidings.dev/reload=auto|tidings.dev/method=hot, rollout => Roll Resumed configmap/c (k), configmap/d; by rollout (hot cannot: configmap/d is an environment variable of app)
")]
#[case::nor_what_was_there_when_pods_were_made_meanwhile("hot, rollout", "
    cm c k=2            => crash: Roll Changed configmap/c (k); by hot
    cm d k=2; edit 1; cm d k=1 => Roll Changed configmap/d; by rollout (hot cannot: configmap/d is an environment variable of app)
")]
#[case::nor_beside_what_is_refused("hot, rollout", "
    cm c k=2            => crash: Roll Changed configmap/c (k); by hot
    refused line 3      => Nothing Rejected configmap/c (k): web-0: line 3
    cm d k=2; replicas 4; cm d k=1 => Note Rejected configmap/c (k): web-0: line 3
    cm c k=3            => Roll Changed configmap/c (k); by rollout (hot cannot: configmap/d is an environment variable of app)
")]
#[case::the_pause_of_a_workload_holds_it(
    "hot",
    "
    pause; cm c k=2     => Nothing Paused configmap/c (k)
    resume              => crash: Roll Changed configmap/c (k); by hot
    pause               => Nothing Paused configmap/c (k); by hot
    resume              => crash: Resume UnderWay configmap/c (k); by hot
"
)]
#[case::what_pods_lack_holds_it(
    "hot",
    "
    cm c k=2; del d     => Nothing Missing configmap/d
    cm d k=1            => crash: Roll Changed configmap/c (k); by hot
"
)]
#[case::poke_needs_no_agent(
    "poke, rollout",
    "
    use vol:c           => Note UpToDate
    cm c k=2            => crash: Roll Changed configmap/c (k); by poke
    taken               => Nothing UpToDate
"
)]
#[case::hot_does("hot, rollout", "
    use vol:c           => Note UpToDate
    cm c k=2            => Roll Changed configmap/c (k); by rollout (hot cannot: no container sees the annotation tidings.dev/poke)
")]
#[case::a_replica_that_knows_no_other_form("hot, rollout", "
    flag old-replica; cm c k=2 => Roll Changed configmap/c (k); by rollout (hot cannot: a replica of an older version shares the records)
")]
#[case::is_waited_for_where_no_rollout_is_allowed("hot", "
    flag old-replica; cm c k=2 => Nothing NotTaken configmap/c (k); by no method (hot cannot: a replica of an older version shares the records)
    flag no-old-replica => crash: Roll Changed configmap/c (k); by hot
")]
fn so_it_goes(#[case] methods: &str, #[case] scenario: &str) {
    check(&format!("{}\n{scenario}", allowing(methods)));
}

fn world(methods: &str, commands: &str) -> World {
    let mut world = World::new();
    let begin = allowing(methods);
    world.run(begin.split("=>").next().unwrap());
    let first = world.decide();
    world.carry_out(&first.act);
    world.run(commands);
    world
}

fn decided(world: &mut World) -> Entry {
    match world.decide().act {
        Act::Roll(entry, _) | Act::Record(entry) => entry,
        other => panic!("{other:?}"),
    }
}

#[test]
fn numbers_go_on_though_the_template_carries_an_older_one() {
    let mut world = world("hot, rollout", "cm d k=2");
    let verdict = world.decide();
    world.carry_out(&verdict.act);
    world.rests();
    world.run("cm c k=2");
    let entry = decided(&mut world);
    assert_eq!((entry.n, entry.method()), (2, Method::Hot));
    world.write_down(&Act::Record(entry));
    world.run("taken");
    let entry = world.entry.clone().unwrap();
    assert!(entry.done && entry.climb.is_none(), "{entry:?}");
    assert_eq!(world.written(crate::annotations::CONFIG), Some("t/1"));
    world.rests();
    world.run("cm d k=3");
    let verdict = world.decide();
    assert_eq!(verdict.problems, []);
    world.carry_out(&verdict.act);
    assert_eq!(world.rolls, [1, 3]);
    let rolls = &world.entry.as_ref().unwrap().rolls;
    let rolls: Vec<_> = rolls
        .iter()
        .map(|roll| (roll.n, roll.method, roll.end.word()))
        .collect();
    let expected = [
        (3, Method::Rollout, "open"),
        (2, Method::Hot, "done"),
        (1, Method::Rollout, "done"),
    ];
    assert_eq!(rolls, expected);
}

#[test]
fn what_a_budget_holds_waits_and_says_so() {
    let mut world = world("evict, rollout", "cm d k=2");
    let verdict = world.decide();
    world.carry_out(&verdict.act);
    let entry = world.entry.clone().unwrap();
    assert_eq!(entry.method(), Method::Evict);
    for (said, reason, word) in [
        ("web needs 3", Reason::BudgetHolds, Word::Waiting),
        ("", Reason::UnderWay, Word::Rolling),
    ] {
        world.write_down(&Act::Record(held(&entry, said)));
        let verdict = world.decide();
        assert!(matches!(verdict.act, Act::Resume(_)), "{verdict:?}");
        assert_eq!(verdict.reason, reason);
        assert!(verdict.text.contains(said), "{}", verdict.text);
        assert_eq!(verdict.standing.unwrap().word, word);
    }
}

#[rstest]
#[case("", Word::Rolling)]
#[case("refused line 3", Word::Failed)]
#[case("died", Word::Failed)]
#[case("not-taken late", Word::Stale)]
#[case("taken", Word::InStep)]
fn so_it_stands(#[case] end: &str, #[case] word: Word) {
    let mut world = world("hot", "cm c k=2");
    let verdict = world.decide();
    assert_eq!(verdict.standing.unwrap().word, Word::Stale);
    world.write_down(&verdict.act);
    world.run(end);
    let standing = world.decide().standing.unwrap();
    assert_eq!(standing.word, word);
    assert_eq!(standing.due, !["", "taken"].contains(&end));
}

#[test]
fn what_is_refused_may_be_asked_about_where_nothing_is_in_its_way() {
    let mut world = world("hot, rollout", "cm c k=2");
    let verdict = world.decide();
    assert!(!verdict.may_ask_again);
    world.write_down(&verdict.act);
    world.run("refused line 3");
    for (commands, may) in [
        ("restart", true),
        ("pause", false),
        ("resume", true),
        ("cm d k=2", false),
        ("cm d k=1", true),
        (
            "ann tidings.dev/reload=auto|tidings.dev/method=rollout",
            false,
        ),
    ] {
        world.run(commands);
        let verdict = world.decide();
        world.carry_out(&verdict.act);
        let verdict = world.decide();
        assert_eq!(verdict.reason, Reason::Rejected);
        assert_eq!(verdict.may_ask_again, may, "{commands}");
    }
}

#[test]
fn what_is_only_told_is_stale() {
    let mut world = world("notify", "cm c k=2");
    for _ in 0..2 {
        let verdict = world.decide();
        assert_eq!(
            verdict.standing.unwrap().word,
            Word::Stale,
            "{}",
            verdict.reason
        );
        world.carry_out(&verdict.act);
    }
}

#[test]
fn the_fuse_counts_and_holds_only_what_restarts() {
    let mut world = world("hot, rollout", "flag fuse");
    let mut number = 1;
    let mut hot = |world: &mut World, end: &str| {
        number += 1;
        world.run(&format!("cm c k={number}"));
        let verdict = world.decide();
        assert!(show(&verdict).ends_with("by hot"), "{verdict:?}");
        world.write_down(&verdict.act);
        world.run(end);
    };
    for _ in 0..9 {
        hot(&mut world, "taken");
    }
    assert_eq!(
        world.entry.as_ref().unwrap().restarts.held_until(world.now),
        None
    );
    for _ in 0..5 {
        hot(&mut world, "taken restarted");
    }
    for change in ["cm d k=2", "cm d k=1; cm c k=100"] {
        world.run(change);
        let verdict = world.decide();
        assert_eq!(verdict.reason, Reason::Fused, "{verdict:?}");
    }
}

/// Whether or not it comes to an end before the next one.
#[test]
fn what_restarts_when_it_goes_hot_counts_for_the_fuse_though_it_is_overtaken() {
    let mut world = world("hot, rollout", "flag fuse");
    for number in 2..7 {
        world.run(&format!("cm c k={number}"));
        let verdict = world.decide();
        assert!(show(&verdict).ends_with("by hot"), "{verdict:?}");
        world.write_down(&verdict.act);
        world.run("restarts");
    }
    world.run("cm c k=7");
    assert_eq!(world.decide().reason, Reason::Fused);
}

/// A check that refuses restarts nothing, and what mends it is not held.
#[test]
fn what_was_refused_does_not_count_for_the_fuse() {
    let mut world = world("hot, rollout", "flag fuse");
    for number in 2..9 {
        world.run(&format!("cm c k={number}"));
        let verdict = world.decide();
        assert!(show(&verdict).ends_with("by hot"), "{verdict:?}");
        world.write_down(&verdict.act);
        world.run("restarts; refused no");
    }
}

#[test]
fn who_rejects_what_is_under_way_is_answered() {
    let mut world = world("hot", "cm c k=2");
    let verdict = world.decide();
    world.write_down(&verdict.act);
    let number = world.entry.as_ref().unwrap().number();
    world.run(&format!(
        "ann tidings.dev/reload=auto|tidings.dev/method=hot|tidings.dev/reject={number}"
    ));
    let problems = world.decide().problems;
    assert!(
        problems
            .iter()
            .any(|problem| problem.reason == Reason::NotWaiting),
        "{problems:?}"
    );
}

#[test]
fn an_edit_amid_it_overtakes_a_number_that_no_pod_has_proved() {
    let mut world = world("hot", "cm c k=2");
    let verdict = world.decide();
    world.write_down(&verdict.act);
    world.run("edit 2");
    let verdict = world.decide();
    assert_eq!(verdict.reason, Reason::Absorbed);
    world.carry_out(&verdict.act);
    let rolls = &world.entry.as_ref().unwrap().rolls;
    assert_eq!(rolls.iter().next().unwrap().end.word(), "overtaken");
}

#[test]
fn an_interval_holds_what_is_hot_too() {
    let mut world = world("hot", "cm c k=2");
    world.rules.min_interval = 600;
    let verdict = world.decide();
    world.write_down(&verdict.act);
    world.run("taken; cm c k=3");
    assert_eq!(
        show(&world.decide()),
        "Nothing TooSoon configmap/c (k); by hot"
    );
}

#[test]
fn an_operators_workload_is_restarted_where_hot_fails() {
    let mut world = world("hot, rollout", "owned; cm c k=2");
    let verdict = world.decide();
    world.write_down(&verdict.act);
    assert_eq!(
        show(&world.decide()),
        "Resume UnderWay configmap/c (k); by hot"
    );
    world.run("climbs late");
    let verdict = world.decide();
    world.carry_out(&verdict.act);
    assert!(world.written(crate::annotations::RESTARTED_AT).is_some());
    world.rests();
}
