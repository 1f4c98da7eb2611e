//! How the containers of a pod template see what they use: who mounts what where, and
//! who can be asked about it.
//!
//! Goes in: a pod template as the API server sends it. Comes out: a [`Layout`]. Nothing
//! here fails: what has another shape than expected is not there.
//!
//! Field meanings: Kubernetes API reference, `core/v1` PodSpec. Files of one projected
//! volume that have one path are the last source's
//! (`pkg/volume/projected`, `collectData`); a mount below another one hides what the other
//! has there.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::refs::{Name, SourceKind};

use super::cpu::{ResizePolicy, Resizing, resizing};
use super::mounts::{FEW, MountedAt, clean, item_path, sources};
use super::template::{Mount, Volume, drop_nulls};
use super::{PodTemplate, Use, uses_of_each};

/// The annotation whose value an agent finds in its poke file, as a downward API volume
/// names it.
const POKE_FIELD: &str = "metadata.annotations['tidings.dev/poke']";
/// How the port of an agent is called.
const PORT: &str = "tidings";

/// The containers of a pod, the init containers first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Each of them.
    pub containers: Vec<Seeing>,
}

/// How a container sees what its pod's `tidings.dev/poke` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pokes {
    /// Not at all, or never another than at first.
    #[default]
    Unseen,
    /// In a volume with what it uses: it may be the program beside the agent.
    AmongFiles,
    /// In a volume that is mounted for that.
    Alone,
}

/// One container, and what it sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeing {
    /// Its name.
    pub name: Name,
    /// Whether it has ended when the others start.
    pub ends: bool,
    /// What it uses, in order.
    pub uses: Box<[Use]>,
    /// The port that is named `tidings`.
    pub port: Option<u16>,
    /// How it sees the value of the pod's `tidings.dev/poke`, as it changes.
    pub pokes: Pokes,
    /// Whether another CPU request starts it again.
    pub resizing: Resizing,
    mounted: Vec<Mounted>,
    /// Where it has mounts of any kind.
    places: Vec<String>,
}

/// A source that is mounted as files that follow a change.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mounted {
    at: String,
    kind: SourceKind,
    name: Name,
    /// Each key and its path; none: all keys, under their own names.
    items: Option<Arc<[(Name, String)]>>,
}

/// A file of a container, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The kind of the source.
    pub kind: SourceKind,
    /// Its name.
    pub source: Name,
    /// The key; none stands for all keys of a source that is not known, or has none, and
    /// the path for the folder.
    pub key: Option<Name>,
}

/// The keys of a source of the workload's namespace, as far as it is known: those that
/// are there, and those that were.
pub type KeysOf<'a> = dyn Fn(SourceKind, &str) -> Option<Vec<(Name, bool)>> + 'a;

impl Seeing {
    fn size(&self) -> usize {
        let uses = self.uses.iter().map(Use::size).sum::<usize>();
        let items =
            |mounted: &Mounted| mounted.items.iter().map(|items| items.len()).sum::<usize>();
        let mounted = self.mounted.iter().map(|mounted| {
            size_of::<Mounted>() + mounted.at.len() + items(mounted) * size_of::<(Name, String)>()
        });
        let places = self
            .places
            .iter()
            .map(|place| size_of::<String>() + place.len());
        size_of::<Self>() + uses + mounted.sum::<usize>() + places.sum::<usize>()
    }

    /// The files of sources that this container sees and that follow a change, by path;
    /// none where they are too many to be worked out.
    pub fn files(&self, keys: &KeysOf<'_>) -> Option<BTreeMap<String, File>> {
        let (mut files, mut left) = (BTreeMap::new(), FEW);
        for mounted in &self.mounted {
            let known = keys(mounted.kind, &mounted.name);
            let pairs = mounted.paths(known.as_deref());
            left = left.checked_sub((pairs.len() + 1) * self.places.len())?;
            for (path, key, is_there) in pairs {
                let path = format!("{}{path}", mounted.at);
                if self.is_hidden(&mounted.at, &path) || (!is_there && files.contains_key(&path)) {
                    continue;
                }
                let (kind, source) = (mounted.kind, mounted.name.clone());
                files.insert(path, File { kind, source, key });
            }
        }
        Some(files)
    }

    /// The folders of sources that this container sees and that follow a change.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.mounted.iter().map(|mounted| mounted.at.as_str())
    }

    /// Whether another mount lies over a file of the one at this place.
    fn is_hidden(&self, at: &str, path: &str) -> bool {
        let within = |whole: &str, part: &str| {
            whole
                .strip_prefix(part)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mut places = self.places.iter();
        places.any(|place| place.len() > at.len() && within(place, at) && within(path, place))
    }
}

impl Mounted {
    /// Each path below the mount, its key, and whether that is there.
    fn paths(&self, known: Option<&[(Name, bool)]>) -> Vec<(String, Option<Name>, bool)> {
        let is_there = |key: &Name| {
            let mut of = known.into_iter().flatten();
            known.is_none() || of.any(|(name, is_there)| name == key && *is_there)
        };
        match (&self.items, known) {
            (Some(items), _) => {
                let items = items.iter();
                let paths =
                    items.map(|(key, path)| (path.clone(), Some(key.clone()), is_there(key)));
                paths.collect()
            }
            (None, Some(known)) if !known.is_empty() => {
                let known = known.iter();
                let paths = known.map(|(key, is)| (format!("/{key}"), Some(key.clone()), *is));
                paths.collect()
            }
            (None, _) => vec![(String::new(), None, true)],
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wide {
    spec: WideSpec,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WideSpec {
    #[serde(deserialize_with = "each")]
    init_containers: Vec<WideContainer>,
    #[serde(deserialize_with = "each")]
    containers: Vec<WideContainer>,
    volumes: Vec<Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WideContainer {
    name: String,
    restart_policy: String,
    #[serde(deserialize_with = "each")]
    ports: Vec<Port>,
    #[serde(deserialize_with = "each")]
    volume_mounts: Vec<WideMount>,
    #[serde(deserialize_with = "each")]
    resize_policy: Vec<ResizePolicy>,
    resources: Value,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Port {
    name: String,
    container_port: u16,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WideMount {
    mount_path: String,
    #[serde(flatten)]
    mount: Mount,
}

/// The parts of a volume that tell the pod of itself.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Telling {
    #[serde(rename = "downwardAPI")]
    downward: Downward,
    projected: WideProjected,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WideProjected {
    #[serde(deserialize_with = "each")]
    sources: Vec<WideSource>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WideSource {
    #[serde(rename = "downwardAPI")]
    downward: Downward,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Downward {
    #[serde(deserialize_with = "each")]
    items: Vec<DownwardItem>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DownwardItem {
    field_ref: FieldRef,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct FieldRef {
    field_path: String,
}

/// What has another shape than expected is not there, but keeps its place.
fn each<'de, D, T>(input: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + DeserializeOwned,
{
    let items = Vec::<Value>::deserialize(input)?.into_iter();
    Ok(items
        .map(|item| serde_json::from_value(item).unwrap_or_default())
        .collect())
}

impl Downward {
    fn has_pokes(&self) -> bool {
        let mut items = self.items.iter();
        items.any(|item| item.field_ref.field_path.replace('"', "'") == POKE_FIELD)
    }
}

impl Telling {
    fn has_pokes(&self) -> bool {
        let mut projected = self.projected.sources.iter();
        self.downward.has_pokes() || projected.any(|source| source.downward.has_pokes())
    }
}

impl Layout {
    /// About how many bytes it takes in memory.
    pub(crate) fn size(&self) -> usize {
        self.containers.iter().map(Seeing::size).sum()
    }

    /// Reads a template.
    pub fn read(mut json: Value) -> Self {
        drop_nulls(&mut json);
        let uses = PodTemplate::read(json.clone()).unwrap_or_default();
        let uses = uses_of_each(uses).into_iter().map(|(_, uses)| uses);
        let wide: Wide = serde_json::from_value(json).unwrap_or_default();
        let WideSpec {
            init_containers,
            containers,
            volumes,
        } = wide.spec;
        let all = init_containers
            .into_iter()
            .map(|c| (c.restart_policy != "Always", c));
        let all = all.chain(containers.into_iter().map(|c| (false, c)));
        let volumes: Vec<_> = volumes.iter().map(Holding::read).collect();
        let volumes = volumes.iter().map(|volume| (&*volume.name, volume));
        let volumes = volumes.collect();
        let seeing = all
            .zip(uses)
            .map(|((ends, container), uses)| container.seeing(ends, uses, &volumes));
        Self {
            containers: seeing.collect(),
        }
    }
}

/// A source, with each key that it shows and its path; none: all keys.
type Shown = (SourceKind, Name, Option<Arc<[(Name, String)]>>);

/// What a volume has.
struct Holding {
    name: String,
    pokes: Pokes,
    sources: Vec<Shown>,
}

impl Holding {
    fn read(json: &Value) -> Self {
        let volume = Volume::deserialize(json).unwrap_or_default();
        let telling = Telling::deserialize(json).unwrap_or_default();
        let named = sources(&volume).into_iter();
        let named = named.filter(|source| !source.reference.name.is_empty());
        let shown = named.map(|source| {
            let items = &source.reference.items;
            let paths = items.iter().filter_map(|item| {
                let path = item_path(&item.path)?.join("/");
                Some((item.key.as_str().into(), format!("/{path}")))
            });
            let paths = (!items.is_empty()).then(|| paths.collect());
            (source.kind, source.reference.name.as_str().into(), paths)
        });
        let sources: Vec<_> = shown.collect();
        let pokes = match (telling.has_pokes(), sources.is_empty()) {
            (false, _) => Pokes::Unseen,
            (true, false) => Pokes::AmongFiles,
            (true, true) => Pokes::Alone,
        };
        Self {
            name: volume.name,
            pokes,
            sources,
        }
    }
}

impl WideContainer {
    fn seeing(self, ends: bool, uses: Vec<Use>, volumes: &BTreeMap<&str, &Holding>) -> Seeing {
        let port = self.ports.iter().find(|port| port.name == PORT);
        let resources = serde_json::from_value(self.resources).unwrap_or_default();
        let mut seeing = Seeing {
            name: self.name.as_str().into(),
            ends,
            uses: uses.into(),
            port: port
                .map(|port| port.container_port)
                .filter(|port| *port > 0),
            pokes: Pokes::Unseen,
            resizing: resizing(&self.resize_policy, &resources),
            mounted: Vec::new(),
            places: Vec::new(),
        };
        for WideMount { mount_path, mount } in &self.volume_mounts {
            let Some(at) = clean(mount_path).map(|parts| format!("/{}", parts.join("/"))) else {
                continue;
            };
            seeing.places.push(at.clone());
            // What is mounted by itself never follows a change.
            let follows = MountedAt::of(mount) == MountedAt::Volume;
            if let Some(volume) = volumes.get(&*mount.name).filter(|_| follows) {
                seeing.pokes = seeing.pokes.max(volume.pokes);
                let sources = volume.sources.iter().cloned();
                seeing
                    .mounted
                    .extend(sources.map(|(kind, name, items)| Mounted {
                        at: at.trim_end_matches('/').to_owned(),
                        kind,
                        name,
                        items,
                    }));
            }
        }
        seeing
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    /// A container with these mounts, of a pod with volumes of every sort.
    fn seeing(mounts: &Value) -> Seeing {
        let poke = json!({"items": [{"path": "poke", "fieldRef": {"fieldPath": POKE_FIELD}}]});
        let spec = json!({
            "containers": [{"name": "web", "volumeMounts": mounts,
                "ports": [{"containerPort": 80}, {"name": "tidings", "containerPort": 9533}]}],
            "volumes": [
                {"name": "whole", "configMap": {"name": "c"}},
                {"name": "items", "secret": {"secretName": "s", "items": [
                    {"key": "k", "path": "a//b"}, {"key": "gone", "path": "./gone"}]}},
                {"name": "both", "projected": {"sources": [
                    {"configMap": {"name": "c"}},
                    {"secret": {"name": "s", "optional": true, "items": [
                        {"key": "k", "path": "one"}, {"key": "gone", "path": "two"}]}},
                    {"downwardAPI": poke.clone()}]}},
                {"name": "other", "configMap": {"name": "unknown"}},
                {"name": "empty", "emptyDir": {}},
                {"name": "poke", "downwardAPI": poke}],
        });
        let mut layout = Layout::read(json!({ "spec": spec }));
        layout.containers.remove(0)
    }

    /// `configmap/c` has `one` and `two`, `secret/s` has `k` and had `gone`.
    fn keys(kind: SourceKind, name: &str) -> Option<Vec<(Name, bool)>> {
        let keys = |keys: [(&str, bool); 2]| Some(keys.map(|(key, is)| (key.into(), is)).into());
        match (kind, name) {
            (SourceKind::ConfigMap, "c") => keys([("one", true), ("two", true)]),
            (SourceKind::Secret, "s") => keys([("gone", false), ("k", true)]),
            _ => None,
        }
    }

    #[rstest]
    #[case(json!([{"name": "whole", "mountPath": "/etc/c/"}]), "/etc/c/one=c:one /etc/c/two=c:two")]
    #[case(json!([{"name": "whole", "mountPath": "/"}]), "/one=c:one /two=c:two")]
    #[case(json!([{"name": "whole", "mountPath": "/a"}, {"name": "whole", "mountPath": "/b"}]),
        "/a/one=c:one /a/two=c:two /b/one=c:one /b/two=c:two")]
    #[case(json!([{"name": "items", "mountPath": "/s"}]), "/s/a/b=s:k /s/gone=s:gone")]
    #[case(json!([{"name": "items", "mountPath": "/s"}, {"name": "empty", "mountPath": "/s/a"}]), "/s/gone=s:gone")]
    #[case(json!([{"name": "items", "mountPath": "/s"}, {"name": "empty", "mountPath": "/s/aa"}]), "/s/a/b=s:k /s/gone=s:gone")]
    #[case(json!([{"name": "whole", "mountPath": "/one", "subPath": "one"}]), "")]
    #[case(json!([{"name": "whole", "mountPath": "/c", "subPath": "./"}]), "/c/one=c:one /c/two=c:two")]
    #[case(json!([{"name": "both", "mountPath": "/b"}]), "/b/one=s:k /b/two=c:two")]
    #[case(json!([{"name": "other", "mountPath": "/o"}]), "/o=unknown:*")]
    #[case(json!([{"name": "whole", "mountPath": "/a/../b"}, {"name": "empty", "mountPath": "/e"}]), "")]
    fn each_key_is_at_its_path(#[case] mounts: Value, #[case] expect: &str) {
        let files = seeing(&mounts).files(&keys).unwrap().into_iter();
        let shown = files.map(|(path, file)| {
            let key = file.key.unwrap_or_else(|| "*".into());
            format!("{path}={}:{key}", file.source)
        });
        assert_eq!(shown.collect::<Vec<_>>().join(" "), expect);
    }

    #[rstest]
    #[case(json!([{"name": "poke", "mountPath": "/poke"}]), Pokes::Alone)]
    #[case(json!([{"name": "both", "mountPath": "/b"}]), Pokes::AmongFiles)]
    #[case(json!([{"name": "both", "mountPath": "/b"}, {"name": "poke", "mountPath": "/p"}]), Pokes::Alone)]
    #[case(json!([{"name": "poke", "mountPath": "/poke", "subPath": "poke"}]), Pokes::Unseen)]
    #[case(json!([{"name": "whole", "mountPath": "/c"}]), Pokes::Unseen)]
    #[case(json!([{"name": "poke", "mountPath": ""}, {"name": "whole", "mountPath": "/c"}]), Pokes::Alone)]
    fn pokes_are_seen_where_they_change(#[case] mounts: Value, #[case] pokes: Pokes) {
        let seeing = seeing(&mounts);
        assert_eq!((seeing.pokes, seeing.port), (pokes, Some(9533)));
    }

    #[test]
    fn what_ends_before_the_others_start_is_told() {
        let layout = Layout::read(json!({"spec": {
            "initContainers": [{"name": "first"}, {"name": "sidecar", "restartPolicy": "Always"}],
            "containers": [{"name": "web", "ports": [7, null]}, null]}}));
        let ends: Vec<_> = layout
            .containers
            .iter()
            .map(|c| (&*c.name, c.ends))
            .collect();
        assert_eq!(ends, [("first", true), ("sidecar", false), ("web", false)]);
        assert_eq!(Layout::read(json!(null)), Layout::default());
    }

    #[test]
    fn too_many_files_are_not_worked_out() {
        let mounts: Vec<_> = (0..200)
            .map(|i| json!({"name": "whole", "mountPath": format!("/{i}")}))
            .collect();
        assert_eq!(seeing(&json!(mounts)).files(&keys), None);
    }
}
