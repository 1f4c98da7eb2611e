//! What is decided, as scenarios: commands of [`super::world`] and, after `=>`,
//! what follows from them.

use rstest::rstest;

use super::world::World;
use super::{Act, Verdict};

/// Runs a scenario line by line: commands, then the decision that they must lead
/// to. It is carried out, and after that there is nothing more to do. After
/// `crash:` only the intent is written, after `half:` the roll is not noted yet.
fn check(scenario: &str) {
    let mut world = World::new();
    for line in scenario.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let (commands, expect) = line.split_once("=>").unwrap_or((line, ""));
        world.run(commands);
        let Some((how, expect)) = how(expect.trim()) else {
            continue;
        };
        let verdict = world.decide();
        assert_eq!(show(&verdict), expect, "in {line:?} of {scenario}");
        match how {
            "crash" => world.write_down(&verdict.act),
            "half" => world.carry_out(&verdict.act),
            _ => {
                world.carry_out(&verdict.act);
                world.rests();
            }
        }
    }
}

fn how(expect: &str) -> Option<(&str, &str)> {
    let all = (!expect.is_empty()).then_some(("", expect));
    expect.split_once(": ").or(all)
}

fn show(verdict: &Verdict) -> String {
    let act = match &verdict.act {
        Act::Nothing => "Nothing",
        Act::Read(_) => "Read",
        Act::AskPodsSince => "Ask",
        Act::Forget => "Forget",
        Act::Note(_) => "Note",
        Act::Record(_) => "Record",
        Act::Roll(_) => "Roll",
        Act::Resume(_) => "Resume",
    };
    let text = format!("{act} {} {}", verdict.reason, verdict.text);
    text.trim().to_owned()
}

#[rstest]
#[case::a_used_key_rolls(
    "
    cm c k=1 l=1; use env:c.k       => Record Adopted
    cm c k=2 l=1                    => Roll Changed configmap/c (k)
    cm c k=2 l=2                    => Note UpToDate
    restart; gets 3                 => Nothing UpToDate
    gets 0
"
)]
#[case::metadata_only_is_read_once(
    "
    cm c k=1; use env:c.k           => Record Adopted
    touch c; gets 1                 => Note UpToDate
    gets 1; restart                 => Nothing UpToDate
    gets 0
"
)]
#[case::missed_while_down(
    "
    cm c k=1; use env:c.k           => Record Adopted
    unseen; cm c k=2; restart       => Roll Changed configmap/c (k)
"
)]
#[case::many_keys_are_named_briefly("
    cm c a=1 b=1 c=1 d=1 e=1 f=1 g=1; use from:c => Record Adopted
    cm c a=2 b=2 c=2 d=2 e=2 f=2 g=2             => Roll Changed configmap/c (a, b, c, d, e and 2 more)
")]
#[case::two_sources_are_one_roll(
    "
    cm a k=1; cm b k=1; use env:a.k env:b.k => Record Adopted
    cm a k=2; cm b k=2                      => Roll Changed configmap/a (k), configmap/b (k)
"
)]
fn changes(#[case] scenario: &str) {
    check(scenario);
}

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
fn first_sight(#[case] scenario: &str) {
    check(scenario);
}

#[rstest]
#[case::an_edit_after_the_change(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2; edit 1                => Record Absorbed configmap/c (k)
    cm c k=1                        => Roll Changed configmap/c (k)
"
)]
#[case::a_change_after_the_edit(
    "
    cm c k=1; use env:c.k           => Record Adopted
    edit 1; cm c k=2                => Roll Changed configmap/c (k)
"
)]
#[case::only_if_later_than_all(
    "
    cm a k=1; cm b k=1; use env:a.k env:b.k => Record Adopted
    cm a k=2; edit 1; cm b k=2              => Roll Changed configmap/a (k), configmap/b (k)
"
)]
#[case::an_event_that_comes_late(
    "
    cm c k=1; use env:c.k           => Record Adopted
    unseen; cm c k=2; relist; edit 1 => Record Absorbed configmap/c (k)
"
)]
#[case::a_list_is_no_proof_but_age_is(
    "
    cm c k=1; use env:c.k           => Record Adopted
    unseen; cm c k=2; edit 1; relist => Record Absorbed configmap/c (k)
    unseen; edit 2; cm c k=3; relist => Roll Changed configmap/c (k)
"
)]
#[case::nor_is_an_age_that_is_not_clear(
    "
    cm c k=1; use env:c.k           => Record Adopted
    tick 1; unseen; cm c k=2; edit 1; relist => Roll Changed configmap/c (k)
"
)]
#[case::a_key_taken_away_leaves_no_time(
    "
    cm c k=1 l=1; use from:c        => Record Adopted
    unseen; cm c k=1; edit 1; restart => Roll Changed configmap/c (l)
"
)]
#[case::versions_of_many_etcds_prove_nothing(
    "
    flag many-etcds; cm c k=1; use env:c.k => Record Adopted
    tick 1; cm c k=2; edit 1        => Roll Changed configmap/c (k)
    tick 10; cm c k=3; edit 2       => Record Absorbed configmap/c (k)
"
)]
#[case::there_and_back_may_have_old_pods(
    "
    cm c k=1; use env:c.k; edit a   => Record Adopted
    cm c k=2; edit b; edit a        => Roll Changed configmap/c (k)
"
)]
#[case::not_while_paused(
    "
    cm c k=1; use env:c.k           => Record Adopted
    pause; cm c k=2; edit 1         => Nothing Paused configmap/c (k)
    resume                          => Record Absorbed configmap/c (k)
    pause; cm c k=3                 => Nothing Paused configmap/c (k)
    resume                          => Roll Changed configmap/c (k)
"
)]
#[case::not_with_on_delete(
    "
    cm c k=1; use env:c.k; strategy on-delete => Record Adopted
    cm c k=2; edit 1                => Roll Changed configmap/c (k)
    => Nothing WaitsForDelete 0 of 3 pods updated
    updated 3                       => Nothing UpToDate
"
)]
#[case::not_with_a_partition(
    "
    cm c k=1; use env:c.k; strategy partition => Record Adopted
    cm c k=2; edit 1                => Roll Changed configmap/c (k)
    updated 1                       => Nothing PartlyRolled 1 of 3 pods updated, partition 2
"
)]
#[case::with_what_is_gone_in_one_source(
    "
    cm c k=1 l=1; use env?:c.k env?:c.l => Record Adopted
    cm c k=2; edit 1                    => Record Absorbed configmap/c (k)
    cm c k=2 l=1                        => Note UpToDate
    cm c k=2 l=2                        => Roll Changed configmap/c (l)
"
)]
fn absorb(#[case] scenario: &str) {
    check(scenario);
}

#[rstest]
#[case::with_proof(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm d k=1; use env:c.k env:d.k   => Record Recorded configmap/d
    cm d k=2                        => Roll Changed configmap/d (k)
"
)]
#[case::another_key(
    "
    cm c k=1 l=1; use env:c.k       => Record Adopted
    use env:c.k env:c.l             => Record Recorded configmap/c (l)
    cm c k=1 l=2                    => Roll Changed configmap/c (l)
"
)]
#[case::without_proof(
    "
    cm c k=1; use env:c.k           => Record Adopted
    use env:c.k env:d.k; cm d k=1   => Roll Changed configmap/d
"
)]
#[case::not_there_yet(
    "
    cm c k=1; use env:c.k           => Record Adopted
    use env:c.k env?:d.k            => Record Recorded configmap/d
    unseen; use env:c.k env?:d.k env?:c.l; touch c; relist => Note UpToDate
"
)]
#[case::by_annotation(
    "
    cm c k=1; cm d k=1; use env:c.k => Record Adopted
    ann tidings.dev/reload=auto, configmap/d => Record Recorded configmap/d
    cm d k=2                        => Roll Changed configmap/d (k)
    ann tidings.dev/reload=auto     => Note UpToDate
    cm d k=3                        => Nothing UpToDate
"
)]
#[case::by_pattern(
    "
    cm c k=1; use env:c.k           => Record Adopted
    ann tidings.dev/reload=auto, configmap/d-* => Nothing UpToDate
    cm d-1 k=1                      => Record Recorded configmap/d-1
    cm d-1 k=2                      => Roll Changed configmap/d-1 (k)
"
)]
#[case::by_another_choice_of_keys(
    "
    cm c a=1 b=1; use from:c; ann tidings.dev/reload=configmap/c[a] => Record Adopted
    ann tidings.dev/reload=configmap/c[b]   => Record Recorded configmap/c (b)
    cm c a=2 b=1                            => Note UpToDate
    ann tidings.dev/reload=auto             => Record Recorded configmap/c (a)
    cm c a=2 b=1 d=1                        => Roll Changed configmap/c (d)
"
)]
#[case::widened_in_the_template(
    "
    cm c a=1 b=1; use env:c.a               => Record Adopted
    use env:c.a from:c                      => Record Recorded configmap/c (b)
    use env:c.a                             => Note UpToDate
    cm c a=1 b=2                            => Note UpToDate
"
)]
fn a_use_is_added(#[case] scenario: &str) {
    check(scenario);
}

#[rstest]
#[case::required("use env:c.k", "", "Record Recorded configmap/c")]
#[case::required_on_create("use env:c.k", "flag on-create", "Record Recorded configmap/c")]
#[case::optional("use env?:c.k", "", "Record Recorded configmap/c")]
#[case::optional_on_create("use env?:c.k", "flag on-create", "Roll Created configmap/c")]
#[case::optional_annotated(
    "use env?:c.k; ann tidings.dev/reload=auto|tidings.dev/reload-on-create=true",
    "",
    "Roll Created configmap/c"
)]
#[case::annotated_off(
    "use env?:c.k; ann tidings.dev/reload=auto|tidings.dev/reload-on-create=false",
    "flag on-create",
    "Record Recorded configmap/c"
)]
#[case::in_a_volume("use vol?:c", "flag on-create", "Record Recorded configmap/c")]
#[case::by_sub_path("use sub?:c.k", "flag on-create", "Roll Created configmap/c")]
#[case::env_from("use from?:c", "flag on-create", "Roll Created configmap/c")]
#[case::named(
    "ann tidings.dev/reload=configmap/c",
    "",
    "Record Recorded configmap/c"
)]
#[case::named_on_create(
    "ann tidings.dev/reload=configmap/c",
    "flag on-create",
    "Roll Created configmap/c"
)]
#[case::in_a_volume_and_named(
    "use vol?:c; ann tidings.dev/reload=configmap/c",
    "flag on-create",
    "Roll Created configmap/c"
)]
fn a_source_appears(#[case] use_it: &str, #[case] flags: &str, #[case] expect: &str) {
    check(&format!(
        "{flags}\n{use_it} => Record Adopted\ncm c k=1 => {expect}"
    ));
}

#[rstest]
#[case::required("use env:c.k", "", "Record Recorded configmap/c (k)")]
#[case::optional("use env?:c.k", "", "Record Recorded configmap/c (k)")]
#[case::optional_on_create("use env?:c.k", "flag on-create", "Roll Created configmap/c (k)")]
#[case::item_on_create("use items?:c.k", "flag on-create", "Record Recorded configmap/c (k)")]
#[case::of_a_whole_source("use from:c", "", "Roll Changed configmap/c (k)")]
#[case::of_a_whole_source_too("use from:c env?:c.k", "", "Roll Changed configmap/c (k)")]
fn a_key_appears(#[case] use_it: &str, #[case] flags: &str, #[case] expect: &str) {
    check(&format!(
        "{flags}\ncm c z=1; {use_it} => Record Adopted\ncm c z=1 k=1 => {expect}"
    ));
}

#[rstest]
#[case::and_comes_back_as_it_was(
    "
    cm c k=1; use env:c.k           => Record Adopted
    del c                           => Nothing Missing configmap/c
    cm c k=1                        => Note UpToDate
"
)]
#[case::and_comes_back_different(
    "
    cm c k=1; use env?:c.k          => Record Adopted
    del c                           => Nothing UpToDate
    cm c k=2                        => Roll Changed configmap/c (k)
"
)]
#[case::while_nobody_looks(
    "
    cm c k=1; use env:c.k           => Record Adopted
    unseen; del c; cm c k=2; restart => Roll Changed configmap/c (k)
    unseen; del c; restart          => Nothing Missing configmap/c
    unseen; cm c k=2; relist        => Note UpToDate
"
)]
#[case::and_deletion_counts(
    "
    flag on-delete; cm c k=1; use env:c.k => Record Adopted
    del c                           => Roll Deleted configmap/c
    cm c k=1                        => Record Recorded configmap/c
"
)]
#[case::deletion_interrupted(
    "
    flag on-delete; cm c k=1; use env:c.k => Record Adopted
    del c                           => crash: Roll Deleted configmap/c
    restart                         => Resume Resumed configmap/c
    => Nothing Missing configmap/c
"
)]
#[case::a_key_and_back(
    "
    cm c k=1 l=1; use env:c.k       => Record Adopted
    cm c l=1                        => Nothing Missing configmap/c (k)
    restart                         => Nothing Missing configmap/c (k)
    cm c k=1 l=1                    => Note UpToDate
    cm c l=1                        => Nothing Missing configmap/c (k)
    cm c k=2                        => Roll Changed configmap/c (k)
"
)]
#[case::a_key_while_another_changes(
    "
    cm c k=1 l=1; use env:c.k env:c.l => Record Adopted
    cm c k=2                        => Nothing Missing configmap/c (l)
    cm c k=2 l=1                    => Roll Changed configmap/c (k)
"
)]
#[case::a_key_of_a_whole_source(
    "
    cm c k=1 l=1; use from:c        => Record Adopted
    cm c k=1                        => Roll Changed configmap/c (l)
    cm c k=1 l=1                    => Roll Changed configmap/c (l)
"
)]
#[case::of_a_pattern_and_comes_back_different(
    "
    cm c-1 k=1; edit 0; ann tidings.dev/reload=configmap/c-* => Record Adopted
    del c-1                         => Nothing UpToDate
    restart                         => Nothing UpToDate
    cm c-1 k=1                      => Note UpToDate
    del c-1                         => Nothing UpToDate
    cm c-1 k=2                      => Roll Changed configmap/c-1 (k)
"
)]
#[case::of_a_pattern_and_new_pods_start_without_it(
    "
    cm c-1 k=1; cm c-2 k=1; edit 0; ann tidings.dev/reload=configmap/c-* => Record Adopted
    del c-1; edit 1                 => Note UpToDate
    cm c-1 k=2                      => Record Recorded configmap/c-1
    del c-1; cm c-2 k=2             => Roll Changed configmap/c-2 (k)
    cm c-1 k=3                      => Record Recorded configmap/c-1
"
)]
#[case::of_a_pattern_and_deletion_counts(
    "
    flag on-delete; cm c-1 k=1; edit 0; ann tidings.dev/reload=configmap/c-* => Record Adopted
    del c-1                         => crash: Roll Deleted configmap/c-1
    restart                         => Resume Resumed configmap/c-1
    => Nothing UsesNothing
"
)]
#[case::of_a_search("
    cm c k=1; mark c reloader.stakater.com/match=true; use env?:c.k; ann reloader.stakater.com/search=true => Record Adopted
    del c; restart                  => Nothing UpToDate
    cm c k=2; mark c reloader.stakater.com/match=true => Roll Changed configmap/c (k)
")]
fn something_is_deleted(#[case] scenario: &str) {
    check(scenario);
}

#[test]
fn many_keys_are_one_digest() {
    let keys = |from: usize, to: usize, value: &str| {
        let keys: Vec<_> = (from..to).map(|i| format!("k{i:02}={value}")).collect();
        keys.join(" ")
    };
    let (many, few, other) = (keys(0, 40, "1"), keys(0, 30, "1"), keys(0, 39, "1"));
    check(&format!(
        "
        cm c {many}; use from:c     => Record Adopted
        touch c                     => Note UpToDate
        restart; gets 2             => Nothing UpToDate
        gets 0; cm c {other} k39=2  => Roll Changed configmap/c
        cm c {few}                  => Roll Changed configmap/c
        cm c {many}                 => Roll Changed configmap/c (k30, k31, k32, k33, k34 and 5 more)
        use env:c.k00 from:c        => Record Recorded configmap/c
        ann tidings.dev/reload=auto, !configmap/c[k39] => Record Recorded configmap/c
        cm c {other} k39=7          => Note UpToDate
        cm c {other}                => Note UpToDate
        cm c {few}                  => Roll Changed configmap/c
    "
    ));
}

#[rstest]
#[case::before_the_patch(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => crash: Roll Changed configmap/c (k)
    restart                         => Resume Resumed configmap/c (k)
"
)]
#[case::between_patch_and_done(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => half: Roll Changed configmap/c (k)
    restart                         => Note UpToDate
"
)]
#[case::and_the_source_changed_again(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => crash: Roll Changed configmap/c (k)
    unseen; cm c k=3; restart       => Roll Changed configmap/c (k)
"
)]
#[case::after_the_patch_and_the_source_changed_again(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => half: Roll Changed configmap/c (k)
    unseen; cm c k=3; restart       => Roll Changed configmap/c (k)
"
)]
#[case::and_the_template_was_edited(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => crash: Roll Changed configmap/c (k)
    unseen; edit 1; restart         => Resume Resumed configmap/c (k)
"
)]
#[case::and_the_source_is_gone(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => crash: Roll Changed configmap/c (k)
    del c                           => Nothing Missing configmap/c
    cm c k=2                        => Resume Resumed configmap/c (k)
"
)]
#[case::and_it_is_paused(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => crash: Roll Changed configmap/c (k)
    pause                           => Nothing Paused configmap/c (k)
    resume                          => Resume Resumed configmap/c (k)
"
)]
#[case::and_it_was_opted_out(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => crash: Roll Changed configmap/c (k)
    ann                             => Forget NotOptedIn
"
)]
#[case::and_the_record_is_older_than_the_template(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => crash: Roll Changed configmap/c (k)
    template tidings.dev/config=t/9 => Note UpToDate
    cm c k=3                        => Roll Changed configmap/c (k)
    template tidings.dev/config=t/10; lose => Record StateLost its template carries t/10
"
)]
fn a_roll_is_interrupted(#[case] scenario: &str) {
    check(scenario);
}

#[rstest]
#[case::done(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => Roll Changed configmap/c (k)
    template                        => Nothing UpToDate
    restart                         => Nothing UpToDate
    cm c k=3                        => Roll Changed configmap/c (k)
    template tidings.dev/config=t/1 => Nothing UpToDate
    cm c k=4                        => Roll Changed configmap/c (k)
"
)]
#[case::at_once_and_not_fought(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => half: Roll Changed configmap/c (k)
    template                        => Note UpToDate
    cm c k=3                        => Roll Changed configmap/c (k)
"
)]
#[case::an_old_number_of_huge_size(
    "
    cm c k=1; use env:c.k; template tidings.dev/config=t/18446744073709551615 => Record Adopted
    cm c k=2                        => Roll Changed configmap/c (k)
"
)]
fn a_roll_is_taken_back(#[case] scenario: &str) {
    check(scenario);
}

#[test]
fn who_takes_a_roll_back_is_told() {
    let mut world = World::new();
    world.run("template tidings.dev/config=t/3; template tidings.dev/config=t/2");
    let told = |world: &mut World| {
        world
            .decide()
            .problems
            .iter()
            .any(|p| p.text.contains("t/3"))
    };
    assert!(told(&mut world));
    world.run("template tidings.dev/config=t/4");
    assert!(!told(&mut world));
    world.run("template tidings.dev/config=other/1");
    assert!(
        world
            .index
            .get(&super::world::web())
            .unwrap()
            .reverted
            .is_none()
    );
}

#[rstest]
#[case::hands_off(
    "
    cm c k=1; use env:c.k           => Record Adopted
    template tidings.dev/config=b/3; cm c k=2 => Nothing OwnedByOther its template carries b/3
    template                        => Roll Changed configmap/c (k)
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
    world.entry = Some(crate::state::Entry {
        v: crate::state::FORM,
        uid: world
            .index
            .get(&super::world::web())
            .unwrap()
            .workload
            .uid
            .clone(),
        n: 0,
        done: true,
        template: crate::digest::Digest::of_parts(&[]),
        because: String::new(),
        over: Some("b/3".to_owned()),
        seen: std::collections::BTreeMap::new(),
    });
    let verdict = world.decide();
    assert_eq!(show(&verdict), "Record Adopted");
    world.carry_out(&verdict.act);
    world.rests();
    world.run("cm c k=2");
    assert_eq!(show(&world.decide()), "Roll Changed configmap/c (k)");
}
