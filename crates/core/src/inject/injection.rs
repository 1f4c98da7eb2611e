//! One workload: which of its containers has the program, how an agent comes to it, and
//! what is written for that.
//!
//! Goes in: the pod's spec, how its containers see what they use, the wish. Comes out: edits
//! of a [`Draft`], what there is to say; or why it cannot be.

use serde_json::{Map, Value};
use tidings_shared::preset::{Preset, Reload};
use tidings_shared::sidecars::{CONFIGMAP_RELOAD, PROMETHEUS_CONFIG_RELOADER};

use crate::ladder::is_asked;
use crate::method::{Method, Methods, Ports};
use crate::refs::SourceKind;
use crate::uses::{Layout, Seeing, Use, Via};

use super::agent::{
    AgentPlan, CONTAINER, HOME, PORT_NAME, Placement, SHELL, VOLUMES, cannot_start,
};
use super::edit::{Draft, Path, PathStep, keys};
use super::known::{
    by_corefile, can_be_told_from_beside, file_name, image_name, image_of, is_shell, note_of,
    program, recognise, rests, says_program,
};
use super::pod::{
    command_line, containers, file_mounts, free_port, has_modes, is_windows, list, user, whole,
    word,
};
use super::{Cannot, InjectPlan, InjectWish};

/// The annotation with the agents' ports.
const AGENT: &str = "tidings.dev/agent";
/// The first port that an agent takes.
const PORT: u16 = 9533;

/// A workload, and what is wished for it.
pub(super) struct Injection<'a> {
    pub(super) wish: &'a InjectWish<'a>,
    /// Its pods'.
    pub(super) spec: &'a Value,
    pub(super) layout: &'a Layout,
    /// The methods that it is prepared for.
    pub(super) methods: Methods,
}

impl<'a> Injection<'a> {
    /// Whether an agent is there that can be asked. One that cannot is left to people, and
    /// so is a sidecar in whose place the agent would come.
    pub(super) fn has_agent(&self, template: &Value) -> Result<bool, Cannot> {
        let annotations = [self.wish.object, template].map(|of| &of["metadata"]["annotations"]);
        let ports = annotations.iter().find_map(|all| all[AGENT].as_str());
        let ports = ports.and_then(|ports| Ports::read(ports).ok());
        let asked = is_asked(self.layout, ports.as_ref());
        if asked.is_ok() {
            return Ok(true);
        }
        let there = containers(self.spec).find(|container| is_agent(container));
        if let (Some(container), Err(why)) = (there, asked) {
            return Err(Cannot::from(format!(
                "container {} has an agent that cannot be asked ({why}): docs/agent.md says what it needs",
                word(container, "name")
            )));
        }
        let other = containers(self.spec).find(|container| {
            let name = image_name(word(container, "image"));
            [CONFIGMAP_RELOAD.name, PROMETHEUS_CONFIG_RELOADER.name].contains(&name)
        });
        other.map_or(Ok(false), |other| {
            Err(Cannot::from(format!(
                "container {} is {}, in whose place the agent comes: see `tidings lint --migrate`",
                word(other, "name"),
                image_name(word(other, "image"))
            )))
        })
    }

    pub(super) fn add_agent(&self, draft: &mut Draft, plan: &mut InjectPlan) -> Result<(), Cannot> {
        if is_windows(self.spec) {
            let why = "its nodes run Windows, and the agent is for Linux".to_owned();
            return Err(Cannot::by_nature(why));
        }
        let (item, container, seeing) = self.chosen()?;
        let in_container =
            |why: String| Cannot::from(format!("container {}: {why}", word(container, "name")));
        let agent = self.agent(container, seeing).map_err(in_container)?;
        self.has_room(container)?;
        self.write(&agent, item, draft).map_err(in_container)?;
        plan.notes.extend(self.notes(&agent, seeing));
        let name = word(container, "name");
        plan.done = Some(match agent.way {
            Placement::Sidecar => format!(
                "{} in container {name} has an agent beside it",
                agent.preset.name
            ),
            Placement::Supervisor => format!(
                "{} in container {name} is started by an agent",
                agent.preset.name
            ),
        });
        Ok(())
    }

    /// The container with the program, its place in the list, and what it sees.
    fn chosen(&self) -> Result<(usize, &'a Value, &'a Seeing), Cannot> {
        let all = list(self.spec, "containers");
        let seeing = |name: &str| {
            let mut all = self.layout.containers.iter();
            all.find(|seeing| !seeing.ends && *seeing.name == *name)
        };
        let all = all.iter().enumerate().filter_map(|(item, container)| {
            Some((item, container, seeing(word(container, "name"))?))
        });
        let with_files =
            all.filter(|(_, container, seeing)| !file_mounts(container, seeing).is_empty());
        let candidates: Vec<_> = with_files.collect();
        if let Some(name) = self.wish.container {
            let mut named = candidates.into_iter();
            let named = named.find(|(_, container, _)| word(container, "name") == name);
            return named.ok_or_else(|| {
                Cannot::from(format!(
                    "container {name} mounts no ConfigMap or Secret as files, or is not there"
                ))
            });
        }
        match candidates.as_slice() {
            [] => Err(self.without_files()),
            [one] => Ok(*one),
            several => {
                let names: Vec<_> = several.iter().map(|(_, c, _)| word(c, "name")).collect();
                Err(Cannot::from(format!(
                    "containers {} mount ConfigMaps or Secrets: say with --container which has the program",
                    names.join(" and ")
                )))
            }
        }
    }

    /// What to say of a workload that has no files that follow a change.
    fn without_files(&self) -> Cannot {
        let all = || self.all_uses();
        let by_sub_path = all().find(|(_, used)| used.via == Via::SubPath);
        if let Some((seeing, used)) = by_sub_path {
            return Cannot::from(format!(
                "container {} mounts {} by subPath, which never follows a change: mount the volume at a directory",
                seeing.name,
                source(used)
            ));
        }
        let why = match all().find(|(_, used)| used.via.is_environment()) {
            Some((seeing, used)) => format!(
                "container {} has {} in its environment only, which no running program follows",
                seeing.name,
                source(used)
            ),
            None => "no container mounts a ConfigMap or Secret".to_owned(),
        };
        Cannot::by_nature(why)
    }

    fn all_uses(&self) -> impl Iterator<Item = (&'a Seeing, &'a Use)> {
        let all = self.layout.containers.iter();
        all.flat_map(|seeing| seeing.uses.iter().map(move |used| (seeing, used)))
    }

    fn agent(&self, container: &'a Value, seeing: &'a Seeing) -> Result<AgentPlan<'a>, String> {
        let texts = self.texts(seeing);
        let preset = self.preset(container, texts.as_deref())?;
        rests(preset, container, texts.as_deref())?;
        Ok(AgentPlan {
            preset,
            way: self.way(preset, container)?,
            spec: self.spec,
            container,
            mounts: file_mounts(container, seeing),
            image: self.wish.image,
            port: free_port(self.spec, PORT).ok_or("none of 64 ports is free")?,
            paced: self.wish.paced,
        })
    }

    /// The values of all ConfigMaps that a container has as files; none where one of them
    /// is not known.
    fn texts(&self, seeing: &Seeing) -> Option<Vec<String>> {
        let maps = seeing.uses.iter().filter(|used| {
            used.kind == SourceKind::ConfigMap && matches!(used.via, Via::Volume | Via::Projected)
        });
        let texts: Option<Vec<_>> = maps.map(|used| (self.wish.texts)(&used.name)).collect();
        texts.map(|texts| texts.concat())
    }

    fn preset(
        &self,
        container: &Value,
        texts: Option<&[String]>,
    ) -> Result<&'static Preset, String> {
        if let Some(preset) = self.wish.preset {
            return Ok(preset);
        }
        match recognise(container) {
            Some(preset) if preset.name == "coredns" => by_corefile(texts),
            Some(preset) => Ok(preset),
            None => Err(unknown(container)),
        }
    }

    /// A program that is told by a signal is started by the agent where that can be: it has
    /// its user and its commands then.
    fn way(&self, preset: &'static Preset, container: &Value) -> Result<Placement, String> {
        let starts = cannot_start(container).map_or(Ok(Placement::Supervisor), Err);
        let beside = || self.beside(preset, container).map(|()| Placement::Sidecar);
        match (self.wish.way, preset.reload) {
            (Some(Placement::Supervisor), _) => starts,
            (Some(Placement::Sidecar), _) | (None, Reload::Http(..) | Reload::ByItself) => beside(),
            (None, Reload::Signal(_) | Reload::Restart) => starts.or_else(|cannot_start| {
                beside().map_err(|cannot| format!("{cannot_start}; from beside, {cannot}"))
            }),
        }
    }

    /// Whether an agent in another container can tell a program.
    fn beside(&self, preset: &Preset, container: &Value) -> Result<(), String> {
        if preset.reload == Reload::Restart {
            return Err(format!(
                "{} reads its files only when it starts",
                preset.name
            ));
        }
        if !can_be_told_from_beside(preset) {
            return Err(format!(
                "{} cannot be told: what checks its files is in its own container only",
                preset.name
            ));
        }
        if !matches!(preset.reload, Reload::Signal(_)) {
            return Ok(());
        }
        if self.spec["hostPID"] == true {
            return Err(
                "it cannot be signalled: its processes are the node's (hostPID)".to_owned(),
            );
        }
        if self.spec["shareProcessNamespace"] == false {
            return Err("it cannot be signalled: shareProcessNamespace is false".to_owned());
        }
        match user(self.spec, container) {
            None => Err(
                "an agent needs the program's user, which is not written: write runAsUser"
                    .to_owned(),
            ),
            Some(0) if self.wish.restricted => Err(
                "an agent would have to be root as the program is, and its namespace enforces \
                 \"restricted\""
                    .to_owned(),
            ),
            Some(_) => Ok(()),
        }
    }

    /// Whether the names and places are free that the agent takes.
    fn has_room(&self, container: &Value) -> Result<(), Cannot> {
        let named = |key: &str, names: &[&str]| {
            let mut items = list(self.spec, key).iter().map(|item| word(item, "name"));
            items.find(|name| names.contains(name)).map(str::to_owned)
        };
        let taken = named("initContainers", &[CONTAINER])
            .or_else(|| named("containers", &[CONTAINER]))
            .map(|name| format!("a container is called {name}"))
            .or_else(|| named("volumes", &VOLUMES).map(|name| format!("a volume is called {name}")))
            .or_else(|| {
                self.has_port()
                    .then(|| format!("a port is called {PORT_NAME}"))
            })
            .or_else(|| {
                let mut mounts = list(container, "volumeMounts").iter();
                let path = mounts.find(|mount| is_below(word(mount, "mountPath"), HOME))?;
                Some(format!(
                    "something is mounted at {}",
                    word(path, "mountPath")
                ))
            });
        taken.map_or(Ok(()), |taken| {
            Err(Cannot::from(format!(
                "{taken}, which the agent needs: call it otherwise"
            )))
        })
    }

    /// Whether a port has the name by which agents are found.
    fn has_port(&self) -> bool {
        let mut ports = containers(self.spec).flat_map(|container| list(container, "ports"));
        ports.any(|port| word(port, "name") == PORT_NAME)
    }

    fn write(&self, agent: &AgentPlan<'_>, item: usize, draft: &mut Draft) -> Result<(), String> {
        let mut spec = keys(self.wish.kind.template);
        spec.push(PathStep::Key("spec".to_owned()));
        let below = |at: &Path, key: &str| {
            let mut at = at.clone();
            at.push(PathStep::Key(key.to_owned()));
            at
        };
        if agent.signals_from_beside() && self.spec["shareProcessNamespace"] != true {
            let shared = Map::from_iter([("shareProcessNamespace".to_owned(), true.into())]);
            draft.put(&spec, shared);
        }
        draft.add(
            &below(&spec, "initContainers"),
            vec![agent.own_container()?],
        );
        if agent.way == Placement::Supervisor {
            let mut container = below(&spec, "containers");
            container.push(PathStep::Item(item));
            start_by_agent(agent, &container, draft)?;
            let at = |key: &str| below(&container, key);
            draft.add(&at("ports"), vec![agent.named_port()]);
            draft.add(&at("volumeMounts"), AgentPlan::mounts_of_program());
        }
        draft.add(&below(&spec, "volumes"), agent.volumes());
        Ok(())
    }

    fn notes(&self, agent: &AgentPlan<'_>, chosen: &Seeing) -> Vec<String> {
        let note = note_of(agent.preset);
        let of_preset = note.map(|note| format!("{}: {note}", agent.preset.name));
        let as_root = agent.signals_from_beside() && user(self.spec, agent.container) == Some(0);
        let said = [
            (
                as_root,
                "the agent is root, as the program is: the Pod Security Standard \"restricted\" does not admit it",
            ),
            (
                agent.signals_from_beside(),
                "the containers share their processes: the program is no longer the first one",
            ),
            (
                self.spec["hostNetwork"] == true,
                "the network is the node's: the agent's port must be free there",
            ),
            (
                self.may_not_be_read(agent),
                "a volume gives its files modes with which not everybody may read them: the agent must be able to (fsGroup, or the same runAsUser that is not root)",
            ),
        ];
        let said = said.into_iter().filter(|(is_so, _)| *is_so);
        let said = said.map(|(_, text)| text.to_owned());
        of_preset
            .into_iter()
            .chain(said)
            .chain(self.left(chosen))
            .collect()
    }

    fn may_not_be_read(&self, agent: &AgentPlan<'_>) -> bool {
        // Beside one whose user is not known, or that is root, the agent is somebody else.
        let is_foreign = agent.way == Placement::Sidecar
            && match user(self.spec, agent.container) {
                None => true,
                Some(0) => !agent.signals_from_beside(),
                Some(_) => false,
            };
        let volumes = list(self.spec, "volumes").iter().filter(|volume| {
            let mut mounts = agent.mounts.iter();
            mounts.any(|mount| mount["name"] == volume["name"])
        });
        let no_group = self.spec["securityContext"].get("fsGroup").is_none();
        is_foreign && no_group && volumes.into_iter().any(has_modes)
    }

    /// Whether a change of what a container uses starts it again in place.
    fn goes_in_place(&self, seeing: &Seeing) -> bool {
        let listed = self.methods;
        listed.contains(Method::RestartInPlace) && !seeing.ends
    }

    /// What the workload uses that the agent does not bring.
    fn left(&self, chosen: &Seeing) -> Vec<String> {
        let mut left = Vec::new();
        for (seeing, used) in self.all_uses() {
            let (name, source) = (&seeing.name, source(used));
            let text = match used.via {
                Via::Env | Via::EnvFrom => format!("{source} is in the environment of {name}"),
                Via::SubPath => format!("{source} is mounted by subPath in {name}"),
                Via::Csi => format!("{source} is mounted by the CSI driver in {name}"),
                Via::Volume | Via::Projected if seeing.ends => {
                    format!("the init container {name} has read {source} when the pod started")
                }
                Via::Volume | Via::Projected if seeing.name != chosen.name => {
                    left.push(format!(
                        "{name} mounts {source} too, and is told of no change"
                    ));
                    continue;
                }
                _ => continue,
            };
            let how = if self.goes_in_place(seeing) {
                "start it again in place"
            } else {
                "are rolled out"
            };
            left.push(format!("{text}: its changes {how}"));
        }
        left.dedup();
        left
    }
}

/// Puts the agent before what the container starts.
fn start_by_agent(
    agent: &AgentPlan<'_>,
    container: &[PathStep],
    draft: &mut Draft,
) -> Result<(), String> {
    let below = |key: &str| [container, &[PathStep::Key(key.to_owned())]].concat();
    let mut command = agent.command()?;
    let image = list(agent.container, "command").is_empty();
    let image = image.then(|| image_of(agent.container)).flatten();
    let own = |words: &[&str]| {
        words
            .iter()
            .map(|word| Value::from(*word))
            .collect::<Vec<_>>()
    };
    command.extend(image.map_or_else(Vec::new, |image| own(image.entrypoint)));
    draft.add_first(&below("command"), command);
    if let Some(image) = image.filter(|_| list(agent.container, "args").is_empty()) {
        draft.add(&below("args"), own(image.command));
    }
    Ok(())
}

/// What to say of a container whose program is not known.
fn unknown(container: &Value) -> String {
    if is_shell(container) {
        return SHELL.to_owned();
    }
    match program(container).filter(|_| says_program(container)) {
        Some(name) => format!(
            "its command is {name}, and how that takes a change is not known: say it with \
             --preset (docs/presets.md); if it starts the program, let the command be the \
             program, or write the agent by hand with --process (docs/agent.md)"
        ),
        None => "how its program takes a change is not known: say it with --preset \
                 (docs/presets.md), or write the agent by hand (docs/agent.md)"
            .to_owned(),
    }
}

pub(super) fn is_agent(container: &Value) -> bool {
    let by_word = command_line(container).any(|word| file_name(word) == CONTAINER);
    by_word || image_name(word(container, "image")) == CONTAINER
}

fn is_below(path: &str, place: &str) -> bool {
    let path = whole(path);
    path == place || path.starts_with(&format!("{place}/"))
}

/// `configmap/web`
fn source(used: &Use) -> String {
    format!("{}/{}", used.kind.row().word, used.name)
}
