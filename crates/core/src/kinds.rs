//! The kinds of workload, one row each.
//!
//! Watching, patching, the RBAC rules, `--help` and the reference page follow
//! from this table; a new kind is a new row.

/// How the kind keeps the history of its pod template. The age of the current
/// revision is the age of the oldest pod that can have been made from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revision {
    /// The ReplicaSet whose annotation `deployment.kubernetes.io/revision`
    /// equals the Deployment's.
    ReplicaSet,
    /// The ControllerRevision with the highest `revision` owned by the workload.
    ControllerRevision,
}

/// One kind of workload.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// API group.
    pub group: &'static str,
    /// API version.
    pub version: &'static str,
    /// `kind` in manifests.
    pub api_kind: &'static str,
    /// The resource in URLs and RBAC.
    pub plural: &'static str,
    /// The word for it in commands, reports and metrics.
    pub word: &'static str,
    /// The short form that `kubectl` knows.
    pub short: &'static str,
    /// Where its pod template's history is found.
    pub revision: Revision,
}

/// Every kind that Tidings rolls.
pub static KINDS: &[Kind] = &[
    Kind {
        group: "apps",
        version: "v1",
        api_kind: "Deployment",
        plural: "deployments",
        word: "deployment",
        short: "deploy",
        revision: Revision::ReplicaSet,
    },
    Kind {
        group: "apps",
        version: "v1",
        api_kind: "StatefulSet",
        plural: "statefulsets",
        word: "statefulset",
        short: "sts",
        revision: Revision::ControllerRevision,
    },
    Kind {
        group: "apps",
        version: "v1",
        api_kind: "DaemonSet",
        plural: "daemonsets",
        word: "daemonset",
        short: "ds",
        revision: Revision::ControllerRevision,
    },
];

impl Kind {
    /// Reads a kind as people write it: `deploy`, `deployment`, `Deployments`.
    pub fn parse(text: &str) -> Option<&'static Kind> {
        KINDS.iter().find(|kind| {
            [kind.word, kind.short, kind.plural]
                .iter()
                .any(|word| word.eq_ignore_ascii_case(text))
        })
    }

    /// The kind whose objects live under `plural.group`.
    pub fn of_resource(plural: &str, group: &str) -> Option<&'static Kind> {
        KINDS
            .iter()
            .find(|kind| kind.plural == plural && kind.group == group)
    }

    /// `apps/v1`, or `v1` for the core group.
    pub fn api_version(&self) -> String {
        match self.group {
            "" => self.version.to_owned(),
            group => format!("{group}/{}", self.version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_name_one_kind_each() {
        for kind in KINDS {
            for word in [kind.word, kind.short, kind.plural, kind.api_kind] {
                assert_eq!(Kind::parse(word), Some(kind), "{word}");
            }
            assert_eq!(Kind::of_resource(kind.plural, kind.group), Some(kind));
        }
    }
}
