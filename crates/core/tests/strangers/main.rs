//! Whatever somebody writes on his own objects, a decision ends within its budget, or
//! says which one it passed.

#![expect(clippy::unwrap_used, reason = "it fails where something is wrong")]

mod cluster;
mod inputs;

use proptest::prelude::*;
use serde_json::{Value, json};
use tidings_core::bounds;
use tidings_core::decide::{Act, Verdict};
use tidings_core::index::Fact;
use tidings_core::kinds::KINDS;
use tidings_core::needs::needs_of;
use tidings_core::reason::Reason;
use tidings_core::refs::{SourceKind, SourceRef, WorkloadRef};
use tidings_core::standing::Word;

use cluster::{Cluster, meta, read, web};
use inputs::{NAMES, deployment, inputs};

/// What must hold of each decision.
fn check(verdict: &Verdict) {
    let is_spent = verdict.steps == bounds::DECISION_STEPS;
    let is_told = verdict.reason == Reason::LimitExceeded && verdict.act == Act::Nothing;
    assert!(!is_spent || is_told, "{verdict:?}");
    assert!(verdict.problems.len() < 60, "{}", verdict.problems.len());
    let texts = verdict.problems.iter().map(|problem| &problem.text);
    assert!(texts.chain([&verdict.text]).all(|text| text.len() < 4_096));
}

#[test]
fn the_worst_inputs_are_decided_within_their_budget() {
    for input in inputs() {
        let mut cluster = Cluster::new(&input.config_maps);
        cluster.tell(read(&input.deployment.to_string()));
        let verdicts = cluster.decide();
        verdicts.iter().for_each(check);
        assert!(
            verdicts.len() <= 4,
            "{}: {} rounds",
            input.name,
            verdicts.len()
        );
        let held = cluster.index.sources();
        let listed = input.config_maps.len();
        assert!(
            held <= bounds::SOURCES + listed,
            "{}: {held} are held",
            input.name
        );
    }
}

/// What is over a limit is said; the rest goes on.
#[test]
fn what_is_over_a_limit_is_said() {
    let problem = |annotations: &Value, spec: &Value, config_maps: &[(String, usize)]| {
        let mut cluster = Cluster::new(config_maps);
        cluster.tell(read(&deployment(annotations, spec).to_string()));
        let last = cluster.decide().pop().unwrap();
        let mut texts = vec![format!("{}: {}", last.reason, last.text)];
        texts.extend(
            last.problems
                .iter()
                .map(|p| format!("{}: {}", p.reason, p.text)),
        );
        texts.join("\n")
    };
    let list = |n: usize| {
        (0..n)
            .map(|i| format!("n{i}"))
            .collect::<Vec<_>>()
            .join(",")
    };
    let said = [
        problem(&json!({NAMES: list(600)}), &json!({}), &[]),
        problem(&json!({NAMES: list(25_000)}), &json!({}), &[]),
        problem(
            &json!({NAMES: "[ab]*a[ab]{100}[c-z0-9][ab]*,a"}),
            &json!({}),
            &[],
        ),
        problem(
            &json!({"tidings.dev/reload": "secret/../../x/secrets/db"}),
            &json!({}),
            &[],
        ),
        problem(
            &json!({"tidings.dev/reload": "auto"}),
            &json!({"containers": [{"env": [{"value": "a".repeat(bounds::PART)}]}]}),
            &[],
        ),
    ];
    insta::assert_snapshot!(said.join("\n\n"), @r#"
    Adopted: 
    LimitExceeded: it uses or names more than 512 sources: those after the first, in order, are not followed
    NothingMatches: configmap/n0 is named by an annotation, but there is no such source in the namespace
    NothingMatches: configmap/n1 is named by an annotation, but there is no such source in the namespace
    NothingMatches: configmap/n10 is named by an annotation, but there is no such source in the namespace
    NothingMatches: configmap/n100 is named by an annotation, but there is no such source in the namespace
    NothingMatches: configmap/n101 is named by an annotation, but there is no such source in the namespace
    NothingMatches: 507 more of this kind

    LimitExceeded: configmap.reloader.stakater.com/reload is longer than 16384 bytes: it is not followed until it is shorter

    Adopted: 
    BadAnnotation: configmap.reloader.stakater.com/reload: "[ab]*a[ab]{100}[c-z0-9][ab]*" is too large a regular expression
    NothingMatches: configmap/a is named by an annotation, but there is no such source in the namespace

    Adopted: 
    NothingMatches: secret/../../x/secrets/db is named by an annotation, but nothing can have this name

    LimitExceeded: its spec is longer than 393216 bytes: it is not followed
    "#);
}

#[test]
fn what_a_namespace_holds_is_bounded_and_given_back() {
    let mut cluster = Cluster::new(&[]);
    let patterns: Vec<_> = (0..100)
        .map(|i| format!("configmap/{}{i}-*", "x".repeat(120)))
        .collect();
    let large = |name: &str| {
        let mut json = deployment(
            &json!({"tidings.dev/reload": patterns.join(",")}),
            &json!({}),
        );
        json["metadata"]["name"] = json!(name);
        json["metadata"]["uid"] = json!(name);
        json
    };
    for i in 0..1_200 {
        cluster.tell(read(&large(&format!("w{i}")).to_string()));
    }
    let crowded = |cluster: &Cluster| {
        cluster
            .index
            .workloads()
            .filter(|(_, known)| known.crowded.is_some())
            .count()
    };
    assert!((1..1_200).contains(&crowded(&cluster)));
    cluster.tell(read(&large("web").to_string()));
    let verdict = cluster.verdict();
    assert_eq!(
        (verdict.reason, &verdict.act),
        (Reason::LimitExceeded, &Act::Nothing)
    );
    let all: Vec<_> = cluster
        .index
        .workloads()
        .map(|(key, _)| key.clone())
        .collect();
    for key in all.into_iter().filter(|key| *key != web()) {
        cluster
            .index
            .apply(tidings_core::index::Fact::WorkloadGone(key, u64::MAX));
    }
    assert_eq!(cluster.index.take_returning(), [web()]);
    assert_eq!(cluster.index.take_returning(), []);
    cluster.tell(read(&large("web").to_string()));
    assert_eq!(crowded(&cluster), 0);
    cluster.index.looked_for_room(&"ns".into());
    assert_eq!(cluster.index.take_returning(), []);
    assert_eq!(cluster.decide().pop().unwrap().reason, Reason::UsesNothing);
}

/// Those who ask for nothing take no room from those who do, and come back too.
#[test]
fn what_asks_for_nothing_crowds_nobody_out() {
    let mut cluster = Cluster::new(&[]);
    let names: Vec<_> = (0..1_000)
        .map(|i| json!({"name": format!("E{i}"), "valueFrom": {"configMapKeyRef": {"name": format!("c{}", i % 500), "key": "k"}}}))
        .collect();
    let containers = json!({"containers": [{"env": names}]});
    let object = |name: &str, reload: &str| {
        let mut json = deployment(&json!({"tidings.dev/reload": reload}), &containers);
        json["metadata"]["name"] = json!(name);
        json["metadata"]["uid"] = json!(name);
        read(&json.to_string())
    };
    for i in 0..300 {
        cluster.tell(object(&format!("w{i}"), "off"));
    }
    let is_crowded =
        |cluster: &Cluster, key: &WorkloadRef| cluster.index.get(key).unwrap().crowded.is_some();
    let last = WorkloadRef::new(&KINDS[0], "ns", "w299");
    assert!(is_crowded(&cluster, &last));
    cluster.tell(object("web", "auto"));
    assert!(!is_crowded(&cluster, &web()));
    cluster.index.apply(Fact::Namespace {
        name: "ns".into(),
        annotations: [("tidings.dev/settle".to_owned(), "1s".to_owned())].into(),
        left_out: false,
        since: None,
    });
    let back = cluster.index.take_returning();
    assert_eq!(back.len(), 1, "it may be opted in by that");
}

/// Each follows some; all of them together no more than a namespace may.
#[test]
fn what_all_workloads_name_by_pattern_is_bounded() {
    let config_maps: Vec<_> = (0..600).map(|i| (format!("c{i:03}"), 1)).collect();
    let mut cluster = Cluster::new(&config_maps);
    let all = |name: &str| {
        let mut json = deployment(&json!({"tidings.dev/reload": "configmap/*"}), &json!({}));
        json["metadata"]["name"] = json!(name);
        json["metadata"]["uid"] = json!(name);
        read(&json.to_string())
    };
    for i in 0..300 {
        cluster.tell(all(&format!("w{i}")));
    }
    cluster.tell(all("web"));
    cluster.decide();
    let all: Vec<_> = cluster
        .index
        .workloads()
        .map(|(key, _)| key.clone())
        .collect();
    for key in &all {
        cluster.index.work_out(key);
    }
    let last = cluster.decide().pop().unwrap();
    let mut problems = last.problems.iter();
    assert!(problems.any(|problem| problem.reason == Reason::LimitExceeded));
    let of = |name: &String| SourceRef::new(SourceKind::ConfigMap, "ns", name.as_str());
    let users = config_maps
        .iter()
        .map(|(name, _)| cluster.index.users(&of(name)).len());
    let matches = users.sum::<usize>();
    assert!(
        matches <= bounds::MATCHES + 301 * bounds::MATCHES_OF_EACH,
        "{matches}"
    );
    assert!(matches >= bounds::MATCHES, "{matches}");
}

fn named(prefix: &str, n: usize) -> Vec<(String, usize)> {
    let one = |i: usize| (format!("{prefix}{i:03}"), 1);
    (0..n).map(one).chain([("z".to_owned(), 1)]).collect()
}

/// These ConfigMaps are there now, and no others.
fn have(cluster: &mut Cluster, config_maps: &[(String, usize)]) {
    let before = std::mem::replace(&mut cluster.config_maps, config_maps.to_vec());
    for (name, _) in before.iter().filter(|one| !config_maps.contains(one)) {
        let source = SourceRef::new(SourceKind::ConfigMap, "ns", name.as_str());
        cluster.index.apply(Fact::SourceGone(source, 20));
    }
    for (name, _) in config_maps.iter().filter(|one| !before.contains(one)) {
        cluster.index.apply(Fact::Source(meta(name)));
    }
}

/// A source that is there does not lose its place to those that are gone; and where some
/// are not followed nobody says that all is well.
#[test]
fn what_is_gone_takes_nobodys_place() {
    let mut cluster = Cluster::new(&named("run-a", 300));
    let all = deployment(&json!({"tidings.dev/reload": "configmap/*"}), &json!({}));
    cluster.tell(read(&all.to_string()));
    let follows_z = |cluster: &Cluster| {
        let known = cluster.index.get(&web()).unwrap();
        let needs = needs_of(known, &cluster.index, cluster.entry.as_ref());
        needs.needs.iter().any(|need| &*need.source.name == "z")
    };
    for prefix in ["run-a", "run-b", "run-c"] {
        have(&mut cluster, &named(prefix, 300));
        let last = cluster.decide().pop().unwrap();
        assert!(follows_z(&cluster), "{prefix}");
        let problems = last.problems.iter();
        assert!(
            problems.clone().all(|p| p.reason != Reason::LimitExceeded),
            "{problems:?}"
        );
    }
    have(&mut cluster, &named("a", 600));
    let last = cluster.decide().pop().unwrap();
    assert!(!follows_z(&cluster));
    assert_eq!(
        last.standing.map(|standing| standing.word),
        Some(Word::Unknown)
    );
    have(&mut cluster, &named("a", 20));
    cluster.decide();
    assert!(follows_z(&cluster));
}

fn text() -> impl Strategy<Value = String> {
    let pattern = "([a-c.*?|\\[\\](){}!,/-]|configmap/|secret/|auto|[ab]{1,40}){0,60}";
    (pattern, 1_usize..200).prop_map(|(text, times)| vec![text; times].join(","))
}

fn spec() -> impl Strategy<Value = Value> {
    let from = prop::collection::vec("[a-c]{1,3}", 0..40);
    let keys = prop::collection::vec(("[a-c]{1,2}", "[a-c./]{1,8}", any::<bool>()), 0..60);
    let paths = prop::collection::vec("[a-c./]{0,5}", 0..30);
    (from, keys, paths, 1_usize..30).prop_map(|(from, keys, paths, times)| {
        let from: Vec<_> = from
            .iter()
            .map(|name| json!({"prefix": name, "configMapRef": {"name": name}}))
            .collect();
        let env: Vec<_> = keys
            .iter()
            .map(|(name, key, optional)| {
                let reference = json!({"name": key, "key": name, "optional": optional});
                json!({"name": name, "valueFrom": {"secretKeyRef": reference}})
            })
            .collect();
        let items: Vec<_> = paths
            .iter()
            .map(|path| json!({"key": path, "path": path}))
            .collect();
        let mounts: Vec<_> = paths
            .iter()
            .map(|path| json!({"name": "v", "subPath": path}))
            .collect();
        let container = json!({"envFrom": from, "env": env, "volumeMounts": mounts});
        json!({
            "containers": vec![container; times],
            "volumes": [{"name": "v", "configMap": {"name": "a", "items": items}}],
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_decision_ends_within_its_budget(
        reload in text(),
        names in text(),
        own in any::<bool>(),
        spec in spec(),
        sources in prop::collection::btree_map("[a-c]{1,4}|[ab-]{200,240}", 0_usize..3_000, 0..40),
    ) {
        let annotations = if own {
            json!({"tidings.dev/reload": reload})
        } else {
            json!({NAMES: names, "reloader.stakater.com/auto": "true"})
        };
        let sources: Vec<_> = sources.into_iter().collect();
        let mut cluster = Cluster::new(&sources);
        cluster.tell(read(&deployment(&annotations, &spec).to_string()));
        cluster.decide().iter().for_each(check);
    }
}
