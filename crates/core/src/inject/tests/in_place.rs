//! Workloads that list `restart-in-place`.

use super::*;

/// A Deployment of a program that has `configmap/env` in its environment, and asks for this.
fn program(resources: &Value) -> Value {
    let env = json!([{"configMapRef": {"name": "env"}}]);
    let container = json!({"name": "app", "image": "own/app", "envFrom": env,
        "resources": resources});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"template": {"spec": {"containers": [
            {"name": "other", "image": "own/other"}, container]}}}})
}

fn asking(cpu: &str) -> Value {
    json!({"requests": {"cpu": cpu}})
}

/// Whether a change of a variable can go in place afterwards, as the controller sees it.
fn goes_in_place(object: &Value) -> bool {
    let changes = [SourceChange {
        source: SourceRef::new(SourceKind::ConfigMap, "ns", "env"),
        what: What::Changed,
        keys: vec![Name::from("LEVEL")],
        version: None,
        dated: false,
        by: None,
    }];
    let choice = choose(&LadderWish {
        kind: Kind::parse("deployment").unwrap(),
        changes: &changes,
        layout: Some(&Layout::read(object["spec"]["template"].clone())),
        ports: None,
        listed: Method::RestartInPlace.into(),
        enabled: Methods::all(),
    });
    !choice.rungs.is_empty()
}

fn in_place(wish: &mut InjectWish<'_>) {
    wish.methods = Some(Methods::read("restart-in-place, rollout").0);
}

#[test]
fn only_those_that_use_something_get_a_policy_and_no_agent() {
    let object = program(&asking("50m"));
    assert!(!goes_in_place(&object));
    let plan = wished(&object, in_place).unwrap();
    assert_eq!(plan.done.as_deref(), Some("app is started again in place"));
    let after = after(&object, &plan);
    assert!(goes_in_place(&after));
    let spec = &after["spec"]["template"]["spec"];
    assert_eq!(
        spec["containers"][0],
        json!({"name": "other", "image": "own/other"})
    );
    assert_eq!(spec["initContainers"], Value::Null);
    let annotations = &after["metadata"]["annotations"];
    assert_eq!(
        annotations["tidings.dev/method"],
        "restart-in-place, rollout"
    );
    // A second time nothing is left to do.
    assert_eq!(wished(&after, in_place), Ok(InjectPlan::default()));
    assert_eq!(planned(&after), Ok(InjectPlan::default()));
}

#[rstest]
#[case(json!({}))]
#[case(json!({"limits": {"memory": "1Gi"}}))]
#[case(json!({"requests": {"memory": "1Gi"}}))]
fn how_much_cpu_is_never_guessed(#[case] resources: Value) {
    let object = program(&resources);
    let cannot = wished(&object, in_place).unwrap_err();
    assert_eq!(cannot.cause, CannotCause::Manifest);
    assert!(
        cannot.why.contains("container app asks for no CPU"),
        "{}",
        cannot.why
    );
    assert!(cannot.why.contains("--cpu-request"), "{}", cannot.why);
    let cpu = CpuRequest::parse("50m").unwrap();
    let plan = wished(&object, |wish| {
        in_place(wish);
        wish.cpu = Some(cpu.clone());
    });
    let after = after(&object, &plan.unwrap());
    assert!(goes_in_place(&after));
    let of = &after["spec"]["template"]["spec"]["containers"][1]["resources"];
    assert_eq!(of["requests"]["cpu"], "50m");
    for key in ["requests", "limits"] {
        assert_eq!(
            of[key]["memory"], resources[key]["memory"],
            "what was there stays"
        );
    }
}

#[test]
fn what_is_written_of_it_is_left_to_people() {
    let cpu = CpuRequest::parse("50m").unwrap();
    let why = |object: &Value| {
        let planned = wished(object, |wish| {
            in_place(wish);
            wish.cpu = Some(cpu.clone());
        });
        planned.unwrap_err().why
    };
    let least = why(&program(&asking("1m")));
    assert!(least.contains("2m or more"), "{least}");
    let mut otherwise = program(&asking("50m"));
    otherwise["spec"]["template"]["spec"]["containers"][1]["resizePolicy"] =
        json!([{"resourceName": "cpu", "restartPolicy": "NotRequired"}]);
    let otherwise = why(&otherwise);
    assert!(
        otherwise.contains("resizePolicy for cpu says otherwise"),
        "{otherwise}"
    );
}

#[test]
fn a_limit_of_cpu_is_a_request() {
    let object = program(&json!({"limits": {"cpu": "1"}}));
    let plan = wished(&object, in_place).unwrap();
    assert!(goes_in_place(&after(&object, &plan)));
}

/// What is listed is what it is prepared for; files go hot by an agent, variables in place.
#[test]
fn both_methods_are_prepared_where_both_are_listed() {
    let mut object = deployment(&json!({"image": "nginx:1.28", "resources": asking("50m"),
        "envFrom": [{"configMapRef": {"name": "env"}}]}));
    object["metadata"]["annotations"] =
        json!({"tidings.dev/method": "hot, restart-in-place, rollout"});
    let plan = planned(&object).unwrap();
    let done = "nginx in container app is started by an agent; app is started again in place";
    assert_eq!(plan.done.as_deref(), Some(done));
    let note = "configmap/env is in the environment of app: its changes start it again in place";
    assert_eq!(plan.notes, [note]);
    let after = after(&object, &plan);
    assert!(goes_in_place(&after));
    assert_eq!(planned(&after), Ok(InjectPlan::default()));
}

#[test]
fn where_there_is_no_file_an_agent_is_not_missed() {
    let mut object = program(&asking("50m"));
    object["metadata"]["annotations"] =
        json!({"tidings.dev/method": "hot, restart-in-place, rollout"});
    let plan = planned(&object).unwrap();
    assert!(plan.notes[0].starts_with("it has no agent: container app has configmap/env"));
    assert!(goes_in_place(&after(&object, &plan)));
}

#[test]
fn a_method_that_is_wished_and_not_listed_is_said() {
    let mut object = program(&asking("50m"));
    object["metadata"]["annotations"] = json!({"tidings.dev/method": "rollout"});
    let plan = wished(&object, in_place).unwrap();
    let note = "tidings.dev/method is \"rollout\": add restart-in-place to it";
    assert_eq!(plan.notes, [note]);
}

/// A native sidecar runs beside the others; an init container that ends does not.
#[test]
fn init_containers_that_end_are_left_as_they_are() {
    let mut object = program(&asking("50m"));
    let env = json!([{"configMapRef": {"name": "env"}}]);
    object["spec"]["template"]["spec"]["initContainers"] = json!([
        {"name": "render", "image": "own/render", "envFrom": env},
        {"name": "proxy", "image": "own/proxy", "envFrom": env, "restartPolicy": "Always",
            "resources": asking("10m")}]);
    let plan = wished(&object, in_place).unwrap();
    let done = "proxy and app are started again in place";
    assert_eq!(plan.done.as_deref(), Some(done));
    let spec = &after(&object, &plan)["spec"]["template"]["spec"];
    assert_eq!(spec["initContainers"][0]["resizePolicy"], Value::Null);
    assert_ne!(spec["initContainers"][1]["resizePolicy"], Value::Null);
}
