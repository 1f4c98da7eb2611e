//! Which methods can serve a change, and why a gentler one cannot.
//!
//! Goes in: what changed, how the pod template sees it, what is listed and enabled.
//! Comes out: the rungs, the gentlest first, and a sentence for each that was passed.

use std::fmt;

use crate::compare::{Change, What};
use crate::kinds::Kind;
use crate::method::{Method, Methods, Ports, Requires};
use crate::needs::Demand;
use crate::refs::{Name, SourceRef};
use crate::uses::{Keys, Layout, Seeing, Use, Via};

use super::in_place::restarted;
use super::questions::reached;

/// A change that is to be brought, and what its owners allow.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The kind of the workload.
    pub kind: &'static Kind,
    /// What changed.
    pub changes: &'a [Change],
    /// How its pods see it, where that is known.
    pub layout: Option<&'a Layout>,
    /// Where `tidings.dev/agent` says that its agents listen.
    pub ports: Option<&'a Ports>,
    /// The methods that its owners list.
    pub listed: Methods,
    /// The methods that the installation has the rights for.
    pub enabled: Methods,
}

/// What can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The listed methods that can serve all that changed: the first is taken, and the
    /// others follow where it does not end well.
    pub rungs: Methods,
    /// The listed ones that cannot.
    pub passed: Vec<Passed>,
}

/// A method that was passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Which.
    pub method: Method,
    /// Why it cannot.
    pub why: String,
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot: {}", self.method, self.why)
    }
}

/// The methods that can serve a change, of those that are listed.
pub fn choose(wish: &Wish<'_>) -> Choice {
    let mut choice = Choice {
        rungs: Methods::default(),
        passed: Vec::new(),
    };
    for method in wish.listed.iter() {
        match wish.can(method) {
            Ok(()) => choice.rungs = choice.rungs | method.into(),
            Err(why) => choice.passed.push(Passed { method, why }),
        }
    }
    choice
}

impl Wish<'_> {
    fn can(&self, method: Method) -> Result<(), String> {
        if !self.enabled.contains(method) {
            return Err("it is not enabled (--methods)".to_owned());
        }
        let mut requires = method.row().requires.iter();
        requires.try_for_each(|required| self.meets(*required))
    }

    fn meets(&self, required: Requires) -> Result<(), String> {
        match required {
            Requires::StandingPods if self.kind.ends() => Err(format!(
                "pods of a {} come and go by themselves",
                self.kind.api_kind
            )),
            Requires::StandingPods => Ok(()),
            Requires::OwnTemplate => self.seen().map(drop),
            Requires::Files => {
                let layout = self.seen()?;
                let mut changes = self.changes.iter();
                changes.try_for_each(|change| is_in_files(layout, change))
            }
            Requires::Agents => self.has_agents(),
            Requires::Resizing => {
                let layout = self.seen()?;
                restarted(layout, self.ports, self.changes).map(drop)
            }
        }
    }

    /// How its pods see what they use.
    fn seen(&self) -> Result<&Layout, String> {
        let seen = self.layout;
        seen.ok_or_else(|| "its pods' template is another workload's".to_owned())
    }

    fn has_agents(&self) -> Result<(), String> {
        let layout = self.seen()?;
        let agents = reached(layout, self.ports)?;
        self.changes.iter().try_for_each(|change| {
            let all = vec![None];
            for key in needed(layout, change).unwrap_or(all) {
                let seen = agents
                    .iter()
                    .any(|(seeing, _)| sees(seeing, change, key.as_ref()));
                if !seen {
                    let keys: Vec<_> = key.into_iter().collect();
                    let what = describe(change, &keys);
                    return Err(format!("no agent's container mounts {what}"));
                }
            }
            Ok(())
        })
    }
}

/// The keys that agents have to see; none where it is all of them.
fn needed(layout: &Layout, change: &Change) -> Option<Vec<Option<Name>>> {
    let some = |keys: &[Name]| keys.iter().cloned().map(Some).collect();
    if !change.keys.is_empty() {
        return Some(some(&change.keys));
    }
    let mut needed = Vec::new();
    for (_, used) in touched(layout, change) {
        match &used.keys {
            Keys::Some(keys) | Keys::Present(keys) => needed.extend::<Vec<_>>(some(keys)),
            Keys::All | Keys::Except(_) => return None,
        }
    }
    Some(needed)
}

/// Each container and its use that a change concerns.
pub(super) fn touched<'a>(layout: &'a Layout, change: &Change) -> Vec<(&'a Seeing, &'a Use)> {
    let all = layout.containers.iter();
    let all = all.flat_map(|seeing| seeing.uses.iter().map(move |used| (seeing, used)));
    all.filter(|(_, used)| is_touched(used, change)).collect()
}

/// Whether what changed are files of containers that run, which follow it.
pub(super) fn is_in_files(layout: &Layout, change: &Change) -> Result<(), String> {
    let what = describe(change, &change.keys);
    if change.what == What::Gone(Demand::Required) {
        return Err(format!(
            "{what} is not there, and without it the kubelet leaves the files as they are"
        ));
    }
    let touched = touched(layout, change);
    if touched.is_empty() {
        return Err(format!("no container uses {what}"));
    }
    let mut touched = touched.into_iter();
    touched.try_for_each(|(seeing, used)| follows(seeing, used, change))
}

fn is_of(used: &Use, source: &SourceRef) -> bool {
    used.kind == source.kind && used.name == source.name
}

/// Whether a change concerns what is used so.
pub(super) fn is_touched(used: &Use, change: &Change) -> bool {
    let any = |is: &dyn Fn(&Name) -> bool| change.keys.is_empty() || change.keys.iter().any(is);
    let touches = match &used.keys {
        Keys::All => true,
        Keys::Except(keys) => any(&|key| !keys.contains(key)),
        Keys::Some(keys) => any(&|key| keys.contains(key)),
        Keys::Present(keys) => {
            matches!(change.what, What::Gone(_)) && any(&|key| keys.contains(key))
        }
    };
    touches && is_of(used, &change.source)
}

/// Whether what a container uses follows a change while it runs.
fn follows(seeing: &Seeing, used: &Use, change: &Change) -> Result<(), String> {
    let is_its = |key: &&Name| match &used.keys {
        Keys::Some(keys) => keys.contains(*key),
        _ => true,
    };
    let keys: Vec<_> = change.keys.iter().filter(is_its).cloned().collect();
    let (what, name) = (describe(change, &keys), &seeing.name);
    if seeing.ends {
        return Err(format!(
            "the init container {name} has read {what} when the pod started"
        ));
    }
    match used.via {
        Via::Volume | Via::Projected => Ok(()),
        Via::Env | Via::EnvFrom => Err(format!("{what} is an environment variable of {name}")),
        Via::SubPath => Err(format!(
            "{what} is mounted by subPath in {name}, and never follows"
        )),
        Via::Csi => Err(format!("{what} is mounted by the CSI driver in {name}")),
        Via::ImagePullSecret | Via::Named => Err(format!("{what} is no file of {name}")),
    }
}

fn sees(seeing: &Seeing, change: &Change, key: Option<&Name>) -> bool {
    let source = &change.source;
    let keys = |kind, name: &str| {
        let is_it = (kind, name) == (source.kind, &*source.name);
        Some(
            key.filter(|_| is_it)
                .map(|key| (key.clone(), true))
                .into_iter()
                .collect(),
        )
    };
    let all = |kind, name: &str| {
        let is_it = (kind, name) == (source.kind, &*source.name);
        (!is_it).then(Vec::new)
    };
    let files = match key {
        Some(_) => seeing.files(&keys),
        None => seeing.files(&all),
    };
    let mut files = files.iter().flat_map(|files| files.values());
    files.any(|file| {
        let is_of = file.kind == source.kind && file.source == source.name;
        is_of && file.key.as_ref() == key
    })
}

/// `LOG_LEVEL of configmap/web`, or the source alone.
pub(super) fn describe(change: &Change, keys: &[Name]) -> String {
    let source = &change.source;
    let source = format!("{}/{}", source.kind.row().word, source.name);
    match keys {
        [] => source,
        [first] => format!("{first} of {source}"),
        [first, rest @ ..] => format!("{first} and {} more of {source}", rest.len()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::kinds::KINDS;
    use crate::refs::SourceKind;

    /// An nginx that mounts all of `configmap/web`, with an agent as sidecar.
    fn pod() -> Value {
        json!({
            "containers": [
                {"name": "nginx", "volumeMounts": [{"name": "web", "mountPath": "/etc/nginx"}],
                    "env": [{"name": "LOG_LEVEL", "valueFrom": {"configMapKeyRef": {"name": "env", "key": "LOG_LEVEL"}}}]},
                {"name": "agent", "ports": [{"name": "tidings", "containerPort": 9533}],
                    "volumeMounts": [{"name": "web", "mountPath": "/watched"}, {"name": "poke", "mountPath": "/poke"}]}],
            "volumes": [
                {"name": "web", "configMap": {"name": "web"}},
                {"name": "one", "configMap": {"name": "one", "items": [{"key": "a", "path": "a"}]}},
                {"name": "csi", "csi": {"driver": "secrets-store.csi.k8s.io",
                    "volumeAttributes": {"secretProviderClass": "vault"}}},
                {"name": "poke", "downwardAPI": {"items": [
                    {"path": "poke", "fieldRef": {"fieldPath": "metadata.annotations['tidings.dev/poke']"}}]}}],
        })
    }

    /// The same with one place of it changed.
    fn with(place: &str, value: Value) -> Value {
        let mut pod = pod();
        *pod.pointer_mut(place).unwrap() = value;
        pod
    }

    fn change(source: &str, keys: &[&str], what: What) -> Change {
        let (kind, name) = source.split_once('/').unwrap();
        Change {
            source: SourceRef::new(SourceKind::parse(kind).unwrap(), "ns", name),
            what,
            keys: keys.iter().map(|key| Name::from(*key)).collect(),
            version: Some(2),
            dated: true,
            by: None,
        }
    }

    fn chosen(spec: &Value, changes: &[Change], ports: Option<&str>) -> (String, String) {
        let ports = ports.map(|text| Ports::read(text).unwrap());
        let choice = choose(&Wish {
            kind: KINDS.iter().find(|kind| kind.word == "deployment").unwrap(),
            changes,
            layout: Some(&Layout::read(json!({ "spec": spec }))),
            ports: ports.as_ref(),
            listed: Methods::read("hot, rollout").0 | Method::Poke.into(),
            enabled: Methods::all(),
        });
        let passed: Vec<_> = choice.passed.iter().map(ToString::to_string).collect();
        (choice.rungs.to_string(), passed.join("; "))
    }

    #[test]
    fn a_mounted_file_with_an_agent_goes_hot() {
        let changes = [change("configmap/web", &["site.conf"], What::Changed)];
        let all = ("hot, poke, rollout".to_owned(), String::new());
        assert_eq!(chosen(&pod(), &changes, None), all);
        let whole = [change("configmap/web", &[], What::Changed)];
        assert_eq!(chosen(&pod(), &whole, None), all);
    }

    #[rstest]
    #[case("configmap/env", &["LOG_LEVEL"], What::Changed, "LOG_LEVEL of configmap/env is an environment variable of nginx")]
    #[case("configmap/env", &[], What::Changed, "configmap/env is an environment variable of nginx")]
    #[case("configmap/web", &["a"], What::Gone(Demand::Required), "without it the kubelet leaves the files")]
    #[case("configmap/named", &["a"], What::Changed, "no container uses a of configmap/named")]
    fn what_is_no_file_is_rolled_out(
        #[case] source: &str,
        #[case] keys: &[&str],
        #[case] what: What,
        #[case] said: &str,
    ) {
        let file = change("configmap/web", &["site.conf"], What::Changed);
        let (rungs, passed) = chosen(&pod(), &[file, change(source, keys, what)], None);
        assert_eq!(rungs, "rollout");
        assert!(passed.contains(said), "{passed}");
    }

    #[rstest]
    // By subPath, by the CSI driver, and in a container that has ended.
    #[case("/containers/0/volumeMounts", json!([{"name": "web", "mountPath": "/a", "subPath": "a"}]), "configmap/web", "is mounted by subPath in nginx")]
    #[case("/containers/0/volumeMounts", json!([{"name": "csi", "mountPath": "/a"}]), "secretproviderclass/vault", "by the CSI driver")]
    #[case("/containers", json!([]), "configmap/web", "no container uses")]
    fn nor_what_never_follows(
        #[case] place: &str,
        #[case] value: Value,
        #[case] source: &str,
        #[case] said: &str,
    ) {
        let changes = [change(source, &["a"], What::Changed)];
        let (rungs, passed) = chosen(&with(place, value), &changes, None);
        assert_eq!(rungs, "rollout");
        assert!(passed.contains(said), "{passed}");
    }

    #[test]
    fn what_an_init_container_has_read_is_rolled_out() {
        let mut pod = pod();
        pod["initContainers"] =
            json!([{"name": "render", "volumeMounts": [{"name": "web", "mountPath": "/in"}]}]);
        let changes = [change("configmap/web", &["a"], What::Changed)];
        let (rungs, passed) = chosen(&pod, &changes, None);
        assert_eq!(rungs, "rollout");
        assert!(
            passed.contains("the init container render has read a"),
            "{passed}"
        );
        pod["initContainers"][0]["restartPolicy"] = json!("Always");
        assert_eq!(chosen(&pod, &changes, None).0, "hot, poke, rollout");
    }

    #[rstest]
    #[case("/containers/1/ports", json!([]), None, "has no port")]
    #[case("/containers/1/ports", json!([]), Some("9533"), "")]
    #[case("/containers/1/ports", json!([]), Some("agent=9533"), "")]
    #[case("/containers/1/ports", json!([]), Some("agnet=9533"), "there is no container agnet")]
    #[case("/containers/1/ports", json!([]), Some("nginx=9533"), "nginx does not see the annotation")]
    #[case("/containers/1/volumeMounts", json!([{"name": "web", "mountPath": "/w"}]), None, "no container sees the annotation")]
    #[case("/containers/1/volumeMounts", json!([{"name": "poke", "mountPath": "/w"}]), None, "no agent's container mounts a of configmap/web")]
    #[case("/containers/0/name", json!("web"), None, "")]
    fn without_an_agent_it_is_poked(
        #[case] place: &str,
        #[case] value: Value,
        #[case] ports: Option<&str>,
        #[case] said: &str,
    ) {
        let changes = [change("configmap/web", &["a"], What::Changed)];
        let (rungs, passed) = chosen(&with(place, value), &changes, ports);
        let hot = if said.is_empty() { "hot, " } else { "" };
        assert_eq!(rungs, format!("{hot}poke, rollout"), "{passed}");
        assert!(passed.contains(said), "{passed}");
    }

    #[test]
    fn an_agent_must_see_the_key_itself() {
        let mut pod = pod();
        let mounts =
            json!([{"name": "one", "mountPath": "/w"}, {"name": "poke", "mountPath": "/p"}]);
        pod["containers"][1]["volumeMounts"] = mounts;
        pod["volumes"][0] = json!({"name": "web", "configMap": {"name": "one"}});
        for (key, rungs) in [("a", "hot, poke, rollout"), ("b", "poke, rollout")] {
            let changes = [change("configmap/one", &[key], What::Changed)];
            assert_eq!(chosen(&pod, &changes, None).0, rungs);
        }
    }

    #[test]
    fn what_is_not_enabled_or_not_listed_is_not_taken() {
        let changes = [change("configmap/web", &["a"], What::Changed)];
        let wish = Wish {
            kind: KINDS.iter().find(|kind| kind.word == "cronjob").unwrap(),
            changes: &changes,
            layout: Some(&Layout::read(json!({ "spec": pod() }))),
            ports: None,
            listed: Methods::all(),
            enabled: Method::Rollout.into(),
        };
        let choice = choose(&wish);
        assert_eq!(choice.rungs, Method::Rollout.into());
        assert_eq!(
            choice.passed[0].to_string(),
            "hot cannot: it is not enabled (--methods)"
        );
        let choice = choose(&Wish {
            enabled: Methods::all(),
            listed: Method::Hot.into(),
            ..wish
        });
        assert!(choice.rungs.is_empty());
        assert!(choice.passed[0].why.contains("come and go"));
    }
}
