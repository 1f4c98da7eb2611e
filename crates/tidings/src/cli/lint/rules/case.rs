//! One object, as the rules look at it.

use tidings_core::annotations::{self, Annotation};
use tidings_core::index::{Index, Known};
use tidings_core::kinds::Kind;
use tidings_core::method::Methods;
use tidings_core::needs::{Need, needs_of};
use tidings_core::policy::Defaults;
use tidings_core::vocabulary::Vocabulary;

use super::super::keys::meant;
use crate::cli::input::objects::{Object, entries};
use crate::cli::input::tree::Tree;

/// How deep a pod template may be in a custom resource.
const DEPTH: usize = 5;
/// The domains of Reloader's annotations.
pub(super) const RELOADER: &str = "reloader.stakater.com/";
/// The domain of wave's.
pub(super) const WAVE: &str = "wave.pusher.com/";
/// The domain of fabric8's configmapcontroller's.
pub(super) const FABRIC8: &str = "configmap.fabric8.io/";

/// Something found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The line.
    pub line: u64,
    /// The particulars.
    pub text: String,
}

impl Hit {
    pub(super) fn new(line: u64, text: impl Into<String>) -> Self {
        Self {
            line,
            text: text.into(),
        }
    }
}

/// One object, and what it is to an installation of Tidings.
#[derive(Debug)]
pub struct Case<'a> {
    /// The object.
    pub object: &'a Object,
    /// What is known of it, where it is a workload.
    pub known: Option<&'a Known>,
    /// Whether it is a source.
    pub is_source: bool,
    /// The files as a cluster.
    pub index: &'a Index,
    /// The keys of annotations.
    pub vocabulary: &'a Vocabulary,
    /// What holds where annotations are silent.
    pub defaults: Defaults,
    /// The methods that the installation has the rights for.
    pub enabled: Methods,
}

/// Where an annotation is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum On {
    Metadata,
    Template,
}

/// One annotation as it is written.
#[derive(Clone, Debug)]
pub(super) struct Noted<'a> {
    pub(super) on: On,
    /// The key that it is written under.
    pub(super) written: &'a str,
    /// The key of the table, where an option has renamed it.
    pub(super) key: &'a str,
    pub(super) value: String,
    pub(super) line: u64,
}

impl Noted<'_> {
    /// The row of the table, if it is a known key.
    pub(super) fn row(&self) -> Option<&'static Annotation> {
        annotations::find(self.key)
    }

    /// What the controller finds wrong with it.
    pub(super) fn mistakes(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        self.row().map(|row| row.read(&self.value, &mut wrong));
        wrong
    }

    /// Whether the controller finds nothing wrong with it.
    pub(super) fn is_valid(&self) -> bool {
        self.mistakes().is_empty()
    }

    /// The key, and what is said of it.
    pub(super) fn of_key(&self, what: &str) -> Hit {
        Hit::new(self.line, format!("{}{what}", self.written))
    }

    /// `key: value`, as in a manifest.
    pub(super) fn hit(&self, what: &str) -> Hit {
        let colon = if what.is_empty() { "" } else { ": " };
        Hit::new(
            self.line,
            format!("{}: {:?}{colon}{what}", self.written, self.value),
        )
    }

    /// The items of a comma list.
    pub(super) fn items(&self) -> impl Iterator<Item = &str> {
        let items = self.value.split(',').map(str::trim);
        items.filter(|item| !item.is_empty())
    }
}

impl<'a> Case<'a> {
    /// Its kind, where it is a workload.
    pub(super) fn kind(&self) -> Option<&'static Kind> {
        self.known.map(|known| known.workload.key.kind)
    }

    /// Its pod template, where it is a workload.
    pub(super) fn template(&self) -> Option<&'a Tree> {
        self.object.tree.at(self.kind()?.template)
    }

    /// What is in its pod template's spec.
    pub(super) fn pod(&self, field: &str) -> &'a [Tree] {
        let list = self.template().and_then(|t| t.at(&["spec", field]));
        list.map(Tree::items).unwrap_or_default()
    }

    /// Its containers, those that run first before the others.
    pub(super) fn containers(&self) -> impl Iterator<Item = &'a Tree> {
        self.pod("initContainers")
            .iter()
            .chain(self.pod("containers"))
    }

    /// The spec of its pods, whatever its kind.
    pub(super) fn pods(&self) -> Option<&'a Tree> {
        let spec = self.object.tree.get("spec")?;
        match (self.template(), self.object.kind.as_str()) {
            (Some(template), _) => template.get("spec"),
            (None, "Pod") => Some(spec),
            (None, _) => {
                let path = template_within(spec, DEPTH)?;
                spec.at(&path)?.get("spec")
            }
        }
    }

    /// Whether some installation may roll it.
    pub(super) fn may_be_rolled(&self) -> bool {
        self.known.is_some() || self.custom_row().is_some()
    }

    /// Whether it is neither workload nor source here, but a custom resource: its
    /// controller may hand its annotations on to what it makes.
    pub(super) fn is_handed_on(&self) -> bool {
        self.known.is_none() && !self.is_source && self.object.is_custom()
    }

    /// The row that would make Tidings roll an object of another kind.
    pub(super) fn custom_row(&self) -> Option<String> {
        const BUILT_IN: [&str; 3] = ["", "apps", "batch"];
        let object = self.object;
        if self.known.is_some() || BUILT_IN.contains(&&*object.group) || object.is_owned() {
            return None;
        }
        let path = template_within(object.tree.get("spec")?, DEPTH)?.join(".");
        let (group, version, kind) = (&object.group, &object.version, &object.kind);
        Some(format!("{group}/{version}/{kind}:spec.{path}"))
    }

    /// Its annotations and its template's.
    pub(super) fn said(&self) -> impl Iterator<Item = Noted<'a>> {
        let template = self
            .template()
            .and_then(|t| t.at(&["metadata", "annotations"]));
        let metadata = self.object.annotations().map(|entry| (On::Metadata, entry));
        let template = entries(template).map(|entry| (On::Template, entry));
        let said = |(on, (written, tree)): (On, (&'a str, &'a Tree))| {
            let keys = meant(self.vocabulary, written).into_iter();
            keys.map(move |key| Noted {
                on,
                written,
                key,
                value: tree.to_text(),
                line: tree.line,
            })
        };
        metadata.chain(template).flat_map(said)
    }

    /// One annotation, where it is written.
    pub(super) fn on(&self, on: On, key: &str) -> Option<Noted<'a>> {
        self.said().find(|said| said.on == on && said.key == key)
    }

    /// Whether it carries annotations of a domain.
    pub(super) fn speaks(&self, domain: &str) -> bool {
        self.said().any(|said| said.key.contains(domain))
    }

    /// The workload, if the annotations of this domain opt it in. Where nobody says
    /// anything, --auto-reload-all is Reloader's word.
    pub(super) fn opted_in_by(&self, domain: &str) -> Option<&'a Known> {
        let own = self.said().any(|said| said.key == annotations::RELOAD);
        let silent = || ![WAVE, FABRIC8].iter().any(|other| self.speaks(other));
        let assumed = domain == RELOADER && self.defaults.auto_reload_all && silent();
        let known = self.known.filter(|known| known.policy.opted_in() && !own)?;
        (self.speaks(domain) || assumed).then_some(known)
    }

    /// The variables that a manifest sets; what has come to be on an object in a
    /// cluster is none of its manifest's.
    pub(super) fn variables(&self) -> impl Iterator<Item = &'a Tree> {
        let containers = self.containers().filter(|_| !self.object.is_live());
        containers
            .filter_map(|c| c.get("env"))
            .flat_map(Tree::items)
    }

    /// The sources that may roll the workload.
    pub(super) fn needs(&self) -> Vec<Need> {
        self.known
            .map_or_else(Vec::new, |known| needs_of(known, self.index, None).needs)
    }

    /// A hit on the object itself.
    pub(super) fn hit(&self, text: impl Into<String>) -> Hit {
        Hit::new(self.object.line, text)
    }
}

/// The path of the first pod template within a tree.
fn template_within(tree: &Tree, depth: usize) -> Option<Vec<&str>> {
    let is_template = |tree: &Tree| {
        let containers = tree.at(&["spec", "containers"]);
        containers.is_some_and(|c| !c.items().is_empty())
    };
    for (key, below) in tree.entries() {
        if is_template(below) {
            return Some(vec![key]);
        }
        let deeper = depth
            .checked_sub(1)
            .and_then(|left| template_within(below, left));
        if let Some(path) = deeper {
            return Some([vec![key], path].concat());
        }
    }
    None
}
