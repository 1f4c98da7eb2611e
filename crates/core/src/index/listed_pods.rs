//! Pods, with what their containers use. Of thousands that were made from one template
//! what they use is held once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Index;
use crate::object::Pod;
use crate::refs::{Name, SourceRef};
use crate::uses::{Use, Via};

/// The pods that were listed.
#[derive(Debug, Default)]
pub(super) struct ListedPods {
    pods: BTreeMap<(Name, Name), Pod>,
    uses: BTreeSet<Arc<[Use]>>,
    sources: BTreeSet<SourceRef>,
}

impl ListedPods {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Pod> {
        self.pods.values()
    }

    /// Whether a container of one uses this source.
    pub(super) fn use_it(&self, source: &SourceRef) -> bool {
        self.sources.contains(source)
    }

    fn share(&mut self, uses: &mut Arc<[Use]>) {
        match self.uses.get(uses) {
            Some(known) => *uses = Arc::clone(known),
            None => drop(self.uses.insert(Arc::clone(uses))),
        }
    }
}

impl Index {
    /// Whether a container of a listed pod uses this source.
    pub fn is_used_by_pods(&self, source: &SourceRef) -> bool {
        self.pods.use_it(source)
    }

    /// The pods of a namespace, or of all, are listed anew.
    pub fn forget_pods(&mut self, namespace: Option<&Name>) {
        let pods = &mut self.pods.pods;
        pods.retain(|(within, _), _| namespace.is_some_and(|name| name != within));
    }

    /// A pod was read. What it uses is held from now on.
    pub(super) fn apply_pod(&mut self, mut pod: Pod) {
        pod.group.namespace = self.names.share(&pod.group.namespace);
        pod.group.name = self.names.share(&pod.group.name);
        pod.group.kind = self.names.share(&pod.group.kind);
        for container in &mut pod.containers {
            container.name = self.names.share(&container.name);
            self.pods.share(&mut container.uses);
            for used in container
                .uses
                .iter()
                .filter(|used| used.via != Via::ImagePullSecret)
            {
                self.hold_for_pods(used.source(&pod.group.namespace));
            }
        }
        let key = (pod.group.namespace.clone(), pod.name.clone());
        self.pods.pods.insert(key, pod);
    }

    fn hold_for_pods(&mut self, source: SourceRef) {
        if !self.pods.use_it(&source) && self.watches(source.kind, &source.namespace) {
            self.hold(&source);
            self.pods.sources.insert(source);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::index::{Fact, Index, Stream, StreamOf};
    use crate::object::{Meta, read_pod};
    use crate::policy::Defaults;
    use crate::refs::{SourceKind, SourceRef};
    use crate::vocabulary::Vocabulary;

    fn pod(name: &str) -> Fact {
        let json = json!({
            "metadata": {"namespace": "ns", "name": name, "resourceVersion": "1",
                "creationTimestamp": "2026-11-29T20:00:00Z"},
            "spec": {"containers": [{"name": "web", "envFrom": [{"configMapRef": {"name": "a"}}]}]},
            "status": {"phase": "Running", "containerStatuses": [
                {"name": "web", "state": {"running": {"startedAt": "2026-11-29T20:00:01Z"}}}]},
        });
        let pod = read_pod(json.to_string().as_bytes()).unwrap();
        Fact::Pod(Box::new(pod.unwrap()))
    }

    fn config_map(name: &str) -> Fact {
        let json = json!({"namespace": "ns", "name": name, "resourceVersion": "7"});
        let meta: Meta = serde_json::from_value(json).unwrap();
        let meta = meta.into_source(SourceKind::ConfigMap, &Vocabulary::default());
        Fact::Source(meta.unwrap())
    }

    #[test]
    fn what_pods_use_is_held_and_once() {
        let of = StreamOf::Sources(SourceKind::ConfigMap);
        let stream = Stream {
            of,
            namespace: None,
        };
        let mut index = Index::new(Defaults::default(), [stream]);
        for fact in [
            pod("web-1"),
            pod("web-2"),
            config_map("a"),
            config_map("other"),
        ] {
            index.apply(fact);
        }
        assert_eq!(index.pods().count(), 2);
        assert_eq!(index.pods.uses.len(), 1);
        assert_eq!(index.sources(), 1);
        let a = SourceRef::new(SourceKind::ConfigMap, "ns", "a");
        assert!(index.view(&a).present().is_some());
    }
}
