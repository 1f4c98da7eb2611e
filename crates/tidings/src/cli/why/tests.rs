//! From an index to the text, through the real decision.

#![allow(clippy::too_many_lines, reason = "the whole output is shown")]

use serde_json::{Value, json};
use tidings_core::compare::KeyState;
use tidings_core::decide::Verdict;
use tidings_core::index::Fact;
use tidings_core::method::Method;
use tidings_core::object::{Pod, read_pod};
use tidings_core::reason::Reason;
use tidings_core::refs::SourceKind;
use tidings_core::stale::Certainty;
use tidings_core::standing::{Standing, Word};
use tidings_core::state::{Climb, End, Roll};

mod cluster;

use cluster::key;
pub(in crate::cli) use cluster::{Cluster, seed, source};

use super::explain::Facts;
use super::leader::LeaderReport;
use super::report::{WhyReport, WorkloadReport};
use super::table;
use crate::cli::exit::Exit;
use crate::cli::json_schema::check;
use crate::cli::screen::Screen;

/// It is there, though it brings nothing.
#[test]
fn a_source_of_which_nothing_counts_is_not_absent() {
    let app = source(SourceKind::ConfigMap, "app");
    let pod = |env: Value| {
        json!({"containers": [{"name": "app",
            "envFrom": [{"configMapRef": {"name": "app"}}], "env": env}]})
    };
    let state = |env: Value, keys: &[(&str, &str)]| {
        let cluster = Cluster::new(&json!({"tidings.dev/reload": "auto"}), &pod(env));
        let report = cluster.with(&app, 7, keys).recorded().report();
        report.uses[0].keys[0].state
    };
    let overridden = json!([{"name": "z", "value": "q"}]);
    assert_eq!(state(overridden, &[("z", "1")]), KeyState::Overridden);
    assert_eq!(state(json!([]), &[]), KeyState::InStep);
    assert_eq!(state(json!([]), &[("z", "1")]), KeyState::InStep);
}

/// As the decision sees it, which has nothing to do.
#[test]
fn a_key_that_is_replaced_in_one_place_and_seen_in_another_is_in_step() {
    let app = source(SourceKind::ConfigMap, "app");
    let pod = json!({
        "containers": [{
            "name": "app",
            "envFrom": [{"configMapRef": {"name": "app"}}],
            "env": [{"name": "z", "value": "q"}],
            "volumeMounts": [{"name": "files", "mountPath": "/etc/app"}]}],
        "volumes": [{"name": "files",
            "configMap": {"name": "app", "items": [{"key": "z", "path": "z"}]}}]});
    let cluster = Cluster::new(&json!({"tidings.dev/reload": "auto"}), &pod);
    let report = cluster.with(&app, 7, &[("z", "1")]).recorded().report();
    assert_eq!(report.uses[0].keys[0].state, KeyState::InStep);
}

#[test]
fn a_key_that_is_not_there_is_not_overridden() {
    let app = source(SourceKind::ConfigMap, "app");
    let env = json!([{"configMapRef": {"name": "app"}}]);
    let pod = json!({"containers": [{"name": "app", "envFrom": env}]});
    for reload in ["configmap/app[b]", "auto, !configmap/app[a]"] {
        let cluster = Cluster::new(&json!({"tidings.dev/reload": reload}), &pod);
        let report = cluster.with(&app, 7, &[("a", "1")]).recorded().report();
        assert_eq!(report.uses[0].keys[0].state, KeyState::Absent, "{reload}");
    }
}

#[test]
fn a_changed_key_for_eyes() {
    let nginx = source(SourceKind::ConfigMap, "nginx-config");
    let changed = [("nginx.conf", "new"), ("mime", "b"), ("x", "c"), ("y", "d")];
    let cluster = seed().recorded().with(&nginx, 9, &changed);
    insta::assert_snapshot!(table::workload(&cluster.report(), &Screen::default()), @r"
    deployment/web in stage: stale

    SOURCE                  HOW              KEYS        RECORDED      NOW           STATE
    configmap/demo-config   envFrom, named   A           10b942172aa3  10b942172aa3  in step
    configmap/gone          named            (all)                     -             absent
    configmap/nginx-config  volume, named    nginx.conf  57feb47890e1  69fc30eee72e  changed
                                             y                         d92b6752e3c7  new
                                             mime, x     9c5ade2a2b52  9c5ade2a2b52  in step
    secret/db               env                                                      not selected
    secret/registry         imagePullSecret                                          read at each pull

    Changed: configmap/nginx-config (nginx.conf, y)
      A key that it uses has other content: rolled.

    problem: UnknownAnnotation: tidings.dev/setle is not known; did you mean tidings.dev/settle?
    problem: NothingMatches: configmap/gone is named by an annotation, but there is no such source in the namespace
    ");
}

#[test]
fn what_is_marked_to_roll_nothing_says_so() {
    let nginx = source(SourceKind::ConfigMap, "nginx-config");
    let report = seed().marked(&nginx).report();
    let mut uses = report.uses.iter();
    let used = uses.find(|used| used.source == nginx.to_string()).unwrap();
    assert_eq!(used.note, Some("marked to roll nothing"));
}

/// What is recorded is there again, and a container has read what was there between.
#[test]
fn what_a_container_has_read_since_outweighs_the_record() {
    let shown = |certainty| {
        let report = seed().recorded().started_again(certainty).report();
        let text = table::workload(&report, &Screen::default());
        let is_said = |line: &&str| {
            ["deployment", "InDoubt", "UpToDate", "  But"]
                .iter()
                .any(|begin| line.starts_with(begin))
        };
        text.lines().filter(is_said).collect::<Vec<_>>().join("\n")
    };
    let all = [Certainty::Surely, Certainty::Perhaps].map(shown);
    insta::assert_snapshot!(all.join("\n\n"), @r"
    deployment/web in stage: stale
    InDoubt
      But 1 of 3 pods started with another configmap/demo-config (A): web-5d-x

    deployment/web in stage: in step
    UpToDate
      But 1 of 3 pods may have started with another configmap/demo-config (A): web-5d-x
    ");
    let report = seed().recorded().started_again(Certainty::Surely).report();
    let report = WhyReport::new(vec![report], LeaderReport::default(), Vec::new());
    assert_eq!(report.exit(), Exit::NotInStep);
    check("why", &serde_json::to_value(&report).unwrap());
}

#[test]
fn in_step_as_json() {
    let report = WhyReport::new(
        vec![seed().recorded().report()],
        LeaderReport::default(),
        Vec::new(),
    );
    assert_eq!(report.exit(), Exit::Done);
    insta::assert_snapshot!(report.json().unwrap(), @r#"
    {
      "workloads": [
        {
          "namespace": "stage",
          "kind": "deployment",
          "name": "web",
          "standing": "inStep",
          "pods": null,
          "until": null,
          "roll": 0,
          "number": "0-5uvm",
          "last": null,
          "pending": false,
          "byRestart": false,
          "reason": "UpToDate",
          "meaning": "What the workload uses is what it was last brought to.",
          "text": "",
          "waits": null,
          "older": [],
          "uses": [
            {
              "source": "configmap/demo-config",
              "via": [
                "envFrom",
                "named"
              ],
              "optional": false,
              "immutable": false,
              "counts": true,
              "note": null,
              "keys": [
                {
                  "key": "A",
                  "recorded": "10b942172aa3986c50b355ff98cbf92c",
                  "present": "10b942172aa3986c50b355ff98cbf92c",
                  "state": "inStep"
                }
              ]
            },
            {
              "source": "configmap/gone",
              "via": [
                "named"
              ],
              "optional": true,
              "immutable": false,
              "counts": true,
              "note": null,
              "keys": [
                {
                  "key": null,
                  "recorded": null,
                  "present": "-",
                  "state": "absent"
                }
              ]
            },
            {
              "source": "configmap/nginx-config",
              "via": [
                "volume",
                "named"
              ],
              "optional": false,
              "immutable": false,
              "counts": true,
              "note": null,
              "keys": [
                {
                  "key": "mime",
                  "recorded": "836d69d0eed52279bdede1e86df8aa2b",
                  "present": "836d69d0eed52279bdede1e86df8aa2b",
                  "state": "inStep"
                },
                {
                  "key": "nginx.conf",
                  "recorded": "57feb47890e14caeeef4fed93f6b8fce",
                  "present": "57feb47890e14caeeef4fed93f6b8fce",
                  "state": "inStep"
                },
                {
                  "key": "x",
                  "recorded": "a73bf18e5ae007a471f7aaf057952f8b",
                  "present": "a73bf18e5ae007a471f7aaf057952f8b",
                  "state": "inStep"
                }
              ]
            },
            {
              "source": "secret/db",
              "via": [
                "env"
              ],
              "optional": false,
              "immutable": false,
              "counts": false,
              "note": "not selected",
              "keys": []
            },
            {
              "source": "secret/registry",
              "via": [
                "imagePullSecret"
              ],
              "optional": false,
              "immutable": false,
              "counts": false,
              "note": "read at each pull",
              "keys": []
            }
          ],
          "problems": [
            {
              "reason": "UnknownAnnotation",
              "text": "tidings.dev/setle is not known; did you mean tidings.dev/settle?"
            },
            {
              "reason": "NothingMatches",
              "text": "configmap/gone is named by an annotation, but there is no such source in the namespace"
            }
          ],
          "unknown": []
        }
      ],
      "summary": {
        "inStep": 1,
        "stale": 0,
        "waiting": 0,
        "rolling": 0,
        "failed": 0,
        "unknown": 0,
        "notOptedIn": 0
      },
      "leader": {
        "name": null,
        "since": null,
        "renewed": null,
        "problem": null
      },
      "unknown": []
    }
    "#);
}

#[test]
fn what_may_not_be_read_is_said_and_the_rest_shown() {
    let pod = json!({"containers": [{"name": "web", "envFrom": [
        {"secretRef": {"name": "db"}}, {"configMapRef": {"name": "app"}},
    ]}]});
    let db = source(SourceKind::Secret, "db");
    let mut cluster = Cluster::new(&json!({"tidings.dev/reload": "auto"}), &pod).with(
        &source(SourceKind::ConfigMap, "app"),
        5,
        &[("A", "1")],
    );
    cluster
        .refused
        .insert(db, "get on secret db in stage".to_owned());
    let record = Err("get on secret tidings-state.stage in tidings");
    let report = WorkloadReport::new(&Facts {
        older: &[],
        known: cluster.index.get(&key()).unwrap(),
        index: &cluster.index,
        record,
        verdict: None,
        refused: &cluster.refused,
        place: None,
    });
    insta::assert_snapshot!(table::workload(&report, &Screen::default()), @r"
    deployment/web in stage: unknown

    SOURCE         HOW      KEYS   RECORDED  NOW           STATE
    configmap/app  envFrom  A                10b942172aa3  unknown
    secret/db      envFrom  (all)                          unknown

    unknown: the record: needs get on secret tidings-state.stage in tidings
    unknown: secret/db: needs get on secret db in stage
    Its Events tell what was decided: kubectl describe deployment/web -n stage
    ");
    assert_eq!(
        WhyReport::new(vec![report], LeaderReport::default(), Vec::new()).exit(),
        Exit::Error
    );
}

#[test]
fn without_the_record_nothing_is_said_to_be_adopted() {
    let cluster = seed();
    let report = WorkloadReport::new(&Facts {
        older: &[],
        known: cluster.index.get(&key()).unwrap(),
        index: &cluster.index,
        record: Err("get on secret tidings-state.stage in tidings"),
        verdict: Some(&cluster.decide()),
        refused: &cluster.refused,
        place: None,
    });
    assert_eq!((report.reason, report.text.as_str()), (None, ""));
    assert!(!report.problems.is_empty());
}

/// What is recorded is what it is to be brought to, not what its pods have.
#[test]
fn a_roll_that_has_not_reached_it() {
    let app = source(SourceKind::ConfigMap, "app");
    let env = json!([{"configMapRef": {"name": "app"}}]);
    let pod = json!({"containers": [{"envFrom": env}]});
    let cluster = Cluster::new(&json!({"tidings.dev/reload": "auto"}), &pod);
    let cluster = cluster.with(&app, 5, &[("a", "1")]).recorded();
    let cluster = cluster.with(&app, 9, &[("a", "2")]).intended();
    insta::assert_snapshot!(table::workload(&cluster.report(), &Screen::default()), @r"
    deployment/web in stage: stale

    SOURCE         HOW      KEYS  RECORDED      NOW           STATE
    configmap/app  envFrom  a     10b942172aa3  97a4ca97ef9b  changed

    Resumed: configmap/app (a)
      A roll that is written down and has not reached the workload is carried out: after an interruption, or while it is refused (an Event on the workload says why) or waits for the end of a Job.
      Last roll: 1-5uvm at 1970-01-01T00:00:00Z for configmap/app (a), which has not reached the workload yet
    Its Events tell what refuses it: kubectl describe deployment/web -n stage
    ");
}

/// What a pod that is new has of it says nothing of the others.
#[test]
fn a_class_is_in_step_until_it_is_rotated() {
    let vault = source(SourceKind::SecretProviderClass, "vault");
    let csi = json!({"driver": "secrets-store.csi.k8s.io",
        "volumeAttributes": {"secretProviderClass": "vault"}});
    let pod = json!({
        "volumes": [{"name": "v", "csi": csi}],
        "containers": [{"volumeMounts": [{"name": "v"}]}],
    });
    let cluster = Cluster::new(&json!({"tidings.dev/reload": "auto"}), &pod);
    let cluster = cluster.with(&vault, 5, &[("password", "1")]).recorded();
    let report = cluster.with(&vault, 9, &[("password", "2")]).report();
    insta::assert_snapshot!(table::workload(&report, &Screen::default()), @r"
    deployment/web in stage: in step

    SOURCE                     HOW  KEYS      RECORDED      NOW           STATE
    secretproviderclass/vault  csi  password  10b942172aa3  10b942172aa3  in step

    UpToDate
      What the workload uses is what it was last brought to.
    ");
}

#[test]
fn the_json_is_as_its_schema_says() {
    let nginx = source(SourceKind::ConfigMap, "nginx-config");
    let mut gaps = seed().report();
    gaps.unknown = vec!["x".to_owned()];
    let changed = seed().recorded().with(&nginx, 9, &[("y", "d")]).report();
    let nobodys = Cluster::new(&json!({}), &json!({"containers": []})).report();
    let unknown = vec!["x".to_owned()];
    let workloads = vec![gaps, changed, nobodys];
    let report = WhyReport::new(workloads, LeaderReport::default(), unknown);
    check("why", &serde_json::to_value(&report).unwrap());
}

/// A pod that was poked last for this number, if for any.
fn pod_of_web(name: &str, poked: Option<&str>) -> Fact {
    let pod = json!({
        "metadata": {
            "namespace": "stage", "name": name, "uid": name,
            "creationTimestamp": "2026-11-30T10:00:00Z",
            "annotations": {"tidings.dev/poke": poked.map(|number| format!("{number} 0123456789abcdef"))},
            "labels": {"pod-template-hash": "5d"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "web-5d", "controller": true}],
        },
        "spec": {"containers": [{"name": "web"}]},
        "status": {"phase": "Running"},
    });
    let pod = read_pod(pod.to_string().as_bytes()).unwrap().unwrap();
    Fact::Pod(Box::new(pod))
}

/// The same pod, not Ready since then.
fn down(fact: Fact, since: i64) -> Fact {
    match fact {
        Fact::Pod(pod) => Fact::Pod(Box::new(Pod {
            unready_since: Some(since),
            ..*pod
        })),
        other => other,
    }
}

/// What is said of the workload, where the record is there and this was decided.
fn under_way(cluster: &Cluster, verdict: &Verdict) -> WorkloadReport {
    WorkloadReport::new(&Facts {
        verdict: Some(verdict),
        known: cluster.index.get(&key()).unwrap(),
        index: &cluster.index,
        record: Ok(cluster.entry.as_ref()),
        refused: &cluster.refused,
        older: &[],
        place: None,
    })
}

#[test]
fn what_waits_for_the_budget_says_for_whom_since_when() {
    let mut cluster = seed().recorded();
    let verdict = Verdict {
        reason: Reason::UnderWay,
        text: "configmap/app (A); by restart-in-place".to_owned(),
        ..cluster.decide()
    };
    let entry = cluster.entry.as_mut().unwrap();
    (entry.n, entry.done) = (4, false);
    entry.climb = Some(Box::new(Climb {
        rungs: Method::RestartInPlace.into(),
        ..Climb::default()
    }));
    let number = entry.number().to_string();
    let report = |cluster: &Cluster| {
        let report = under_way(cluster, &verdict);
        report.text.replace(&number, "4-k7f2")
    };
    cluster.index.apply(pod_of_web("a", None));
    cluster.index.apply(pod_of_web("b", Some(&number)));
    assert!(!report(&cluster).contains("the next pod"));
    cluster
        .index
        .apply(down(pod_of_web("b", Some(&number)), 60));
    let said = report(&cluster);
    assert!(
        said.ends_with("; the next pod of 4-k7f2 waits for b, not Ready since 1970-01-01T00:01:00Z: no more than 1 may be at once"),
        "{said}"
    );
    // Nobody is left who would wait.
    cluster.index.apply(pod_of_web("a", Some(&number)));
    assert!(!report(&cluster).contains("the next pod"));
}

/// How far it is its pods tell: those that were poked for an earlier number are none of it.
#[test]
fn what_goes_pod_by_pod_says_by_which_method_and_how_far_it_is() {
    let mut cluster = seed().recorded();
    let decided = cluster.decide();
    let entry = cluster.entry.as_mut().unwrap();
    (entry.n, entry.done) = (4, false);
    let roll = Roll {
        took: None,
        n: 4,
        method: Method::Hot,
        at: 0,
        end: End::Open,
        cause: "configmap/app (A)",
    };
    entry.rolls = entry.rolls.with(roll, End::Done);
    let number = entry.number().to_string();
    for (name, poked) in [("a", Some(&*number)), ("b", Some("3-k7f2")), ("c", None)] {
        cluster.index.apply(pod_of_web(name, poked));
    }
    let verdict = Verdict {
        reason: Reason::UnderWay,
        text: "configmap/app (A); by hot".to_owned(),
        standing: Some(Standing {
            word: Word::Rolling,
            pods: None,
            until: None,
            due: false,
        }),
        ..decided
    };
    let report = under_way(&cluster, &verdict);
    let said = table::workload(&report, &Screen::default()).replace(&number, "4-k7f2");
    let said: Vec<_> = said.lines().collect();
    assert_eq!(said[0], "deployment/web in stage: rolling, 1 of 3 pods");
    let last = "  Last roll: 4-k7f2 at 1970-01-01T00:00:00Z for configmap/app (A), by hot, which is under way";
    assert!(said.contains(&last), "{said:#?}");
    assert_eq!(report.last.unwrap().method, "hot");
}
