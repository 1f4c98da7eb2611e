//! What a pod template uses: which keys of which sources, and how.
//!
//! Goes in: a pod template as the API server sends it. Comes out: [`Use`]s.
//! Only what a container really consumes counts: a volume that nothing mounts
//! is read by the kubelet but by no process. Nothing here fails: what a
//! template does not say is not used.
//!
//! Field meanings: Kubernetes API reference, `core/v1` PodSpec; a missing key of
//! a non-optional volume and a missing required key reference keep a container
//! from starting (`pkg/kubelet/kubelet_pods.go`, `pkg/volume/configmap`).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::refs::{Name, SourceKind, SourceRef};

/// The CSI driver that mounts SecretProviderClasses.
const SECRETS_STORE: &str = "secrets-store.csi.k8s.io";

/// The way in which a container consumes a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Via {
    /// One environment variable from one key.
    Env,
    /// All keys as environment variables.
    EnvFrom,
    /// Files in a volume; they follow a change by themselves.
    Volume,
    /// Files in a projected volume; they follow a change by themselves.
    Projected,
    /// A file mounted by `subPath`; it never follows a change.
    SubPath,
    /// Files that the Secrets Store CSI driver mounts, and rewrites at a rotation.
    Csi,
    /// Credentials for pulling images. Read at each pull, so no reason to roll.
    ImagePullSecret,
    /// Named by an annotation.
    Named,
}

impl Via {
    /// The word for it in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::EnvFrom => "envFrom",
            Self::Volume => "volume",
            Self::Projected => "projected",
            Self::SubPath => "subPath",
            Self::Csi => "csi",
            Self::ImagePullSecret => "imagePullSecret",
            Self::Named => "named",
        }
    }
}

/// The keys of a source that are used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Keys {
    /// Whatever keys it has.
    All,
    /// These, in order and without repetition.
    Some(Box<[Name]>),
}

/// One way in which a workload consumes a source of its namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Use {
    /// Which kind of source.
    pub kind: SourceKind,
    /// Its name.
    pub name: Name,
    /// How.
    pub via: Via,
    /// Which keys.
    pub keys: Keys,
    /// Whether containers start without it.
    pub optional: bool,
}

impl Use {
    /// The source, in the workload's namespace.
    pub fn source(&self, namespace: &Name) -> SourceRef {
        SourceRef::new(self.kind, namespace.clone(), self.name.clone())
    }
}

/// A pod template, as far as Tidings reads it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodTemplate {
    /// Its metadata.
    pub metadata: TemplateMeta,
    spec: PodSpec,
}

/// A pod template's metadata, as far as Tidings reads it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct TemplateMeta {
    /// Its annotations.
    #[serde(deserialize_with = "or_default")]
    pub annotations: BTreeMap<String, String>,
}

/// `null` reads as absent, as the API server treats it.
pub(crate) fn or_default<'de, D, T>(input: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(input)?.unwrap_or_default())
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodSpec {
    #[serde(deserialize_with = "or_default")]
    containers: Vec<Container>,
    #[serde(deserialize_with = "or_default")]
    init_containers: Vec<Container>,
    #[serde(deserialize_with = "or_default")]
    volumes: Vec<Volume>,
    #[serde(deserialize_with = "or_default")]
    image_pull_secrets: Vec<Reference>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Container {
    #[serde(deserialize_with = "or_default")]
    env: Vec<Env>,
    #[serde(deserialize_with = "or_default")]
    env_from: Vec<EnvFrom>,
    #[serde(deserialize_with = "or_default")]
    volume_mounts: Vec<Mount>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Env {
    value_from: Option<ValueFrom>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ValueFrom {
    config_map_key_ref: Option<Reference>,
    secret_key_ref: Option<Reference>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EnvFrom {
    config_map_ref: Option<Reference>,
    secret_ref: Option<Reference>,
}

/// Every shape in which a pod refers to a source: the key is set in key
/// references only, the items in volumes only.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Reference {
    #[serde(alias = "secretName")]
    name: String,
    key: String,
    #[serde(deserialize_with = "or_default")]
    optional: bool,
    #[serde(deserialize_with = "or_default")]
    items: Vec<Item>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Item {
    key: String,
    path: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Mount {
    name: String,
    sub_path: String,
    sub_path_expr: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Volume {
    name: String,
    config_map: Option<Reference>,
    secret: Option<Reference>,
    projected: Option<Projected>,
    csi: Option<Csi>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Csi {
    driver: String,
    #[serde(deserialize_with = "or_default")]
    volume_attributes: CsiAttributes,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CsiAttributes {
    secret_provider_class: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Projected {
    #[serde(deserialize_with = "or_default")]
    sources: Vec<ProjectedSource>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ProjectedSource {
    config_map: Option<Reference>,
    secret: Option<Reference>,
}

/// Everything that the template's containers use, in order, each once.
pub fn uses_of(template: &PodTemplate) -> Vec<Use> {
    let spec = &template.spec;
    let mut uses = BTreeSet::new();
    for container in spec.init_containers.iter().chain(&spec.containers) {
        uses.extend(container.env.iter().filter_map(env_use));
        uses.extend(container.env_from.iter().filter_map(env_from_use));
    }
    for volume in &spec.volumes {
        let mounts = mounts_of(spec, &volume.name);
        uses.extend(volume_uses(volume, &mounts));
        uses.extend(csi_use(volume, &mounts));
    }
    uses.extend(
        spec.image_pull_secrets.iter().filter_map(|secret| {
            secret.to_use(SourceKind::Secret, Via::ImagePullSecret, Keys::All)
        }),
    );
    uses.into_iter().collect()
}

fn env_use(env: &Env) -> Option<Use> {
    let from = env.value_from.as_ref()?;
    let (kind, reference) = match (&from.config_map_key_ref, &from.secret_key_ref) {
        (Some(reference), _) => (SourceKind::ConfigMap, reference),
        (_, Some(reference)) => (SourceKind::Secret, reference),
        _ => return None,
    };
    let key = Keys::Some([Name::from(reference.key.as_str())].into());
    reference.to_use(kind, Via::Env, key)
}

fn env_from_use(env: &EnvFrom) -> Option<Use> {
    match (&env.config_map_ref, &env.secret_ref) {
        (Some(r), _) => r.to_use(SourceKind::ConfigMap, Via::EnvFrom, Keys::All),
        (_, Some(r)) => r.to_use(SourceKind::Secret, Via::EnvFrom, Keys::All),
        _ => None,
    }
}

fn mounts_of<'a>(spec: &'a PodSpec, volume: &str) -> Vec<&'a Mount> {
    spec.init_containers
        .iter()
        .chain(&spec.containers)
        .flat_map(|container| &container.volume_mounts)
        .filter(|mount| mount.name == volume)
        .collect()
}

fn volume_uses(volume: &Volume, mounts: &[&Mount]) -> Vec<Use> {
    let projected = volume.projected.iter().flat_map(|p| &p.sources);
    let parts = [(Via::Volume, &volume.config_map, &volume.secret)]
        .into_iter()
        .chain(projected.map(|p| (Via::Projected, &p.config_map, &p.secret)));
    let mut uses = Vec::new();
    for (via, config_map, secret) in parts {
        for (kind, reference) in [
            (SourceKind::ConfigMap, config_map),
            (SourceKind::Secret, secret),
        ] {
            uses.extend(
                reference
                    .iter()
                    .filter_map(|r| mounted(r, kind, via, mounts)),
            );
        }
    }
    uses
}

/// The class whose objects the driver mounts. It is the driver that the pod waits
/// for, so the class counts as optional.
fn csi_use(volume: &Volume, mounts: &[&Mount]) -> Option<Use> {
    let csi = volume.csi.as_ref()?;
    let class = csi.volume_attributes.secret_provider_class.as_str();
    let is_use = csi.driver == SECRETS_STORE && !class.is_empty() && !mounts.is_empty();
    is_use.then(|| Use {
        kind: SourceKind::SecretProviderClass,
        name: class.into(),
        via: Via::Csi,
        keys: Keys::All,
        optional: true,
    })
}

/// What the mounts show of one source of a volume; nothing without a mount.
/// A whole mount outweighs those by subPath, and a `subPathExpr` is known to
/// the kubelet only, so it may show any key.
fn mounted(source: &Reference, kind: SourceKind, via: Via, mounts: &[&Mount]) -> Option<Use> {
    if mounts.is_empty() {
        return None;
    }
    if mounts.iter().any(|mount| mount.sub_path.is_empty()) {
        let by_expression = |mount: &&Mount| !mount.sub_path_expr.is_empty();
        let follows = mounts
            .iter()
            .any(|m| m.sub_path.is_empty() && !by_expression(m));
        let via = if follows { via } else { Via::SubPath };
        return source.to_use(kind, via, source.item_keys());
    }
    let keys = mounts
        .iter()
        .flat_map(|mount| source.keys_at(&mount.sub_path));
    match Keys::of(keys) {
        Keys::Some(keys) if keys.is_empty() => None,
        keys => source.to_use(kind, Via::SubPath, keys),
    }
}

impl Keys {
    fn of<'a>(keys: impl Iterator<Item = &'a str>) -> Self {
        let keys: BTreeSet<Name> = keys.map(Name::from).collect();
        Self::Some(keys.into_iter().collect())
    }
}

impl Reference {
    fn to_use(&self, kind: SourceKind, via: Via, keys: Keys) -> Option<Use> {
        (!self.name.is_empty()).then(|| Use {
            kind,
            name: self.name.as_str().into(),
            via,
            keys,
            optional: self.optional,
        })
    }

    fn item_keys(&self) -> Keys {
        if self.items.is_empty() {
            Keys::All
        } else {
            Keys::of(self.items.iter().map(|item| item.key.as_str()))
        }
    }

    /// The keys whose files are at this place of the volume, or below it.
    /// Without items each key is a file of its own name.
    fn keys_at<'a>(&'a self, sub_path: &'a str) -> Vec<&'a str> {
        let path = sub_path.trim_matches('/');
        if self.items.is_empty() {
            return vec![path];
        }
        let items = self.items.iter().filter(|item| under(&item.path, path));
        items.map(|item| item.key.as_str()).collect()
    }
}

fn under(file: &str, mounted: &str) -> bool {
    let rest = file.trim_start_matches("./").strip_prefix(mounted);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn check(spec: &Value, expect: &[&str]) {
        let template: PodTemplate = serde_json::from_value(json!({ "spec": spec })).unwrap();
        let seen: Vec<_> = uses_of(&template).iter().map(text).collect();
        assert_eq!(seen, expect);
    }

    fn text(u: &Use) -> String {
        let keys = match &u.keys {
            Keys::All => "*".to_owned(),
            Keys::Some(keys) => keys.join(","),
        };
        let optional = if u.optional { "?" } else { "" };
        format!(
            "{}{optional} {}/{} {keys}",
            u.via.word(),
            u.kind.row().word,
            u.name
        )
    }

    fn volume(volume: &Value, mounts: &Value) -> Value {
        json!({"volumes": [volume], "containers": [{"volumeMounts": mounts}]})
    }

    #[rstest]
    #[case(json!({"env": [{"valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]}), "env configmap/c k")]
    #[case(json!({"env": [{"valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": true}}}]}), "env? secret/s k")]
    #[case(json!({"envFrom": [{"configMapRef": {"name": "c"}}]}), "envFrom configmap/c *")]
    #[case(json!({"envFrom": [{"secretRef": {"name": "s", "optional": null}}]}), "envFrom secret/s *")]
    fn environment(#[case] container: Value, #[case] expect: &str) {
        check(&json!({"containers": [container]}), &[expect]);
        check(&json!({"initContainers": [container]}), &[expect]);
    }

    #[rstest]
    #[case(json!([{"name": "v", "mountPath": "/a"}]), &["volume configmap/c *"])]
    #[case(json!([{"name": "v", "subPath": "k"}]), &["subPath configmap/c k"])]
    #[case(json!([{"name": "v", "subPath": "k"}, {"name": "v", "subPath": "l"}]), &["subPath configmap/c k,l"])]
    #[case(json!([{"name": "v", "subPath": "k"}, {"name": "v"}]), &["volume configmap/c *"])]
    #[case(json!([{"name": "v", "subPathExpr": "$(POD)"}]), &["subPath configmap/c *"])]
    #[case(json!([{"name": "other"}]), &[])]
    #[case(json!(null), &[])]
    fn volumes_count_where_they_are_mounted(#[case] mounts: Value, #[case] expect: &[&str]) {
        check(
            &volume(&json!({"name": "v", "configMap": {"name": "c"}}), &mounts),
            expect,
        );
    }

    #[rstest]
    #[case(json!([{"name": "v"}]), &["volume secret/s a,b"])]
    #[case(json!([{"name": "v", "subPath": "dir"}]), &["subPath secret/s a,b"])]
    #[case(json!([{"name": "v", "subPath": "dir/a.txt"}]), &["subPath secret/s a"])]
    #[case(json!([{"name": "v", "subPath": "di"}]), &[])]
    fn items_name_the_keys(#[case] mounts: Value, #[case] expect: &[&str]) {
        let items = json!([{"key": "a", "path": "dir/a.txt"}, {"key": "b", "path": "dir/b"}]);
        let secret = json!({"name": "v", "secret": {"secretName": "s", "items": items}});
        check(&volume(&secret, &mounts), expect);
    }

    #[test]
    fn projected_sources_are_each_a_use() {
        let sources = json!([
            {"configMap": {"name": "c", "optional": true}},
            {"secret": {"name": "s", "items": [{"key": "k", "path": "p"}]}},
            {"serviceAccountToken": {"path": "token"}},
        ]);
        check(
            &volume(
                &json!({"name": "v", "projected": {"sources": sources}}),
                &json!([{"name": "v"}]),
            ),
            &["projected? configmap/c *", "projected secret/s k"],
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

    #[test]
    fn pull_secrets_are_shown() {
        check(
            &json!({"imagePullSecrets": [{"name": "s"}], "containers": []}),
            &["imagePullSecret secret/s *"],
        );
    }
}
