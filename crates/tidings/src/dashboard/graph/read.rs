//! What a graph is drawn from, asked for when it is wanted.

use std::collections::BTreeMap;

use anyhow::Result;
use tidings_core::graph::{Beside, Focus, Graph, graph};
use tidings_core::kinds::Kinds;
use tidings_core::refs::{Name, WorkloadRef};
use tidings_core::standing::Word;

use crate::cli::stale::ask;
use crate::dashboard::model::board::Board;
use crate::dashboard::site::Site;
use crate::settings::Target;

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
    snapshot.workloads(&places, "").await?;
    let stale = ask::seen(&mut snapshot, &target, "").await?;
    let standings = standings(board, focus.namespace(), &snapshot.installation.kinds);
    let beside = Beside {
        standings: &standings,
        stale: &stale,
    };
    Ok(Drawing {
        graph: graph(&snapshot.index, beside, focus),
        gaps: snapshot.gaps,
    })
}

/// As the board knows them.
fn standings(board: &Board, namespace: &Name, kinds: &Kinds) -> BTreeMap<WorkloadRef, Word> {
    let rows = board.rows.iter().filter(|row| row.namespace == *namespace);
    let known = rows.filter_map(|row| {
        let kind = kinds.parse(row.kind)?;
        let key = WorkloadRef::new(kind, row.namespace.clone(), row.name.clone());
        Some((key, row.standing.0?))
    });
    known.collect()
}

/// The namespace that is looked at where there is only one.
pub(super) fn only_namespace(site: &Site, board: &Board) -> Option<Name> {
    let mut namespaces = board.namespaces().into_iter();
    let only = || namespaces.next().filter(|_| namespaces.next().is_none());
    site.namespace().or_else(only)
}
