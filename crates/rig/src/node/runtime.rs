//! containerd, with runc and CNI, as Debian has them, in folders of their own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;

use super::{images, lack, network, place};
use crate::daemon::{Daemon, Program};
use crate::wait::{secs, wait_until};

/// Where containerd is asked.
pub(super) fn socket() -> PathBuf {
    place::at("run/containerd.sock")
}

/// What containerd is to be run with: its files are written.
pub(super) fn containerd() -> Result<Program> {
    let runtime = folder()?;
    std::fs::create_dir_all(place::at("cni/conf"))?;
    let network: Value = network::cni(&place::at("cni/leases").display().to_string());
    std::fs::write(place::at("cni/conf/node.conflist"), network.to_string())?;
    let config = place::at("containerd.toml");
    std::fs::write(&config, configuration(&runtime))?;
    let program = tool("containerd")?.arg("--config").arg(config);
    let program = program.env("PATH", path_before(&runtime)?);
    Ok(program.env("LD_LIBRARY_PATH", libraries(&runtime)?))
}

/// Waits until it answers.
pub(super) async fn answers(containerd: &Daemon) -> Result<()> {
    let ready = wait_until("containerd to answer", secs(30), async || {
        ensure!(
            containerd.exited()?.is_none(),
            "it has ended: {}",
            containerd.tail()
        );
        ctr(&["version"]).await.map(drop)
    });
    ready.await.with_context(|| containerd.tail())
}

/// Whether the node has an image of this name.
pub(super) async fn has_image(name: &str) -> Result<bool> {
    let names = ctr(&["images", "list", "--quiet"]).await?;
    Ok(names.lines().any(|line| line == name))
}

/// Imports an image from an archive as `docker save` writes them.
pub(super) async fn import(archive: &Path) -> Result<()> {
    let archive = archive.to_str().context("a path that is not UTF-8")?;
    ctr(&["images", "import", archive]).await?;
    Ok(())
}

async fn ctr(args: &[&str]) -> Result<String> {
    let program = tool("ctr")?
        .arg("--address")
        .arg(socket())
        .args(["--namespace", "k8s.io"])
        .args(args.iter().copied());
    let mut command = program.command();
    command.stdin(Stdio::null());
    let output = tokio::process::Command::from(command).output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ctr {}: {said}", args.join(" "));
    Ok(String::from_utf8(output.stdout)?)
}

fn tool(name: &str) -> Result<Program> {
    Ok(Program::new(folder()?.join("usr/bin").join(name)))
}

fn folder() -> Result<PathBuf> {
    let programs = lack::programs().as_ref().map_err(|why| anyhow!("{why}"))?;
    Ok(programs.join("runtime"))
}

/// containerd finds shims so.
fn path_before(runtime: &Path) -> Result<OsString> {
    let mut folders = vec![runtime.join("usr/bin"), runtime.join("usr/sbin")];
    let present = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&present));
    Ok(std::env::join_paths(folders)?)
}

/// Where runc's are.
fn libraries(runtime: &Path) -> Result<OsString> {
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(runtime.join("usr/lib"))? {
        let folder = entry?.path();
        if folder.to_string_lossy().ends_with("-linux-gnu") {
            folders.push(folder);
        }
    }
    Ok(std::env::join_paths(folders)?)
}

/// Each place is the node's own; all else is as containerd has it by default.
fn configuration(runtime: &Path) -> String {
    let at = |path: &str| place::at(path).display().to_string();
    let runtime = runtime.display();
    format!(
        r#"version = 2
root = "{root}"
state = "{state}"
disabled_plugins = ["io.containerd.internal.v1.tracing"]

[grpc]
address = "{socket}"

[plugins."io.containerd.internal.v1.opt"]
path = "{opt}"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
disable_apparmor = true

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{runtime}/usr/lib/cni"
conf_dir = "{conf}"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "{runtime}/usr/sbin/runc"
"#,
        root = at("containerd"),
        state = at("run/containerd"),
        socket = socket().display(),
        opt = at("opt"),
        pause = images::PAUSE,
        conf = at("cni/conf"),
    )
}
