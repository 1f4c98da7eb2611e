//! What is no matter of another tool: annotations that stand where nothing reads them, and
//! workloads that never take what they are rolled for.

use tidings_core::annotations;
use tidings_core::object::Strategy;

use super::case::{Case, Hit, Noted};
use super::{Level, Rule, Tool};
use crate::cli::input::objects::Object;
use crate::cli::input::tree::Tree;
use crate::cli::input::unseen::{self, is_key};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "no-annotation",
        tool: Tool::Any,
        level: Level::Mistake,
        finds: "A key of Tidings, Reloader, wave or configmapcontroller among the labels of a workload, or elsewhere beside the annotations of the workload and its pod template.",
        differs: "Nothing reads it there.",
        advice: "Write it below `metadata.annotations` of the workload.",
        find: no_annotation,
    },
    Rule {
        id: "on-delete",
        tool: Tool::Any,
        level: Level::Mistake,
        finds: "A workload that is opted in, and whose update strategy is OnDelete.",
        differs: "Its pod template is written, and no pod is replaced: each takes the change when somebody deletes it.",
        advice: "Let its update strategy be RollingUpdate; or, if its pods are to be deleted by hand, take the annotation away.",
        find: on_delete,
    },
    Rule {
        id: "on-custom-resource",
        tool: Tool::Any,
        level: Level::Note,
        finds: "A key on a custom resource that is no workload here.",
        differs: "It is read on the StatefulSet or Deployment that an operator makes of it, if the operator hands it on: prometheus-operator does, others have a field for the annotations of what they make.",
        advice: "See whether it is there: kubectl get deploy,sts,ds -o yaml. A kind that has a pod template of its own is one for --custom-workloads.",
        find: on_custom_resource,
    },
    Rule {
        id: "not-rendered",
        tool: Tool::Any,
        level: Level::Note,
        finds: "Annotations in the values of a chart, in a patch or in the template of another object: of a HelmRelease, an Application, a Kustomization, a ConfigMap.",
        differs: "What is made of it is not seen here, and so not linted.",
        advice: "Render it, and pipe the result in with `-f -`.",
        find: not_rendered,
    },
];

/// How to see what becomes of an object, by its group and kind.
const RENDERERS: &[(&str, &str, &str)] = &[
    (
        "helm.toolkit.fluxcd.io",
        "HelmRelease",
        "helm template CHART -f VALUES, with its values",
    ),
    (
        "helm.cattle.io",
        "HelmChart",
        "helm template CHART -f VALUES, with its values",
    ),
    (
        "kustomize.toolkit.fluxcd.io",
        "Kustomization",
        "flux build kustomization NAME --path DIRECTORY",
    ),
    (
        "kustomize.config.k8s.io",
        "Kustomization",
        "kustomize build DIRECTORY",
    ),
    (
        "kustomize.config.k8s.io",
        "Component",
        "kustomize build DIRECTORY, of what takes it in",
    ),
    ("argoproj.io", "Application", "argocd app manifests NAME"),
    (
        "argoproj.io",
        "ApplicationSet",
        "argocd app manifests NAME, of each Application",
    ),
    (
        "",
        "ConfigMap",
        "helm template CHART -f VALUES, if these are values",
    ),
];

const OF_AN_OPERATOR: &str = "kubectl get deploy,sts,ds -o yaml, which its operator makes";

fn renderer(object: &Object) -> &'static str {
    let of = |row: &&(&str, &str, _)| object.group == row.0 && object.kind == row.1;
    RENDERERS
        .iter()
        .find(of)
        .map_or(OF_AN_OPERATOR, |row| row.2)
}

fn not_rendered(case: &Case<'_>) -> Vec<Hit> {
    if case.known.is_some() {
        return Vec::new();
    }
    let lines = unseen::on(case.object);
    let annotations = match lines.len() {
        1 => "1 annotation".to_owned(),
        n => format!("{n} annotations"),
    };
    let text = format!("{annotations}: {}", renderer(case.object));
    let first = lines.iter().min();
    first
        .map(|line| Hit::new(*line, text))
        .into_iter()
        .collect()
}

fn on_custom_resource(case: &Case<'_>) -> Vec<Hit> {
    if !case.is_handed_on() || case.object.is_owned() {
        return Vec::new();
    }
    let known = |said: &Noted<'_>| annotations::find(said.key).is_some();
    let said = case.said().filter(known);
    said.map(|said| said.of_key("")).collect()
}

fn on_delete(case: &Case<'_>) -> Vec<Hit> {
    let known = case.known.filter(|known| known.policy.opted_in());
    let waits = known.filter(|known| known.workload.strategy == Strategy::OnDelete);
    let written = case.object.tree.at(&["spec", "updateStrategy", "type"]);
    let line = written.map_or(case.object.line, |tree| tree.line);
    waits
        .map(|_| Hit::new(line, "updateStrategy: OnDelete"))
        .into_iter()
        .collect()
}

/// All keys of a workload that are not those of its annotations or its template's.
fn no_annotation(case: &Case<'_>) -> Vec<Hit> {
    const METADATA: [&str; 2] = ["metadata", "annotations"];
    let kind = case.kind().filter(|_| !case.object.is_owned());
    let Some(kind) = kind else {
        return Vec::new();
    };
    let read = [METADATA.to_vec(), [kind.template, &METADATA].concat()];
    let hit = |(line, path): (u64, Vec<&str>)| {
        let beside = path.split_last().map(|(_, place)| place);
        let is_read = beside.is_some_and(|place| read.iter().any(|read| read == place));
        (!is_read).then(|| Hit::new(line, path.join(".")))
    };
    let all = keys(&case.object.tree, &[]);
    all.into_iter().filter_map(hit).collect()
}

/// The keys below a tree, each with its line and path.
fn keys<'a>(tree: &'a Tree, at: &[&'a str]) -> Vec<(u64, Vec<&'a str>)> {
    let below = |(key, tree): (&'a str, &'a Tree)| {
        let path = [at, &[key]].concat();
        if is_key(key) {
            vec![(tree.line, path)]
        } else {
            keys(tree, &path)
        }
    };
    let items = tree.items().iter().flat_map(|item| keys(item, at));
    tree.entries().flat_map(below).chain(items).collect()
}
