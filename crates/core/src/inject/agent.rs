//! The agent as it is written into a pod template: a native sidecar, or in the place of a
//! container's command.
//!
//! Everything of its own lies below one folder, and nothing is given to it that it does
//! not need: no root, no capability, no file system that can be written to. Only where it
//! sends a signal from beside does it need the user of the program.

use serde_json::{Map, Value, json};
use tidings_shared::preset::{Preset, Proof, Reload};

use super::check::check;
use super::known::{is_shell, says_program, starter};
use super::pod::{group, user, word};

/// How the agent comes to a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// In a container of its own beside it.
    Sidecar,
    /// In the program's container, which it starts.
    Supervisor,
}

/// The name of its container, as sidecar or to be copied from.
pub(super) const CONTAINER: &str = "tidings-agent";
/// The name of its port, by which it is found.
pub(super) const PORT_NAME: &str = "tidings";
/// The folder of all that is its own.
pub(super) const HOME: &str = "/tidings";
/// The volumes that it may need.
pub(super) const VOLUMES: [&str; 3] = [POKE, MEMORY, PROGRAM];

const POKE: &str = "tidings-poke";
const MEMORY: &str = "tidings-memory";
const PROGRAM: &str = "tidings-agent";
const BINARY: &str = "/tidings/bin/tidings-agent";

/// What to say of a command that is a text for a shell.
pub(super) const SHELL: &str =
    "its command is a shell, which hands no signal on: let its command be the program";

/// The user of its image.
const NOBODY: i64 = 65534;
/// Longer than the half minute in which CoreDNS looks at its files.
const COREDNS_LOOKS: &str = "--prove-timeout=45s";

/// What is written of an agent.
pub(super) struct AgentPlan<'a> {
    pub(super) preset: &'static Preset,
    pub(super) way: Placement,
    pub(super) spec: &'a Value,
    pub(super) container: &'a Value,
    /// The program's mounts with the files that are watched.
    pub(super) mounts: Vec<&'a Value>,
    pub(super) image: &'a str,
    pub(super) port: u16,
    pub(super) paced: bool,
}

impl AgentPlan<'_> {
    /// Whether it sends a signal from another container.
    pub(super) fn signals_from_beside(&self) -> bool {
        self.way == Placement::Sidecar && matches!(self.preset.reload, Reload::Signal(_))
    }

    /// What it is told to do: its command and its options.
    fn words(&self) -> Result<Vec<String>, String> {
        let mut words = vec![match self.way {
            Placement::Sidecar => "watch".to_owned(),
            Placement::Supervisor => "run".to_owned(),
        }];
        words.extend(self.manner()?);
        let mounts = self.mounts.iter().map(|mount| word(mount, "mountPath"));
        words.extend(mounts.map(|path| format!("--watch={path}")));
        words.push(format!("--memory={HOME}/memory"));
        words.push(format!("--listen=:{}", self.port));
        words.push(format!("--poke-file={HOME}/poke/poke"));
        words.extend(self.paced.then(|| "--paced".to_owned()));
        Ok(words)
    }

    /// How it makes the program take a change. From beside it has none of its commands, so
    /// the preset is written out without the check.
    fn manner(&self) -> Result<Vec<String>, String> {
        let preset = format!("--preset={}", self.preset.name);
        let extra = (self.preset.name == "coredns-reload").then(|| COREDNS_LOOKS.to_owned());
        match (self.way, self.preset.reload) {
            (Placement::Sidecar, Reload::Signal(signal)) if !self.preset.check.is_empty() => {
                let mut words = vec![format!("--signal={signal}")];
                let processes = self.preset.process.iter();
                words.extend(processes.map(|name| format!("--process={name}")));
                let proves = self.preset.proof == Proof::Children;
                words.extend(proves.then(|| "--prove=children".to_owned()));
                Ok(words)
            }
            (Placement::Sidecar, _) => Ok([preset].into_iter().chain(extra).collect()),
            (Placement::Supervisor, _) => {
                let check = check(self.preset, self.container)?;
                let check = check.map(|check| format!("--check={check}"));
                Ok([preset].into_iter().chain(extra).chain(check).collect())
            }
        }
    }

    /// The container that is added: the agent itself, or what brings its file.
    pub(super) fn own_container(&self) -> Result<Value, String> {
        let mut container = json!({
            "name": CONTAINER,
            "image": self.image,
            "resources": {
                "requests": {"cpu": "1m", "memory": "8Mi"},
                "limits": {"memory": "16Mi"}},
            "securityContext": self.security(),
        });
        match self.way {
            Placement::Supervisor => {
                container["args"] = json!(["install", BINARY]);
                container["volumeMounts"] = json!([program(false)]);
            }
            Placement::Sidecar => {
                container["restartPolicy"] = json!("Always");
                container["args"] = json!(self.words()?);
                container["ports"] = json!([self.named_port()]);
                container["livenessProbe"] =
                    json!({"httpGet": {"path": "/livez", "port": PORT_NAME}});
                let mounts = self.mounts.iter().map(|mount| (*mount).clone());
                container["volumeMounts"] = mounts.chain(own_mounts()).collect();
            }
        }
        Ok(container)
    }

    pub(super) fn named_port(&self) -> Value {
        json!({"name": PORT_NAME, "containerPort": self.port})
    }

    /// What the program's container gets under [`Placement::Supervisor`] beside its command.
    pub(super) fn mounts_of_program() -> Vec<Value> {
        own_mounts().chain([program(true)]).collect()
    }

    /// What the program's command begins with under [`Placement::Supervisor`].
    pub(super) fn command(&self) -> Result<Vec<Value>, String> {
        let mut words = vec![BINARY.to_owned()];
        words.extend(self.words()?);
        words.push("--".to_owned());
        Ok(words.into_iter().map(Value::from).collect())
    }

    pub(super) fn volumes(&self) -> Vec<Value> {
        let poke = json!({"name": POKE, "downwardAPI": {"items": [{
            "path": "poke",
            "fieldRef": {"fieldPath": "metadata.annotations['tidings.dev/poke']"}}]}});
        let memory = json!({"name": MEMORY, "emptyDir": {"sizeLimit": "1Mi"}});
        let program =
            (self.way == Placement::Supervisor).then(|| json!({"name": PROGRAM, "emptyDir": {}}));
        [poke, memory].into_iter().chain(program).collect()
    }

    /// The user as which it has to run, where that is not its image's: the program's, to
    /// signal it, and to read what that may.
    fn user(&self) -> Option<i64> {
        let program = user(self.spec, self.container).filter(|_| self.way == Placement::Sidecar);
        let of_pod = self.spec["securityContext"]["runAsUser"].as_i64();
        match program.filter(|user| *user != 0 || self.signals_from_beside()) {
            Some(user) => Some(user),
            None if of_pod == Some(0) => Some(NOBODY),
            None => of_pod,
        }
    }

    fn security(&self) -> Value {
        let user = self.user();
        let mut context = json!({
            "runAsNonRoot": user != Some(0),
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        });
        let of_pod = &self.spec["securityContext"];
        let is_own = |key: &str, value: Option<i64>| {
            value.filter(|value| of_pod[key].as_i64() != Some(*value))
        };
        if let Some(user) = is_own("runAsUser", user) {
            context["runAsUser"] = user.into();
        }
        let group = group(self.spec, self.container).filter(|_| self.way == Placement::Sidecar);
        if let Some(group) = is_own("runAsGroup", group) {
            context["runAsGroup"] = group.into();
        }
        context
    }
}

fn own_mounts() -> impl Iterator<Item = Value> {
    let mounts = [
        json!({"name": POKE, "mountPath": format!("{HOME}/poke"), "readOnly": true}),
        json!({"name": MEMORY, "mountPath": format!("{HOME}/memory")}),
    ];
    mounts.into_iter()
}

fn program(read_only: bool) -> Value {
    let mut mount = Map::new();
    mount.insert("name".to_owned(), PROGRAM.into());
    mount.insert("mountPath".to_owned(), format!("{HOME}/bin").into());
    if read_only {
        mount.insert("readOnly".to_owned(), true.into());
    }
    Value::Object(mount)
}

/// Why an agent cannot start the program of a container, if it cannot.
pub(super) fn cannot_start(container: &Value) -> Option<String> {
    if is_shell(container) {
        return Some(SHELL.to_owned());
    }
    if let Some(starter) = starter(container) {
        return Some(format!(
            "its command starts the program through {starter}, which is a process of its own: \
             let its command be the program, or write the agent by hand with --process \
             (docs/agent.md)"
        ));
    }
    (!says_program(container)).then(|| {
        "its command is not written, so that nothing but its image can start it: write command \
         and args as the image has them"
            .to_owned()
    })
}
