//! Environment variables: what no process sees of a source restarts nothing.

use rstest::rstest;

use super::check;

#[rstest]
#[case::in_a_whole_environment(
    "
    cm c k=1 ~b=1; use from:c       => Record Adopted
    cm c k=1 ~b=2                   => Note UpToDate
    cm c k=1                        => Note UpToDate
    cm c k=2 ~b=2                   => Roll Changed configmap/c (k)
    cm c ~k=2 ~b=2                  => Roll Changed configmap/c (k)
    edit 2; cm c ~k=2 ~b=3          => Note UpToDate
"
)]
#[case::in_a_required_variable(
    "
    cm c ~k=1; use env:c.k          => Record Adopted
    touch c                         => Note Missing configmap/c (k)
    cm c ~k=2                       => Note Missing configmap/c (k)
    cm c k=2                        => Record Recorded configmap/c (k)
    cm c ~k=2                       => Nothing Missing configmap/c (k)
    cm c k=2                        => Note UpToDate
"
)]
#[case::in_an_optional_variable(
    "
    cm c ~k=1 z=1; use env?:c.k     => Record Adopted
    cm c ~k=2 z=1                   => Note UpToDate
    flag on-create; cm c k=2        => Roll Created configmap/c (k)
"
)]
#[case::in_a_file(
    "
    cm c ~k=1; use items:c.k        => Record Adopted
    cm c ~k=2                       => Roll Changed configmap/c (k)
"
)]
#[case::in_a_file_and_a_whole_environment(
    "
    cm c ~k=1 ~l=1; use from:c items:c.k => Record Adopted
    cm c ~k=2 ~l=1                  => Roll Changed configmap/c (k)
    cm c ~k=2 ~l=2                  => Note UpToDate
"
)]
#[case::in_a_whole_volume_too(
    "
    cm c ~k=1; use from:c vol:c     => Record Adopted
    cm c ~k=2                       => Roll Changed configmap/c (k)
"
)]
#[case::in_a_file_and_a_required_variable(
    "
    cm c ~k=1; use env:c.k items:c.k => Record Adopted
    cm c ~k=2                       => Nothing Missing configmap/c (k)
    cm c k=2                        => Roll Changed configmap/c (k)
"
)]
fn binary_data(#[case] scenario: &str) {
    check(scenario);
}

#[rstest]
#[case::of_a_whole_source(
    "
    cm c a=1 b=1; use from:c lit:a  => Record Adopted
    cm c a=2 b=1                    => Note UpToDate
    restart                         => Nothing UpToDate
    cm c b=1                        => Note UpToDate
    cm c a=3 b=2                    => Roll Changed configmap/c (b)
"
)]
#[case::with_a_prefix(
    "
    cm c a=1 P_a=1; use from:c.P_ lit:P_a => Record Adopted
    cm c a=2 P_a=1                  => Note UpToDate
    cm c a=2 P_a=2                  => Roll Changed configmap/c (P_a)
"
)]
#[case::that_something_refers_to(
    "
    cm c a=1; use from:c ref:a lit:a => Record Adopted
    cm c a=2                        => Roll Changed configmap/c (a)
"
)]
#[case::of_a_key_that_has_to_be_there(
    "
    cm c k=1; use var:c.k lit:k     => Record Adopted
    cm c k=2                        => Note UpToDate
    cm c z=1                        => Nothing Missing configmap/c (k)
    cm c k=3                        => Note UpToDate
"
)]
#[case::of_an_optional_key(
    "
    cm c k=1; use var?:c.k lit:k    => Record Adopted
    cm c z=1                        => Note UpToDate
    flag on-create; cm c k=3        => Note UpToDate
"
)]
#[case::that_another_variable_sees(
    "
    cm c k=1; use var:c.k lit:k env:c.k => Record Adopted
    cm c k=2                        => Roll Changed configmap/c (k)
"
)]
#[case::until_the_template_is_edited(
    "
    cm c k=1; use var:c.k lit:k     => Record Adopted
    use var:c.k                     => Record Recorded configmap/c (k)
    cm c k=2                        => Roll Changed configmap/c (k)
"
)]
fn a_variable_that_is_replaced(#[case] scenario: &str) {
    check(scenario);
}

#[test]
fn of_many_keys_too() {
    let keys: Vec<_> = (0..40).map(|i| format!("k{i}=1")).collect();
    let keys = keys.join(" ");
    check(&format!(
        "
        cm c {keys} a=1; use from:c lit:a => Record Adopted
        cm c {keys} a=2                   => Note UpToDate
        cm c {keys} a=2 b=1               => Roll Changed configmap/c
    "
    ));
}

#[rstest]
#[case::is_unseen_in_the_earlier(
    "
    cm a k=1 l=1; cm b k=1; use from:a from:b => Record Adopted
    cm a k=2 l=1                    => Note UpToDate
    restart; gets 3                 => Nothing UpToDate
    gets 0; cm a l=1                => Note UpToDate
    cm a k=3 l=2                    => Roll Changed configmap/a (l)
"
)]
#[case::is_seen_when_the_later_has_it_no_more(
    "
    cm a k=1; cm b k=1; use from:a from:b => Record Adopted
    cm b z=1                        => Roll Changed configmap/b (k, z)
    cm a k=2                        => Roll Changed configmap/a (k)
"
)]
#[case::and_both_change_at_once(
    "
    cm a k=1; cm b k=1; use from:a from:b => Record Adopted
    cm a k=2; cm b k=2              => Roll Changed configmap/b (k)
    cm a k=3; cm b z=2              => Roll Changed configmap/a (k), configmap/b (k, z)
"
)]
#[case::and_the_later_is_optional(
    "
    cm a k=1; use from:a from?:b    => Record Adopted
    cm a k=2                        => Roll Changed configmap/a (k)
    cm b k=1                        => Record Recorded configmap/b
    cm a k=3                        => Note UpToDate
"
)]
#[case::and_prefixes_make_them_one(
    "
    cm a P_k=1 k=1; cm b k=1; use from:a from:b.P_ => Record Adopted
    cm a P_k=2 k=1                  => Note UpToDate
    cm a P_k=2 k=2                  => Roll Changed configmap/a (k)
"
)]
#[case::but_a_file_has_it(
    "
    cm a k=1; cm b k=1; use from:a from:b vol:a => Record Adopted
    cm a k=2                        => Roll Changed configmap/a (k)
"
)]
#[case::but_the_later_has_it_in_binary_data(
    "
    cm a k=1; cm b ~k=1; use from:a from:b => Record Adopted
    cm a k=2                        => Roll Changed configmap/a (k)
"
)]
#[case::but_the_later_does_not_count(
    "
    cm a k=1; cm b k=1; use from:a from:b; ann tidings.dev/reload=configmap/a => Record Adopted
    cm a k=2                        => Roll Changed configmap/a (k)
"
)]
fn a_key_of_two_sources(#[case] scenario: &str) {
    check(scenario);
}
