//! Asks a credentials plugin of a kubeconfig.
//!
//! Goes in: how it is run. Comes out: what it tells, within [`LIMIT`] and of bounded
//! size, or why it tells nothing. Its output may be a token, and is never shown; what it
//! says to people goes to the terminal, if there is one.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use kube::config::{AuthInfo, ExecConfig, ExecInteractiveMode};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long it may take where nobody is there to be asked.
const LIMIT: Duration = Duration::from_secs(30);
/// The same, with somebody at a terminal, who may have to log in.
const WITH_PEOPLE: Duration = Duration::from_mins(5);
/// So much of what it tells is read, in bytes: certificates, a key and a token.
const LONGEST: u64 = 1 << 20;

/// Why a plugin gave nothing that could be used.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// It is not there, or may not be run.
    #[error("cannot be run: {0}")]
    NotRun(#[from] std::io::Error),
    /// It has failed.
    #[error("failed")]
    Failed,
    /// It went on and on.
    #[error("did not answer within {} s", .0.as_secs())]
    Hangs(Duration),
    /// It wants to ask somebody.
    #[error("needs a terminal, and there is none")]
    Alone,
    /// There is no token in it, and no certificate.
    #[error("gave no credentials that can be read")]
    Mute,
}

/// What a plugin tells.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Issued {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
    expiration_timestamp: Option<Timestamp>,
}

#[derive(Deserialize)]
struct ExecCredential {
    status: Issued,
}

impl Issued {
    /// Puts it into the place of the plugin. Returns until when it is valid.
    pub(super) fn put(self, auth: &mut AuthInfo) -> Option<Timestamp> {
        auth.exec = None;
        auth.token = self.token.map(Into::into);
        let encoded = |pem: String| BASE64_STANDARD.encode(pem);
        auth.client_certificate_data = self.client_certificate_data.map(encoded);
        auth.client_key_data = self.client_key_data.map(|pem| encoded(pem).into());
        self.expiration_timestamp
    }

    fn is_something(&self) -> bool {
        self.token.is_some()
            || self.client_certificate_data.is_some() && self.client_key_data.is_some()
    }
}

/// Runs the plugin and reads what it tells.
pub(super) async fn ask(plugin: &ExecConfig) -> Result<Issued, PluginError> {
    let people = std::io::stdin().is_terminal();
    let mode = plugin.interactive_mode.as_ref();
    let interactive = people && mode != Some(&ExecInteractiveMode::Never);
    if mode == Some(&ExecInteractiveMode::Always) && !interactive {
        return Err(PluginError::Alone);
    }
    let limit = if interactive { WITH_PEOPLE } else { LIMIT };
    let running = RunningPlugin::start(command(plugin, interactive), !interactive)?;
    let told = timeout(limit, running.told()).await;
    told.unwrap_or(Err(PluginError::Hangs(limit)))
}

fn command(plugin: &ExecConfig, interactive: bool) -> Command {
    let mut command = Command::new(plugin.command.as_deref().unwrap_or_default());
    command.args(plugin.args.iter().flatten());
    let pair = |env: &HashMap<String, String>| {
        let (name, value) = (env.get("name")?, env.get("value")?);
        Some((name.clone(), value.clone()))
    };
    command.envs(plugin.env.iter().flatten().filter_map(pair));
    let info = json!({
        "apiVersion": plugin.api_version,
        "kind": "ExecCredential",
        "spec": { "interactive": interactive, "cluster": plugin.cluster },
    });
    command.env("KUBERNETES_EXEC_INFO", info.to_string());
    let speaks = || {
        if interactive {
            Stdio::inherit()
        } else {
            Stdio::null()
        }
    };
    command.stdin(speaks()).stderr(speaks());
    command.stdout(Stdio::piped()).kill_on_drop(true);
    command
}

/// A plugin at work. It is ended with the value, and what it has started too.
struct RunningPlugin {
    child: Child,
    group: Option<Pid>,
}

impl RunningPlugin {
    /// Who has a group of his own may not read from the terminal.
    fn start(mut command: Command, grouped: bool) -> std::io::Result<Self> {
        if grouped {
            command.process_group(0);
        }
        let child = command.spawn()?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok());
        let group = pid.filter(|_| grouped).and_then(Pid::from_raw);
        Ok(Self { child, group })
    }

    async fn told(mut self) -> Result<Issued, PluginError> {
        let mut text = Vec::new();
        if let Some(out) = self.child.stdout.take() {
            out.take(LONGEST).read_to_end(&mut text).await?;
        }
        if !self.child.wait().await?.success() {
            return Err(PluginError::Failed);
        }
        self.group = None;
        // Some write YAML.
        let read = serde_saphyr::from_slice::<ExecCredential>(&text);
        let told = read.map_err(|_| PluginError::Mute)?.status;
        if told.is_something() {
            Ok(told)
        } else {
            Err(PluginError::Mute)
        }
    }
}

impl Drop for RunningPlugin {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // It may have ended by itself.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
