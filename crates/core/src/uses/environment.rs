//! Which keys become environment variables, and which of these a process sees.
//!
//! As the kubelet makes them (`pkg/kubelet/kubelet_pods.go`,
//! `makeEnvironmentVariables`): first `envFrom` in order, each key behind the
//! prefix, then `env` in order; what comes later replaces what has the same name.
//! A `value` may refer to what stands before it, `$(NAME)`, so a variable that is
//! replaced counts if something refers to it first. `data` alone is read, never
//! `binaryData`. Names that are none were skipped by kubelets before 1.30 or so;
//! here they count. An optional reference replaces nothing for certain.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::refs::{Name, SourceKind};

use super::template::{Container, Env, EnvFrom, Reference};
use super::{Keys, Under, Use, Via, names};

/// The most `envFrom` entries of a container, and the most names in its `env`, of
/// which it is worked out what they replace. Where there are more, all counts: a
/// template may be large, and this must not grow with its square.
const FEW_SOURCES: usize = 32;
const FEW_NAMES: usize = 256;
/// The same of all containers of a template together.
const FEW_IN_ALL: usize = 512;

/// What the containers' environments read.
pub(super) fn all_uses<'a>(
    containers: impl Iterator<Item = &'a Container> + Clone,
) -> impl Iterator<Item = Use> {
    let in_all = containers.clone().map(|c| c.env_from.len());
    let few = in_all.sum::<usize>() <= FEW_IN_ALL;
    containers.flat_map(move |container| uses(container, few))
}

fn uses(container: &Container, few: bool) -> Vec<Use> {
    let fate = Fate::of(&container.env);
    let env = container.env.iter().enumerate();
    let env = env.flat_map(|(at, env)| {
        let counts = !fate.unseen.contains(&at);
        key_refs(env).filter_map(move |(kind, reference)| {
            let key = [Name::from(reference.key.as_str())].into();
            let keys = if counts {
                Keys::Some(key)
            } else {
                Keys::Present(key)
            };
            reference.to_use(kind, Via::Env, keys)
        })
    });
    let from = env_from_uses(&container.env_from, &fate.replaced, few);
    env.chain(from).collect()
}

fn key_refs(env: &Env) -> impl Iterator<Item = (SourceKind, &Reference)> {
    let from = env.value_from.iter().flat_map(|from| {
        let map = from.config_map.iter();
        let map = map.map(|r| (SourceKind::ConfigMap, r));
        let secret = from.secret.iter();
        map.chain(secret.map(|r| (SourceKind::Secret, r)))
    });
    from.filter(|_| env.value.is_empty())
}

/// What becomes of the variables of `env`.
struct Fate<'a> {
    /// The entries whose value no process sees.
    unseen: HashSet<usize>,
    /// The names that `env` sets for certain, before anything in it refers to what
    /// they held.
    replaced: BTreeSet<&'a str>,
}

impl<'a> Fate<'a> {
    fn of(env: &'a [Env]) -> Self {
        let mut fate = Self {
            unseen: HashSet::new(),
            replaced: BTreeSet::new(),
        };
        let mut referred: HashSet<&str> = HashSet::new();
        // By name, the entries that nothing has referred to or replaced so far.
        let mut open: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, one) in env.iter().enumerate() {
            for name in references(&one.value) {
                open.remove(name);
                referred.insert(name);
            }
            let name = one.name.as_str();
            if !name.is_empty() && sets_it(one) {
                fate.unseen.extend(open.remove(name).into_iter().flatten());
                if !referred.contains(name) {
                    fate.replaced.insert(name);
                }
            }
            open.entry(name).or_default().push(at);
        }
        fate
    }
}

/// Whether an entry sets its variable, or the container does not start.
fn sets_it(env: &Env) -> bool {
    let Some(from) = env.value_from.as_ref().filter(|_| env.value.is_empty()) else {
        return true;
    };
    let mut refs = key_refs(env).peekable();
    let told = from.field.is_some() || from.resource.is_some();
    (told || refs.peek().is_some()) && refs.all(|(_, reference)| !reference.optional)
}

/// The variables that a value refers to: `$(NAME)`, but not `$$(NAME)`.
fn references(value: &str) -> impl Iterator<Item = &str> {
    let mut rest = value;
    std::iter::from_fn(move || {
        loop {
            rest = &rest[rest.find('$')? + 1..];
            if let Some(name) = rest.strip_prefix('(') {
                let end = name.find(')')?;
                rest = &name[end + 1..];
                return Some(&name[..end]);
            }
            rest = rest.strip_prefix('$').unwrap_or(rest);
        }
    })
}

fn env_from_uses(from: &[EnvFrom], replaced: &BTreeSet<&str>, few: bool) -> Vec<Use> {
    let few = few && from.len() <= FEW_SOURCES && replaced.len() <= FEW_NAMES;
    let mut by_prefix: BTreeMap<&str, Keys> = BTreeMap::new();
    let mut uses = Vec::new();
    for (at, one) in from.iter().enumerate() {
        let later = if few { &from[at + 1..] } else { &[] };
        let keys = by_prefix.entry(&one.prefix).or_insert_with(|| {
            if few {
                all_but(replaced, &one.prefix)
            } else {
                Keys::All
            }
        });
        for (kind, reference) in whole_refs(one) {
            let used = reference.to_use(kind, Via::EnvFrom, keys.clone());
            uses.extend(used.map(|used| Use {
                under: later.iter().flat_map(|later| over(one, later)).collect(),
                ..used
            }));
        }
    }
    uses
}

fn whole_refs(from: &EnvFrom) -> impl Iterator<Item = (SourceKind, &Reference)> {
    let map = from.config_map_ref.iter();
    let map = map.map(|r| (SourceKind::ConfigMap, r));
    let secret = from.secret_ref.iter();
    map.chain(secret.map(|r| (SourceKind::Secret, r)))
}

/// The keys that do not become one of these variables.
fn all_but(replaced: &BTreeSet<&str>, prefix: &str) -> Keys {
    let keys = replaced.iter().filter_map(|name| name.strip_prefix(prefix));
    let keys = names(keys.filter(|key| !key.is_empty()));
    if keys.is_empty() {
        Keys::All
    } else {
        Keys::Except(keys)
    }
}

/// The later sources whose keys may replace those of an earlier one.
fn over<'a>(earlier: &EnvFrom, later: &'a EnvFrom) -> impl Iterator<Item = Under> + use<'a> {
    let (mine, other) = (earlier.prefix.as_str(), later.prefix.as_str());
    let rest = |longer: &str, shorter: &str| longer.strip_prefix(shorter).map(Name::from);
    let (add, cut) = (rest(other, mine), rest(mine, other));
    let refs = whole_refs(later).filter(|(_, reference)| !reference.name.is_empty());
    let meets = add.is_some() || cut.is_some();
    refs.filter(move |_| meets)
        .map(move |(kind, reference)| Under {
            kind,
            name: reference.name.as_str().into(),
            add: add.clone().unwrap_or_default(),
            cut: cut.clone().unwrap_or_default(),
        })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::super::tests::check;
    use super::*;

    fn map_key(name: &str, key: &str, optional: bool) -> Value {
        let reference = json!({"name": "c", "key": key, "optional": optional});
        json!({"name": name, "valueFrom": {"configMapKeyRef": reference}})
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

    /// `A` from a key, and what stands behind it. In brackets: has to be there, and
    /// that is all.
    #[rstest]
    #[case(&[], "env configmap/c k")]
    #[case(&[json!({"name": "A", "value": "x"})], "env configmap/c (k)")]
    #[case(&[json!({"name": "A"})], "env configmap/c (k)")]
    #[case(&[json!({"name": "A", "value": "$(A)-x"})], "env configmap/c k")]
    #[case(&[json!({"name": "A", "value": "$$(A)-x"})], "env configmap/c (k)")]
    #[case(&[json!({"name": "B", "value": "-$(A)"}), json!({"name": "A", "value": "x"})], "env configmap/c k")]
    #[case(&[json!({"name": "A", "value": "x"}), json!({"name": "B", "value": "$(A)"})], "env configmap/c (k)")]
    #[case(&[json!({"name": "B", "value": "x"})], "env configmap/c k")]
    #[case(&[json!({"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}})], "env configmap/c (k)")]
    #[case(&[json!({"name": "A", "valueFrom": {"fileKeyRef": {"key": "A", "path": "p", "volumeName": "v"}}})], "env configmap/c k")]
    #[case(&[json!({"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": true}}})], "env configmap/c k|env? secret/s k")]
    #[case(&[json!({"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}})], "env configmap/c (k)|env secret/s k")]
    fn what_is_replaced_unseen_need_only_be_there(#[case] behind: &[Value], #[case] expect: &str) {
        let env: Vec<_> = [map_key("A", "k", false)]
            .into_iter()
            .chain(behind.iter().cloned())
            .collect();
        let expect: Vec<_> = expect.split('|').collect();
        check(&json!({"containers": [{"env": env}]}), &expect);
    }

    /// Variables of a whole source, and those of `env`, which go over them.
    #[rstest]
    #[case("", &[json!({"name": "A", "value": "x"})], "envFrom configmap/c * but A")]
    #[case("", &[json!({"name": "A", "value": "x$(A)"})], "envFrom configmap/c *")]
    #[case("", &[json!({"name": "B", "value": "$(A)"}), json!({"name": "A", "value": "x"})], "envFrom configmap/c * but B")]
    #[case("P_", &[json!({"name": "A"}), json!({"name": "P_A"}), json!({"name": "P_"})], "envFrom configmap/c * but A")]
    #[case("", &[map_key("A", "k", true)], "env? configmap/c k|envFrom configmap/c *")]
    #[case("", &[map_key("A", "k", false)], "env configmap/c k|envFrom configmap/c * but A")]
    fn env_goes_over_env_from(#[case] prefix: &str, #[case] env: &[Value], #[case] expect: &str) {
        let from = json!([{"prefix": prefix, "configMapRef": {"name": "c"}}]);
        let expect: Vec<_> = expect.split('|').collect();
        check(
            &json!({"containers": [{"env": env, "envFrom": from}]}),
            &expect,
        );
    }

    #[rstest]
    #[case("", "", Some(("", "")))]
    #[case("A_", "A_", Some(("", "")))]
    #[case("", "B_", Some(("B_", "")))]
    #[case("A_B_", "A_", Some(("", "B_")))]
    #[case("A_", "B_", None)]
    fn a_later_source_may_go_over_an_earlier(
        #[case] earlier: &str,
        #[case] later: &str,
        #[case] expect: Option<(&str, &str)>,
    ) {
        let from = |prefix: &str, name: &str| {
            let reference = json!({"prefix": prefix, "configMapRef": {"name": name}});
            serde_json::from_value(reference).unwrap()
        };
        let uses = env_from_uses(
            &[from(earlier, "a"), from(later, "b")],
            &BTreeSet::new(),
            true,
        );
        let under = uses[0]
            .under
            .first()
            .map(|under| (&*under.add, &*under.cut));
        assert_eq!(under, expect);
        assert!(uses[1].under.is_empty());
    }

    #[rstest]
    #[case("$(A)$(B)", &["A", "B"])]
    #[case("a$$(A)$$$(B)", &["B"])]
    #[case("$A $(A", &[])]
    #[case("$($(A)", &["$(A"])]
    #[case("é$(É)", &["É"])]
    fn references_are_read_as_the_kubelet_does(#[case] value: &str, #[case] expect: &[&str]) {
        assert_eq!(references(value).collect::<Vec<_>>(), expect);
    }

    #[test]
    fn of_very_many_all_counts() {
        let env: Vec<_> = (0..=FEW_NAMES)
            .map(|i| json!({"name": format!("V{i}")}))
            .collect();
        let from = json!([{"configMapRef": {"name": "c"}}]);
        let container = json!({"env": env, "envFrom": from});
        check(
            &json!({"containers": [container]}),
            &["envFrom configmap/c *"],
        );
    }
}
