//! Who may say people's words.

use super::*;

fn policy(options: &[&str], groups: &[&str]) -> Vec<Value> {
    let run = Run {
        image: "tidings:test".to_owned(),
        replicas: 1,
        scraped_from: None,
        approvers: groups.iter().map(|group| (*group).to_owned()).collect(),
        given: Given::default(),
    };
    let settings = settings(options).unwrap();
    super::super::approvers(&settings, &Names::of(&settings), &run)
}

#[test]
fn each_kind_that_is_rolled_counts_with_its_subresources() {
    let documents = policy(
        &["--is-argo-rollouts", "--ignored-workload-types=jobs"],
        &["ops"],
    );
    let rules = documents[0]["spec"]["matchConstraints"]["resourceRules"].as_array();
    let rules = rules.unwrap().iter();
    let shown = rules.map(|rule| format!("{} {}", rule["apiGroups"], rule["resources"]));
    insta::assert_snapshot!(shown.collect::<Vec<_>>().join("\n"), @r#"
    ["apps"] ["deployments","deployments/*"]
    ["apps"] ["statefulsets","statefulsets/*"]
    ["apps"] ["daemonsets","daemonsets/*"]
    ["batch"] ["cronjobs","cronjobs/*"]
    ["argoproj.io"] ["rollouts","rollouts/*"]
    "#);
}

/// Groups are somebody's words, and stay text.
#[test]
fn groups_are_named_as_they_are() {
    let documents = policy(&[], &["ops", "a\"b\\c, d"]);
    let groups = &documents[0]["spec"]["variables"][0];
    assert_eq!(groups["name"], "groups");
    assert_eq!(groups["expression"], r#"["ops","a\"b\\c, d"]"#);
    assert!(policy(&[], &[]).is_empty());
}

#[test]
fn it_holds_where_the_installation_works() {
    let everywhere = policy(&[], &["ops"]);
    assert_eq!(everywhere[1]["spec"]["matchResources"], Value::Null);
    assert_eq!(everywhere[1]["spec"]["policyName"], "tidings-approvers");
    let some = policy(&["--namespaces=stage,prod", "--instance=blue"], &["ops"]);
    let one_of = &some[1]["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"][0];
    assert_eq!(one_of["values"], json!(["prod", "stage"]));
    assert_eq!(some[0]["metadata"]["name"], "blue-approvers");
    let own = some[0]["spec"]["matchConditions"][1]["expression"].as_str();
    assert!(own.unwrap().ends_with(":blue\""), "{own:?}");
}
