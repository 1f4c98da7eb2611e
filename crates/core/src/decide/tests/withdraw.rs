//! A roll that did not come about, and whose content is taken back.

use rstest::rstest;

use super::check;
use super::lab::Lab;
use super::show;

#[rstest]
#[case::as_it_was(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => crash: Roll Changed configmap/c (k)
    cm c k=1                        => Record Withdrawn configmap/c (k) is as it was
    cm c k=2                        => Roll Changed configmap/c (k)
"
)]
#[case::after_a_restart(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => crash: Roll Changed configmap/c (k)
    unseen; cm c k=1; restart       => Record Withdrawn configmap/c (k) is as it was
"
)]
#[case::something_else(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => crash: Roll Changed configmap/c (k)
    cm c k=3                        => Roll Changed configmap/c (k)
"
)]
#[case::one_of_two(
    "
    cm c k=1; cm d k=1; use env:c.k env:d.k => Record Adopted
    cm c k=2; cm d k=2              => crash: Roll Changed configmap/c (k), configmap/d (k)
    cm c k=1                        => Roll Changed configmap/c (k), configmap/d (k)
"
)]
#[case::the_other_has_changed(
    "
    cm c k=1; cm d k=1; use env:c.k env:d.k => Record Adopted
    cm c k=2                        => crash: Roll Changed configmap/c (k)
    cm c k=1; cm d k=2              => Roll Changed configmap/c (k), configmap/d (k)
"
)]
#[case::a_pod_has_started_meanwhile(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => crash: Roll Changed configmap/c (k)
    ready 2; ready 3; cm c k=1      => Roll Changed configmap/c (k)
"
)]
#[case::it_had_reached_it(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => half: Roll Changed configmap/c (k)
    cm c k=1                        => Roll Changed configmap/c (k)
"
)]
#[case::it_had_reached_it_and_the_watch_lags(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => crash: Roll Changed configmap/c (k)
    template tidings.dev/config=t/1; cm c k=1 => Roll Changed configmap/c (k)
"
)]
#[case::with_an_edit(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => crash: Roll Changed configmap/c (k)
    edit 2; cm c k=1                => Roll Changed configmap/c (k)
"
)]
#[case::many_etcds(
    "
    flag many-etcds; cm c k=1; use env:c.k => Record Adopted
    cm c k=2                        => crash: Roll Changed configmap/c (k)
    cm c k=1                        => Roll Changed configmap/c (k)
"
)]
#[case::the_past_is_forgotten(
    "
    cm c k=1; use env:c.k           => Record Adopted
    cm c k=2                        => crash: Roll Changed configmap/c (k)
    cm c k=1; compact               => Roll Changed configmap/c (k)
"
)]
fn what_was_refused_is_taken_back(#[case] scenario: &str) {
    check(scenario);
}

#[rstest]
#[case("CronJob", "Record Withdrawn configmap/c (k) is as it was")]
#[case("Job", "Roll Changed configmap/c (k)")]
fn kinds_with_runs(#[case] kind: &str, #[case] expect: &str) {
    let mut lab = Lab::new(kind);
    lab.is(&serde_json::json!({}));
    lab.adopted();
    lab.content("2");
    assert_eq!(show(&lab.decide()), "Roll Changed configmap/c (k)");
    lab.content("1");
    assert_eq!(show(&lab.decide()), expect);
}
