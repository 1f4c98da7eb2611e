//! What the agents of a pod are asked: which files, and what they must hold.
//!
//! An agent is reached at a port that `tidings.dev/agent` gives for its container, or
//! that is named `tidings`, and must see the annotation in which its token comes. Who sees
//! that only among files that it uses, and has no such port, is the program. An agent is
//! asked about every file of a source that its container mounts, also about what did not
//! change: what holds new files back until they are named wants all of them named.

use std::collections::BTreeMap;

use tidings_wire::holds::Wanted;

use crate::method::Ports;
use crate::refs::{Name, SourceKind};
use crate::uses::{File, Layout, Pokes, Seeing};

/// What the sources of the workload's namespace hold that it is to be brought to: of
/// each that is known its keys, those that are gone too.
pub type FileContent = BTreeMap<(SourceKind, Name), BTreeMap<Name, Wanted>>;

/// One file that an agent is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentQuestion {
    /// Its path in the agent's own container; of a source that is not known, or has no
    /// keys, that of the folder.
    pub path: String,
    /// What is in it. One without a key stands for all files of the source there.
    pub file: File,
    /// What it must hold.
    pub wanted: Wanted,
}

/// An agent, and what it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Its container.
    pub container: Name,
    /// Its port.
    pub port: u16,
    /// In the order of their paths.
    pub questions: Vec<AgentQuestion>,
}

/// The agents of a pod, each with its questions; or why they cannot be asked.
pub fn agents(
    layout: &Layout,
    ports: Option<&Ports>,
    content: &FileContent,
) -> Result<Vec<Agent>, String> {
    let reached = reached(layout, ports)?.into_iter();
    let agents = reached.map(|(seeing, port)| {
        Ok(Agent {
            container: seeing.name.clone(),
            port,
            questions: questions(seeing, content)?,
        })
    });
    agents.collect()
}

fn questions(seeing: &Seeing, content: &FileContent) -> Result<Vec<AgentQuestion>, String> {
    let known = |kind, name: &str| {
        let keys = content.get(&(kind, Name::from(name)))?.iter();
        Some(
            keys.map(|(key, is)| (key.clone(), *is != Wanted::Absent))
                .collect(),
        )
    };
    let files = seeing.files(&known);
    let files = files.ok_or_else(|| format!("{} mounts too many files", seeing.name))?;
    let questions = files.into_iter().map(|(path, file)| AgentQuestion {
        wanted: wanted(&file, content),
        path,
        file,
    });
    Ok(questions.collect())
}

fn wanted(file: &File, content: &FileContent) -> Wanted {
    let known = content.get(&(file.kind, file.source.clone()));
    match known.zip(file.key.as_ref()) {
        None => Wanted::Any,
        Some((keys, key)) => keys.get(key).copied().unwrap_or(Wanted::Absent),
    }
}

/// Whether a pod has agents that can be asked; or why not.
pub fn is_asked(layout: &Layout, ports: Option<&Ports>) -> Result<(), String> {
    reached(layout, ports).map(|_| ())
}

/// The containers whose agents can be reached, and where.
pub(super) fn reached<'a>(
    layout: &'a Layout,
    ports: Option<&Ports>,
) -> Result<Vec<(&'a Seeing, u16)>, String> {
    let containers = || layout.containers.iter().filter(|seeing| !seeing.ends);
    for name in named(ports) {
        let seeing = containers().find(|seeing| seeing.name == *name);
        let seeing = seeing.ok_or_else(|| format!("there is no container {name}"))?;
        if seeing.pokes == Pokes::Unseen {
            return Err(format!(
                "{name} does not see the annotation tidings.dev/poke"
            ));
        }
    }
    let seeing: Vec<_> = containers()
        .filter(|seeing| seeing.pokes != Pokes::Unseen)
        .collect();
    if seeing.is_empty() {
        return Err("no container sees the annotation tidings.dev/poke".to_owned());
    }
    let alone = match ports {
        Some(Ports::One(port)) if seeing.len() == 1 => Some(*port),
        _ => None,
    };
    let port = |seeing: &Seeing| match ports {
        Some(ports) => ports.of(&seeing.name).or(alone).or(seeing.port),
        None => seeing.port,
    };
    // In a projected volume the poke is among the files of the program, too.
    let has_port = seeing.iter().any(|seeing| port(seeing).is_some());
    let is_agent = |seeing: &&Seeing| {
        let beside = has_port && seeing.pokes == Pokes::AmongFiles;
        !beside || port(seeing).is_some()
    };
    let all = seeing.into_iter().filter(is_agent).map(|seeing| {
        let lacks = || format!("the agent in {} has no port that is known", seeing.name);
        Ok((seeing, port(seeing).ok_or_else(lacks)?))
    });
    all.collect()
}

fn named(ports: Option<&Ports>) -> impl Iterator<Item = &Name> {
    let named = match ports {
        Some(Ports::Named(named)) => &**named,
        Some(Ports::One(_)) | None => &[],
    };
    named.iter().map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::digest::Digest;

    /// The containers whose agents are asked, of two that mount these.
    fn reached_in(ports: Option<&str>, nginx: &str, agent: &str) -> Result<String, String> {
        let pokes = json!({"items": [
            {"path": "poke", "fieldRef": {"fieldPath": "metadata.annotations['tidings.dev/poke']"}}]});
        let mounts = |name: &str| json!([{"name": name, "mountPath": "/m"}]);
        let layout = Layout::read(json!({"spec": {
            "containers": [
                {"name": "nginx", "volumeMounts": mounts(nginx)},
                {"name": "agent", "volumeMounts": mounts(agent),
                    "ports": [{"name": "tidings", "containerPort": 9533}]}],
            "volumes": [
                {"name": "poke", "downwardAPI": pokes},
                {"name": "web", "configMap": {"name": "web"}},
                {"name": "both", "projected": {"sources": [
                    {"configMap": {"name": "web"}}, {"downwardAPI": pokes}]}}]}}));
        let ports = ports.map(|ports| Ports::read(ports).unwrap());
        let reached = reached(&layout, ports.as_ref())?;
        let names: Vec<_> = reached.iter().map(|(seeing, _)| &*seeing.name).collect();
        Ok(names.join(" "))
    }

    #[test]
    fn the_program_may_see_pokes_among_its_files() {
        let lacks = || Err("the agent in nginx has no port that is known".to_owned());
        for (ports, nginx, expected) in [
            (None, "web", Ok("agent".to_owned())),
            (None, "both", Ok("agent".to_owned())),
            (Some("nginx=9534"), "both", Ok("nginx agent".to_owned())),
            // Who mounts them for themselves is an agent.
            (None, "poke", lacks()),
        ] {
            assert_eq!(reached_in(ports, nginx, "both"), expected, "{nginx}");
        }
        assert_eq!(reached_in(None, "both", "web"), lacks());
    }

    /// Two containers that have agents, each with files of its own.
    fn of_two_agents() -> Layout {
        let poke = json!({"name": "poke", "mountPath": "/poke"});
        Layout::read(json!({"spec": {
            "containers": [
                {"name": "nginx", "volumeMounts": [poke, {"name": "web", "mountPath": "/etc/nginx"}]},
                {"name": "php", "volumeMounts": [poke,
                    {"name": "ini", "mountPath": "/etc/php"}, {"name": "other", "mountPath": "/other"},
                    {"name": "empty", "mountPath": "/empty"}]}],
            "volumes": [
                {"name": "web", "configMap": {"name": "web"}},
                {"name": "ini", "secret": {"secretName": "ini", "items": [
                    {"key": "php.ini", "path": "conf/php.ini"}, {"key": "opt", "path": "opt"}]}},
                {"name": "other", "configMap": {"name": "other"}},
                {"name": "empty", "configMap": {"name": "empty"}},
                {"name": "poke", "downwardAPI": {"items": [
                    {"path": "poke", "fieldRef": {"fieldPath": "metadata.annotations['tidings.dev/poke']"}}]}}]}}))
    }

    #[test]
    fn every_agent_is_asked_about_all_its_files() {
        let digest = |of: &str| Wanted::Value(Digest::of_parts(&[of.as_bytes()]));
        let keys = |keys: &[(&str, Wanted)]| {
            keys.iter()
                .map(|(key, is)| (Name::from(*key), *is))
                .collect()
        };
        let content = FileContent::from([
            (
                (SourceKind::ConfigMap, "web".into()),
                keys(&[("a", digest("1")), ("gone", Wanted::Absent)]),
            ),
            (
                (SourceKind::Secret, "ini".into()),
                keys(&[("php.ini", digest("2")), ("noise", Wanted::Any)]),
            ),
            ((SourceKind::ConfigMap, "empty".into()), keys(&[])),
        ]);
        let ports = Ports::read("nginx=9533,php=9534").unwrap();
        let agents = agents(&of_two_agents(), Some(&ports), &content).unwrap();
        let shown: Vec<_> = agents
            .iter()
            .map(|agent| {
                let asked = agent.questions.iter();
                let asked: Vec<_> = asked.map(|q| (&*q.path, q.wanted)).collect();
                (&*agent.container, agent.port, asked)
            })
            .collect();
        let expected = [
            (
                "nginx",
                9533,
                vec![
                    ("/etc/nginx/a", digest("1")),
                    ("/etc/nginx/gone", Wanted::Absent),
                ],
            ),
            (
                "php",
                9534,
                vec![
                    ("/empty", Wanted::Any),
                    ("/etc/php/conf/php.ini", digest("2")),
                    ("/etc/php/opt", Wanted::Absent),
                    ("/other", Wanted::Any),
                ],
            ),
        ];
        assert_eq!(shown, expected);
    }
}
