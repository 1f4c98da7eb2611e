//! What is shown of many, of none, and of what is not known.

use std::collections::BTreeSet;

use futures::StreamExt;
use jiff::Timestamp;
use tidings_core::standing::Word;

use super::*;
use crate::cli::status::report::StatusRow;
use crate::cli::why::leader::LeaderReport;
use crate::cli::why::report::{Pods, Standing, Summary};
use crate::dashboard::model::board::Blindness;

fn row(namespace: &str, name: &str, word: Word) -> Arc<StatusRow> {
    Arc::new(StatusRow {
        older: Vec::new(),
        namespace: namespace.into(),
        kind: "deployment",
        name: name.into(),
        standing: Standing(Some(word)),
        number: None,
        pods: Some(Pods {
            updated: 1,
            desired: 3,
        }),
        until: None,
        last: None,
        waits: None,
        reason: Some("Fused"),
        text: String::new(),
        problems: Vec::new(),
        unknown: Vec::new(),
    })
}

/// A failed one and a stale one among many.
fn many() -> Board {
    let mut rows: Vec<_> = (0..450)
        .map(|n| row("stage", &format!("web-{n:03}"), Word::InStep))
        .collect();
    rows.push(row("prod", "stuck", Word::Failed));
    rows.push(row("prod", "old", Word::Stale));
    let mut summary = Summary::default();
    for row in &rows {
        summary.count(row.standing);
    }
    Board {
        rows,
        summary,
        at: Some(Timestamp::now()),
        ..Board::default()
    }
}

async fn get(board: Board, path: &str) -> String {
    let request = from_browser(path).body(Body::empty()).unwrap();
    let answer = of_site(site(board), request).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.text
}

/// The names of the rows, in order.
fn names(page: &str) -> Vec<&str> {
    let rows = page.split("<tr id=\"w-").skip(1);
    let names = rows.filter_map(|row| row.split('"').next());
    names
        .map(|id| id.split_once("_deployment_").unwrap().1)
        .collect()
}

/// A page that asks the API server holds up nobody while that is away.
#[tokio::test(start_paused = true)]
async fn what_is_not_answered_while_the_server_is_away_is_given_up() {
    let since = Timestamp::now();
    let away = Board {
        blind: Some(Blindness {
            since,
            why: "it is frozen".to_owned(),
        }),
        ..Board::default()
    };
    let never = std::future::pending::<anyhow::Result<()>>();
    let error = site(away).unless_away(never).await.unwrap_err();
    assert!(error.to_string().contains("it does not answer"), "{error}");
}

/// What changes on a page is found by its id.
#[tokio::test]
async fn no_two_rows_have_one_id() {
    let rows = vec![
        row("a", "b-deployment-c", Word::InStep),
        row("a-deployment-b", "c", Word::InStep),
    ];
    let board = Board {
        rows,
        at: Some(Timestamp::now()),
        ..Board::default()
    };
    let page = get(board, "/").await;
    let ids = page.split("<tr id=\"").skip(1);
    let ids: BTreeSet<_> = ids.filter_map(|row| row.split('"').next()).collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
}

#[tokio::test]
async fn what_needs_attention_comes_first_and_pages_fold_the_rest() {
    let page = get(many(), "/").await;
    let shown = names(&page);
    assert_eq!(shown[..3], ["stuck", "old", "web-000"]);
    assert_eq!(shown.len(), 200);
    assert!(page.contains("1–200 of 452") && page.contains(r#"rel="next" href="/?page=2""#));
    let last = get(many(), "/?page=3").await;
    assert_eq!(names(&last).len(), 52);
    assert!(!last.contains(r#"rel="next""#));
    assert!(
        get(many(), "/?page=9")
            .await
            .contains("Nothing here; there are 452")
    );
}

#[tokio::test]
async fn filters_are_addresses() {
    let of = async |query: &str| names(&get(many(), query).await).len();
    assert_eq!(of("/?standing=failed").await, 1);
    assert_eq!(of("/?q=WEB-44").await, 10);
    assert_eq!(of("/?ns=prod").await, 2);
    assert_eq!(of("/?ns=prod&standing=inStep").await, 0);
    let page = get(many(), "/?ns=prod&standing=stale").await;
    // Without a script the form says what is shown.
    assert!(page.contains(r#"<option value="prod" selected>"#), "{page}");
    assert!(
        page.contains(r#"<option value="stale" selected>"#),
        "{page}"
    );
    assert!(
        page.contains(r#"href="/?ns=prod&amp;standing=failed""#),
        "{page}"
    );
}

#[tokio::test]
async fn where_there_is_nothing_it_says_why() {
    assert!(get(Board::default(), "/").await.contains("being read"));
    let read = Board {
        at: Some(Timestamp::now()),
        ..Board::default()
    };
    let page = get(read, "/").await;
    assert!(page.contains("tidings.dev/reload: auto"), "{page}");
    assert!(
        get(many(), "/?q=nothing")
            .await
            .contains("Nothing is like that")
    );
}

/// What was not looked at, or may not be, is not taken for none.
#[tokio::test]
async fn what_is_not_read_is_not_nothing() {
    let read = || Board {
        at: Some(Timestamp::now()),
        only: Some("stage".into()),
        ..Board::default()
    };
    for path in ["/?ns=prod", "/stale?ns=prod"] {
        let mut board = read();
        Arc::make_mut(&mut board.stale).is_read = true;
        let page = get(board, path).await;
        assert!(
            page.contains("started for another namespace"),
            "{path}: {page}"
        );
    }
    let gaps = vec!["list on deployments in all namespaces".to_owned()];
    let page = get(Board { gaps, ..read() }, "/").await;
    assert!(
        page.contains("Of what may be read no workload is opted in"),
        "{page}"
    );
    assert!(page.contains(r#"<details class="notice" open>"#), "{page}");
    for is_read in [false, true] {
        let mut board = read();
        let stale = Arc::make_mut(&mut board.stale);
        stale.is_read = is_read;
        stale.lacking = vec!["list on pods in stage".to_owned()];
        for path in ["/stale", "/"] {
            let page = get(board.clone(), path).await;
            assert!(page.contains("list on pods in stage"), "{path}: {page}");
            assert!(
                !page.contains("There are no pods") && !page.contains("being read"),
                "{page}"
            );
        }
    }
}

#[tokio::test]
async fn it_says_of_which_cluster_it_is_and_who_is_not_counted() {
    let mut board = Board {
        of: Some("prod-eu".into()),
        ..many()
    };
    board.summary.not_opted_in = 3;
    let page = get(board, "/").await;
    assert!(
        page.contains("<title>Overview · prod-eu · Tidings</title>"),
        "{page}"
    );
    assert!(page.contains("3 not opted in"), "{page}");
}

#[tokio::test]
async fn what_is_not_known_is_above_every_page() {
    let board = Board {
        blind: Some(Blindness {
            since: "2026-11-30T12:00:00Z".parse().unwrap(),
            why: "connection refused".to_owned(),
        }),
        gaps: vec!["list on secrets in prod".to_owned()],
        records: Some(false),
        leader: LeaderReport {
            problem: Some("nobody leads: there is no Lease".to_owned()),
            ..LeaderReport::default()
        },
        ..many()
    };
    for path in ["/", "/stale", "/impact"] {
        let page = get(board.clone(), path).await;
        for text in [
            "2026-11-30T12:00:00Z",
            "connection refused",
            "list on secrets in prod",
            "There are no records",
        ] {
            assert!(page.contains(text), "{path}: {text}: {page}");
        }
    }
}

/// A page that was drawn before something changed is told so, too.
#[tokio::test]
async fn an_open_page_is_told_at_once_what_there_is() {
    let request = from_browser("/live?at=/").body(Body::empty()).unwrap();
    let response = routes(site(Board { turn: 7, ..many() }))
        .oneshot(request)
        .await
        .unwrap();
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "text/event-stream"
    );
    let mut lines = response.into_body().into_data_stream();
    let first = lines.next().await.unwrap().unwrap();
    assert_eq!(first, "event: changed\ndata: 7\n\n");
}
