//! What of manifests concerns sources, and the workloads that use them.
//!
//! Goes in: texts. Comes out: sources and workloads, each once: of two that name the same
//! object the later one is applied last. The rest is not looked into. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tidings_core::impact::ApplyOrder;
use tidings_core::kinds::Kinds;
use tidings_core::object::Workload;
use tidings_core::refs::{Name, SourceKind, SourceRef, WorkloadRef};

use crate::cli::input::Unread;
use crate::cli::input::files::Text;
use crate::cli::input::objects::{Object, Objects};
use crate::settings::SupposedSource;

/// How a source is supposed to be.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// As this manifest has it, which is at that place.
    Applied(Value, ManifestAt),
    /// Otherwise, in these keys; none: in all that it has.
    Otherwise(BTreeSet<Name>),
}

/// Where a manifest is.
#[derive(Clone, Debug)]
pub(super) struct ManifestAt {
    file: std::sync::Arc<str>,
    line: u64,
    /// Which of all objects it is: they are applied one after the other.
    order: usize,
}

/// Why it is not read.
const TEMPLATE: &str = "a template is no manifest: render it first (`helm template`), and pipe \
                        the result in with `-f -`";

/// What is supposed.
#[derive(Debug, Default)]
pub(super) struct Manifests {
    /// The sources.
    pub(super) sources: BTreeMap<SourceRef, Wanted>,
    /// The workloads that are applied with them, each with its place among all objects.
    pub(super) workloads: BTreeMap<WorkloadRef, (Value, usize)>,
    /// The namespaces that are, likewise.
    pub(super) namespaces: BTreeMap<Name, (Value, usize)>,
    /// What could not be read.
    pub(super) unread: Vec<Unread>,
    /// How many objects there are of each kind.
    pub(super) kinds: BTreeMap<String, usize>,
}

impl Manifests {
    /// Of these texts. What names no namespace is in this one.
    pub(super) fn of_texts(texts: &[Text], namespace: &Name, kinds: &Kinds) -> Self {
        let objects = Objects::read(texts, namespace);
        let nothing = nothing_in(texts, &objects);
        let templates = objects.templates.into_iter().map(|file| Unread {
            file,
            line: 0,
            text: TEMPLATE.to_owned(),
            named: false,
        });
        let mut plan = Self {
            unread: objects
                .unread
                .into_iter()
                .chain(templates)
                .chain(nothing)
                .collect(),
            ..Self::default()
        };
        for (order, object) in objects.all.iter().enumerate() {
            plan.add(object, order, kinds);
        }
        plan
    }

    /// Of these sources in one namespace.
    pub(super) fn of_sources(sources: &[SupposedSource], namespace: &Name) -> Self {
        let sources = sources.iter().map(|source| {
            let key = SourceRef::new(source.kind, namespace.clone(), source.name.clone());
            (key, Wanted::Otherwise(source.keys.clone()))
        });
        Self {
            sources: sources.collect(),
            ..Self::default()
        }
    }

    /// Whether a source is applied later than what has this place among all objects.
    fn is_later(&self, source: &SourceRef, order: usize) -> bool {
        matches!(self.sources.get(source), Some(Wanted::Applied(_, at)) if at.order > order)
    }

    /// When a namespace is applied that has this place among all objects.
    pub(super) fn turn_of_namespace(&self, name: &Name, order: usize) -> ApplyOrder {
        let mut within = self.sources.keys().filter(|key| key.namespace == *name);
        turn(within.any(|source| self.is_later(source, order)))
    }

    /// When a workload is applied that is so then, and has this place.
    pub(super) fn turn_of_workload(&self, workload: &Workload, order: usize) -> ApplyOrder {
        let namespace = &workload.key.namespace;
        let mut uses = workload.uses.iter();
        turn(uses.any(|used| self.is_later(&used.source(namespace), order)))
    }

    fn add(&mut self, object: &Object, order: usize, kinds: &Kinds) {
        *self.kinds.entry(object.kind.clone()).or_default() += 1;
        let kind = [SourceKind::ConfigMap, SourceKind::Secret].into_iter();
        let mut kind = kind.filter(|kind| {
            let row = kind.row();
            object.group == row.group && object.kind == row.api_kind
        });
        if !object.has_name() {
            // It is made anew each time, under a name that nothing can use before.
        } else if let Some(kind) = kind.next() {
            self.add_source(kind, object, order);
        } else if object.group.is_empty() && object.kind == "Namespace" {
            self.namespaces
                .insert(object.name.clone(), (object.json(&[]), order));
        } else if let Some(kind) = kinds.iter().find(|kind| object.is(kind)) {
            let key = WorkloadRef::new(kind, object.namespace.clone(), object.name.clone());
            self.workloads
                .insert(key, (object.json(kind.template), order));
        }
    }

    fn add_source(&mut self, kind: SourceKind, object: &Object, order: usize) {
        let key = SourceRef::new(kind, object.namespace.clone(), object.name.clone());
        let place = ManifestAt {
            file: object.file.clone(),
            line: object.line,
            order,
        };
        if object.version != kind.row().version {
            let version = &object.version;
            let text = format!("there is no {} of version {version}", object.kind);
            return self.unread.push(place.unread(text));
        }
        if !key.is_possible() {
            let text = format!("no {} can have the name {:?}", object.kind, object.name);
            return self.unread.push(place.unread(text));
        }
        let wanted = Wanted::Applied(object.json(&[]), place);
        self.sources.insert(key, wanted);
    }
}

fn turn(is_before: bool) -> ApplyOrder {
    if is_before {
        ApplyOrder::BeforeSources
    } else {
        ApplyOrder::AfterSources
    }
}

/// A pipeline whose first command has failed hands on nothing: that is no answer.
fn nothing_in(texts: &[Text], objects: &Objects) -> Option<Unread> {
    let is_silent = objects.all.is_empty() && objects.unread.is_empty();
    let text = texts
        .first()
        .filter(|_| is_silent && objects.templates.is_empty())?;
    let why = "there is no Kubernetes object in it; see whether what made it has failed";
    Some(Unread {
        named: true,
        ..Unread::of(text, 0, why.to_owned())
    })
}

impl ManifestAt {
    /// What is there could not be read.
    pub(super) fn unread(&self, text: String) -> Unread {
        Unread {
            file: self.file.clone(),
            line: self.line,
            text,
            named: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::input::files::Reached;

    fn plan(text: &str) -> Manifests {
        let text = Text {
            file: "a.yaml".into(),
            reached: Reached::ByName,
            text: Ok(text.to_owned()),
        };
        let kinds = Kinds::new(tidings_core::kinds::KINDS);
        Manifests::of_texts(&[text], &"stage".into(), &kinds)
    }

    #[test]
    fn sources_and_workloads_are_found_in_whatever_there_is() {
        let plan = plan(
            "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: app}}\n- {apiVersion: v1, kind: Secret, metadata: {name: db, namespace: prod}}\n---\n{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}}\n---\n{apiVersion: example.org/v1, kind: Secret, metadata: {name: other}}\n",
        );
        let sources = plan
            .sources
            .keys()
            .map(|key| format!("{}/{key}", key.namespace));
        let sources: Vec<_> = sources.collect();
        assert_eq!(sources, ["stage/configmap/app", "prod/secret/db"]);
        let workloads: Vec<_> = plan.workloads.keys().map(|key| &*key.name).collect();
        assert_eq!(workloads, ["web"]);
    }

    #[test]
    fn objects_are_applied_one_after_the_other() {
        let plan = plan(
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n---\n{apiVersion: v1, kind: Namespace, metadata: {name: stage}}\n---\n{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}}\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n",
        );
        let (_, order) = plan.workloads.values().next().unwrap();
        let later = plan
            .sources
            .keys()
            .map(|source| plan.is_later(source, *order));
        assert_eq!(later.collect::<Vec<_>>(), [false, true]);
        assert!(plan.namespaces.contains_key("stage"));
    }

    #[test]
    fn nothing_at_all_is_said() {
        for text in ["", "\n---\n", "replicas: 3\n"] {
            let [said] = &plan(text).unread[..] else {
                panic!("{text}");
            };
            assert!(said.named && said.text.contains("no Kubernetes object"));
        }
        let other = "{apiVersion: v1, kind: Service, metadata: {name: web}}\n";
        assert!(plan(other).unread.is_empty());
    }

    #[test]
    fn what_has_no_name_yet_or_another_version_is_no_source() {
        let plan = plan(
            "{apiVersion: v1, kind: ConfigMap, metadata: {generateName: app}}\n---\n{apiVersion: v2, kind: ConfigMap, metadata: {name: app}}\n",
        );
        assert!(plan.sources.is_empty());
        let said: Vec<_> = plan.unread.iter().map(|unread| &*unread.text).collect();
        assert_eq!(said, ["there is no ConfigMap of version v2"]);
    }

    #[test]
    fn nothing_of_a_secret_is_in_what_is_said_of_its_mistakes() {
        let plan = plan(
            "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  a: hunter2\n b: hunter3\n---\n{apiVersion: v1, kind: Secret, metadata: {name: 'A b'}, data: {a: hunter2}}\n",
        );
        let said: String = plan.unread.iter().map(|unread| &*unread.text).collect();
        assert!(
            !plan.unread.is_empty() && !said.contains("hunter"),
            "{said}"
        );
    }
}
