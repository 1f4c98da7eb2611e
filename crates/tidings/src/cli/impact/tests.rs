//! From rows to the texts.

use tidings_core::impact::Outcome;
use tidings_core::reason::Reason;
use tidings_core::refs::Name;
use tidings_core::vocabulary::Vocabulary;

use super::report::{Change, ImpactReport, ImpactRow, SourceRow, TouchRow};
use super::table::said;
use super::turns::TurnRow;
use crate::cli::exit::Exit;
use crate::cli::input::Unread;
use crate::cli::json_schema::check;
use crate::cli::screen::Screen;
use crate::settings::values::ImpactForm;

fn used(source: &str, keys: &[&str], via: &'static str, counts: bool) -> TouchRow {
    TouchRow {
        source: source.to_owned(),
        keys: keys.iter().map(|key| Name::from(*key)).collect(),
        via: vec![via],
        counts,
        ignored: false,
        first: false,
        ignored_by: String::new(),
    }
}

fn row(name: &str, outcome: Outcome, reason: Option<Reason>, uses: Vec<TouchRow>) -> ImpactRow {
    ImpactRow {
        namespace: "stage".into(),
        kind: "deployment",
        name: name.into(),
        outcome,
        reason,
        text: String::new(),
        until: None,
        method: None,
        pods: Some(3),
        replaced: Some(3),
        already: false,
        train: None,
        opt_in: None,
        uses,
    }
}

fn source(source: &str, change: Change, text: &str) -> SourceRow {
    SourceRow {
        namespace: "stage".into(),
        source: source.to_owned(),
        change,
        text: text.to_owned(),
    }
}

fn report() -> ImpactReport {
    let level = |counts| used("configmap/app", &["LOG_LEVEL"], "envFrom", counts);
    let files = used("configmap/nginx", &["a", "b", "c", "d"], "volume", false);
    let waits = ImpactRow {
        until: jiff::Timestamp::from_second(1_795_982_400).ok(),
        already: true,
        ..row(
            "api",
            Outcome::Waits,
            Some(Reason::Fused),
            vec![level(true)],
        )
    };
    let run = ImpactRow {
        kind: "cronjob",
        pods: None,
        replaced: None,
        ..row(
            "nightly",
            Outcome::Rolls,
            Some(Reason::Changed),
            vec![level(true)],
        )
    };
    let stays = ImpactRow {
        opt_in: Some("auto".to_owned()),
        ..row(
            "old",
            Outcome::Stays,
            Some(Reason::NotOptedIn),
            vec![level(false)],
        )
    };
    let new = used("configmap/app-7d2", &[], "envFrom", false);
    let rows = vec![
        run,
        waits,
        row("hashed", Outcome::Restarts, None, vec![new]),
        stays,
        row(
            "web",
            Outcome::Rolls,
            Some(Reason::Changed),
            vec![level(true), files],
        ),
    ];
    let sources = vec![
        source("configmap/app", Change::Changed, ""),
        source(
            "configmap/fixed",
            Change::Refused,
            "immutable: the API server refuses to change it",
        ),
    ];
    ImpactReport::new(rows, sources)
}

fn shown(report: &ImpactReport, form: ImpactForm) -> String {
    let said = said(report, form, &Screen::default()).unwrap();
    assert_eq!((said.err.as_str(), said.exit), ("", Exit::Touches));
    said.out
}

#[test]
fn a_table() {
    insta::assert_snapshot!(shown(&report(), ImpactForm::Table), @r#"
    WORKLOAD           PODS  RESULT    SOURCE             KEYS                HOW      WHY
    cronjob/nightly    -     rolls     configmap/app      LOG_LEVEL           envFrom  one more Job is made
    deployment/api     3     waits     configmap/app      LOG_LEVEL           envFrom  the fuse: not before 2026-11-29T20:00:00Z; due already
    deployment/hashed  3     restarts  configmap/app-7d2  all                 envFrom  by its own manifest, once
    deployment/old     3     stays     configmap/app      LOG_LEVEL           envFrom  not opted in; tidings.dev/reload: "auto"
    deployment/web     3     rolls     configmap/app      LOG_LEVEL           envFrom
    deployment/web     3     rolls     configmap/nginx    a, b, c and 1 more  volume   not for this source

    2 workloads would be rolled (3 pods), 1 would wait, 1 restarts by its own manifest, 1 uses it and would not be rolled.
    configmap/fixed in stage is immutable: the API server refuses to change it.
    "#);
}

/// Two at once, of whom the first goes alone.
#[test]
fn in_which_order_they_go() {
    let at = |wave, first| {
        let mut used = used("configmap/app", &["LOG_LEVEL"], "env", true);
        used.first = first;
        let train = Some(TurnRow { wave, at_once: 2 });
        let name = if first { "db" } else { "web" };
        ImpactRow {
            train,
            ..row(name, Outcome::Rolls, Some(Reason::Changed), vec![used])
        }
    };
    let rows = vec![at(-1, true), at(1, false)];
    let report = ImpactReport::new(rows, Vec::new());
    insta::assert_snapshot!(shown(&report, ImpactForm::Table), @r"
    WORKLOAD        PODS  RESULT  SOURCE         KEYS       HOW  WHY
    deployment/db   3     rolls   configmap/app  LOG_LEVEL  env  wave -1, first and alone
    deployment/web  3     rolls   configmap/app  LOG_LEVEL  env  wave 1

    2 workloads would be rolled (6 pods).
    In stage at most 2 go at once for one source: the first alone, a lower wave before a higher one, and none any more when one fails.
    ");
    let comment = shown(&report, ImpactForm::Markdown);
    assert!(
        comment.contains("In stage at most 2 go at once"),
        "{comment}"
    );
    assert!(
        comment.contains("| `wave -1, first and alone` |"),
        "{comment}"
    );
    check("impact", &serde_json::to_value(report).unwrap());
}

#[test]
fn on_a_terminal_no_row_is_wider_than_that() {
    let screen = Screen {
        width: Some(80),
        ..Screen::default()
    };
    let said = said(&report(), ImpactForm::Table, &screen).unwrap();
    let rows: Vec<_> = said
        .out
        .lines()
        .take_while(|line| !line.is_empty())
        .collect();
    assert_eq!(rows.len(), 7);
    assert!(rows.iter().all(|row| row.chars().count() <= 80), "{rows:?}");
    assert!(rows.iter().any(|row| row.ends_with('…')), "{rows:?}");
}

#[test]
fn the_page_shows_it_as_it_is() {
    let level = |via, counts| vec![used("configmap/app", &["LOG_LEVEL"], via, counts)];
    let api = ImpactRow {
        pods: Some(2),
        ..row(
            "api",
            Outcome::Waits,
            Some(Reason::Paused),
            level("env", true),
        )
    };
    let old = ImpactRow {
        pods: Some(1),
        opt_in: Some("auto".to_owned()),
        ..row(
            "old",
            Outcome::Stays,
            Some(Reason::NotOptedIn),
            level("envFrom", false),
        )
    };
    let web = row(
        "web",
        Outcome::Rolls,
        Some(Reason::Changed),
        level("envFrom", true),
    );
    let page = include_str!("../../../../../docs/impact.md");
    for line in shown(
        &ImpactReport::new(vec![api, old, web], Vec::new()),
        ImpactForm::Table,
    )
    .lines()
    {
        assert!(page.contains(line.trim_end()), "{line}");
    }
}

#[test]
fn a_comment() {
    insta::assert_snapshot!(shown(&report(), ImpactForm::Markdown), @r#"
    <!-- tidings impact -->
    ### Tidings: what this change restarts

    2 workloads would be rolled (3 pods), 1 would wait, 1 restarts by its own manifest, 1 uses it and would not be rolled.

    | Workload | Pods | Result | Source | Keys | How | Why |
    | --- | --- | --- | --- | --- | --- | --- |
    | `stage/cronjob/nightly` | - | rolls | `configmap/app` | `LOG_LEVEL` | envFrom | `one more Job is made` |
    | `stage/deployment/api` | 3 | waits | `configmap/app` | `LOG_LEVEL` | envFrom | `the fuse: not before 2026-11-29T20:00:00Z; due already` |
    | `stage/deployment/hashed` | 3 | restarts | `configmap/app-7d2` | all | envFrom | `by its own manifest, once` |
    | `stage/deployment/web` | 3 | rolls | `configmap/app` | `LOG_LEVEL` | envFrom |  |
    | `stage/deployment/web` | 3 | rolls | `configmap/nginx` | `a, b, c and 1 more` | volume | `not for this source` |

    <details>
    <summary>1 workload uses it and would not be rolled</summary>

    | Workload | Pods | Result | Source | Keys | How | Why |
    | --- | --- | --- | --- | --- | --- | --- |
    | `stage/deployment/old` | 3 | stays | `configmap/app` | `LOG_LEVEL` | envFrom | `not opted in; tidings.dev/reload: "auto"` |

    </details>

    :warning: `configmap/fixed` is `immutable: the API server refuses to change it`
    "#);
}

/// Some of them wait for somebody, or there are none.
#[test]
fn what_would_be_replaced_now_is_what_is_counted() {
    let level = || vec![used("configmap/app", &["LOG_LEVEL"], "env", true)];
    let of = |name, outcome, reason, replaced, text: &str| ImpactRow {
        kind: "statefulset",
        replaced: Some(replaced),
        text: text.to_owned(),
        ..row(name, outcome, Some(reason), level())
    };
    let empty = of(
        "c",
        Outcome::Rolls,
        Reason::Changed,
        0,
        "it has no pods now",
    );
    let rows = vec![
        of("a", Outcome::Rolls, Reason::PartlyRolled, 1, "partition 2"),
        of("b", Outcome::Waits, Reason::PartlyRolled, 0, "partition 3"),
        ImpactRow {
            pods: Some(0),
            ..empty
        },
        of("d", Outcome::Waits, Reason::WaitsForDelete, 0, ""),
    ];
    let report = ImpactReport::new(rows, Vec::new());
    insta::assert_snapshot!(shown(&report, ImpactForm::Table), @r"
    WORKLOAD       PODS    RESULT  SOURCE         KEYS       HOW  WHY
    statefulset/a  1 of 3  rolls   configmap/app  LOG_LEVEL  env  only above its partition 2
    statefulset/b  3       waits   configmap/app  LOG_LEVEL  env  partition 3: until it is less
    statefulset/c  0       rolls   configmap/app  LOG_LEVEL  env  it has no pods now
    statefulset/d  3       waits   configmap/app  LOG_LEVEL  env  OnDelete: until its pods are deleted

    2 workloads would be rolled (1 pod), 2 would wait.
    ");
}

/// Where Tidings' own annotations are not read, the one that is.
#[test]
fn what_marks_a_source_to_roll_nothing_is_named() {
    let why = |vocabulary: &Vocabulary| {
        let mut touched = used("configmap/app", &["a"], "env", false);
        touched.ignored = true;
        let mut row = row("web", Outcome::Stays, None, vec![touched]);
        row.say_what_ignores(vocabulary);
        super::table::why(&row, &row.uses[0])
    };
    let both = Vocabulary::default();
    let theirs = both.without_own();
    assert!(why(&both).ends_with("(tidings.dev/ignore or reloader.stakater.com/ignore)"));
    assert!(why(&theirs).ends_with("(reloader.stakater.com/ignore)"));
    let renamed = [(
        "reloader.stakater.com/ignore",
        "example.org/leave".to_owned(),
    )];
    let renamed = Vocabulary::new(renamed).unwrap().without_own();
    assert!(why(&renamed).ends_with("(example.org/leave)"));
}

#[test]
fn names_in_a_comment_are_names() {
    let keys = ["@all|<img src=x>`[x](y)\n# z"];
    let touched = vec![used("configmap/app", &keys, "envFrom", true)];
    let rows = vec![row("web", Outcome::Rolls, Some(Reason::Changed), touched)];
    let shown = shown(&ImpactReport::new(rows, Vec::new()), ImpactForm::Markdown);
    let row = shown.lines().find(|line| line.contains("@all")).unwrap();
    insta::assert_snapshot!(row, @r"| `stage/deployment/web` | 3 | rolls | `configmap/app` | `@all\|<img src=x>'[x](y)\n# z` | envFrom |  |");
}

#[test]
fn the_json_is_as_its_schema_says() {
    let mut report = report();
    report.unknown = vec!["list on jobs in stage".to_owned()];
    report.notes = vec!["list on secrets in tidings".to_owned()];
    report.unread = vec![unread()];
    check(
        "impact",
        &serde_json::from_str(&report.json().unwrap()).unwrap(),
    );
    let empty = ImpactReport::new(Vec::new(), Vec::new());
    check("impact", &serde_json::to_value(empty).unwrap());
}

fn unread() -> Unread {
    Unread {
        file: "a.yaml".into(),
        line: 7,
        text: "no shape".to_owned(),
        named: true,
    }
}

#[test]
fn what_is_not_known_is_said_and_is_an_error() {
    let secret = source(
        "secret/db",
        Change::Unknown,
        "needs get on secrets/db in stage",
    );
    let mut report = ImpactReport::new(Vec::new(), vec![secret]);
    report.unread = vec![unread()];
    report.notes = vec!["get on secret tidings-state.stage in tidings".to_owned()];
    report.turns_unknown = true;
    let said = said(&report, ImpactForm::Table, &Screen::default()).unwrap();
    assert_eq!((said.out.as_str(), said.exit), ("", Exit::Error));
    insta::assert_snapshot!(said.err, @r"
    Nothing that is known would be another than it is.
    a.yaml:7: no shape
    unknown: needs get on secrets/db in stage
    whether the fuse or an interval would hold a roll is not known: needs get on secret tidings-state.stage in tidings
    whether only so many would go at once (--at-once) is not known: the options of the installation cannot be read
    ");
}

#[test]
fn nothing_ends_with_0() {
    let sources = |change| vec![source("configmap/app", change, "")];
    for (change, words) in [
        (
            Change::Unchanged,
            "Nothing that is known would be another than it is.\n",
        ),
        (Change::Changed, "No workload uses what would be another.\n"),
    ] {
        let said = said(
            &ImpactReport::new(Vec::new(), sources(change)),
            ImpactForm::Table,
            &Screen::default(),
        );
        let said = said.unwrap();
        assert_eq!((said.err.as_str(), said.exit.code()), (words, 0));
    }
}
