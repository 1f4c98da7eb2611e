//! Workloads that wave's annotations opt in.

use tidings_core::needs::Need;
use tidings_core::object::SourceFlags;
use tidings_core::pattern::Steps;
use tidings_core::refs::SourceKind;
use tidings_core::uses::{self, PodTemplate, Via};

use super::case::{Case, Hit, Noted, On, WAVE};
use super::{Level, Rule, Tool};
use crate::cli::input::tree::Tree;

const OPT_IN: &str = "wave.pusher.com/update-on-config-change";
const EXTRAS: [&str; 2] = [
    "wave.pusher.com/extra-configmaps",
    "wave.pusher.com/extra-secrets",
];
/// What wave puts in the place of the scheduler's name while it holds pods back.
const NO_SCHEDULER: &str = "wave.pusher.com/invalid";

/// What the controller does not complain of by itself.
pub(super) static MISTAKES: &[Rule] = &[
    Rule {
        id: "wave-true-exactly",
        tool: Tool::Wave,
        level: Level::Mistake,
        finds: "`update-on-config-change` with another word than `true`.",
        differs: "Both take only the exact word \"true\".",
        advice: "Write \"true\".",
        find: true_exactly,
    },
    Rule {
        id: "wave-misplaced",
        tool: Tool::Wave,
        level: Level::Mistake,
        finds: "wave's annotations on a pod template, or on an object of another kind.",
        differs: "Both read them on the workload's own metadata only.",
        advice: "Move them there.",
        find: misplaced,
    },
    Rule {
        id: "wave-extras-alone",
        tool: Tool::Wave,
        level: Level::Mistake,
        finds: "Extras without `update-on-config-change`.",
        differs: "Neither rolls the workload.",
        advice: "Add wave.pusher.com/update-on-config-change: \"true\", or write tidings.dev/reload.",
        find: extras_alone,
    },
];

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "wave-other-kinds",
        tool: Tool::Wave,
        level: Level::Differs,
        finds: "wave's annotations on a kind that wave does not know.",
        differs: "wave knows Deployments, StatefulSets and DaemonSets; Tidings rolls this one too.",
        advice: "Remove the annotation if it should not.",
        find: other_kinds,
    },
    Rule {
        id: "wave-other-namespaces",
        tool: Tool::Wave,
        level: Level::Differs,
        finds: "An extra ConfigMap or Secret of another namespace.",
        differs: "wave follows it; Tidings does not, and says so in an Event on the workload.",
        advice: "Keep a copy in the workload's namespace and name that.",
        find: other_namespaces,
    },
    Rule {
        id: "wave-blanks",
        tool: Tool::Wave,
        level: Level::Differs,
        finds: "A list of extras with blanks.",
        differs: "wave looks for a name with the blank in it and finds none; Tidings reads the name.",
        advice: "Nothing to do, if the names are meant.",
        find: blanks,
    },
    Rule {
        id: "wave-init-containers",
        tool: Tool::Wave,
        level: Level::Differs,
        finds: "Environment of an init container.",
        differs: "wave does not look there; Tidings rolls when it changes.",
        advice: "Nothing to do; to leave a source out, write tidings.dev/reload: \"!configmap/NAME\".",
        find: init_containers,
    },
    Rule {
        id: "wave-only-used-keys",
        tool: Tool::Wave,
        level: Level::Differs,
        finds: "A ConfigMap or Secret of which a volume shows some keys only.",
        differs: "wave counts all keys of a volume's ConfigMap or Secret; Tidings those that `items` and `subPath` show.",
        advice: "Nothing to do.",
        find: only_used_keys,
    },
    Rule {
        id: "wave-unmounted-volume",
        tool: Tool::Wave,
        level: Level::Differs,
        finds: "A volume with a ConfigMap or Secret that no container mounts.",
        differs: "wave counts it; Tidings does not.",
        advice: "Mount it, or remove it, or name its source in tidings.dev/reload.",
        find: unmounted,
    },
    Rule {
        id: "wave-held-pods",
        tool: Tool::Wave,
        level: Level::Differs,
        finds: "The scheduler `wave.pusher.com/invalid`: wave holds the pods back.",
        differs: "wave puts the scheduler's name back when all that the pods need is there; without it they wait for ever. Under Tidings they are never held: the kubelet waits by itself.",
        advice: "Put `schedulerName` back (wave keeps it in wave.pusher.com/scheduling-disabled) before wave is removed.",
        find: held_pods,
    },
];

fn waves<'a>(case: &Case<'a>) -> impl Iterator<Item = Noted<'a>> {
    case.said().filter(|said| said.key.starts_with(WAVE))
}

fn asks(case: &Case<'_>) -> Option<String> {
    case.on(On::Metadata, OPT_IN).map(|said| said.value)
}

fn true_exactly(case: &Case<'_>) -> Vec<Hit> {
    let said = case.on(On::Metadata, OPT_IN);
    let wrong = said.filter(|said| said.value != "true" && said.value != "false");
    wrong.map(|said| said.hit("")).into_iter().collect()
}

fn misplaced(case: &Case<'_>) -> Vec<Hit> {
    if case.object.is_owned() || case.is_handed_on() {
        return Vec::new();
    }
    let read = |said: &Noted<'_>| said.key == OPT_IN || EXTRAS.contains(&said.key);
    let elsewhere = |said: &Noted<'_>| said.on == On::Template || case.known.is_none();
    let said = waves(case).filter(|said| read(said) && elsewhere(said));
    said.map(|said| said.hit("")).collect()
}

fn other_kinds(case: &Case<'_>) -> Vec<Hit> {
    const KNOWN: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];
    let kind = case.opted_in_by(WAVE).and(case.kind());
    let other = kind.filter(|kind| !KNOWN.contains(&kind.api_kind));
    other
        .map(|kind| case.hit(kind.api_kind))
        .into_iter()
        .collect()
}

fn extras<'a>(case: &Case<'a>) -> impl Iterator<Item = Noted<'a>> {
    waves(case).filter(|said| said.on == On::Metadata && EXTRAS.contains(&said.key))
}

fn other_namespaces(case: &Case<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    for said in extras(case) {
        let elsewhere = |item: &&str| {
            let namespace = item.split_once('/').map(|(namespace, _)| namespace);
            namespace.is_some_and(|namespace| namespace != &*case.object.namespace)
        };
        let items: Vec<_> = said.items().filter(elsewhere).collect();
        if !items.is_empty() {
            hits.push(said.of_key(&format!(": {}", items.join(", "))));
        }
    }
    hits
}

fn blanks(case: &Case<'_>) -> Vec<Hit> {
    let blank = |said: &Noted<'_>| said.value.split(',').any(|item| item != item.trim());
    extras(case)
        .filter(blank)
        .map(|said| said.hit(""))
        .collect()
}

fn extras_alone(case: &Case<'_>) -> Vec<Hit> {
    let alone = asks(case).is_none() && case.known.is_some();
    extras(case)
        .filter(|_| alone)
        .map(|said| said.hit(""))
        .collect()
}

fn init_containers(case: &Case<'_>) -> Vec<Hit> {
    if case.opted_in_by(WAVE).is_none() {
        return Vec::new();
    }
    let refers = |tree: &&Tree| {
        let from = [
            ["valueFrom", "configMapKeyRef"],
            ["valueFrom", "secretKeyRef"],
        ];
        from.iter().any(|path| tree.at(path).is_some())
            || ["configMapRef", "secretRef"]
                .iter()
                .any(|key| tree.get(key).is_some())
    };
    let containers = case.pod("initContainers").iter();
    let hit = |container: &Tree| {
        let lists = [container.get("env"), container.get("envFrom")];
        let mut items = lists.into_iter().flatten().flat_map(Tree::items);
        let first = items.find(refers)?;
        Some(Hit::new(
            first.line,
            format!("in {}", container.word("name")),
        ))
    };
    containers.filter_map(hit).collect()
}

fn only_used_keys(case: &Case<'_>) -> Vec<Hit> {
    if case.opted_in_by(WAVE).is_none() {
        return Vec::new();
    }
    let partly = |need: &Need| {
        let in_volume = [Via::Volume, Via::SubPath]
            .iter()
            .any(|via| need.via.contains(via));
        in_volume && !need.whole && !need.keys.is_empty()
    };
    let hit = |need: Need| {
        let keys: Vec<_> = need.keys.keys().map(|key| &**key).collect();
        case.hit(format!("{}: {}", need.source, keys.join(", ")))
    };
    case.needs().into_iter().filter(partly).map(hit).collect()
}

fn unmounted(case: &Case<'_>) -> Vec<Hit> {
    let Some(known) = case.opted_in_by(WAVE) else {
        return Vec::new();
    };
    let Some(Ok(template)) = case.template().map(Tree::json).map(PodTemplate::read) else {
        return Vec::new();
    };
    let counts = |kind, name: &str| {
        let selection = known.policy.of(kind);
        let selected = selection.select(name, true, SourceFlags::default(), &Steps::default());
        selected.is_some()
    };
    let idle = uses::unmounted(&template).into_iter();
    let idle = idle.filter(|(_, kind, name)| counts(*kind, name));
    let hit = |(volume, kind, name): (&str, SourceKind, &str)| {
        let volumes = case.pod("volumes").iter();
        let mut named = volumes.filter(|tree| tree.word("name") == volume);
        let line = named.next().map_or(case.object.line, |tree| tree.line);
        Hit::new(
            line,
            format!("{}/{name} in volume {volume}", kind.row().word),
        )
    };
    idle.map(hit).collect()
}

fn held_pods(case: &Case<'_>) -> Vec<Hit> {
    let scheduler = case
        .template()
        .and_then(|t| t.at(&["spec", "schedulerName"]));
    let held = scheduler.filter(|name| name.text() == Some(NO_SCHEDULER));
    held.map(|name| Hit::new(name.line, "schedulerName"))
        .into_iter()
        .collect()
}
