//! What is to be changed in an object, place by place.
//!
//! Goes in: an object, and what it is to have. Comes out: edits, so that whoever has its
//! text can make the same ones there and leave everything else as it is; and the same as a
//! patch. An edit never takes anything away.
//!
//! Which lists are merged by which key: `patchMergeKey` in Kubernetes' API reference,
//! `core/v1` PodSpec and Container.

use serde_json::{Map, Value, json};

/// One step down into an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathStep {
    /// To what a map has under this key.
    Key(String),
    /// To this item of a list.
    Item(usize),
}

/// The way to a place.
pub type Path = Vec<PathStep>;

/// What is done at a place.
#[derive(Clone, Debug, PartialEq)]
pub enum TreeChange {
    /// The map there gets this entry; what it had under the key was nothing, or empty.
    Put(String, Value),
    /// These become the first items of the list there.
    First(Vec<Value>),
    /// These become its last items.
    Last(Vec<Value>),
}

/// One change at one place.
#[derive(Clone, Debug, PartialEq)]
pub struct TreeEdit {
    /// Where.
    pub at: Path,
    /// What.
    pub change: TreeChange,
}

/// The keys of a path of maps.
pub fn keys(path: &[&str]) -> Path {
    path.iter()
        .map(|key| PathStep::Key((*key).to_owned()))
        .collect()
}

/// What lies at the end of a path.
pub fn get<'a>(object: &'a Value, at: &[PathStep]) -> Option<&'a Value> {
    at.iter().try_fold(object, |value, step| match step {
        PathStep::Key(key) => value.get(key),
        PathStep::Item(item) => value.get(*item),
    })
}

fn get_mut<'a>(object: &'a mut Value, at: &[PathStep]) -> Option<&'a mut Value> {
    at.iter().try_fold(object, |value, step| match step {
        PathStep::Key(key) => value.get_mut(key),
        PathStep::Item(item) => value.get_mut(*item),
    })
}

impl TreeEdit {
    /// Makes the change in an object that has the place.
    pub fn apply(&self, object: &mut Value) {
        match (get_mut(object, &self.at), &self.change) {
            (Some(Value::Object(map)), TreeChange::Put(key, value)) => {
                map.insert(key.clone(), value.clone());
            }
            (Some(Value::Array(list)), TreeChange::First(items)) => {
                list.splice(0..0, items.iter().cloned());
            }
            (Some(Value::Array(list)), TreeChange::Last(items)) => {
                list.extend(items.iter().cloned());
            }
            _ => {}
        }
    }
}

/// An object in the making.
#[derive(Debug)]
pub(super) struct Draft {
    object: Value,
    edits: Vec<TreeEdit>,
}

impl Draft {
    pub(super) fn of(object: &Value) -> Self {
        Self {
            object: object.clone(),
            edits: Vec::new(),
        }
    }

    pub(super) fn edits(self) -> Vec<TreeEdit> {
        self.edits
    }

    fn make(&mut self, at: &[PathStep], change: TreeChange) {
        let edit = TreeEdit {
            at: at.to_vec(),
            change,
        };
        edit.apply(&mut self.object);
        self.edits.push(edit);
    }

    /// Whether there is nothing at a place, or something without anything in it.
    fn is_bare(&self, at: &[PathStep]) -> bool {
        match get(&self.object, at) {
            None | Some(Value::Null) => true,
            Some(Value::Object(map)) => map.is_empty(),
            Some(Value::Array(list)) => list.is_empty(),
            Some(_) => false,
        }
    }

    /// Gives a map these entries; it is made where there is none.
    pub(super) fn put(&mut self, at: &[PathStep], entries: Map<String, Value>) {
        if let Some((PathStep::Key(key), above)) = at.split_last()
            && self.is_bare(at)
        {
            let made = Map::from_iter([(key.clone(), Value::Object(entries))]);
            return self.put(above, made);
        }
        for (key, value) in entries {
            self.make(at, TreeChange::Put(key, value));
        }
    }

    /// Gives a list these items, behind those that it has; it is made where there is none.
    pub(super) fn add(&mut self, at: &[PathStep], items: Vec<Value>) {
        match at.split_last() {
            Some((PathStep::Key(key), above)) if self.is_bare(at) => {
                let made = Map::from_iter([(key.clone(), Value::Array(items))]);
                self.put(above, made);
            }
            _ => self.make(at, TreeChange::Last(items)),
        }
    }

    /// The same, before those that it has.
    pub(super) fn add_first(&mut self, at: &[PathStep], items: Vec<Value>) {
        if self.is_bare(at) {
            return self.add(at, items);
        }
        self.make(at, TreeChange::First(items));
    }
}

/// Lists whose items a strategic merge patch adds to those that are there.
const MERGED: [&str; 5] = [
    "containers",
    "initContainers",
    "volumes",
    "volumeMounts",
    "ports",
];

/// The edits of an object as a strategic merge patch, for kustomize.
pub fn patch(object: &Value, edits: &[TreeEdit]) -> Value {
    let mut after = object.clone();
    for edit in edits {
        edit.apply(&mut after);
    }
    let mut patch = json!({ "apiVersion": object["apiVersion"], "kind": object["kind"] });
    for key in ["name", "namespace"] {
        if let Some(value) = object["metadata"].get(key) {
            patch["metadata"][key] = value.clone();
        }
    }
    for edit in edits {
        add_to_patch(&mut patch, &after, edit);
    }
    patch
}

fn add_to_patch(patch: &mut Value, after: &Value, edit: &TreeEdit) {
    let (mut at, mut there) = (patch, after);
    for step in &edit.at {
        match step {
            PathStep::Key(key) => (at, there) = (&mut at[key.as_str()], &there[key.as_str()]),
            PathStep::Item(item) => {
                there = &there[*item];
                at = item_of(at, &there["name"]);
            }
        }
    }
    match &edit.change {
        TreeChange::Put(key, value) => at[key.as_str()] = value.clone(),
        TreeChange::Last(items) if is_merged(&edit.at) => {
            let mut all = at.as_array().cloned().unwrap_or_default();
            all.extend(items.iter().cloned());
            *at = Value::Array(all);
        }
        TreeChange::First(_) | TreeChange::Last(_) => *at = there.clone(),
    }
}

fn is_merged(at: &[PathStep]) -> bool {
    matches!(at.last(), Some(PathStep::Key(key)) if MERGED.contains(&key.as_str()))
}

/// The item of this name of a list in a patch.
fn item_of<'a>(list: &'a mut Value, name: &Value) -> &'a mut Value {
    if !list.is_array() {
        *list = json!([]);
    }
    let known = list.as_array().and_then(|all| {
        let mut all = all.iter();
        all.position(|item| item["name"] == *name)
    });
    let at = known.unwrap_or_else(|| {
        let all = list.as_array_mut();
        all.map_or(0, |all| {
            all.push(json!({ "name": name }));
            all.len() - 1
        })
    });
    &mut list[at]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container() -> Path {
        let mut at = keys(&["spec", "containers"]);
        at.push(PathStep::Item(0));
        at
    }

    fn below(mut at: Path, key: &str) -> Path {
        at.push(PathStep::Key(key.to_owned()));
        at
    }

    #[test]
    fn what_is_not_there_is_made_by_one_edit() {
        let mut draft = Draft::of(&json!({"spec": {"containers": [{"name": "a", "ports": []}]}}));
        draft.put(
            &keys(&["metadata", "annotations"]),
            Map::from_iter([("x".to_owned(), json!("1")), ("y".to_owned(), json!("2"))]),
        );
        draft.add(&below(container(), "ports"), vec![json!(1)]);
        draft.add(&below(container(), "ports"), vec![json!(2)]);
        let edits = draft.edits();
        let expected = [
            TreeEdit {
                at: Path::new(),
                change: TreeChange::Put(
                    "metadata".to_owned(),
                    json!({"annotations": {"x": "1", "y": "2"}}),
                ),
            },
            TreeEdit {
                at: container(),
                change: TreeChange::Put("ports".to_owned(), json!([1])),
            },
            TreeEdit {
                at: below(container(), "ports"),
                change: TreeChange::Last(vec![json!(2)]),
            },
        ];
        assert_eq!(edits, expected);
    }

    #[test]
    fn a_patch_names_what_it_adds_to_and_repeats_what_is_not_merged() {
        let object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop", "labels": {"a": "b"}},
            "spec": {"containers": [
                {"name": "web", "command": ["nginx"], "volumeMounts": [{"mountPath": "/a"}]}]}});
        let mut draft = Draft::of(&object);
        draft.add(
            &below(container(), "volumeMounts"),
            vec![json!({"mountPath": "/b"})],
        );
        draft.add_first(&below(container(), "command"), vec![json!("agent")]);
        draft.add(&keys(&["spec", "volumes"]), vec![json!({"name": "v"})]);
        let expected = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {
                "containers": [{"name": "web", "command": ["agent", "nginx"],
                    "volumeMounts": [{"mountPath": "/b"}]}],
                "volumes": [{"name": "v"}]}});
        assert_eq!(patch(&object, &draft.edits()), expected);
    }
}
