//! What tenants may write, keys, annotations, the names of clients, is text on every page.

use axum::http::header::ORIGIN;
use jiff::Timestamp;
use tidings_core::compare::{KeyRow, KeyState};
use tidings_core::decide::show_digest;
use tidings_core::digest::Digest;
use tidings_core::impact::Outcome;
use tidings_core::object::Group;
use tidings_core::refs::Name;
use tidings_core::standing::Word;
use tidings_core::state::KeyDigest;

use super::*;
use crate::cli::history::report::{HistoryReport, HistoryRow};
use crate::cli::impact::report::{Change, ImpactReport, ImpactRow, SourceRow, TouchRow};
use crate::cli::input::Unread;
use crate::cli::stale::report::{StalePodRow, StaleRow};
use crate::cli::status::report::StatusRow;
use crate::cli::why::report::{LastRoll, ProblemReport, Standing, UseReport, WorkloadReport};
use crate::cli::why::waits::WaitsReport;
use crate::dashboard::model::board::{Blindness, PodRow, StaleBoard};
use crate::dashboard::pages;

/// Markup, the end of an attribute, and what turns a line around.
const HOSTILE: &str = "\"'><b onclick=x>&\u{202e}";

fn hostile() -> String {
    HOSTILE.to_owned()
}

fn name() -> Name {
    HOSTILE.into()
}

/// It is there, and only as text.
fn is_text(page: &str) {
    assert!(page.contains("&lt;b onclick=x&gt;&amp;"), "{page}");
    for raw in ["<b onclick", "\"'>", "'><"] {
        assert!(!page.contains(raw), "{raw}: {page}");
    }
}

fn digest() -> KeyDigest {
    KeyDigest(Some(Digest::of_parts(&[b"secret"])))
}

fn workload() -> WorkloadReport {
    let key = KeyRow {
        key: Some(name()),
        recorded: Some(digest()),
        present: Some(digest()),
        state: KeyState::Changed,
    };
    let used = UseReport {
        source: format!("configmap/{HOSTILE}"),
        via: vec!["env"],
        optional: false,
        immutable: true,
        counts: true,
        note: None,
        keys: vec![key],
    };
    let problem = ProblemReport {
        reason: "UnknownAnnotation",
        text: hostile(),
    };
    WorkloadReport {
        older: Vec::new(),
        namespace: name(),
        kind: "deployment",
        name: name(),
        standing: Standing(Some(Word::Waiting)),
        due: true,
        pods: None,
        in_step: None,
        until: Some(Timestamp::now()),
        roll: Some(4),
        number: Some("4-k7f2".to_owned()),
        last: Some(LastRoll {
            method: "rollout",
            at: Some(Timestamp::now()),
            because: hostile(),
        }),
        pending: true,
        by_restart: true,
        reason: Some("Fused"),
        meaning: Some("It waits."),
        text: hostile(),
        waits: Some(WaitsReport {
            number: "5-k7f2".to_owned(),
            because: hostile(),
            since: Some(Timestamp::now()),
            ruling: None,
            by: Some(hostile()),
            place: None,
        }),
        uses: vec![used],
        problems: vec![problem],
        unknown: vec![hostile()],
    }
}

fn stale() -> StaleBoard {
    let pod = StalePodRow {
        name: name(),
        containers: vec![name()],
        started: None,
    };
    let row = StaleRow {
        namespace: name(),
        kind: "deployment".into(),
        name: name(),
        source: format!("configmap/{HOSTILE}"),
        via: vec!["env"],
        keys: vec![name()],
        certain: true,
        follows: false,
        written: Some(Timestamp::now()),
        client: Some(name()),
        pods: vec![pod],
        of: 1,
    };
    let group = Group {
        namespace: name(),
        kind: "deployment".into(),
        name: name(),
    };
    let pod = PodRow {
        name: name(),
        created: Some(Timestamp::now()),
        started: None,
    };
    StaleBoard {
        is_read: true,
        rows: vec![row],
        pods: [(group, vec![pod])].into_iter().collect(),
        lacking: vec![hostile()],
    }
}

fn board() -> Board {
    Board {
        rows: vec![Arc::new(StatusRow::new(workload()))],
        gaps: vec![hostile()],
        blind: Some(Blindness {
            since: Timestamp::now(),
            why: hostile(),
        }),
        at: Some(Timestamp::now()),
        stale: Arc::new(stale()),
        ..Board::default()
    }
}

async fn shown(path: &str) -> Answer {
    let request = from_browser(path).body(Body::empty()).unwrap();
    of_site(site(board()), request).await
}

#[tokio::test]
async fn in_the_overview_and_among_stale_pods() {
    let query = "q=%22%27%3E%3Cb+onclick%3Dx%3E%26&ns=%22%27%3E%3Cb+onclick%3Dx%3E%26";
    for path in ["/", "/stale"] {
        is_text(&shown(path).await.text);
        is_text(&shown(&format!("{path}?{query}")).await.text);
    }
}

#[tokio::test]
async fn in_the_words_of_what_is_not_there() {
    for path in [
        "/%22%27%3E%3Cb%20onclick=x%3E%26",
        "/workload/a/%22%27%3E%3Cb%20onclick=x%3E%26/c",
    ] {
        let answer = shown(path).await;
        assert_eq!(answer.status, 404);
        assert!(!answer.text.contains("<b onclick"), "{}", answer.text);
    }
}

#[test]
fn on_the_page_of_a_workload() {
    let step = HistoryRow {
        roll: Some(4),
        number: None,
        revision: None,
        at: None,
        how: "rollout",
        client: Some(name()),
        end: Some("waiting"),
        reverted_later: true,
        waits_for: Some(hostile()),
        took: Some(3),
        because: Some(hostile()),
        restarted_at: Some(name()),
        change_cause: Some(name()),
    };
    let past = HistoryReport {
        namespace: name(),
        kind: "deployment",
        name: name(),
        record: Some(true),
        history: vec![step],
        unknown: vec![hostile()],
        own_namespace: "tidings".to_owned(),
        keeps_revisions: true,
    };
    let drawn = |past| pages::workload::drawn(&board(), &workload(), past).into_string();
    is_text(&drawn(Ok(&past)));
    // By a digest of a Secret what is in it could be guessed.
    assert!(!drawn(Ok(&past)).contains(&show_digest(digest())));
    is_text(&drawn(Err(&anyhow::anyhow!(hostile()))));
}

#[test]
fn in_what_a_manifest_would_do() {
    let touched = TouchRow {
        source: format!("configmap/{HOSTILE}"),
        keys: vec![name()],
        via: vec!["env"],
        counts: false,
        ignored: true,
        first: true,
        ignored_by: hostile(),
    };
    let row = ImpactRow {
        namespace: name(),
        kind: "deployment",
        name: name(),
        outcome: Outcome::Waits,
        reason: None,
        text: hostile(),
        until: None,
        method: None,
        pods: Some(1),
        replaced: Some(1),
        already: false,
        train: None,
        opt_in: Some(hostile()),
        uses: vec![touched],
    };
    let source = SourceRow {
        namespace: name(),
        source: format!("secret/{HOSTILE}"),
        change: Change::Changed,
        text: hostile(),
    };
    let mut report = ImpactReport::new(vec![row], vec![source]);
    report.unread.push(Unread {
        file: HOSTILE.into(),
        line: 1,
        text: hostile(),
        named: true,
    });
    report.unknown.push(hostile());
    is_text(&pages::impact::found(&report).into_string());
}

/// A manifest comes back into the field that it was pasted in, and nowhere else.
#[tokio::test]
async fn what_is_pasted_is_a_field() {
    let pasted = "manifest=%3C%2Ftextarea%3E%3Cb+onclick%3Dx%3E%26&ns=%22%3E%3Cb+onclick%3Dx%3E%26";
    let request = from_browser("/impact")
        .method("POST")
        .header(ORIGIN, format!("http://{HOST}"));
    let answer = answer(request.body(Body::from(pasted)).unwrap()).await;
    assert_eq!(answer.status, 200);
    is_text(&answer.text);
    assert_eq!(answer.text.matches("</textarea>").count(), 1);
}
