//! What pods may have started with that is not there any more.

use rstest::rstest;

use super::check;

/// It waited for what came first; the settling time hides that it changed.
#[rstest]
#[case::a_source(
    "
    use env:c.k                     => Record Adopted
    tick 0; cm c k=1; cm c k=2      => Roll Changed configmap/c
"
)]
#[case::a_source_that_came_once(
    "
    use env:c.k                     => Record Adopted
    tick 0; cm c k=1; touch c       => Record Recorded configmap/c
"
)]
#[case::a_key(
    "
    cm c l=1; use env:c.k           => Record Adopted
    tick 0; cm c l=1 k=1; cm c l=1 k=2 => Roll Changed configmap/c
"
)]
#[case::another_key(
    "
    cm c l=1; use env:c.k           => Record Adopted
    tick 0; cm c l=1 k=1; cm c l=2 k=1 => Record Recorded configmap/c (k)
"
)]
#[case::keys_that_are_filled_in_one_by_one(
    "
    use env:c.k env:c.l             => Record Adopted
    tick 0; cm c k=1; cm c k=2; cm c k=2 l=1 => Record Recorded configmap/c
"
)]
#[case::made_twice(
    "
    use env:c.k                     => Record Adopted
    tick 0; cm c k=1; del c; cm c k=2 => Roll Changed configmap/c
"
)]
#[case::deleted_before_it_was_awaited(
    "
    cm c k=1; del c; use env:c.k    => Record Adopted
    cm c k=2                        => Record Recorded configmap/c
"
)]
#[case::a_file(
    "
    use vol:c                       => Record Adopted
    tick 0; cm c k=1; cm c k=2      => Roll Changed configmap/c
"
)]
#[case::optional_and_no_pod_was_made(
    "
    use env?:c.k                    => Record Adopted
    tick 0; cm c k=1; cm c k=2      => Record Recorded configmap/c
"
)]
#[case::optional_and_a_pod_was_made(
    "
    use env?:c.k                    => Record Adopted
    cm c k=1; ready 2; cm c k=2; ready 3 => Roll Changed configmap/c
"
)]
#[case::while_nobody_looked(
    "
    use env:c.k                     => Record Adopted
    tick 0; unseen; cm c k=1; cm c k=2; restart => Roll Changed configmap/c
"
)]
fn what_it_waited_for_changed(#[case] scenario: &str) {
    check(scenario);
}

/// What pods can do without was gone for a while, and is back as it was.
#[rstest]
#[case::and_no_pod_was_made(
    "
    cm c k=1; use env?:c.k          => Record Adopted
    del c; cm c k=1                 => Note UpToDate
"
)]
#[case::and_a_pod_was_made(
    "
    cm c k=1; use env?:c.k          => Record Adopted
    del c; ready 2; ready 3; cm c k=1 => Roll Changed configmap/c
"
)]
#[case::and_a_pod_was_made_before(
    "
    cm c k=1; use env?:c.k          => Record Adopted
    ready 2; ready 3; del c; cm c k=1 => Note UpToDate
"
)]
#[case::for_long(
    "
    cm c k=1; use env?:c.k          => Record Adopted
    del c                           => Nothing UpToDate
    ready 2; ready 3; cm c k=1      => Roll Changed configmap/c
"
)]
#[case::for_long_and_no_pod_was_made(
    "
    cm c k=1; use env?:c.k          => Record Adopted
    ready 2; ready 3; del c         => Nothing UpToDate
    cm c k=1                        => Note UpToDate
"
)]
#[case::while_nobody_looked(
    "
    cm c k=1; use env?:c.k          => Record Adopted
    unseen; del c; ready 2; ready 3; cm c k=1; restart => Roll Changed configmap/c
"
)]
#[case::but_the_volume_follows(
    "
    cm c k=1; use vol?:c            => Record Adopted
    del c; ready 2; ready 3; cm c k=1 => Note UpToDate
"
)]
#[case::but_pods_cannot_do_without(
    "
    cm c k=1; use env:c.k           => Record Adopted
    del c; ready 2; ready 3; cm c k=1 => Note UpToDate
"
)]
fn was_gone_and_is_back(#[case] scenario: &str) {
    check(scenario);
}

/// There and back again, and a pod was made in between.
#[rstest]
#[case::no_pod(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2; cm c k=1              => Note UpToDate
    asked 5
"
)]
#[case::a_pod_was_deleted(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2; ready 2; ready 3; cm c k=1 => Roll Changed configmap/c
"
)]
#[case::a_pod_is_being_made(
    "
    cm c k=1; use env:c.k           => Record Adopted
    ready 2; cm c k=2; cm c k=1     => Roll Changed configmap/c
"
)]
#[case::a_pod_was_made_before(
    "
    cm c k=1; use env:c.k           => Record Adopted
    ready 2; ready 3; cm c k=2; cm c k=1 => Note UpToDate
"
)]
#[case::within_a_second(
    "
    tick 0; cm c k=1; use env:c.k   => Record Adopted
    cm c k=2; ready 2; ready 3; cm c k=1 => Roll Changed configmap/c
"
)]
#[case::scaled_up(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2; replicas 4; updated 4; cm c k=1 => Roll Changed configmap/c
"
)]
#[case::made_anew_twice(
    "
    cm c k=1; use env:c.k           => Record Adopted
    del c; cm c k=2; ready 2; ready 3; del c; cm c k=1 => Roll Changed configmap/c
"
)]
#[case::only_a_label(
    "
    cm c k=1; use env:c.k           => Record Adopted
    touch c; ready 2; ready 3; touch c => Note UpToDate
"
)]
#[case::only_another_key(
    "
    cm c k=1 l=1; use env:c.k       => Record Adopted
    cm c k=1 l=2; ready 2; ready 3; cm c k=1 l=1 => Note UpToDate
"
)]
#[case::nobody_looked_and_nothing_happened(
    "
    cm c k=1; use env:c.k           => Record Adopted
    unseen; cm c k=2; cm c k=1; restart => Note UpToDate
"
)]
#[case::nobody_looked(
    "
    cm c k=1; use env:c.k           => Record Adopted
    unseen; cm c k=2; ready 2; ready 3; cm c k=1; restart => Roll Changed configmap/c
"
)]
#[case::nobody_looked_at_a_label(
    "
    cm c k=1; use env:c.k           => Record Adopted
    unseen; touch c; ready 2; ready 3; restart => Note UpToDate
"
)]
#[case::nobody_looked_and_it_is_forgotten(
    "
    cm c k=1; use env:c.k           => Record Adopted
    unseen; cm c k=2; ready 2; ready 3; cm c k=1; compact; restart => Roll Changed configmap/c
    unseen; ready 2; ready 3; touch c; compact; restart => Note UpToDate
"
)]
#[case::nobody_looked_and_it_is_forgotten_but_for_the_last_time(
    "
    cm c k=1; use env:c.k           => Record Adopted
    unseen; cm c k=2; ready 2; ready 3; cm c k=1; compact; cm c k=3; cm c k=1; restart => Roll Changed configmap/c
"
)]
#[case::written_too_often_since(
    "
    cm c k=1; use env:c.k           => Record Adopted
    unseen; cm c k=2; ready 2; ready 3; cm c k=1; touch c; touch c; touch c; touch c; touch c; touch c; touch c; touch c; touch c; touch c; touch c; touch c; touch c; touch c; touch c; touch c; restart => Roll Changed configmap/c
"
)]
#[case::written_too_often_since_and_no_pod_was_made(
    "
    cm c k=1; use env:c.k           => Record Adopted
    touch c                         => Note UpToDate
    unseen; cm c k=2; cm c k=1; touch c; touch c; touch c; touch c; touch c; touch c; touch c; touch c; touch c; touch c; touch c; touch c; touch c; touch c; touch c; touch c; restart => Note UpToDate
"
)]
fn there_and_back(#[case] scenario: &str) {
    check(scenario);
}

/// What was missing when the workload was seen first, while pods ran that had it.
#[rstest]
#[case::a_source(
    "
    cm c k=1; use env:c.k; del c    => Record Adopted
    cm c k=2                        => Roll Changed configmap/c
    cm c k=3                        => Roll Changed configmap/c (k)
"
)]
#[case::a_key(
    "
    cm c k=1 l=1; use env:c.k; cm c l=1 => Record MaybeStale configmap/c
    cm c l=2                        => Note Missing configmap/c (k)
    cm c k=2 l=2                    => Roll Changed configmap/c
"
)]
#[case::and_its_pods_are_made_anew(
    "
    cm c k=1; use env:c.k; del c    => Record Adopted
    edit 1                          => Note Missing configmap/c
    cm c k=2                        => Record Recorded configmap/c
"
)]
#[case::over_a_restart(
    "
    cm c k=1; use env:c.k; del c    => Record Adopted
    restart                         => Nothing Missing configmap/c
    unseen; cm c k=2; restart       => Roll Changed configmap/c
"
)]
#[case::when_it_was_opted_in(
    "
    ann; cm c k=1; use env:c.k; del c; ann tidings.dev/reload=auto; cm c k=2 => half: Record Adopted
    => Roll Changed configmap/c
"
)]
#[case::optional(
    "
    cm c k=1; use env?:c.k; del c   => Record Adopted
    cm c k=2                        => Record Recorded configmap/c
"
)]
fn what_was_missing_at_first_sight_is_back(#[case] scenario: &str) {
    check(scenario);
}

/// All pods that there are were made after it.
#[rstest]
#[case::scaled_from_none(
    "
    replicas 0; updated 0; cm c k=1; use env:c.k => Record Adopted
    cm c k=2; replicas 3; updated 3 => Record Absorbed configmap/c (k)
    cm c k=3                        => Roll Changed configmap/c (k)
"
)]
#[case::scaled_from_none_before_it_changed(
    "
    replicas 0; updated 0; cm c k=1; use env:c.k => Record Adopted
    replicas 3; cm c k=2; updated 3 => Roll Changed configmap/c (k)
"
)]
#[case::scaled_to_none_and_back(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2; replicas 0; updated 0; replicas 3; updated 3 => Record Absorbed configmap/c (k)
"
)]
#[case::scaled_to_none_and_back_while_a_pod_was_left(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2; replicas 0; updated 1; replicas 3; updated 3 => Roll Changed configmap/c (k)
"
)]
#[case::resumed_with_an_edit(
    "
    cm c k=1; use env:c.k           => Record Adopted
    pause; edit 1; cm c k=2; resume => Record Absorbed configmap/c (k)
"
)]
#[case::resumed_without_an_edit(
    "
    cm c k=1; use env:c.k           => Record Adopted
    pause; cm c k=2; resume         => Roll Changed configmap/c (k)
"
)]
#[case::resumed_with_an_edit_that_was_taken_back(
    "
    cm c k=1; use env:c.k; edit a   => Record Adopted
    pause; edit b; edit a; cm c k=2; resume => Roll Changed configmap/c (k)
"
)]
fn pods_that_are_younger(#[case] scenario: &str) {
    check(scenario);
}

/// Its controller needs a moment to take notice of a pause and of its end, and all that
/// may come between two decisions.
#[rstest]
#[case::while_it_was_paused(
    "
    cm c k=1; use env:c.k           => Record Adopted
    lags; pause; cm c k=2; lags no; cm c k=1; lags; resume; lags no => Note UpToDate
"
)]
#[case::after_a_roll_that_did_not_come_about(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => crash: Roll Changed configmap/c (k)
    lags; pause; cm c k=1; lags no; lags; resume; lags no => Record Withdrawn configmap/c (k) is as it was
"
)]
#[case::while_a_pod_was_made(
    "
    cm c k=1; use env:c.k           => Record Adopted
    lags; pause; lags no; ready 2; cm c k=2; ready 3; cm c k=1; lags; resume; lags no => Roll Changed configmap/c
"
)]
fn what_came_and_went_rolls_only_who_may_have_it(#[case] scenario: &str) {
    check(scenario);
}

/// An edit brings it into use before it is there.
#[rstest]
#[case::what_pods_wait_for(
    "
    cm b k=1; use env:b.k           => Record Adopted
    use env:b.k env:c.k; cm c k=1   => Record Recorded configmap/c
"
)]
#[case::what_they_do_without(
    "
    cm b k=1; use env:b.k           => Record Adopted
    use env:b.k env?:c.k; cm c k=1  => Record Recorded configmap/c
"
)]
#[case::what_is_to_reach_them_when_it_comes(
    "
    flag on-create; cm b k=1; use env:b.k => Record Adopted
    use env:b.k env?:c.k; cm c k=1  => Roll Changed configmap/c
"
)]
#[case::what_has_changed_since_it_came(
    "
    cm b k=1; use env:b.k           => Record Adopted
    use env:b.k env:c.k; cm c k=1; cm c k=2 => Roll Changed configmap/c
"
)]
#[case::what_was_there_and_away(
    "
    cm b k=1; use env:b.k           => Record Adopted
    cm c k=1; use env:b.k env:c.k; del c; cm c k=2 => Roll Changed configmap/c
"
)]
#[case::beside_what_has_changed(
    "
    cm b k=1; use env:b.k           => Record Adopted
    use env:b.k env:c.k; cm c k=1; cm b k=2 => Roll Changed configmap/b (k), configmap/c
"
)]
fn what_comes_after_the_edit_that_uses_it(#[case] scenario: &str) {
    check(scenario);
}
