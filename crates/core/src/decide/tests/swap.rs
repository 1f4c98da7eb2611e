//! Taking over from Reloader: nothing is rolled, and what it missed is said.

use std::fmt::Write;

use rstest::rstest;
use serde_json::{Value, json};

use super::lab::{Lab, merge, sha1};
use super::show;

fn hex(content: &str) -> String {
    let mut text = String::new();
    for byte in sha1(content).0 {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

/// A Deployment that Reloader rolled last for this content of `configmap/c`.
fn by_variable(content: &str) -> Value {
    let env = json!([{"name": "STAKATER_C_CONFIGMAP", "value": hex(content)}]);
    let from = json!([{"configMapRef": {"name": "c"}}]);
    let containers = json!([{"name": "app", "env": env, "envFrom": from}]);
    json!({"spec": {"template": {"spec": {"containers": containers}}}})
}

fn by_annotation(content: &str) -> Value {
    let last = json!({"type": "CONFIGMAP", "name": "c", "hash": hex(content)});
    let annotations = json!({"reloader.stakater.com/last-reloaded-from": last.to_string()});
    json!({"spec": {"template": {"metadata": {"annotations": annotations}}}})
}

#[rstest]
#[case(by_variable("1"), false, "Record Adopted")]
#[case(by_variable("1"), true, "Record Adopted")]
#[case(by_variable("0"), false, "Record Missed configmap/c")]
#[case(by_variable("0"), true, "Roll CaughtUp configmap/c")]
#[case(by_annotation("1"), false, "Record Adopted")]
#[case(by_annotation("0"), false, "Record Missed configmap/c")]
fn what_reloader_recorded_is_compared(
    #[case] is: Value,
    #[case] catch_up: bool,
    #[case] expect: &str,
) {
    let mut lab = Lab::new("deploy");
    lab.rules.catch_up = catch_up;
    lab.is(&is);
    lab.content("1");
    assert_eq!(show(&lab.decide()), expect);
}

/// Reloader's variables stay when it is told to write the annotation instead.
#[test]
fn an_old_hash_beside_the_right_one_means_nothing() {
    let mut lab = Lab::new("deploy");
    let mut is = by_variable("0");
    merge(&mut is, &by_annotation("1"));
    lab.is(&is);
    lab.content("1");
    assert_eq!(show(&lab.decide()), "Record Adopted");
}

/// Between two runs of ours.
#[rstest]
#[case(by_variable("2"))]
#[case(by_annotation("2"))]
fn what_reloader_brought_is_not_rolled_again(#[case] is: Value) {
    let mut lab = Lab::new("deploy");
    lab.is(&json!({}));
    lab.adopted();
    lab.content("2");
    lab.is(&is);
    assert_eq!(show(&lab.decide()), "Record Absorbed configmap/c (k)");
    lab.content("3");
    assert_eq!(show(&lab.decide()), "Roll Changed configmap/c (k)");
}

/// What carries our mark was rolled by us since.
#[test]
fn our_own_record_counts_more() {
    let mut lab = Lab::new("deploy");
    let mut is = by_variable("0");
    let mark = json!({"tidings.dev/config": "t/3"});
    merge(
        &mut is,
        &json!({"spec": {"template": {"metadata": {"annotations": mark}}}}),
    );
    lab.is(&is);
    lab.content("1");
    assert_eq!(show(&lab.decide()), "Record Adopted");
}
