//! Which streams an installation watches.
//!
//! Goes in: its namespaces and sources. Comes out: one [`Stream`] for each list
//! and watch; how the server narrows them is `watch::scope`'s. A single
//! namespace cannot be watched with rights in it alone: `watch::namespaces` reads
//! it instead. Pure.

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
    places.into_iter().flat_map(in_place).collect()
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
             cronjobs in stage, jobs in stage, configmaps in stage"
        );
    }
}
