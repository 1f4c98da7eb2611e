//! What several pages show: standings, times, names, what is not known.

use std::collections::BTreeSet;

use jiff::Timestamp;
use maud::{Markup, PreEscaped, html};
use tidings_core::graph::Focus;
use tidings_core::refs::Name;
use tidings_core::standing::Word;
use tidings_shared::plain::plain;

use super::overview::ROWS;
use crate::cli::columns::age;
use crate::cli::why::report::OF_THE_RECORD;
use crate::dashboard::address::{self, Filtered};
use crate::dashboard::graph::asked;
use crate::dashboard::model::board::Board;

/// What a row is known by while others come and go. Names of objects have no `_`, so that
/// no two rows have one id.
pub(super) fn row_id(table: &str, of: &[&str]) -> String {
    format!("{table}-{}", of.join("_"))
}

/// The picture beside the name.
pub(super) fn brand() -> Markup {
    html! {
        svg.mark viewBox="0 0 16 16" aria-hidden="true" focusable="false" {
            path d="M2 4h12M2 8h8M2 12h5" {}
            path d="m9.5 11.5 2 2 3.5-4" {}
        }
    }
}

/// The shape of a standing: what colour alone would say is not said to everybody.
const SHAPES: [(Word, &str, &str); 6] = [
    (
        Word::Unknown,
        "unknown",
        "M5.5 6a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.9-1.1 1.8M8 12.6v.1",
    ),
    (Word::Failed, "failed", "m4 4 8 8M12 4l-8 8"),
    (
        Word::Rolling,
        "rolling",
        "M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3",
    ),
    (
        Word::Waiting,
        "waiting",
        "M8 2a6 6 0 1 0 .01 0M8 5v3.2l2.2 1.4",
    ),
    (Word::Stale, "stale", "M8 2.5 14 13H2zM8 6.6v3M8 11.3v.1"),
    (Word::InStep, "in-step", "m3 8.5 3.2 3.2L13 5"),
];

/// A standing: shape, colour, word.
pub(in crate::dashboard) fn standing(word: Option<Word>) -> Markup {
    let shape = word.and_then(|word| SHAPES.iter().find(|(it, ..)| *it == word));
    html! {
        @if let Some((word, class, path)) = shape {
            span class={ "standing " (class) } {
                svg viewBox="0 0 16 16" aria-hidden="true" focusable="false" { path d=(path) {} }
                (word.row().text)
            }
        } @else {
            span.standing.none { "not opted in" }
        }
    }
}

/// What a class of the stylesheet calls a standing.
pub(super) fn class(word: Option<Word>) -> &'static str {
    let shape = SHAPES.iter().find(|(it, ..)| Some(*it) == word);
    shape.map_or("none", |(_, class, _)| class)
}

/// How long ago, the exact time beside it. The script says it in the reader's zone.
pub(super) fn ago(at: Timestamp) -> Markup {
    time(at, "ago", &format!("{} ago", age(since(at))))
}

/// How long it is until then.
pub(super) fn until(at: Timestamp) -> Markup {
    let left = -since(at);
    let text = if left > 0 {
        format!("in {}", age(left))
    } else {
        "now".to_owned()
    };
    time(at, "until", &text)
}

/// A point in time.
pub(super) fn at(at: Timestamp) -> Markup {
    let text = whole(at).to_string();
    time(at, "at", &text)
}

fn time(at: Timestamp, form: &str, text: &str) -> Markup {
    let exact = whole(at).to_string();
    html! { time datetime=(exact) title=(exact) data-form=(form) { (text) } }
}

/// Kubernetes' times are whole seconds.
fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn since(at: Timestamp) -> i64 {
    Timestamp::now().duration_since(at).as_secs()
}

/// A workload, and the way to its page.
pub(super) fn workload(namespace: &str, kind: &str, name: &str) -> Markup {
    html! {
        a.to href=(address::workload(namespace, kind, name)) {
            span.kind { (kind) "/" } (text(name))
        }
    }
}

/// The headline of what has a kind.
pub(super) fn of_kind(kind: &str, name: &str) -> Markup {
    html! { h1 { span.kind { (kind) "/" } (text(name)) } }
}

/// A source as reports name it, `configmap/app`, and the way to its page.
pub(super) fn source(namespace: &str, source: &str) -> Markup {
    let (kind, name) = source.split_once('/').unwrap_or(("", source));
    html! {
        a href=(address::source(namespace, kind, name)) {
            span.kind { (kind) "/" } (text(name))
        }
    }
}

/// Names of keys, few of them at once.
pub(super) fn keys(keys: &[impl AsRef<str>]) -> Markup {
    const SHOWN: usize = 12;
    let more = keys.len().saturating_sub(SHOWN);
    html! {
        @for (n, key) in keys.iter().take(SHOWN).enumerate() {
            @if n > 0 { " " }
            code { (plain(key.as_ref())) }
        }
        @if more > 0 { " and " (more) " more" }
    }
}

/// What could not be read, if anything could not.
pub(super) fn gaps<'a>(gaps: impl IntoIterator<Item = &'a String>) -> Markup {
    let gaps: Vec<_> = gaps.into_iter().collect();
    html! {
        @if !gaps.is_empty() {
            div.notice {
                p { "Not all is known:" }
                ul { @for gap in gaps { li { (text(gap)) } } }
            }
        }
    }
}

/// The way back from a page about one thing.
pub(super) fn crumbs(namespace: &str, focus: &Focus) -> Markup {
    let all = Filtered {
        namespace: namespace.to_owned(),
        ..Filtered::default()
    };
    html! {
        p.crumbs {
            a href="/" { "Overview" } " / " a href=(all.address("/")) { (namespace) }
            " · " a href=(asked::address(focus)) { "Graph" }
        }
    }
}

/// Text of others: what would turn or hide a line is shown.
pub(in crate::dashboard) fn text(text: &str) -> Markup {
    html! { (plain(text)) }
}

/// What is not known, above every page.
pub(super) fn beside(board: &Board) -> Markup {
    html! {
        @if let Some(blind) = &board.blind {
            p.notice.bad role="alert" {
                strong { "Blind since " (at(blind.since)) "." }
                " What follows is what was known then. " (text(&blind.why))
            }
        }
        @if let Some(silent) = board.silence() {
            p.notice.bad role="alert" {
                strong { "The API server has not answered since " (at(silent.since)) "." }
                " What follows may be older. " (text(&silent.why))
            }
        }
        @if let Some(paused) = &board.paused {
            p.notice { strong { "Everything is paused" }
                @if let Some(until) = paused.until { ", until " (at(until)) }
                ": nothing is rolled. " code { "tidings unpause --all" } " ends it."
            }
        }
        @match (board.records, &board.leader.problem) {
            (Some(false), _) => p.notice {
                "There are no records: Tidings is not installed, or not where this looks "
                "(--own-namespace). So each workload is judged as at first sight."
            },
            (_, Some(problem)) if !board.leader.refused && !board.leader.is_silent => p.notice { (text(problem)) },
            _ => {}
        }
        (beyond(board))
    }
}

fn beyond(board: &Board) -> Markup {
    let leader = board.leader.problem.as_ref();
    let leader = leader.filter(|_| board.leader.refused);
    let gaps: BTreeSet<_> = board
        .gaps
        .iter()
        .chain(&board.stale.lacking)
        .chain(leader)
        .collect();
    html! {
        @if !gaps.is_empty() {
            details.notice open[board.rows.is_empty()] {
                summary { "Not all can be known (" (gaps.len()) ")" }
                ul { @for gap in gaps { li { (text(gap)) } } }
            }
        }
    }
}

/// That a namespace is not among what is shown, which is no word on what is in it.
pub(super) fn elsewhere(board: &Board, asked: &Filtered) -> Markup {
    html! {
        @if !asked.namespace.is_empty() && !board.shows(&asked.namespace) {
            p { "This page was started for another namespace (-n), and looks at no other." }
        }
    }
}

/// Whether a row lacks its record only.
pub(super) fn lacks_record(unknown: &[String]) -> bool {
    unknown.iter().any(|needs| needs.starts_with(OF_THE_RECORD))
}

/// Nothing, said to eyes as a dash.
pub(super) fn none() -> Markup {
    PreEscaped("<span class=\"none\" aria-label=\"none\">–</span>".to_owned())
}

/// Text and namespace, of every form that filters.
pub(super) fn filter_fields(namespaces: &BTreeSet<Name>, asked: &Filtered) -> Markup {
    html! {
        label { "Name"
            input type="search" name="q" value=(asked.text) data-filter autocomplete="off"
                spellcheck="false" maxlength="253" placeholder="part of a name";
        }
        (namespace_field(namespaces, asked))
    }
}

/// The namespaces that there are, as a field.
pub(in crate::dashboard) fn namespace_field(
    namespaces: &BTreeSet<Name>,
    asked: &Filtered,
) -> Markup {
    html! {
        label { "Namespace"
            select name="ns" {
                option value="" { "all" }
                @for name in namespaces {
                    option value=(name) selected[**name == asked.namespace] { (name) }
                }
                @if !asked.namespace.is_empty() && !namespaces.contains(&*asked.namespace) {
                    option value=(asked.namespace) selected { (asked.namespace) }
                }
            }
        }
    }
}

/// Which of so many rows are shown, and the way to the others.
pub(super) fn folds(rows: usize, asked: &Filtered, here: &str) -> Markup {
    let pages = rows.div_ceil(ROWS);
    let (first, last) = (asked.page * ROWS + 1, rows.min((asked.page + 1) * ROWS));
    html! {
        nav.folds #folds aria-label="Pages" {
            @if asked.page > 0 {
                a rel="prev" href=(asked.at(asked.page - 1).address(here)) { "← Before" }
            }
            span {
                @if first <= last { (first) "–" (last) " of " (rows) }
                @else { "Nothing here; there are " (rows) }
            }
            @if asked.page + 1 < pages {
                a rel="next" href=(asked.at(asked.page + 1).address(here)) { "Next →" }
            }
        }
    }
}
