//! Which streams an installation watches.
//!
//! Goes in: its namespaces and sources. Comes out: one [`Stream`] for each list
//! and watch; how the server narrows them is `watch::scope`'s. A single
//! namespace cannot be watched with rights in it alone: `watch::namespaces` reads
//! it instead. Pure.

use std::collections::BTreeSet;

use tidings_core::index::{Stream, StreamOf};
use tidings_core::refs::Name;

use super::{Installation, Namespaces};

/// The streams of an installation.
pub fn streams(installation: &Installation) -> Vec<Stream> {
    let places: Vec<Option<Name>> = match &installation.namespaces {
        Namespaces::Only(names) => names.iter().cloned().map(Some).collect(),
        Namespaces::All { .. } => vec![None],
    };
    let in_place = |namespace: Option<Name>| {
        let stream = move |of| Stream {
            of,
            namespace: namespace.clone(),
        };
        kinds(installation).into_iter().map(stream)
    };
    let mut all: Vec<_> = places.into_iter().flat_map(in_place).collect();
    let alone = read_one_by_one(installation).into_iter();
    let alone = alone.map(|name| Stream {
        of: StreamOf::Namespaces,
        namespace: Some(name),
    });
    let alone: Vec<_> = alone.filter(|stream| !all.contains(stream)).collect();
    all.extend(alone);
    all
}

/// The namespaces that no watch tells of: those that are named, and Tidings' own where it
/// is none of those that are watched.
pub fn read_one_by_one(installation: &Installation) -> BTreeSet<Name> {
    let mut names = installation.named().unwrap_or_default();
    let own = &installation.own_namespace;
    if installation.named().is_some() || !installation.covers(own) {
        names.insert(own.clone());
    }
    names
}

fn kinds(installation: &Installation) -> Vec<StreamOf> {
    let sources = installation.sources.iter().copied().map(StreamOf::Sources);
    std::iter::once(StreamOf::Namespaces)
        .chain(installation.kinds.iter().map(StreamOf::Workloads))
        .chain(sources)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::settings;

    fn shown(options: &[&str]) -> String {
        let installation = settings(options).unwrap().installation;
        let lines: Vec<_> = streams(&installation)
            .iter()
            .map(ToString::to_string)
            .collect();
        lines.join(", ")
    }

    #[test]
    fn a_whole_cluster_is_one_stream_a_kind() {
        assert_eq!(
            shown(&["--namespaces-to-ignore=noisy"]),
            "namespaces, deployments, statefulsets, daemonsets, cronjobs, jobs, configmaps, secrets"
        );
    }

    #[test]
    fn of_classes_the_statuses_are_watched() {
        let with = shown(&["--enable-csi-integration"]);
        assert!(
            with.ends_with(", secrets, secretproviderclasspodstatuses"),
            "{with}"
        );
    }

    #[test]
    fn namespaces_by_name_each_have_their_own() {
        assert_eq!(
            shown(&["--namespaces=stage,prod", "--resources-to-ignore=secrets"]),
            "namespaces in prod, deployments in prod, statefulsets in prod, daemonsets in prod, \
             cronjobs in prod, jobs in prod, configmaps in prod, \
             namespaces in stage, deployments in stage, statefulsets in stage, daemonsets in stage, \
             cronjobs in stage, jobs in stage, configmaps in stage, \
             namespaces in tidings-system"
        );
    }

    #[test]
    fn our_own_namespace_is_always_told_of() {
        let own = ", namespaces in tidings-system";
        assert!(shown(&["--namespaces-to-ignore=tidings-system"]).ends_with(own));
        let named = shown(&["--namespaces=tidings-system"]);
        assert_eq!(named.matches("namespaces in").count(), 1, "{named}");
    }
}
