//! What a graph is drawn from, asked for when it is wanted.

use std::collections::BTreeMap;

use anyhow::Result;
use tidings_core::graph::{Beside, Focus, Graph, graph, used};
use tidings_core::index::Presence;
use tidings_core::kinds::Kinds;
use tidings_core::refs::{Name, WorkloadRef};
use tidings_core::standing::Word;

use crate::cli::snapshot::Snapshot;
use crate::cli::stale::ask;
use crate::cli::status::look::{self, Inquiry};
use crate::dashboard::model::board::Board;
use crate::dashboard::site::Site;
use crate::settings::Target;

/// So many sources of which nothing is known yet are read for one drawing.
const READ: usize = 64;

/// What was read.
pub(super) struct Drawing {
    /// It.
    pub(super) graph: Graph,
    /// What may not be read.
    pub(super) gaps: Vec<String>,
}

/// Reads the namespace of what is looked at.
pub(super) async fn read(site: &Site, board: &Board, focus: &Focus) -> Result<Drawing> {
    let _turn = site.turn().await;
    let mut snapshot = site.snapshot();
    let target = Target::Within(Some(focus.namespace().clone()));
    let places = snapshot.places_of(&target)?;
    // First: who lists workloads again has forgotten their pods.
    let standings = if covers(site, board, focus.namespace()) {
        of_board(board, focus.namespace(), &snapshot.installation.kinds)
    } else {
        asked(&mut snapshot, &target).await?
    };
    snapshot.workloads(&places, "").await?;
    let stale = ask::seen(&mut snapshot, &target, "").await?;
    see_sources(&mut snapshot, focus).await;
    let beside = Beside {
        standings: &standings,
        stale: &stale,
    };
    Ok(Drawing {
        graph: graph(&snapshot.index, beside, focus),
        gaps: snapshot.gaps,
    })
}

/// Whether what is used is there at all, where the reading of pods has not told it.
async fn see_sources(snapshot: &mut Snapshot, focus: &Focus) {
    let mut unknown = used(&snapshot.index, focus);
    unknown.retain(|source| matches!(snapshot.index.view(source).presence, Presence::Unknown));
    snapshot
        .fetch(unknown.into_iter().take(READ).collect())
        .await;
}

/// Whether the board knows how workloads stand there.
fn covers(site: &Site, board: &Board, namespace: &Name) -> bool {
    let only = site.namespace();
    board.at.is_some() && only.is_none_or(|only| only == *namespace)
}

fn of_board(board: &Board, namespace: &Name, kinds: &Kinds) -> BTreeMap<WorkloadRef, Word> {
    let rows = board.rows.iter().filter(|row| row.namespace == *namespace);
    let known = rows.filter_map(|row| {
        let kind = kinds.parse(row.kind)?;
        let key = WorkloadRef::new(kind, row.namespace.clone(), row.name.clone());
        Some((key, row.standing.0?))
    });
    known.collect()
}

/// As `status` asks.
async fn asked(snapshot: &mut Snapshot, target: &Target) -> Result<BTreeMap<WorkloadRef, Word>> {
    let asked = Inquiry {
        target: target.clone(),
        labels: String::new(),
        digests: false,
    };
    let seen = look::look(snapshot, &asked).await?;
    snapshot.gaps = seen.gaps;
    let kinds = &snapshot.installation.kinds;
    let known = seen.workloads.into_iter().filter_map(|row| {
        let kind = kinds.parse(row.kind)?;
        let key = WorkloadRef::new(kind, row.namespace, row.name);
        Some((key, row.standing.0?))
    });
    Ok(known.collect())
}

/// The namespace that is looked at where there is only one.
pub(super) fn only_namespace(site: &Site, board: &Board) -> Option<Name> {
    let mut namespaces = board.namespaces().into_iter();
    let only = || namespaces.next().filter(|_| namespaces.next().is_none());
    site.namespace().or_else(only)
}
