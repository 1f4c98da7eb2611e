//! From rows to the text.

use std::collections::BTreeSet;

use tidings_core::object::Group;
use tidings_core::refs::{SourceKind, SourceRef};
use tidings_core::stale::{Certainty, Reads, StalePod, StaleUse};
use tidings_core::uses::Via;

use super::report::StaleReport;
use super::table::{Shape, said};
use crate::cli::exit::Exit;
use crate::cli::json_schema::check;
use crate::settings::values::ListForm;

/// The time of it all: 2026-11-29T20:00:00Z.
const AT: i64 = 1_795_982_400;

fn row(name: &str, source: &str, via: Via, keys: &[&str]) -> StaleUse {
    let pod = |pod: &str| StalePod {
        name: format!("{name}-{pod}").as_str().into(),
        containers: vec!["web".into(), "sidecar".into()],
        started: AT - 7_200,
    };
    StaleUse {
        group: Group {
            namespace: "stage".into(),
            kind: "deployment".into(),
            name: name.into(),
        },
        source: SourceRef::new(SourceKind::ConfigMap, "stage", source),
        reads: Reads::Once,
        certainty: Certainty::Surely,
        via: BTreeSet::from([via]),
        keys: keys.iter().map(|key| (*key).into()).collect(),
        written: AT - 300,
        by: Some("kubectl-edit".into()),
        pods: vec![pod("5d-a"), pod("5d-b")],
        of: 3,
    }
}

fn rows() -> Vec<StaleUse> {
    let files = StaleUse {
        reads: Reads::Again,
        ..row("web", "nginx", Via::Volume, &["a", "b", "c", "d", "e"])
    };
    let untold = StaleUse {
        certainty: Certainty::Perhaps,
        written: AT - 400_000,
        by: None,
        ..row("api", "app", Via::EnvFrom, &[])
    };
    vec![untold, row("web", "app", Via::Env, &["LEVEL"]), files]
}

fn shape(output: ListForm) -> Shape {
    Shape {
        screen: crate::cli::screen::Screen::default(),
        output,
        bare: false,
        namespaces: false,
        now: jiff::Timestamp::from_second(AT).unwrap(),
    }
}

fn report() -> StaleReport {
    StaleReport::new(&rows(), 14, Vec::new())
}

fn shown(shape: Shape) -> String {
    let said = said(&report(), &shape).unwrap();
    assert_eq!((said.err.as_str(), said.exit), ("", Exit::Found));
    said.out
}

#[test]
fn a_table() {
    insta::assert_snapshot!(shown(shape(ListForm::Table)), @r"
    WORKLOAD        PODS  SOURCE           KEYS                HOW      SINCE  CLIENT        STATE
    deployment/api  2/3   configmap/app    ?                   envFrom  4d     ?             perhaps
    deployment/web  2/3   configmap/app    LEVEL               env      5m     kubectl-edit  stale
    deployment/web  2/3   configmap/nginx  a, b, c and 2 more  volume   5m     kubectl-edit  unless read again

    4 of 14 pods, of 2 workloads, started before data that they use was written.
    unless read again: files have followed within about 90 s; whether the process has read them since cannot be seen.
    perhaps: only the time of a write is known, which a label moves too; or it may have been another key, or the same data again.
    CLIENT: who wrote it, as that program calls itself; Kubernetes keeps no user.
    ");
}

#[test]
fn the_readme_shows_it_as_it_is() {
    let readme = include_str!("../../../../../README.md");
    let shape = Shape {
        namespaces: true,
        ..shape(ListForm::Table)
    };
    for line in shown(shape).lines().take(4) {
        assert!(readme.contains(line.trim_end()), "{line}");
    }
}

#[test]
fn a_wide_table_of_all_namespaces() {
    let shape = Shape {
        namespaces: true,
        ..shape(ListForm::Wide)
    };
    insta::assert_snapshot!(shown(Shape { bare: true, ..shape }), @r"
    stage  deployment/api  2/3  configmap/app    ?                   envFrom  4d  ?             perhaps            2026-11-25T04:53:20Z  2026-11-29T18:00:00Z  api-5d-a, api-5d-b: web, sidecar
    stage  deployment/web  2/3  configmap/app    LEVEL               env      5m  kubectl-edit  stale              2026-11-29T19:55:00Z  2026-11-29T18:00:00Z  web-5d-a, web-5d-b: web, sidecar
    stage  deployment/web  2/3  configmap/nginx  a, b, c and 2 more  volume   5m  kubectl-edit  unless read again  2026-11-29T19:55:00Z  2026-11-29T18:00:00Z  web-5d-a, web-5d-b: web, sidecar
    ");
    let header = shown(shape);
    insta::assert_snapshot!(header.lines().next().unwrap(), @"NAMESPACE  WORKLOAD        PODS  SOURCE           KEYS                HOW      SINCE  CLIENT        STATE              WRITTEN               STARTED               CONTAINERS");
}

#[test]
fn names() {
    insta::assert_snapshot!(shown(shape(ListForm::Name)), @r"
    deployment/api
    deployment/web
    ");
}

#[test]
fn yaml_says_what_json_says() {
    let report = report();
    let of = |form| said(&report, &shape(form)).unwrap().out;
    let yaml: serde_json::Value = serde_saphyr::from_str(&of(ListForm::Yaml)).unwrap();
    let json: serde_json::Value = serde_json::from_str(&of(ListForm::Json)).unwrap();
    assert_eq!(yaml, json);
}

#[test]
fn json() {
    let mut report = report();
    report.stale.drain(..2);
    report.unknown.push("list on secrets in prod".to_owned());
    let said = said(&report, &shape(ListForm::Json)).unwrap();
    assert_eq!((said.err.as_str(), said.exit), ("", Exit::Error));
    insta::assert_snapshot!(said.out, @r#"
    {
      "stale": [
        {
          "namespace": "stage",
          "kind": "deployment",
          "name": "web",
          "source": "configmap/nginx",
          "via": [
            "volume"
          ],
          "keys": [
            "a",
            "b",
            "c",
            "d",
            "e"
          ],
          "certain": true,
          "follows": true,
          "written": "2026-11-29T19:55:00Z",
          "client": "kubectl-edit",
          "pods": [
            {
              "name": "web-5d-a",
              "containers": [
                "web",
                "sidecar"
              ],
              "started": "2026-11-29T18:00:00Z"
            },
            {
              "name": "web-5d-b",
              "containers": [
                "web",
                "sidecar"
              ],
              "started": "2026-11-29T18:00:00Z"
            }
          ],
          "of": 3
        }
      ],
      "summary": {
        "pods": 14,
        "stale": 4,
        "workloads": 2
      },
      "unknown": [
        "list on secrets in prod"
      ]
    }
    "#);
}

#[test]
fn what_is_not_known_is_said_beside_the_rest() {
    let gaps = vec!["list on secrets in prod".to_owned()];
    let with = said(
        &StaleReport::new(&rows(), 14, gaps.clone()),
        &shape(ListForm::Name),
    )
    .unwrap();
    assert_eq!(with.err, "unknown: needs list on secrets in prod\n");
    assert_eq!(with.exit, Exit::Error);
    let without = said(&StaleReport::new(&[], 14, gaps), &shape(ListForm::Table)).unwrap();
    assert_eq!(without.out, "");
    assert_eq!(
        without.err,
        "None of 14 pods is stale.\nunknown: needs list on secrets in prod\n"
    );
}

#[test]
fn where_nothing_is_stale_only_stderr_says_so() {
    let none = said(
        &StaleReport::new(&[], 14, Vec::new()),
        &shape(ListForm::Wide),
    )
    .unwrap();
    assert_eq!((none.out.as_str(), none.exit), ("", Exit::Done));
    assert_eq!(none.err, "None of 14 pods is stale.\n");
    let empty = said(
        &StaleReport::new(&[], 0, Vec::new()),
        &shape(ListForm::Table),
    )
    .unwrap();
    assert_eq!(empty.err, "There are no pods.\n");
}

#[test]
fn the_json_is_as_its_schema_says() {
    let mut report = report();
    report.unknown = vec!["list on pods in stage".to_owned()];
    for report in [report, StaleReport::new(&[], 0, Vec::new())] {
        check("stale", &serde_json::to_value(report).unwrap());
    }
}
