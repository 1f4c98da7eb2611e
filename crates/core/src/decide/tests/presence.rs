//! Sources and keys that come and go.

use rstest::rstest;

use super::check;
use crate::decide::world::World;
use crate::reason::Reason;

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
#[case::and_new_pods_wait_for_it(
    "
    cm c k=1; use env:c.k           => Record Adopted
    del c; edit 1                   => Note Missing configmap/c
    cm c k=1                        => Note UpToDate
    del c; edit 2                   => Note Missing configmap/c
    cm c k=2; cm c k=1              => Roll Changed configmap/c
    del c; cm c k=1; edit 3         => Note UpToDate
    edit 4; del c                   => Note Missing configmap/c
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
#[case::but_not_of_what_was_not_there(
    "
    flag on-delete; cm c k=1 l=1; use env?:c.k => Record Adopted
    cm c l=1                        => Roll Deleted configmap/c (k)
    del c                           => Note UpToDate
    cm c l=1                        => Note UpToDate
    cm c k=1 l=1                    => Record Recorded configmap/c (k)
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

/// A kubelet does not look again at what is immutable.
#[rstest]
#[case::made_anew("cm c k=1; seal c", "del c", "cm c k=2; seal c", true)]
#[case::mutable_before("cm c k=1", "del c", "cm c k=2; seal c", true)]
#[case::as_it_was("cm c k=1; seal c", "del c", "cm c k=1 l=2; seal c", false)]
#[case::sealed_with_the_change("cm c k=1", "", "cm c k=2; seal c", false)]
#[case::mutable_now("cm c k=1; seal c", "del c", "cm c k=2", false)]
fn what_is_immutable_and_made_anew_is_told(
    #[case] before: &str,
    #[case] between: &str,
    #[case] after: &str,
    #[case] told: bool,
) {
    let mut world = World::new();
    for commands in [before, "use env:c.k", between, after] {
        world.run(commands);
        let verdict = world.decide();
        let said = verdict
            .problems
            .iter()
            .any(|p| p.reason == Reason::MadeAnew);
        assert_eq!(said, told && commands == after);
        world.carry_out(&verdict.act);
    }
}
