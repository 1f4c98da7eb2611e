//! What of a volume's sources the containers see: which keys, at which paths.
//!
//! Paths are read as the kubelet reads them. It cleans an item's path before it
//! writes the file, and a `subPath` before it looks for it (`pkg/volume/util`,
//! `atomic_writer.go`; `pkg/kubelet/kubelet_pods.go`, `makeMounts`): `./k`, `a//b`
//! and `a/./b` are `k` and `a/b`. Beside the files the volume has `..data`, a link
//! to where they are, which a `subPath` may go through. What this does not
//! understand counts as all keys.

use std::collections::BTreeMap;

use crate::refs::SourceKind;

use super::template::{Mount, PodSpec, Reference, Volume};
use super::{Keys, Use, Via, names};

/// The CSI driver that mounts SecretProviderClasses.
const SECRETS_STORE: &str = "secrets-store.csi.k8s.io";

/// The link that the kubelet moves when it writes the files anew.
const DATA: &str = "..data";

/// The most pairs of an item and a mount of a template of which it is worked out what
/// shows what. Where there are more, all of each source counts: a template may be large,
/// and this must not grow with its square.
pub(super) const FEW: usize = 1 << 14;

/// What the volumes' mounts show.
pub(super) fn uses(spec: &PodSpec) -> Vec<Use> {
    let mounts = mounts_by_volume(spec);
    let mounted = spec
        .volumes
        .iter()
        .filter_map(|volume| Some((volume, mounts.get(&*volume.name)?)));
    let few = mounted
        .clone()
        .map(|(volume, mounts)| pairs(volume, mounts));
    let few = few.sum::<usize>() <= FEW;
    let uses = mounted.flat_map(|(volume, mounts)| {
        let sources = sources(volume).into_iter();
        let uses = sources.flat_map(|source| {
            if few {
                source.uses(mounts)
            } else {
                source.whole_use().into_iter().collect()
            }
        });
        uses.chain(csi_use(volume)).collect::<Vec<_>>()
    });
    uses.collect()
}

fn pairs(volume: &Volume, mounts: &[&Mount]) -> usize {
    let items = sources(volume).into_iter();
    let items = items.map(|source| 1 + source.reference.items.len());
    items.sum::<usize>() * mounts.len()
}

/// The sources of volumes that no container mounts, with their volumes.
pub(super) fn unmounted(spec: &PodSpec) -> Vec<(&str, SourceKind, &str)> {
    let mounts = mounts_by_volume(spec);
    let idle = spec.volumes.iter();
    let idle = idle.filter(|volume| !mounts.contains_key(&*volume.name));
    let named = |volume| {
        let sources = sources(volume).into_iter();
        let named = sources.filter(|source| !source.reference.name.is_empty());
        named.map(|source| (&*volume.name, source.kind, &*source.reference.name))
    };
    idle.flat_map(named).collect()
}

/// What lint says of the paths: what counts as all keys because it is not
/// understood, and what shows nothing.
pub(super) fn doubts(spec: &PodSpec) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    for (volume, mounts) in &mounts_by_volume(spec) {
        let volumes = spec.volumes.iter().filter(|v| v.name == **volume);
        let sources: Vec<_> = volumes.flat_map(sources).collect();
        if sources.is_empty() {
            continue;
        }
        let items = sources.iter().flat_map(|source| &source.reference.items);
        let unclear = items.filter(|item| item_path(&item.path).is_none());
        doubts.extend(unclear.map(|item| Doubt::unclear(volume, "path", &item.path)));
        doubts.extend(mounts.iter().filter_map(|m| doubt(volume, m, &sources)));
    }
    doubts
}

/// A path in a mount that may not mean what its author thinks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The volume.
    pub volume: String,
    /// The field that has the path: `subPath`, `subPathExpr`, or `path` of an item.
    pub field: &'static str,
    /// The path.
    pub path: String,
    /// Whether it shows nothing; else it counts as all keys.
    pub shows_nothing: bool,
}

impl Doubt {
    fn unclear(volume: &str, field: &'static str, path: &str) -> Self {
        Self {
            volume: volume.to_owned(),
            field,
            path: path.to_owned(),
            shows_nothing: false,
        }
    }
}

fn doubt(volume: &str, mount: &Mount, sources: &[Projection<'_>]) -> Option<Doubt> {
    let (field, path) = match mount.sub_path_expr.as_str() {
        "" => ("subPath", &mount.sub_path),
        _ => ("subPathExpr", &mount.sub_path_expr),
    };
    let place = MountedAt::of(mount);
    let keys = sources.iter().map(|source| source.keys_at(&place));
    match place {
        MountedAt::Unclear => Some(Doubt::unclear(volume, field, path)),
        MountedAt::Below(parts) if parts.len() > 1 && sources.iter().any(Projection::is_whole) => {
            Some(Doubt::unclear(volume, field, path))
        }
        _ if keys.clone().all(|keys| keys.is_empty()) => Some(Doubt {
            shows_nothing: true,
            ..Doubt::unclear(volume, field, path)
        }),
        _ => None,
    }
}

type Mounts<'a> = BTreeMap<&'a str, Vec<&'a Mount>>;

fn mounts_by_volume(spec: &PodSpec) -> Mounts<'_> {
    let mut mounts = Mounts::new();
    for mount in spec.containers().flat_map(|c| &c.volume_mounts) {
        mounts.entry(&mount.name).or_default().push(mount);
    }
    mounts
}

/// The class whose objects the driver mounts. It is the driver that the pod waits
/// for, so the class counts as optional.
fn csi_use(volume: &Volume) -> Option<Use> {
    let csi = volume.csi.as_ref()?;
    let class = csi.volume_attributes.secret_provider_class.as_str();
    let is_use = csi.driver == SECRETS_STORE && !class.is_empty();
    is_use.then(|| Use {
        kind: SourceKind::SecretProviderClass,
        name: class.into(),
        via: Via::Csi,
        keys: Keys::All,
        optional: true,
        under: Box::default(),
    })
}

/// A source in a volume.
pub(super) struct Projection<'a> {
    pub(super) kind: SourceKind,
    via: Via,
    pub(super) reference: &'a Reference,
}

pub(super) fn sources(volume: &Volume) -> Vec<Projection<'_>> {
    let projected = volume.projected.iter().flat_map(|p| &p.sources);
    let parts = [(Via::Volume, &volume.config_map, &volume.secret)]
        .into_iter()
        .chain(projected.map(|p| (Via::Projected, &p.config_map, &p.secret)));
    let sources = parts.flat_map(|(via, config_map, secret)| {
        let kinds = [
            (SourceKind::ConfigMap, config_map),
            (SourceKind::Secret, secret),
        ];
        kinds.into_iter().filter_map(move |(kind, reference)| {
            let reference = reference.as_ref()?;
            Some(Projection {
                kind,
                via,
                reference,
            })
        })
    });
    sources.collect()
}

impl Projection<'_> {
    /// What the mounts show of it: files that follow a change, and files or folders
    /// mounted by themselves, which never do.
    fn uses(&self, mounts: &[&Mount]) -> Vec<Use> {
        let places: Vec<_> = mounts.iter().map(|mount| MountedAt::of(mount)).collect();
        let (whole, parts): (Vec<_>, Vec<_>) =
            places.iter().partition(|p| **p == MountedAt::Volume);
        let keys =
            |places: &[&MountedAt<'_>]| union(places.iter().map(|place| self.keys_at(place)));
        let shown = [(self.via, keys(&whole)), (Via::SubPath, keys(&parts))];
        let shown = shown.into_iter().filter(|(_, keys)| !keys.is_empty());
        let mut shown: Vec<_> = shown.collect();
        if whole.is_empty() && !self.reference.optional && !self.is_whole() {
            // The volume is not set up without them, whatever is seen of it.
            shown.push((Via::SubPath, Keys::Present(names(self.item_keys()))));
        }
        let uses = shown
            .into_iter()
            .filter_map(|(via, keys)| self.reference.to_use(self.kind, via, keys));
        uses.collect()
    }

    /// All of it, as files that follow a change.
    fn whole_use(&self) -> Option<Use> {
        self.reference.to_use(self.kind, self.via, Keys::All)
    }

    /// Whether each key is a file of its own name.
    fn is_whole(&self) -> bool {
        self.reference.items.is_empty()
    }

    fn item_keys(&self) -> impl Iterator<Item = &str> {
        self.reference.items.iter().map(|item| item.key.as_str())
    }

    /// The keys whose files are at a place of the volume, or below it.
    fn keys_at(&self, place: &MountedAt<'_>) -> Keys {
        match place {
            MountedAt::Volume | MountedAt::Unclear if self.is_whole() => Keys::All,
            MountedAt::Volume | MountedAt::Unclear => Keys::Some(names(self.item_keys())),
            MountedAt::Below(parts) if self.is_whole() => match parts.as_slice() {
                [key] => Keys::Some(names([*key].into_iter())),
                // All of it, or what no key can be.
                _ => Keys::All,
            },
            MountedAt::Below(parts) => {
                let below = |path: &str| item_path(path).is_none_or(|path| path.starts_with(parts));
                let items = self.reference.items.iter();
                let items = items.filter(|item| below(&item.path));
                Keys::Some(names(items.map(|item| item.key.as_str())))
            }
        }
    }
}

fn union(keys: impl Iterator<Item = Keys>) -> Keys {
    let mut all = Vec::new();
    for keys in keys {
        match keys {
            Keys::Some(keys) => all.extend(keys),
            _ => return Keys::All,
        }
    }
    Keys::Some(names(all.iter().map(|key| &**key)))
}

/// What a mount shows of its volume.
#[derive(PartialEq)]
pub(super) enum MountedAt<'a> {
    /// The volume itself, whose files follow a change.
    Volume,
    /// What was at this path when the container started; nothing left of it: what
    /// was in the whole volume.
    Below(Vec<&'a str>),
    /// Known to the kubelet only.
    Unclear,
}

impl<'a> MountedAt<'a> {
    pub(super) fn of(mount: &'a Mount) -> Self {
        let path = match mount.sub_path_expr.as_str() {
            "" => &mount.sub_path,
            expression if expression.contains('$') => return Self::Unclear,
            path => path,
        };
        let Some(parts) = clean(path) else {
            return Self::Unclear;
        };
        match parts.as_slice() {
            [] => Self::Volume,
            [DATA, below @ ..] if !below.first().is_some_and(|p| is_kubelets(p)) => {
                Self::Below(below.to_vec())
            }
            [first, ..] if is_kubelets(first) => Self::Unclear,
            _ => Self::Below(parts),
        }
    }
}

/// Where the file of an item is; `None` where no file can be.
pub(super) fn item_path(path: &str) -> Option<Vec<&str>> {
    clean(path).filter(|parts| parts.first().is_some_and(|first| !is_kubelets(first)))
}

/// Whether it is a name that the kubelet keeps for itself.
fn is_kubelets(part: &str) -> bool {
    part.starts_with("..")
}

/// The parts of a path; `None` where it leads upwards, or where it depends on the
/// node's system what parts it has.
pub(super) fn clean(path: &str) -> Option<Vec<&str>> {
    let parts = path.split('/').filter(|part| !["", "."].contains(part));
    let parts: Vec<_> = parts.collect();
    let is_plain = !parts.contains(&"..") && !path.contains('\\');
    is_plain.then_some(parts)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::super::tests::{check, template, volume};
    use super::*;

    #[test]
    fn where_too_many_paths_are_mounted_all_counts() {
        let item = |i| json!({"key": format!("k{i}"), "path": format!("k{i}")});
        let items: Vec<_> = (0..200).map(item).collect();
        let volume = json!({"name": "v", "configMap": {"name": "c", "items": items}});
        let shown = |mounts: usize| {
            let mounts = vec![json!({"name": "v", "subPath": "k7"}); mounts];
            super::super::tests::volume(&volume, &json!(mounts))
        };
        let keys: Vec<_> = (0..200).map(|i| format!("k{i}")).collect();
        let mut keys: Vec<_> = keys.iter().map(|key| &**key).collect();
        keys.sort_unstable();
        let there = format!("subPath configmap/c ({})", keys.join(","));
        check(&shown(80), &["subPath configmap/c k7", &there]);
        check(&shown(100), &["volume configmap/c *"]);
    }

    #[rstest]
    #[case(json!([{"name": "v", "mountPath": "/a"}]), &["volume configmap/c *"])]
    #[case(json!([{"name": "v", "subPath": "k"}]), &["subPath configmap/c k"])]
    #[case(json!([{"name": "v", "subPath": "k"}, {"name": "v", "subPath": "l"}]), &["subPath configmap/c k,l"])]
    #[case(json!([{"name": "v", "subPath": "k"}, {"name": "v"}]), &["volume configmap/c *", "subPath configmap/c k"])]
    #[case(json!([{"name": "v", "subPathExpr": "$(POD)"}]), &["subPath configmap/c *"])]
    #[case(json!([{"name": "v", "subPathExpr": "./k"}]), &["subPath configmap/c k"])]
    #[case(json!([{"name": "other"}]), &[])]
    #[case(json!(null), &[])]
    fn volumes_count_where_they_are_mounted(#[case] mounts: Value, #[case] expect: &[&str]) {
        let v = json!({"name": "v", "configMap": {"name": "c"}});
        check(&volume(&v, &mounts), expect);
    }

    /// Each of these is mounted by the kubelet.
    #[rstest]
    #[case("k", "subPath configmap/c k")]
    #[case("./k", "subPath configmap/c k")]
    #[case("k/", "subPath configmap/c k")]
    #[case("k/.", "subPath configmap/c k")]
    #[case(".//k", "subPath configmap/c k")]
    #[case("..data/k", "subPath configmap/c k")]
    #[case("./..data//k", "subPath configmap/c k")]
    #[case(".", "volume configmap/c *")]
    #[case("./", "volume configmap/c *")]
    #[case("..data", "subPath configmap/c *")]
    #[case("..data/.", "subPath configmap/c *")]
    #[case("..2026_11_28_20_00_00.1/k", "subPath configmap/c *")]
    #[case("..data/..data/k", "subPath configmap/c *")]
    #[case("a/b", "subPath configmap/c *")]
    #[case("a\\b", "subPath configmap/c *")]
    #[case("...k", "subPath configmap/c *")]
    fn paths_of_keys_are_read_as_the_kubelet_reads_them(#[case] path: &str, #[case] expect: &str) {
        let v = json!({"name": "v", "configMap": {"name": "c"}});
        let mounts = json!([{"name": "v", "subPath": path}]);
        check(&volume(&v, &mounts), &[expect]);
    }

    /// Whether the key of the item is seen, of two.
    #[rstest]
    #[case("a/b", "a/b", true)]
    #[case("a//b", "a/b", true)]
    #[case("a/./b", "a/b", true)]
    #[case("./a/b/", "a", true)]
    #[case("a/b", "a//b/.", true)]
    #[case("a/b", "./a", true)]
    #[case("a/b", "..data/a", true)]
    #[case("a/b", "..data/a/b", true)]
    #[case("a/b", "..data", true)]
    #[case("a/b", "b", false)]
    #[case("a/b", "a/b/c", false)]
    #[case("ab", "a", false)]
    #[case(".", "a", true)]
    #[case("", "a", true)]
    #[case("./..data/x", "a", true)]
    #[case("a\\b", "a", true)]
    #[case("a/b", "..2026/x", true)]
    fn so_are_those_of_items(#[case] item: &str, #[case] sub_path: &str, #[case] seen: bool) {
        let items = json!([{"key": "k", "path": item}, {"key": "other", "path": "other"}]);
        let v =
            json!({"name": "v", "secret": {"secretName": "s", "optional": true, "items": items}});
        let mounts = json!([{"name": "v", "subPath": sub_path}]);
        let template = template(&volume(&v, &mounts));
        let uses = super::super::uses_of(&template);
        let keys = uses.iter().flat_map(|used| match &used.keys {
            Keys::Some(keys) => keys.to_vec(),
            other => unreachable!("{other:?}"),
        });
        assert_eq!(keys.into_iter().any(|key| &*key == "k"), seen);
    }

    #[rstest]
    #[case(json!([{"name": "v"}]), &["volume? secret/s a,b"])]
    #[case(json!([{"name": "v", "subPath": "dir"}]), &["subPath? secret/s a,b"])]
    #[case(json!([{"name": "v", "subPath": "dir/a.txt"}]), &["subPath? secret/s a"])]
    #[case(json!([{"name": "v", "subPath": "di"}]), &[])]
    fn items_name_the_keys(#[case] mounts: Value, #[case] expect: &[&str]) {
        let items = json!([{"key": "a", "path": "dir/a.txt"}, {"key": "b", "path": "dir/b"}]);
        let secret = json!({"secretName": "s", "optional": true, "items": items});
        check(
            &volume(&json!({"name": "v", "secret": secret}), &mounts),
            expect,
        );
    }

    /// The kubelet sets the volume up with all of its items, or not at all.
    #[test]
    fn all_items_have_to_be_there() {
        let items = json!([{"key": "a", "path": "a"}, {"key": "b", "path": "b"}]);
        let v = json!({"name": "v", "configMap": {"name": "c", "items": items}});
        let mounts = json!([{"name": "v", "subPath": "a"}]);
        let expect = ["subPath configmap/c a", "subPath configmap/c (a,b)"];
        check(&volume(&v, &mounts), &expect);
    }

    #[test]
    fn projected_sources_are_each_a_use() {
        let sources = json!([
            {"configMap": {"name": "c", "optional": true}},
            {"secret": {"name": "s", "optional": true, "items": [{"key": "k", "path": "p"}]}},
            {"serviceAccountToken": {"path": "token"}},
        ]);
        check(
            &volume(
                &json!({"name": "v", "projected": {"sources": sources}}),
                &json!([{"name": "v"}]),
            ),
            &["projected? configmap/c *", "projected? secret/s k"],
        );
    }

    #[rstest]
    #[case("secrets-store.csi.k8s.io", json!([{"name": "v"}]), &["csi? secretproviderclass/c *"])]
    #[case("secrets-store.csi.k8s.io", json!([{"name": "v", "subPath": "k"}]), &["csi? secretproviderclass/c *"])]
    #[case("secrets-store.csi.k8s.io", json!([{"name": "other"}]), &[])]
    #[case("inline.storage.kubernetes.io", json!([{"name": "v"}]), &[])]
    fn classes_count_where_they_are_mounted(
        #[case] driver: &str,
        #[case] mounts: Value,
        #[case] expect: &[&str],
    ) {
        let attributes = json!({"secretProviderClass": "c"});
        let csi = json!({"driver": driver, "readOnly": true, "volumeAttributes": attributes,
            "nodePublishSecretRef": {"name": "s"}});
        check(&volume(&json!({"name": "v", "csi": csi}), &mounts), expect);
        let bare = json!({"name": "v", "csi": {"driver": driver}});
        check(&volume(&bare, &mounts), &[]);
    }

    #[rstest]
    #[case("k", json!([]), &[])]
    #[case(".", json!([]), &[])]
    #[case("..data/k", json!([]), &[])]
    #[case("..2026/k", json!([]), &[("subPath ..2026/k", false)])]
    #[case("a/b", json!([]), &[("subPath a/b", false)])]
    #[case("a/b", json!([{"key": "k", "path": "a/b"}]), &[])]
    #[case("b", json!([{"key": "k", "path": "a/b"}]), &[("subPath b", true)])]
    #[case("b", json!([{"key": "k", "path": "."}]), &[("path .", false)])]
    fn what_is_not_clear_is_said(
        #[case] path: &str,
        #[case] items: Value,
        #[case] expect: &[(&str, bool)],
    ) {
        let v = json!({"name": "v", "configMap": {"name": "c", "items": items}});
        let template = template(&volume(&v, &json!([{"name": "v", "subPath": path}])));
        let doubts = doubts(&template.spec);
        let said = doubts
            .iter()
            .map(|d| (format!("{} {}", d.field, d.path), d.shows_nothing));
        let said: Vec<_> = said.collect();
        let expect: Vec<_> = expect
            .iter()
            .map(|(text, none)| ((*text).to_owned(), *none))
            .collect();
        assert_eq!(said, expect);
    }

    #[test]
    fn what_is_no_source_is_nobodys_concern() {
        let v = json!({"name": "v", "emptyDir": {}});
        let template = template(&volume(
            &v,
            &json!([{"name": "v", "subPathExpr": "$(POD)"}]),
        ));
        assert_eq!(doubts(&template.spec), []);
    }
}
