//! The methods by which a change reaches the pods of a workload: one row each, the
//! gentlest first.
//!
//! Owners list those that they allow ([`Methods`]). The first one of the list that
//! can serve all that changed is tried; where it does not end well the next one
//! follows. What a row [`Requires`] is looked at in [`crate::ladder::choose`], what a
//! method does pod by pod is a file of [`crate::ladder`].

mod list;
mod ports;

pub use list::Methods;
pub use ports::Ports;

/// By what a workload is brought to its sources. In order, the gentlest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// The running process takes the change, and its agent proves it.
    Hot,
    /// The files are brought at once; the program watches them itself.
    Poke,
    /// The containers that use the change are started again, in their pods.
    RestartInPlace,
    /// Its pods are evicted, and others made in their place.
    Evict,
    /// Its pods are replaced, as its kind does it.
    Rollout,
    /// Only people are told.
    Notify,
}

/// What must be so for a method to serve a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requires {
    /// Its pods stand: those of a Job or CronJob come and go by themselves.
    StandingPods,
    /// Its pods are made from its own template, not from another workload's.
    OwnTemplate,
    /// All that changed is in mounted files of ConfigMaps and Secrets, which follow a
    /// change while the container runs.
    Files,
    /// Each file that changed is seen by an agent that can be asked.
    Agents,
    /// Each container that uses what changed is started again when its CPU request is
    /// another, and none of them has ended: init containers do not run again.
    Resizing,
}

/// A right that a method asks for, in the namespaces that are watched or, for what has
/// none, in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// The resource of the core group.
    pub resource: &'static str,
    /// What is done with it.
    pub verbs: &'static [&'static str],
}

/// One row for each method.
#[derive(Debug)]
pub struct MethodRow {
    /// The method.
    pub method: Method,
    /// Its word, in annotations, options, records and reports.
    pub word: &'static str,
    /// What must be so for it to serve a change.
    pub requires: &'static [Requires],
    /// What it does, as `why` tells it.
    pub tells: &'static str,
    /// What it is proven by; nothing is where it never is.
    pub proven: Option<&'static str>,
    /// How many pods it is at with at once after the first one, which goes alone; none
    /// where it does not go pod by pod. Where its act restarts the program no more than
    /// may be unavailable.
    pub at_once: Option<usize>,
    /// Whether it restarts containers by what it is, so that the fuse counts it.
    pub restarts: bool,
    /// The rights that it asks for beyond those of a controller that rolls.
    pub rights: &'static [Right],
}

/// Poking, and knowing when: the pods of a workload, and whether their nodes are there.
const TO_POKE: [Right; 2] = [
    Right {
        resource: "pods",
        verbs: &["get", "list", "patch"],
    },
    Right {
        resource: "nodes",
        verbs: &["get"],
    },
];

/// Resizing pods by a thousandth of a core, and noting on them that it is done.
const TO_RESIZE: [Right; 3] = [
    TO_POKE[0],
    Right {
        resource: "pods/resize",
        verbs: &["patch"],
    },
    TO_POKE[1],
];

/// Evicting pods, and seeing others come.
const TO_EVICT: [Right; 3] = [
    Right {
        resource: "pods",
        verbs: &["get", "list"],
    },
    Right {
        resource: "pods/eviction",
        verbs: &["create"],
    },
    TO_POKE[1],
];

/// All methods, in their order.
pub static METHODS: &[MethodRow] = &[
    MethodRow {
        method: Method::Hot,
        word: "hot",
        requires: &[Requires::StandingPods, Requires::Files, Requires::Agents],
        tells: "the kubelet is woken, and the agent in each pod is asked until the running process has the change",
        proven: Some("the agent holds the content and says that it was applied"),
        at_once: Some(10),
        restarts: false,
        rights: &TO_POKE,
    },
    MethodRow {
        method: Method::Poke,
        word: "poke",
        requires: &[Requires::StandingPods, Requires::Files],
        tells: "the kubelet is woken, and the program is left to watch its files itself",
        proven: None,
        at_once: Some(10),
        restarts: false,
        rights: &TO_POKE,
    },
    MethodRow {
        method: Method::RestartInPlace,
        word: "restart-in-place",
        requires: &[Requires::StandingPods, Requires::Resizing],
        tells: "the containers that use the change, and only these, are started again in their pods, by a CPU request that differs by a thousandth of a core",
        proven: Some("another container runs, and the pod is Ready again"),
        at_once: Some(10),
        restarts: true,
        rights: &TO_RESIZE,
    },
    MethodRow {
        method: Method::Evict,
        word: "evict",
        requires: &[Requires::StandingPods, Requires::OwnTemplate],
        tells: "the pods are evicted, one after another, as PodDisruptionBudgets let them, and their owner makes others in their place",
        proven: Some("a pod that was made later is Ready in its place"),
        at_once: Some(10),
        restarts: true,
        rights: &TO_EVICT,
    },
    MethodRow {
        method: Method::Rollout,
        word: "rollout",
        requires: &[],
        tells: "the pods are replaced, as the workload's kind does it",
        proven: Some("the workload's own status"),
        at_once: None,
        restarts: true,
        rights: &[],
    },
    MethodRow {
        method: Method::Notify,
        word: "notify",
        requires: &[],
        tells: "people are told, and nothing else is done",
        proven: None,
        at_once: None,
        restarts: false,
        rights: &[],
    },
];

impl Method {
    /// Its row.
    pub fn row(self) -> &'static MethodRow {
        &METHODS[self as usize]
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        self.row().word
    }

    /// The method of a word.
    pub fn parse(word: &str) -> Option<Self> {
        let row = METHODS.iter().find(|row| row.word == word);
        row.map(|row| row.method)
    }

    /// Whether it goes pod by pod.
    pub fn is_pod_wise(self) -> bool {
        self.row().at_once.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_has_its_row_and_its_word() {
        for (at, row) in METHODS.iter().enumerate() {
            assert_eq!(row.method as usize, at);
            assert_eq!(Method::parse(row.word), Some(row.method));
        }
        assert_eq!(Method::parse("Hot"), None);
    }

    #[test]
    fn what_requires_nothing_needs_no_pods_and_comes_after_what_does() {
        let always = METHODS.iter().filter(|row| row.requires.is_empty());
        let always: Vec<_> = always.map(|row| row.method).collect();
        assert_eq!(always, [Method::Rollout, Method::Notify]);
        assert!(always.iter().all(|method| !method.is_pod_wise()));
    }
}
