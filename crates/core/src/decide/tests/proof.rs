//! What needs no roll: pods that are newer, and uses that are new.

use rstest::rstest;

use super::check;

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
    tick 1; unseen; cm c k=2; edit 1; compact; relist => Roll Changed configmap/c (k)
    unseen; cm c k=3; edit 2; relist => Record Absorbed configmap/c (k)
    unseen; edit 3; cm c k=4; relist => Roll Changed configmap/c (k)
"
)]
#[case::a_key_taken_away_leaves_no_time(
    "
    cm c k=1 l=1; use from:c        => Record Adopted
    unseen; cm c k=1; edit 1; compact; restart => Roll Changed configmap/c (l)
    unseen; cm c k=1 l=2; edit 2; restart => Record Absorbed configmap/c (l)
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
    stuck; edit b; edit d
    cm c k=2; edit a                => Roll Changed configmap/c (k)
"
)]
#[case::back_when_the_old_pods_are_gone(
    "
    cm c k=1; use env:c.k; edit a   => Record Adopted
    cm c k=2; edit b; edit a        => Record Absorbed configmap/c (k)
"
)]
#[case::an_edit_amid_a_rollout_that_began_unseen(
    "
    cm c k=1; use env:c.k; edit a   => Record Adopted
    stuck; edit b; restart          => Note UpToDate
    cm c k=2; edit a                => Roll Changed configmap/c (k)
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
#[case::there_and_back_around_a_resume(
    "
    cm c k=1; use env:c.k           => Record Adopted
    pause; edit 1                   => Nothing UpToDate
    cm c k=2; resume; cm c k=1      => Roll Changed configmap/c
"
)]
#[case::not_with_on_delete(
    "
    cm c k=1; use env:c.k; strategy on-delete => Record Adopted
    stuck; updated 0; cm c k=2; edit 1 => Roll Changed configmap/c (k)
    => Nothing WaitsForDelete 0 of 3 pods updated
    through; updated 3              => Note UpToDate
"
)]
#[case::not_with_a_partition(
    "
    cm c k=1; use env:c.k; strategy partition => Record Adopted
    stuck; cm c k=2; edit 1         => Roll Changed configmap/c (k)
    updated 1                       => Nothing PartlyRolled 1 of 3 pods updated, partition 2
"
)]
#[case::there_and_back_around_an_edit(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2; edit 1; cm c k=1      => Roll Changed configmap/c
    cm c k=2; cm c k=1              => Note UpToDate
    edit 2; touch c                 => Note UpToDate
    cm c k=2; cm c k=1; edit 3      => Record Absorbed configmap/c
    unseen; cm c k=2; edit 4; cm c k=1; restart => Roll Changed configmap/c
    unseen; edit 5; touch c; restart => Note UpToDate
"
)]
#[case::with_what_is_gone_in_one_source(
    "
    cm c k=1 l=1; use env?:c.k env?:c.l => Record Adopted
    cm c k=2; edit 1                    => Record Absorbed configmap/c (k)
    cm c k=2 l=2                        => Roll Changed configmap/c (l)
"
)]
#[case::a_label_after_the_edit(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2; edit 1; touch c       => Record Absorbed configmap/c (k)
    edit 2; cm c k=3; touch c       => Roll Changed configmap/c (k)
    unseen; cm c k=4; edit 3; touch c; restart => Record Absorbed configmap/c (k)
"
)]
#[case::nothing_is_asked_for_a_plain_change(
    "
    cm c k=1; use env:c.k           => Record Adopted
    asked 2; edit 1                 => Note UpToDate
    cm c k=2                        => Roll Changed configmap/c (k)
    cm c k=3                        => Roll Changed configmap/c (k)
    asked 0
"
)]
#[case::our_own_roll_brings_what_came_before_it(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => crash: Roll Changed configmap/c (k)
    cm c k=3; template tidings.dev/config=t/1 => Record Absorbed configmap/c (k)
"
)]
fn absorb(#[case] scenario: &str) {
    check(scenario);
}

/// What an edit was to bring is due again where the edit is taken back.
#[rstest]
#[case::by_an_undo(
    "
    cm c k=1; use env:c.k; edit a   => Record Adopted
    stuck; cm c k=2; edit b         => Record Absorbed configmap/c (k)
    undo a                          => Roll Changed configmap/c (k)
"
)]
#[case::together_with_the_content(
    "
    cm c k=1; use env:c.k; edit a   => Record Adopted
    stuck; cm c k=2; edit b         => Record Absorbed configmap/c (k)
    cm c k=1; undo a                => Note UpToDate
    cm c k=2                        => Roll Changed configmap/c (k)
"
)]
#[case::before_the_content_so_that_pods_were_made_in_between(
    "
    cm c k=1; use env:c.k; edit a   => Record Adopted
    stuck; cm c k=2; edit b         => Record Absorbed configmap/c (k)
    undo a; cm c k=1                => Roll Changed configmap/c
"
)]
#[case::before_the_content_with_all_old_pods(
    "
    replicas 1; cm c k=1; use env:c.k; edit a => Record Adopted
    stuck; cm c k=2; edit b         => Record Absorbed configmap/c (k)
    undo a; cm c k=1                => Note UpToDate
"
)]
#[case::by_an_undo_that_is_through_before_it_is_decided(
    "
    cm c k=1; use env:c.k; edit a   => Record Adopted
    stuck; cm c k=2; edit b         => Record Absorbed configmap/c (k)
    cm c k=1; undo a; through       => Note UpToDate
    stuck; cm c k=2; edit b         => Record Absorbed configmap/c (k)
    undo a; through                 => Roll Changed configmap/c (k)
"
)]
#[case::after_a_restart(
    "
    cm c k=1; use env:c.k; edit a   => Record Adopted
    stuck; cm c k=2; edit b         => Record Absorbed configmap/c (k)
    restart                         => Nothing UpToDate
    undo a                          => Roll Changed configmap/c (k)
"
)]
#[case::while_nobody_looked(
    "
    cm c k=1; use env:c.k; edit a   => Record Adopted
    stuck; cm c k=2; edit b         => Record Absorbed configmap/c (k)
    unseen; undo a; restart         => Roll Changed configmap/c (k)
"
)]
#[case::when_its_pods_were_there(
    "
    cm c k=1; use env:c.k; edit a   => Record Adopted
    stuck; cm c k=2; edit b         => Record Absorbed configmap/c (k)
    through                         => Note UpToDate
    undo a                          => Note UpToDate
"
)]
#[case::over_several_edits(
    "
    cm c k=1; use env:c.k; edit a   => Record Adopted
    stuck; cm c k=2; edit b         => Record Absorbed configmap/c (k)
    cm c k=3; edit d                => Record Absorbed configmap/c (k)
    undo b                          => Roll Changed configmap/c (k)
    undo a                          => Roll Changed configmap/c (k)
"
)]
#[case::an_edit_without_a_change_that_was_rolled_since(
    "
    cm c k=1; use env:c.k; edit a   => Record Adopted
    stuck; edit b                   => Note UpToDate
    cm c k=2                        => Roll Changed configmap/c (k)
    undo a                          => Roll Changed configmap/c (k)
"
)]
#[case::before_a_roll_is_noted(
    "
    cm c k=1; use env:c.k; edit a   => Record Adopted
    stuck; edit b                   => Note UpToDate
    cm c k=2                        => half: Roll Changed configmap/c (k)
    undo a                          => Roll Changed configmap/c (k)
"
)]
#[case::an_edit_that_used_more(
    "
    cm c k=1; cm d k=1; use env:c.k; edit a => Record Adopted
    stuck; use env:c.k env:d.k      => Record Recorded configmap/d
    cm d k=2; use env:c.k           => Note UpToDate
"
)]
#[case::and_an_old_pod_was_made_anew(
    "
    cm c k=1; use env:c.k; edit a   => Record Adopted
    stuck; cm c k=2; edit b         => Record Absorbed configmap/c (k)
    ready 2; ready 3; cm c k=1; undo a => Roll Changed configmap/c
"
)]
#[case::and_an_old_pod_was_being_made_anew(
    "
    cm c k=1; use env:c.k; edit a   => Record Adopted
    cm c k=2; ready 2; stuck; edit b; ready 3; cm c k=1; undo a => Roll Changed configmap/c
"
)]
#[case::that_hung_at_first_sight(
    "
    cm c k=1; use env:c.k; edit a; cm c k=2; edit b; stuck; restart => Record Adopted
    undo a                          => Roll Changed configmap/c (k)
"
)]
#[case::that_hung_at_first_sight_and_is_forgotten(
    "
    cm c k=1; use env:c.k; edit a; cm c k=2; edit b; stuck; compact; restart => Record Adopted
    undo a                          => Roll Changed configmap/c
"
)]
#[case::that_hung_at_first_sight_before_the_change(
    "
    cm c k=1; use env:c.k; edit a; edit b; stuck; restart => Record Adopted
    cm c k=2                        => Roll Changed configmap/c (k)
    undo a                          => Roll Changed configmap/c
"
)]
#[case::that_hung_at_first_sight_and_changed_while_it_was_noted(
    "
    cm c k=1; use env:c.k; edit a; edit b; stuck; restart => Record Adopted
    cm c k=2                        => half: Roll Changed configmap/c (k)
    undo a                          => Roll Changed configmap/c
"
)]
#[case::unseen_and_back(
    "
    cm c k=1; use env:c.k; edit a   => Record Adopted
    unseen; cm c k=2; edit b; stuck; restart => Record Absorbed configmap/c (k)
    undo a                          => Roll Changed configmap/c (k)
"
)]
fn an_edit_is_taken_back(#[case] scenario: &str) {
    check(scenario);
}

/// An older revision that is used again makes pods anew.
#[rstest]
#[case::the_mark_is_taken_away_after_a_change(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => Roll Changed configmap/c (k)
    cm c k=3; template              => Record Absorbed configmap/c (k)
"
)]
#[case::and_before_it(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => Roll Changed configmap/c (k)
    template; cm c k=3              => Roll Changed configmap/c (k)
"
)]
#[case::while_its_old_pods_were_there(
    "
    cm c k=1; use env:c.k           => Record Adopted
    stuck; cm c k=2                 => Roll Changed configmap/c (k)
    cm c k=3; template              => Roll Changed configmap/c (k)
"
)]
fn a_template_without_our_mark(#[case] scenario: &str) {
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
    use env:c.k env:d.k; cm d k=1; cm d k=2 => Roll Changed configmap/d
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
