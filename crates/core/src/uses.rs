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

use std::collections::BTreeSet;

use crate::refs::{Name, SourceKind, SourceRef};

mod cpu;
mod environment;
mod layout;
mod mounts;
mod template;

pub use cpu::Resizing;
pub(crate) use cpu::{ResizePolicy, Resources, millicores, resizing};
pub use layout::{File, KeysOf, Layout, Pokes, Seeing};
pub use mounts::Doubt;
pub use template::{PodTemplate, TemplateMeta};
pub(crate) use template::{drop_nulls, or_default};

use template::{PodSpec, Reference};

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
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Env,
        Self::EnvFrom,
        Self::Volume,
        Self::Projected,
        Self::SubPath,
        Self::Csi,
        Self::ImagePullSecret,
        Self::Named,
    ];

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
    /// Whatever keys it has, but for these: something else takes their place before
    /// a process sees them.
    Except(Box<[Name]>),
    /// These, in order and without repetition.
    Some(Box<[Name]>),
    /// These have to be there, but no process sees what they hold.
    Present(Box<[Name]>),
}

impl Keys {
    fn is_empty(&self) -> bool {
        matches!(self, Self::Some(keys) | Self::Present(keys) if keys.is_empty())
    }
}

/// Each once, in order.
fn names<'a>(keys: impl Iterator<Item = &'a str>) -> Box<[Name]> {
    let keys: BTreeSet<&str> = keys.collect();
    keys.into_iter().map(Name::from).collect()
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
    /// Of a whole environment: the sources whose keys go over its own.
    pub under: Box<[Under]>,
}

/// A source whose keys go over those of another in an environment: a key `cut` + x
/// of it replaces the other's `add` + x.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Under {
    /// Which kind of source.
    pub kind: SourceKind,
    /// Its name.
    pub name: Name,
    /// What its prefix has more than the other's.
    pub add: Name,
    /// What it has less.
    pub cut: Name,
}

impl Under {
    /// The key of the other source that a key of this one replaces.
    pub fn replaces(&self, key: &str) -> Option<Name> {
        let rest = key.strip_prefix(&*self.cut)?;
        Some(format!("{}{rest}", self.add).into())
    }
}

impl Use {
    /// About how many bytes it takes in memory.
    pub(crate) fn size(&self) -> usize {
        let keys = match &self.keys {
            Keys::All => 0,
            Keys::Except(keys) | Keys::Some(keys) | Keys::Present(keys) => keys.len(),
        };
        size_of::<Self>() + keys * 3 * size_of::<Name>() + self.under.len() * size_of::<Under>()
    }

    /// The source, in the workload's namespace.
    pub fn source(&self, namespace: &Name) -> SourceRef {
        SourceRef::new(self.kind, namespace.clone(), self.name.clone())
    }
}

impl Via {
    /// Whether it reads `data` alone, and no `binaryData`.
    pub fn is_environment(self) -> bool {
        matches!(self, Self::Env | Self::EnvFrom)
    }
}

/// Everything that the template's containers use, in order, each once.
pub fn uses_of(template: &PodTemplate) -> Vec<Use> {
    let spec = &template.spec;
    let mut uses = of_containers(spec);
    uses.extend(
        spec.image_pull_secrets.iter().filter_map(|secret| {
            secret.to_use(SourceKind::Secret, Via::ImagePullSecret, Keys::All)
        }),
    );
    uses.into_iter().collect()
}

/// What each container uses by itself, in order, each once; with its name.
pub fn uses_of_each(template: PodTemplate) -> Vec<(String, Vec<Use>)> {
    let mut all = Vec::new();
    template.spec.each_alone(|name, spec| {
        all.push((name, of_containers(spec).into_iter().collect()));
    });
    all
}

fn of_containers(spec: &PodSpec) -> BTreeSet<Use> {
    let mut uses: BTreeSet<_> = environment::all_uses(spec.containers()).collect();
    uses.extend(mounts::uses(spec));
    uses
}

/// The paths of the template's mounts that are not understood, or show nothing.
pub fn doubts(template: &PodTemplate) -> Vec<Doubt> {
    mounts::doubts(&template.spec)
}

/// The sources of volumes that no container mounts, which nobody uses: the name of
/// the volume, kind and name of the source.
pub fn unmounted(template: &PodTemplate) -> Vec<(&str, SourceKind, &str)> {
    mounts::unmounted(&template.spec)
}

impl Reference {
    fn to_use(&self, kind: SourceKind, via: Via, keys: Keys) -> Option<Use> {
        (!self.name.is_empty()).then(|| Use {
            kind,
            name: self.name.as_str().into(),
            via,
            keys,
            optional: self.optional,
            under: Box::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    pub(super) fn template(spec: &Value) -> PodTemplate {
        PodTemplate::read(json!({ "spec": spec })).unwrap()
    }

    pub(super) fn check(spec: &Value, expect: &[&str]) {
        let seen: Vec<_> = uses_of(&template(spec)).iter().map(text).collect();
        assert_eq!(seen, expect);
    }

    fn text(u: &Use) -> String {
        let keys = match &u.keys {
            Keys::All => "*".to_owned(),
            Keys::Except(keys) => format!("* but {}", keys.join(",")),
            Keys::Some(keys) => keys.join(","),
            Keys::Present(keys) => format!("({})", keys.join(",")),
        };
        let optional = if u.optional { "?" } else { "" };
        format!(
            "{}{optional} {}/{} {keys}",
            u.via.word(),
            u.kind.row().word,
            u.name
        )
    }

    pub(super) fn volume(volume: &Value, mounts: &Value) -> Value {
        json!({"volumes": [volume], "containers": [{"volumeMounts": mounts}]})
    }

    #[test]
    fn volumes_that_nothing_mounts_are_told() {
        let spec = json!({
            "containers": [{"volumeMounts": [{"name": "used"}]}],
            "volumes": [
                {"name": "used", "configMap": {"name": "a"}},
                {"name": "idle", "secret": {"secretName": "b"}},
                {"name": "both", "projected": {"sources": [
                    {"configMap": {"name": "c"}}, {"secret": {"name": "d"}}]}},
                {"name": "none", "configMap": {"name": ""}}],
        });
        let idle = template(&spec);
        let (map, secret) = (SourceKind::ConfigMap, SourceKind::Secret);
        assert_eq!(
            unmounted(&idle),
            [
                ("idle", secret, "b"),
                ("both", map, "c"),
                ("both", secret, "d")
            ]
        );
    }

    #[test]
    fn each_container_uses_what_it_takes_itself() {
        let spec = json!({
            "initContainers": [{"name": "first", "envFrom": [{"configMapRef": {"name": "a"}}]}],
            "containers": [
                {"name": "web", "volumeMounts": [{"name": "v"}]},
                {"name": "idle"}],
            "volumes": [{"name": "v", "secret": {"secretName": "b"}}],
            "imagePullSecrets": [{"name": "s"}],
        });
        let each = uses_of_each(template(&spec)).into_iter();
        let shown: Vec<_> = each
            .map(|(name, uses)| (name, uses.iter().map(text).collect::<Vec<_>>().join(", ")))
            .collect();
        let expected = [
            ("first", "envFrom configmap/a *"),
            ("web", "volume secret/b *"),
            ("idle", ""),
        ];
        assert_eq!(
            shown,
            expected.map(|(name, uses)| (name.to_owned(), uses.to_owned()))
        );
    }

    #[test]
    fn pull_secrets_are_shown() {
        check(
            &json!({"imagePullSecrets": [{"name": "s"}], "containers": []}),
            &["imagePullSecret secret/s *"],
        );
    }

    /// A custom resource may have `null` wherever its schema allows it, and the API
    /// server keeps it.
    #[rstest]
    #[case(json!(null))]
    #[case(json!({"containers": null, "initContainers": [null], "volumes": [null]}))]
    #[case(json!({"imagePullSecrets": [{"name": null}, null]}))]
    #[case(json!({"containers": [{"env": [null, {"name": null, "value": null, "valueFrom": null}]}]}))]
    #[case(json!({"containers": [{"env": [{"valueFrom": {"configMapKeyRef": {"name": null, "key": null, "optional": null}}}]}]}))]
    #[case(json!({"containers": [{"envFrom": [{"prefix": null, "configMapRef": {"name": null}, "secretRef": null}]}]}))]
    #[case(volume(&json!({"name": null, "configMap": {"name": null, "items": [null]}}), &json!([{"name": null}])))]
    #[case(volume(&json!({"name": "v", "projected": {"sources": [null, {"configMap": null, "secret": {"name": null}}]}}), &json!([{"name": "v"}])))]
    #[case(volume(&json!({"name": "v", "projected": null, "secret": {"secretName": null}}), &json!([{"name": "v", "subPath": null, "subPathExpr": null}])))]
    #[case(volume(&json!({"name": "v", "csi": {"driver": null, "volumeAttributes": {"secretProviderClass": null}}}), &json!([{"name": "v"}])))]
    fn null_is_absent(#[case] spec: Value) {
        check(&spec, &[]);
    }

    #[test]
    fn null_beside_what_is_used_takes_nothing_away() {
        let v = json!({"name": "v", "configMap": {"name": "c", "items": [null, {"key": "k", "path": "k"}], "optional": null}});
        let mounts = json!([null, {"name": "v", "subPath": null}]);
        check(&volume(&v, &mounts), &["volume configmap/c k"]);
        let whole = json!({"metadata": null, "spec": {"containers": [{"envFrom": [{"configMapRef": {"name": "c"}}]}]}});
        assert_eq!(uses_of(&PodTemplate::read(whole).unwrap()).len(), 1);
        assert_eq!(uses_of(&PodTemplate::read(json!(null)).unwrap()), []);
    }
}
