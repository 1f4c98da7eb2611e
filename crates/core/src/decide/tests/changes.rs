//! Changes, and the rolls that follow from them.

use rstest::rstest;

use super::check;
use crate::decide::world::World;

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
    unseen; edit 1; restart         => Record Absorbed configmap/c (k)
"
)]
#[case::and_the_source_was_away_after_an_edit(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => crash: Roll Changed configmap/c (k)
    pause; edit 1; cm c k=1; resume; cm c k=2 => half: Roll Resumed configmap/c (k)
    => Note UpToDate
"
)]
#[case::and_the_source_got_a_label(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => crash: Roll Changed configmap/c (k)
    touch c                         => Resume Resumed configmap/c (k)
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
    ann                             => Record NotOptedIn
    ann tidings.dev/reload=auto     => Record MaybeStale configmap/c
    cm c k=3                        => Roll Changed configmap/c (k)
"
)]
#[case::and_the_record_is_older_than_the_template(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => crash: Roll Changed configmap/c (k)
    template tidings.dev/config=t/9 => Record StateLost its template carries t/9
    cm c k=3                        => Roll Changed configmap/c (k)
    template tidings.dev/config=t/10; lose => Record StateLost its template carries t/10
"
)]
#[case::and_the_record_is_older_than_what_was_rolled_for_since(
    "
    cm c k=1; use env:c.k => Record Adopted
    cm c k=2; template tidings.dev/config=t/9 => Record StateLost its template carries t/9
    cm c k=3              => Roll Changed configmap/c (k)
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
    template                        => Note UpToDate
    restart                         => Nothing UpToDate
    cm c k=3                        => Roll Changed configmap/c (k)
    template tidings.dev/config=t/1 => Note UpToDate
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
fn a_mark_that_is_gone_was_taken_back() {
    let mut world = World::new();
    let back = |world: &World| {
        let known = world.index.get(&crate::decide::world::web()).unwrap();
        known.reverted.as_ref().map(ToString::to_string)
    };
    world.run("template tidings.dev/config=t/3; template tidings.dev/config=t/2");
    assert_eq!(back(&world).as_deref(), Some("t/3"));
    world.run("template tidings.dev/config=t/4");
    assert_eq!(back(&world), None);
    world.run("template tidings.dev/config=other/1");
    assert_eq!(back(&world), None);
}
