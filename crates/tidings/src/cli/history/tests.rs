//! From steps to the text.

use jiff::Timestamp;
use tidings_core::kinds::KINDS;
use tidings_core::refs::WorkloadRef;

use super::report::{HasRecord, HistoryReport, HistoryRow};
use super::table::{HistoryShape, said};
use crate::cli::exit::{Exit, Printed};
use crate::cli::json_schema::check;
use crate::cli::screen::Screen;
use crate::settings::values::Output;

fn at(time: &str) -> Option<Timestamp> {
    format!("2026-11-30T{time}Z").parse().ok()
}

fn row(how: &'static str, revision: u64, time: &str) -> HistoryRow {
    HistoryRow {
        roll: None,
        number: None,
        revision: Some(revision),
        at: at(time),
        how,
        client: Some("kubectl".into()),
        end: None,
        reverted_later: false,
        waits_for: None,
        took: None,
        because: None,
        restarted_at: None,
        change_cause: None,
    }
}

fn roll(n: u64, time: &str, end: &'static str) -> HistoryRow {
    HistoryRow {
        roll: Some(n),
        number: Some(format!("{n}-k7f2")),
        client: Some("tidings".into()),
        end: Some(end),
        because: Some("configmap/app (level)".to_owned()),
        ..row("rollout", n + 2, time)
    }
}

fn report(records: HasRecord, history: Vec<HistoryRow>) -> HistoryReport {
    let key = WorkloadRef::new(&KINDS[0], "stage", "web");
    let report = HistoryReport::new(&key, &[], records, "tidings".to_owned(), Vec::new());
    HistoryReport { history, ..report }
}

fn installed() -> HistoryReport {
    let gone = HistoryRow {
        revision: None,
        ..roll(1, "10:00:00", "done")
    };
    let last = HistoryRow {
        took: Some(14),
        ..roll(3, "11:58:00", "done")
    };
    let failed = roll(2, "11:30:00", "failed");
    report(HasRecord::There, vec![gone, failed, last])
}

fn bare() -> HistoryReport {
    let restarted = HistoryRow {
        client: Some("kubectl-rollout".into()),
        restarted_at: Some("2026-11-30T11:00:00Z".into()),
        ..row("restart", 2, "11:00:00")
    };
    let back = HistoryRow {
        at: None,
        client: None,
        end: Some("rolling"),
        change_cause: Some("back\nto \u{1b}[31mone".into()),
        ..row("undo", 4, "11:00:00")
    };
    let created = row("created", 1, "08:00:00");
    report(HasRecord::None, vec![created, restarted, back])
}

fn shape(output: Output, bare: bool) -> HistoryShape {
    HistoryShape {
        output,
        bare,
        screen: Screen::default(),
    }
}

fn shown(report: &HistoryReport) -> Printed {
    said(report, &shape(Output::Table, false)).unwrap()
}

#[test]
fn with_an_installation() {
    let said = shown(&installed());
    insta::assert_snapshot!(said.out, @r"
    NUMBER  REVISION  WHEN                  HOW      CLIENT   END     TOOK  BECAUSE
    1-k7f2  -         2026-11-30T10:00:00Z  rollout  tidings  done    -     configmap/app (level)
    2-k7f2  4         2026-11-30T11:30:00Z  rollout  tidings  failed  -     configmap/app (level)
    3-k7f2  5         2026-11-30T11:58:00Z  rollout  tidings  done    14s   configmap/app (level)
    ");
    assert_eq!((said.err.as_str(), said.exit), ("", Exit::Done));
}

#[test]
fn without_one_that_is_said() {
    let said = shown(&bare());
    insta::assert_snapshot!(said.out + &said.err, @r"
    NUMBER  REVISION  WHEN                  HOW      CLIENT           END      TOOK  BECAUSE
    -       1         2026-11-30T08:00:00Z  created  kubectl          ?        -     -
    -       2         2026-11-30T11:00:00Z  restart  kubectl-rollout  ?        -     restarted at 2026-11-30T11:00:00Z
    -       4         ?                     undo     ?                rolling  -     back\nto \u{1b}[31mone
    There is no record of it in the namespace tidings (--own-namespace): this is what its revisions and Events tell.
    ");
    assert_eq!(said.exit, Exit::Done);
}

#[test]
fn what_may_not_be_read_is_named() {
    let mut report = HistoryReport {
        record: None,
        ..installed()
    };
    report.history.truncate(1);
    report.history[0].number = None;
    report.unknown = vec!["get on secret tidings-state.stage in tidings".to_owned()];
    let said = shown(&report);
    insta::assert_snapshot!(said.out + &said.err, @r"
    NUMBER  REVISION  WHEN                  HOW      CLIENT   END   TOOK  BECAUSE
    1       -         2026-11-30T10:00:00Z  rollout  tidings  done  -     configmap/app (level)
    Its record may not be read: this is what its revisions and Events tell.
    unknown: needs get on secret tidings-state.stage in tidings
    ");
    assert_eq!(said.exit, Exit::Error);
}

#[test]
fn nothing_is_said_to_be_known() {
    let there = shown(&report(HasRecord::There, Vec::new()));
    let none = shown(&report(HasRecord::None, Vec::new()));
    assert_eq!(there.out + &none.out, "");
    insta::assert_snapshot!(there.err + &none.err, @r"
    Nothing is known of the past of deployment/web.
    Nothing is known of the past of deployment/web: there is no record of it in the namespace tidings (--own-namespace).
    ");
}

#[test]
fn rows_only() {
    let said = said(&bare(), &shape(Output::Table, true)).unwrap();
    assert_eq!((said.out.lines().count(), said.err.as_str()), (3, ""));
}

#[test]
fn the_json_is_as_its_schema_says() {
    let mut report = installed();
    report.unknown = vec!["x".to_owned()];
    let said = said(&report, &shape(Output::Json, false)).unwrap();
    check("history", &serde_json::from_str(&said.out).unwrap());
    let none = HistoryReport {
        record: None,
        history: Vec::new(),
        ..report
    };
    check("history", &serde_json::to_value(none).unwrap());
}
