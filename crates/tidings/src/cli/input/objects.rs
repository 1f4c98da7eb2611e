//! The objects of a text.
//!
//! Goes in: a file's documents. Comes out: its Kubernetes objects, those of a
//! `List` one by one, each with its place. What is no object (values of a chart,
//! say) and what is a template is counted, what cannot be read is said.

use std::sync::Arc;

use serde_json::{Map, Value};
use tidings_core::kinds::Kind;
use tidings_core::refs::Name;

use super::Unread;
use super::files::{Reached, Text};
use super::tree::{self, Tree};
use super::unseen;

/// One object.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its file.
    pub file: Arc<str>,
    /// How that came to be read.
    pub reached: Reached,
    /// The line on which it begins.
    pub line: u64,
    /// The line on which its document begins.
    pub root: u64,
    /// Of each `List` around it, from the outermost: which of its items it is in.
    pub items: Vec<usize>,
    /// Its API group; empty for the core group.
    pub group: String,
    /// Its API version.
    pub version: String,
    /// Its `kind`.
    pub kind: String,
    /// Its namespace, or the one that is assumed.
    pub namespace: Name,
    /// Its name.
    pub name: Name,
    /// All of it.
    pub tree: Tree,
}

/// What the texts hold.
#[derive(Debug, Default)]
pub struct Objects {
    /// The objects, in order.
    pub all: Vec<Object>,
    /// What could not be read.
    pub unread: Vec<Unread>,
    /// Files that are templates: no manifests before they are rendered.
    pub templates: Vec<Arc<str>>,
    /// Documents that are no objects.
    pub skipped: usize,
    /// Annotations in templates and in documents that are no objects.
    pub unseen: usize,
}

impl Objects {
    /// The objects of these texts. What names no namespace is in this one.
    pub fn read(texts: &[Text], namespace: &Name) -> Self {
        let mut objects = Self::default();
        for text in texts {
            objects.add(text, namespace);
        }
        objects
    }

    fn add(&mut self, text: &Text, namespace: &Name) {
        match &text.text {
            Ok(template) if text.reached == Reached::AsTemplate => self.template(text, template),
            Ok(manifest) => self.read_all(text, manifest, namespace),
            Err(why) => self.unread.push(Unread::of(text, 0, why.clone())),
        }
    }

    fn template(&mut self, text: &Text, template: &str) {
        self.templates.push(text.file.clone());
        self.unseen += unseen::in_text(template);
    }

    fn read_all(&mut self, text: &Text, manifest: &str, namespace: &Name) {
        for document in tree::documents(manifest) {
            match document {
                Ok(tree) => {
                    let place = ObjectPlace {
                        root: tree.line,
                        items: Vec::new(),
                        of_list: None,
                    };
                    self.take(text, &place, &tree, namespace);
                }
                // What was named is answered for; what merely lies there may be a template.
                Err(_) if text.reached == Reached::Found && is_template(manifest) => {
                    return self.template(text, manifest);
                }
                Err(wrong) => {
                    let why = wrong.text + advice(manifest);
                    self.unread.push(Unread::of(text, wrong.line, why));
                }
            }
        }
    }

    /// An object that does not say what it is, in a list that does, is of the list's kind.
    fn take(&mut self, text: &Text, place: &ObjectPlace, tree: &Tree, namespace: &Name) {
        let own = ApiKind::of(tree);
        let Some(is) = own.as_ref().or(place.of_list.as_ref()) else {
            self.skipped += 1;
            self.unseen += unseen::in_tree(tree).len();
            return;
        };
        if let (Some(of_items), Some(items)) = (is.of_items(), tree.get("items")) {
            let of_items = of_items.said();
            for (at, item) in items.items().iter().enumerate() {
                let place = place.within(at, of_items.clone());
                self.take(text, &place, item, namespace);
            }
        } else {
            let object = Object::new(text, place, is, tree.clone(), namespace);
            self.all.push(object);
        }
    }
}

/// Where an object is in its file.
struct ObjectPlace {
    root: u64,
    items: Vec<usize>,
    /// What the items of the list are that it is in, where they do not say it.
    of_list: Option<ApiKind>,
}

impl ObjectPlace {
    fn within(&self, item: usize, of_list: Option<ApiKind>) -> Self {
        Self {
            root: self.root,
            items: [self.items.as_slice(), &[item]].concat(),
            of_list,
        }
    }
}

/// What an object says that it is.
#[derive(Clone, Debug)]
struct ApiKind {
    version: String,
    kind: String,
}

impl ApiKind {
    fn of(tree: &Tree) -> Option<Self> {
        let word = |key| tree.word(key).to_owned();
        let (version, kind) = (word("apiVersion"), word("kind"));
        Self { version, kind }.said()
    }

    fn said(self) -> Option<Self> {
        (!self.version.is_empty() && !self.kind.is_empty()).then_some(self)
    }

    /// What the items of a list are where they do not say it, as in the API's own answers
    /// (`decodeToList` in `k8s.io/apimachinery`); empty for a `List` of anything.
    fn of_items(&self) -> Option<Self> {
        let kind = self.kind.strip_suffix("List")?.to_owned();
        let version = self.version.clone();
        Some(Self { version, kind })
    }
}

/// Charts are the files that people most often mistake for manifests.
fn advice(text: &str) -> &'static str {
    if is_template(text) {
        "; it looks like a template: render it first, and pipe the result in with `-f -`"
    } else {
        ""
    }
}

fn is_template(text: &str) -> bool {
    text.contains("{{")
}

impl Object {
    fn new(text: &Text, place: &ObjectPlace, is: &ApiKind, tree: Tree, namespace: &Name) -> Self {
        let meta = |key| tree.at(&["metadata", key]).and_then(Tree::scalar);
        let api = is.version.as_str();
        let (group, version) = api.split_once('/').unwrap_or(("", api));
        Self {
            file: text.file.clone(),
            reached: text.reached,
            line: tree.line,
            root: place.root,
            items: place.items.clone(),
            group: group.to_owned(),
            version: version.to_owned(),
            kind: is.kind.clone(),
            namespace: meta("namespace").map_or_else(|| namespace.clone(), Name::from),
            name: meta("name")
                .or_else(|| meta("generateName"))
                .unwrap_or_default()
                .into(),
            tree,
        }
    }

    /// Whether it is of this kind of workload, in any version.
    pub fn is(&self, kind: &Kind) -> bool {
        self.group == kind.group && self.kind == kind.api_kind
    }

    /// Whether it is of a kind that Kubernetes itself does not have: what is made of it, and
    /// of its annotations, is its controller's matter.
    pub fn is_custom(&self) -> bool {
        const ITS_OWN: &str = ".k8s.io";
        self.group.contains('.') && !self.group.ends_with(ITS_OWN)
    }

    /// Whether it says its name, and not only how that would begin.
    pub fn has_name(&self) -> bool {
        let name = self.tree.at(&["metadata", "name"]).and_then(Tree::scalar);
        name.is_some_and(|name| !name.is_empty())
    }

    /// Whether another object makes it: what is written on it is a copy.
    pub fn is_owned(&self) -> bool {
        let owners = self.tree.at(&["metadata", "ownerReferences"]);
        owners.is_some_and(|owners| !owners.items().is_empty())
    }

    /// Whether it was read out of a cluster: it is no manifest that is applied.
    pub fn is_live(&self) -> bool {
        self.tree.at(&["metadata", "uid"]).is_some()
    }

    /// What its names are written as, each with its key.
    pub fn names(&self) -> impl Iterator<Item = (&str, &Tree)> {
        let keys = ["name", "generateName", "namespace"].into_iter();
        keys.filter_map(|key| Some((key, self.tree.at(&["metadata", key])?)))
    }

    /// Its annotations, each with its line.
    pub fn annotations(&self) -> impl Iterator<Item = (&str, &Tree)> {
        entries(self.tree.at(&["metadata", "annotations"]))
    }

    /// As the API server would send it. Annotations that are no strings become
    /// such: they are complained of elsewhere.
    pub fn json(&self, template: &[&str]) -> Value {
        let mut json = self.tree.json();
        if let Some(meta) = below(&mut json, &["metadata"]) {
            meta.insert("namespace".into(), (*self.namespace).into());
            meta.insert("name".into(), (*self.name).into());
            meta.entry("resourceVersion").or_insert_with(|| "1".into());
        }
        texts(below(&mut json, &["metadata", "annotations"]));
        let path = [template, &["metadata", "annotations"]].concat();
        texts(below(&mut json, &path));
        json
    }
}

/// The entries of a map that may not be there.
pub fn entries(tree: Option<&Tree>) -> impl Iterator<Item = (&str, &Tree)> {
    tree.into_iter().flat_map(Tree::entries)
}

fn below<'a>(json: &'a mut Value, path: &[&str]) -> Option<&'a mut Map<String, Value>> {
    let mut at = json;
    for key in path {
        at = at.get_mut(*key)?;
    }
    at.as_object_mut()
}

fn texts(map: Option<&mut Map<String, Value>>) {
    for value in map.into_iter().flat_map(Map::values_mut) {
        if !value.is_string() {
            *value = value.to_string().into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Objects {
        let text = Text {
            file: "a.yaml".into(),
            reached: Reached::ByName,
            text: Ok(text.to_owned()),
        };
        Objects::read(&[text], &"default".into())
    }

    #[test]
    fn lists_are_taken_apart_and_other_files_counted() {
        let objects = read(
            "replicas: 3\n---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: web, namespace: stage}\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: c}}\n",
        );
        let seen = objects.all.iter().map(|o| {
            format!(
                "{} {}/{} {}/{}",
                o.line, o.group, o.kind, o.namespace, o.name
            )
        });
        let seen: Vec<_> = seen.collect();
        assert_eq!(
            seen,
            ["6 apps/Deployment stage/web", "9 /ConfigMap default/c"]
        );
        assert_eq!(objects.skipped, 1);
    }

    /// kubectl's `-o yaml` always says what they are, an API server's answer does not.
    #[test]
    fn what_a_list_holds_is_of_its_kind() {
        let kinds = |text: &str| {
            let objects = read(text);
            let of = |o: &Object| format!("{}/{} {}", o.group, o.kind, o.name);
            (
                objects.all.iter().map(of).collect::<Vec<_>>(),
                objects.skipped,
            )
        };
        let list = "{apiVersion: v1, kind: ConfigMapList, items: [{metadata: {name: a}}, {kind: ConfigMap, metadata: {name: b}}]}";
        assert_eq!(kinds(list).0, ["/ConfigMap a", "/ConfigMap b"]);
        let list = "{apiVersion: apps/v1, kind: DeploymentList, items: [{metadata: {name: a}}]}";
        assert_eq!(kinds(list).0, ["apps/Deployment a"]);
        let list = "{apiVersion: v1, kind: List, items: [{metadata: {name: a}}]}";
        assert_eq!(kinds(list), (Vec::new(), 1));
    }

    #[test]
    fn a_name_that_is_no_string_is_a_name() {
        let name = |meta: &str| {
            let text = format!("{{apiVersion: v1, kind: X, metadata: {meta}}}");
            let object = read(&text).all.remove(0);
            format!("{}/{}", object.namespace, object.name)
        };
        assert_eq!(name("{name: 123, namespace: true}"), "true/123");
        assert_eq!(name("{name: null, generateName: g-}"), "default/g-");
        assert_eq!(name("{name: '', generateName: g-}"), "default/g-");
        assert_eq!(name("{name: [a], namespace: ''}"), "default/");
    }

    #[test]
    fn a_template_is_recognised() {
        let objects = read("kind: {{ .Values.kind }}\n  x: 1\n");
        assert!(objects.unread[0].text.contains("render it first"));
    }

    #[test]
    fn annotations_become_strings() {
        let objects = read(
            "{apiVersion: v1, kind: X, metadata: {annotations: {a: true}}, spec: {t: {metadata: {annotations: {b: 1}}}}}",
        );
        let json = objects.all[0].json(&["spec", "t"]);
        assert_eq!(json["metadata"]["annotations"]["a"], "true");
        assert_eq!(json["spec"]["t"]["metadata"]["annotations"]["b"], "1");
        assert_eq!(json["metadata"]["resourceVersion"], "1");
    }
}
