//! Methods that are listed and could not serve, or not as their owners mean it.
//!
//! What is wrong with the list itself (a word that is none, an order that is another, `hot`
//! beside `poke`) the controller complains of, and so does lint, as `BadAnnotation`.

use std::collections::BTreeMap;

use tidings_core::annotations::METHOD;
use tidings_core::index::Known;
use tidings_core::ladder::{agents, has_files, obstacles};
use tidings_core::method::{Method, Methods};
use tidings_core::uses::{Layout, Pokes, Resizing, Seeing};

use super::case::{Case, Hit};
use super::words::{image, options, program};
use super::{Level, Rule, Tool};
use crate::cli::input::tree::Tree;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "method-on-job",
        tool: Tool::Any,
        level: Level::Mistake,
        finds: "A Job or CronJob that lists `hot`, `poke`, `restart-in-place` or `evict`.",
        differs: "Its pods come and go by themselves, so that method is passed and the next of the list is taken.",
        advice: "Write `rollout` or `notify`.",
        find: on_job,
    },
    Rule {
        id: "method-serves-nothing",
        tool: Tool::Any,
        level: Level::Mistake,
        finds: "A workload that lists `hot` or `poke`, and uses no file that follows a change: all is environment variables, subPaths, or read by init containers.",
        differs: "That method can bring nothing to it; the next of the list is always taken.",
        advice: "Mount what is to go hot as a directory, or write `rollout`.",
        find: serves_nothing,
    },
    Rule {
        id: "hot-without-agent",
        tool: Tool::Any,
        level: Level::Mistake,
        finds: "A workload that lists `hot`, and has no agent in its pods, or one whose port is not known.",
        differs: "Nobody could prove that a change was taken, so `hot` is passed and the next of the list is taken.",
        advice: "Add an agent (docs/agent.md), and name its port `tidings`, or write it into tidings.dev/agent.",
        find: without_agent,
    },
    Rule {
        id: "hot-without-poke-file",
        tool: Tool::Any,
        level: Level::Mistake,
        finds: "A workload that lists `hot`, and whose agent does not mount a downward API file with `metadata.annotations['tidings.dev/poke']`, or is not told of it.",
        differs: "The agent does not know who may ask it, and answers nobody; `hot` is passed, or late.",
        advice: "Mount that file as a directory, without subPath, and give the agent --poke-file (docs/agent.md).",
        find: without_poke_file,
    },
    Rule {
        id: "hot-not-paced",
        tool: Tool::Any,
        level: Level::Note,
        finds: "A workload that lists `hot`, has something that makes changes wait (tidings.dev/min-interval), and an agent without `--paced`.",
        differs: "The kubelet brings mounted files within 90 s whatever waits, and such an agent takes them: nothing is held back.",
        advice: "Give the agent --paced and --memory: then it takes what it is asked about, and nothing before.",
        find: not_paced,
    },
    Rule {
        id: "in-place-without-policy",
        tool: Tool::Any,
        level: Level::Mistake,
        finds: "A workload that lists `restart-in-place`, and of which a container that uses a ConfigMap or Secret has no resizePolicy with `RestartContainer` for cpu, or asks for no CPU.",
        differs: "Nothing starts that container again in its pod, so `restart-in-place` is passed and the next of the list is taken.",
        advice: "Write `resizePolicy: [{resourceName: cpu, restartPolicy: RestartContainer}]` and `resources.requests.cpu` of 2m or more on it, as `tidings inject` does it (docs/inject.md).",
        find: without_policy,
    },
    Rule {
        id: "method-not-enabled",
        tool: Tool::Any,
        level: Level::Note,
        finds: "A method that an installation with these options has no rights for.",
        differs: "It is passed, and the next of the list is taken; `tidings why` says so.",
        advice: "Start the controller with the option that is named, with the rights that `tidings manifests` prints for it (in the chart: tidings.methods); and give lint the options of the controller.",
        find: not_enabled,
    },
    Rule {
        id: "method-cannot",
        tool: Tool::Any,
        level: Level::Note,
        finds: "A workload that lists `hot` or `poke`, and uses something besides that these cannot bring: a variable, a subPath, what an init container has read, a file that no agent mounts.",
        differs: "Changes of that go by the next method of the list; where there is none it is only told that the workload is stale (`NotTaken`).",
        advice: "Mount what is to go hot, also beside the agent; and let `rollout` follow in the list, if the rest may restart the pods.",
        find: cannot,
    },
];

/// A workload that is opted in and lists a method that goes pod by pod.
struct Wish<'a> {
    known: &'a Known,
    /// The line of its list.
    line: u64,
}

impl<'a> Wish<'a> {
    fn of(case: &Case<'a>) -> Option<Self> {
        let known = case.known.filter(|known| known.policy.opted_in())?;
        let written = case.said().find(|said| said.key == METHOD);
        let line = written.map_or(case.object.line, |said| said.line);
        let wish = Self { known, line };
        known.policy.goes_pod_by_pod().then_some(wish)
    }

    /// Whether restarts in place are listed too.
    fn restarts_in_place(&self) -> bool {
        self.pod_wise().contains(Method::RestartInPlace)
    }

    /// Whether something is listed that needs no files.
    fn restarts(&self) -> bool {
        self.pod_wise().iter().any(|method| method.row().restarts)
    }

    /// One that could be served, if agents and files are as they should be.
    fn of_use(case: &Case<'a>) -> Option<Self> {
        let is_good = |wish: &Self| !wish.ends() && has_files(&wish.known.workload);
        Self::of(case).filter(is_good)
    }

    /// One of those that asks for `hot`, with what containers see.
    fn of_hot(case: &Case<'a>) -> Option<(Self, &'a Layout)> {
        let wish = Self::of_use(case)?;
        let layout = wish.known.workload.layout.as_deref()?;
        let is_hot = wish.known.policy.methods.contains(Method::Hot);
        is_hot.then_some((wish, layout))
    }

    fn ends(&self) -> bool {
        self.known.workload.key.kind.ends()
    }

    /// Those of its methods that go pod by pod.
    fn pod_wise(&self) -> Methods {
        let listed = self.known.policy.methods.iter();
        listed.filter(|method| method.is_pod_wise()).collect()
    }

    fn hit(&self, text: impl Into<String>) -> Hit {
        Hit::new(self.line, text)
    }

    /// Why no agent could be asked, whatever changes.
    fn unreached(&self, layout: &Layout) -> Option<String> {
        let ports = self.known.policy.own.agent.as_deref();
        agents(layout, ports, &BTreeMap::new()).err()
    }
}

/// The containers that run the agent while the pod lives, each with what it sees.
fn running<'a>(case: &Case<'a>, layout: &'a Layout) -> Vec<(&'a Tree, &'a Seeing)> {
    let seeing = |container: &Tree| {
        let mut all = layout.containers.iter();
        all.find(|seeing| *seeing.name == *container.word("name"))
    };
    let all = case.containers().filter_map(|c| Some((c, seeing(c)?)));
    let is_agent = |(container, seeing): &(&Tree, &Seeing)| {
        let named = [image(container), &program(container)].contains(&AGENT);
        !seeing.ends && (named || looks_like_one(seeing))
    };
    all.filter(is_agent).collect()
}

const AGENT: &str = "tidings-agent";

/// Whether a container is an agent by what it sees. The program beside one may see pokes among
/// its files.
fn looks_like_one(seeing: &Seeing) -> bool {
    match seeing.pokes {
        Pokes::Unseen => false,
        Pokes::AmongFiles => seeing.port.is_some(),
        Pokes::Alone => true,
    }
}

/// Whether an option of the agent is among the words of a container.
fn is_told(container: &Tree, option: &str) -> bool {
    let words = options(container).into_iter();
    let mut own = words.take_while(|word| !word.name.is_empty());
    own.any(|word| word.name == option)
}

fn on_job(case: &Case<'_>) -> Vec<Hit> {
    let wish = Wish::of(case).filter(Wish::ends);
    let hit = |wish: Wish<'_>| {
        let kind = wish.known.workload.key.kind.api_kind;
        wish.hit(format!("{} on a {kind}", wish.pod_wise()))
    };
    wish.map(hit).into_iter().collect()
}

fn serves_nothing(case: &Case<'_>) -> Vec<Hit> {
    let is_vain = |wish: &Wish<'_>| {
        let has_files = has_files(&wish.known.workload);
        !wish.ends() && !has_files && !wish.restarts()
    };
    let wish = Wish::of(case).filter(is_vain);
    let hit = |wish: Wish<'_>| {
        let obstacles = obstacles(&wish.known.workload, &wish.known.policy);
        let why = obstacles.first().map(|passed| wish.hit(passed.to_string()));
        why.unwrap_or_else(|| wish.hit(wish.pod_wise().to_string()))
    };
    wish.map(hit).into_iter().collect()
}

fn without_agent(case: &Case<'_>) -> Vec<Hit> {
    let Some((wish, layout)) = Wish::of_hot(case) else {
        return Vec::new();
    };
    let agents = running(case, layout);
    let has_file = agents
        .iter()
        .any(|(_, seeing)| seeing.pokes != Pokes::Unseen);
    let why = match wish.unreached(layout) {
        Some(why) if has_file => Some(why),
        Some(_) if agents.is_empty() => Some("no container runs tidings-agent".to_owned()),
        _ => None,
    };
    why.map(|why| wish.hit(why)).into_iter().collect()
}

fn without_poke_file(case: &Case<'_>) -> Vec<Hit> {
    let Some((_, layout)) = Wish::of_hot(case) else {
        return Vec::new();
    };
    let lacks = |(container, seeing): (&Tree, &Seeing)| {
        let lacks = match () {
            () if seeing.pokes == Pokes::Unseen => "mounts no file with tidings.dev/poke",
            () if !is_told(container, "poke-file") => "has no --poke-file",
            () => return None,
        };
        Some(Hit::new(container.line, format!("{} {lacks}", seeing.name)))
    };
    running(case, layout)
        .into_iter()
        .filter_map(lacks)
        .collect()
}

fn not_paced(case: &Case<'_>) -> Vec<Hit> {
    let Some((wish, layout)) = Wish::of_hot(case) else {
        return Vec::new();
    };
    let waits = wish.known.policy.own.min_interval.unwrap_or_default() > 0;
    let agents = running(case, layout).into_iter().filter(|_| waits);
    let agents = agents.filter(|(container, _)| !is_told(container, "paced"));
    agents
        .map(|(container, seeing)| {
            Hit::new(container.line, format!("{} has no --paced", seeing.name))
        })
        .collect()
}

fn without_policy(case: &Case<'_>) -> Vec<Hit> {
    let in_place = |wish: &Wish<'_>| !wish.ends() && wish.restarts_in_place();
    let Some(wish) = Wish::of(case).filter(in_place) else {
        return Vec::new();
    };
    let layout = wish.known.workload.layout.as_deref();
    let all = layout.map_or(&[][..], |layout| &layout.containers);
    let using = all
        .iter()
        .filter(|seeing| !seeing.ends && !seeing.uses.is_empty());
    let using = using.filter(|seeing| !looks_like_one(seeing));
    let lacks = using.filter_map(|seeing| match seeing.resizing {
        Resizing::Restarts => None,
        Resizing::WithoutPolicy => Some(format!("{} has no such resizePolicy", seeing.name)),
        Resizing::WithoutRequest => Some(format!("{} asks for no CPU", seeing.name)),
    });
    lacks.map(|lacks| wish.hit(lacks)).collect()
}

fn not_enabled(case: &Case<'_>) -> Vec<Hit> {
    let lacks = |wish: &Wish<'_>| {
        let lacking: Methods = wish
            .pod_wise()
            .iter()
            .filter(|m| !case.enabled.contains(*m))
            .collect();
        (!lacking.is_empty()).then(|| {
            let all = (case.enabled | lacking).to_string().replace(' ', "");
            wish.hit(format!("{lacking}: --methods={all}"))
        })
    };
    let wish = Wish::of(case).filter(|wish| !wish.ends());
    wish.iter().filter_map(lacks).collect()
}

fn cannot(case: &Case<'_>) -> Vec<Hit> {
    let Some(wish) = Wish::of_use(case) else {
        return Vec::new();
    };
    let layout = wish.known.workload.layout.as_deref();
    let unreached = layout.and_then(|layout| wish.unreached(layout));
    let obstacles = obstacles(&wish.known.workload, &wish.known.policy).into_iter();
    // What holds for all of it is another rule's.
    let obstacles = obstacles.filter(|passed| Some(&passed.why) != unreached.as_ref());
    // What cannot go hot goes in place, or by another pod, where that is listed; what that
    // needs is another's.
    let obstacles = obstacles.filter(|_| !wish.restarts());
    obstacles
        .map(|passed| wish.hit(passed.to_string()))
        .collect()
}
