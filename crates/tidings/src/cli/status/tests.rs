//! From reports on workloads to the text, and from one look to the next.

use jiff::Timestamp;
use serde_json::json;
use tidings_core::refs::SourceKind;
use tidings_core::standing::Word;

use super::frames::Frames;
use super::look::Overview;
use super::report::StatusReport;
use super::table::{Asks, StatusShape, said};
use crate::cli::exit::Exit;
use crate::cli::json_schema::check;
use crate::cli::screen::Screen;
use crate::cli::why::leader::LeaderReport;
use crate::cli::why::report::{LastRoll, Pods, Standing, WorkloadReport};
use crate::cli::why::tests::{Cluster, seed, source};
use crate::settings::values::ListForm;

fn at(time: &str) -> Timestamp {
    format!("2026-11-30T{time}Z").parse().unwrap()
}

fn shape(output: ListForm, asks: Asks) -> StatusShape {
    StatusShape {
        output,
        bare: false,
        namespaces: true,
        asks,
        now: at("12:00:00"),
        screen: Screen::default(),
    }
}

fn how() -> StatusShape {
    shape(ListForm::Table, Asks::How)
}

fn led() -> LeaderReport {
    LeaderReport {
        name: Some("tidings-7c9f".to_owned()),
        since: Some("2026-11-29T20:00:00Z".parse().unwrap()),
        ..LeaderReport::default()
    }
}

fn seen(workloads: Vec<WorkloadReport>) -> Overview {
    Overview {
        workloads,
        leader: led(),
        records: Some(true),
        paused: None,
        own_namespace: "tidings".to_owned(),
        gaps: Vec::new(),
        rights: Vec::new(),
    }
}

fn stale() -> WorkloadReport {
    let nginx = source(SourceKind::ConfigMap, "nginx-config");
    let cluster = seed().recorded();
    cluster.with(&nginx, 9, &[("nginx.conf", "new")]).report()
}

/// One that has been rolled, and stands so.
fn rolled(name: &str, word: Word, pods: Option<(u32, u32)>) -> WorkloadReport {
    WorkloadReport {
        name: name.into(),
        standing: Standing(Some(word)),
        pods: pods.map(|(updated, desired)| Pods { updated, desired }),
        in_step: Some(Pods {
            updated: 3,
            desired: 3,
        }),
        number: Some("4-k7f2".to_owned()),
        last: Some(LastRoll {
            method: "rollout",
            at: Some(at("11:56:00")),
            because: "configmap/app (level)".to_owned(),
        }),
        problems: Vec::new(),
        ..seed().recorded().report()
    }
}

fn waiting() -> WorkloadReport {
    WorkloadReport {
        until: Some(at("12:09:30")),
        reason: Some("TooSoon"),
        text: "configmap/app (level); not before 12:09:30".to_owned(),
        ..rolled("api", Word::Waiting, None)
    }
}

fn all() -> Vec<WorkloadReport> {
    let silent = Cluster::new(&json!({}), &json!({"containers": []}));
    vec![
        waiting(),
        rolled("front", Word::Rolling, Some((1, 3))),
        rolled("shop", Word::InStep, None),
        stale(),
        silent.report(),
    ]
}

#[test]
fn by_what_it_was_brought_is_said_where_it_was_brought() {
    let of = |method| {
        let web = rolled("web", Word::Stale, None);
        let last = web.last.map(|last| LastRoll { method, ..last });
        let web = WorkloadReport { last, ..web };
        let report = StatusReport::new(seen(vec![web]), &[]);
        said(&report, &how()).unwrap().out
    };
    assert!(of("hot").contains("configmap/app (level), by hot "));
    assert!(of("notify").contains("configmap/app (level), told only "));
    assert!(!of("rollout").contains("rollout"));
}

#[test]
fn how_each_stands_how_far_and_what_it_waits_for() {
    let report = StatusReport::new(seen(all()), &[]);
    let said = said(&report, &how()).unwrap();
    assert_eq!((said.exit, said.err.as_str()), (Exit::NotInStep, ""));
    insta::assert_snapshot!(said.out, @r"
    NAMESPACE  WORKLOAD          STANDING  NUMBER  PODS  ROLLED  UNTIL  BECAUSE                WAITS FOR
    stage      deployment/api    waiting   4-k7f2  -     4m      9m     configmap/app (level)  TooSoon: configmap/app (level); not before 12:09:30
    stage      deployment/front  rolling   4-k7f2  1/3   4m      -      configmap/app (level)  -
    stage      deployment/shop   in step   4-k7f2  3/3   4m      -      configmap/app (level)  -
    stage      deployment/web    stale     -       -     -       -      -                      Changed: configmap/nginx-config (mime, x, nginx.conf)

    tidings-7c9f leads since 2026-11-29T20:00:00Z
    1 in step, 1 stale, 1 waiting, 1 rolling, 0 failed, 0 unknown; 1 not opted in
    ");
}

/// Its template carries the mark of another installation.
#[test]
fn what_another_one_has_to_let_go_waits_for_that() {
    let other = WorkloadReport {
        reason: Some("OwnedByOther"),
        text: "its template carries blue/7".to_owned(),
        ..rolled("web", Word::Unknown, None)
    };
    let report = StatusReport::new(seen(vec![other]), &[]);
    let waits_for = report.workloads[0].waits_for();
    let expected = "OwnedByOther: its template carries blue/7";
    assert_eq!(waits_for.as_deref(), Some(expected));
}

#[test]
fn why_without_a_name_is_the_same_table_with_other_columns() {
    let report = StatusReport::new(seen(vec![seed().recorded().report(), stale()]), &[]);
    let said = said(&report, &shape(ListForm::Table, Asks::Why)).unwrap();
    insta::assert_snapshot!(said.out, @r"
    NAMESPACE  WORKLOAD        STANDING  REASON    PARTICULARS
    stage      deployment/web  in step   UpToDate  UnknownAnnotation; NothingMatches
    stage      deployment/web  stale     Changed   configmap/nginx-config (mime, x, nginx.conf); UnknownAnnotation; NothingMatches

    tidings-7c9f leads since 2026-11-29T20:00:00Z
    1 in step, 1 stale, 0 waiting, 0 rolling, 0 failed, 0 unknown; 0 not opted in
    ");
}

#[test]
fn what_stands_otherwise_is_only_counted() {
    let report = StatusReport::new(seen(all()), &[Word::Rolling]);
    let names = said(&report, &shape(ListForm::Name, Asks::How)).unwrap();
    assert_eq!(names.out, "deployment/front\n");
    assert_eq!(report.exit(), Exit::NotInStep);
    assert_eq!(report.summary.waiting, 1);
    let none = StatusReport::new(seen(all()), &[Word::Failed]);
    assert_eq!(none.exit(), Exit::Done);
    let said = said(&none, &how()).unwrap();
    assert_eq!(said.err, "None of 4 workloads stands so.\n");
}

#[test]
fn what_is_missing_is_said_once_and_ends_with_2() {
    let needs = "the record: needs get on secret tidings-state.stage in tidings";
    let unknown = |name| WorkloadReport {
        unknown: vec![needs.to_owned()],
        ..rolled(name, Word::Unknown, None)
    };
    let seen = Overview {
        leader: LeaderReport {
            problem: Some("nobody leads".to_owned()),
            ..LeaderReport::default()
        },
        records: Some(false),
        gaps: vec!["list on deployments in prod".to_owned()],
        ..seen(vec![unknown("a"), unknown("b")])
    };
    let said = said(&StatusReport::new(seen, &[]), &how()).unwrap();
    assert_eq!(said.exit, Exit::Error);
    insta::assert_snapshot!(said.err, @r"
    no records: there are none in the namespace tidings (--own-namespace), so each workload is judged as at first sight.
    nobody leads
    unknown: needs list on deployments in prod
    unknown: the record: needs get on secret tidings-state.stage in tidings
    Events tell what was decided, such as: kubectl describe deployment/a -n stage
    ");
}

#[test]
fn a_look_that_follows_shows_what_changed_as_wide_as_before() {
    let mut frames = Frames::default();
    let mut show = |workloads| {
        let report = StatusReport::new(seen(workloads), &[]);
        frames.next(report, &how()).unwrap().out
    };
    let mut text = show(all());
    assert_eq!(show(all()), "");
    let mut later = all();
    later[1] = rolled("front", Word::InStep, None);
    later.remove(0);
    text += &show(later);
    insta::assert_snapshot!(text, @r"
    NAMESPACE  WORKLOAD          STANDING  NUMBER  PODS  ROLLED  UNTIL  BECAUSE                WAITS FOR
    stage      deployment/api    waiting   4-k7f2  -     4m      9m     configmap/app (level)  TooSoon: configmap/app (level); not before 12:09:30
    stage      deployment/front  rolling   4-k7f2  1/3   4m      -      configmap/app (level)  -
    stage      deployment/shop   in step   4-k7f2  3/3   4m      -      configmap/app (level)  -
    stage      deployment/web    stale     -       -     -       -      -                      Changed: configmap/nginx-config (mime, x, nginx.conf)
    stage      deployment/front  in step   4-k7f2  3/3   4m      -      configmap/app (level)  -
    stage      deployment/api    gone      4-k7f2  -     4m      -      configmap/app (level)  -
    ");
}

/// A leader renews its Lease all the time.
#[test]
fn a_stream_has_a_line_for_each_change() {
    let mut frames = Frames::default();
    let mut show = |word, renewed| {
        let mut seen = seen(vec![rolled("web", word, None)]);
        seen.leader.renewed = Some(at(renewed));
        let json = shape(ListForm::Json, Asks::How);
        let said = frames.next(StatusReport::new(seen, &[]), &json);
        said.unwrap().out
    };
    assert_eq!(show(Word::Stale, "12:00:00").lines().count(), 1);
    assert_eq!(show(Word::Stale, "12:00:02"), "");
    let line = show(Word::InStep, "12:00:04");
    assert!(line.contains(r#""standing":"inStep""#), "{line}");
}

#[test]
fn the_json_is_as_its_schema_says() {
    let mut one = waiting();
    one.problems = seed().report().problems;
    one.unknown = vec!["x".to_owned()];
    let seen = Overview {
        gaps: vec!["x".to_owned()],
        ..seen(vec![one, stale(), rolled("web", Word::InStep, None)])
    };
    let report = StatusReport::new(seen, &[]);
    check("status", &serde_json::to_value(&report).unwrap());
    check(
        "status",
        &serde_json::from_str(&report.json_line().unwrap()).unwrap(),
    );
}
