//! Which streams an installation watches, and how the server narrows them.
//!
//! Goes in: the namespaces and sources of an [`Installation`]. Comes out: one
//! [`Watched`] for each list and watch. Pure. What the server can leave out is
//! left out there: it costs neither wire nor memory here.

use tidings_core::index::{Stream, StreamOf};
use tidings_core::kinds::KINDS;
use tidings_core::refs::{Name, SourceKind};

use super::selector::Selector;
use super::{Installation, Namespaces};

/// Secrets that no pod uses but that come in great numbers or sizes: releases
/// of Helm, and tokens for joining nodes.
const SECRETS_OF_NO_USE: [&str; 2] = [
    "type!=helm.sh/release.v1",
    "type!=bootstrap.kubernetes.io/token",
];

/// One stream to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Which.
    pub stream: Stream,
    /// `labelSelector` of its requests.
    pub labels: Option<String>,
    /// `fieldSelector` of its requests.
    pub fields: Option<String>,
}

/// The streams of an installation.
pub fn streams(installation: &Installation) -> Vec<Watched> {
    let Installation {
        namespaces,
        sources,
        source_labels,
        ..
    } = installation;
    let kinds = kinds(namespaces, sources);
    let everywhere = vec![None];
    let (places, ignored) = match namespaces {
        Namespaces::Only(names) => (names.iter().cloned().map(Some).collect(), Vec::new()),
        Namespaces::All { ignored, .. } => (everywhere, ignored.iter().collect()),
    };
    let watched = |namespace: &Option<Name>, of| Watched {
        stream: Stream {
            of,
            namespace: namespace.clone(),
        },
        labels: labels_of(of, source_labels.as_ref()),
        fields: fields_of(of, &ignored),
    };
    let in_place = |place| kinds.iter().map(move |of| (place, *of));
    places
        .iter()
        .flat_map(in_place)
        .map(|(place, of)| watched(place, of))
        .collect()
}

/// Namespaces cannot be watched with the permissions of some of them only.
fn kinds(namespaces: &Namespaces, sources: &[SourceKind]) -> Vec<StreamOf> {
    let cluster_wide = matches!(namespaces, Namespaces::All { .. });
    let of_namespaces = cluster_wide.then_some(StreamOf::Namespaces).into_iter();
    of_namespaces
        .chain(KINDS.iter().map(StreamOf::Workloads))
        .chain(sources.iter().copied().map(StreamOf::Sources))
        .collect()
}

fn labels_of(of: StreamOf, sources: Option<&Selector>) -> Option<String> {
    match of {
        StreamOf::Sources(_) => sources.map(ToString::to_string),
        StreamOf::Namespaces | StreamOf::Workloads(_) => None,
    }
}

fn fields_of(of: StreamOf, ignored: &[&Name]) -> Option<String> {
    let field = match of {
        StreamOf::Namespaces => "metadata.name",
        StreamOf::Workloads(_) | StreamOf::Sources(_) => "metadata.namespace",
    };
    let mut terms: Vec<_> = ignored
        .iter()
        .map(|name| format!("{field}!={name}"))
        .collect();
    if of == StreamOf::Sources(SourceKind::Secret) {
        terms.extend(SECRETS_OF_NO_USE.map(str::to_owned));
    }
    (!terms.is_empty()).then(|| terms.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::settings;

    fn shown(options: &[&str]) -> String {
        let show = |w: Watched| {
            let selectors = [w.labels, w.fields].map(|s| s.unwrap_or_else(|| "-".to_owned()));
            format!("{} | {}", w.stream, selectors.join(" | "))
        };
        let settings = settings(options).unwrap();
        let lines: Vec<_> = streams(&settings.installation)
            .into_iter()
            .map(show)
            .collect();
        lines.join("\n")
    }

    #[test]
    fn a_cluster_with_namespaces_left_out() {
        let options = ["--namespaces-to-ignore=kube-system,noisy"];
        insta::assert_snapshot!(shown(&options), @r"
        namespaces | - | metadata.name!=kube-system,metadata.name!=noisy
        deployments | - | metadata.namespace!=kube-system,metadata.namespace!=noisy
        statefulsets | - | metadata.namespace!=kube-system,metadata.namespace!=noisy
        daemonsets | - | metadata.namespace!=kube-system,metadata.namespace!=noisy
        configmaps | - | metadata.namespace!=kube-system,metadata.namespace!=noisy
        secrets | - | metadata.namespace!=kube-system,metadata.namespace!=noisy,type!=helm.sh/release.v1,type!=bootstrap.kubernetes.io/token
        ");
    }

    #[test]
    fn two_namespaces_and_labelled_configmaps() {
        let options = [
            "--namespaces=stage,prod",
            "--resources-to-ignore=secrets",
            "--resource-label-selector=reload=yes",
        ];
        insta::assert_snapshot!(shown(&options), @r"
        deployments in prod | - | -
        statefulsets in prod | - | -
        daemonsets in prod | - | -
        configmaps in prod | reload=yes | -
        deployments in stage | - | -
        statefulsets in stage | - | -
        daemonsets in stage | - | -
        configmaps in stage | reload=yes | -
        ");
    }
}
