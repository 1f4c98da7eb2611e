//! Finds the programs of Kubernetes: those of the control plane, and of a node.
//!
//! First the folder that `KUBEBUILDER_ASSETS` names (etcd and kube-apiserver as
//! envtest ships them; it has no kube-controller-manager, which then is ours),
//! else our own binary, built by `cluster/build`: minutes the first time, then
//! nothing. An error says what is missing and what to do.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::daemon::Program;

const FOLDER: &str = "KUBEBUILDER_ASSETS";
const BUILD: &str = "cluster/build";
const NAMES: [&str; 3] = ["etcd", "kube-apiserver", "kube-controller-manager"];

/// The programs of the control plane, ready to be given their flags.
pub(crate) struct Assets {
    pub(crate) etcd: Program,
    pub(crate) api: Program,
    pub(crate) controllers: Program,
}

/// What a node needs besides, ready to be given their flags: always ours.
pub(crate) struct NodeAssets {
    pub(crate) scheduler: Program,
    pub(crate) kubelet: Program,
}

impl Assets {
    /// Finds the programs, building what is not there.
    pub(crate) fn find() -> Result<Self> {
        let folder = std::env::var_os(FOLDER).map(PathBuf::from);
        let mut built = None;
        let [etcd, api, controllers] = NAMES.map(|name| find(name, folder.as_deref(), &mut built));
        Ok(Self {
            etcd: etcd?,
            api: api?,
            controllers: controllers?,
        })
    }
}

impl NodeAssets {
    /// Finds the programs, building what is not there.
    pub(crate) fn find() -> Result<Self> {
        let binary = prepared_by(BUILD)?;
        Ok(Self {
            scheduler: Program::new(&binary).arg("kube-scheduler"),
            kubelet: Program::new(&binary).arg("kubelet"),
        })
    }
}

fn find(name: &str, folder: Option<&Path>, built: &mut Option<PathBuf>) -> Result<Program> {
    let path = folder.map(|folder| folder.join(name));
    if let Some(path) = path.filter(|path| path.is_file()) {
        return Ok(Program::new(path));
    }
    let binary = match built {
        Some(binary) => binary.clone(),
        None => built.insert(prepared_by(BUILD)?).clone(),
    };
    Ok(Program::new(binary).arg(name))
}

/// Runs a script of this tree; its progress goes to our stderr, and the path that is
/// its last word comes back.
pub(crate) fn prepared_by(script: &str) -> Result<PathBuf> {
    let output = Command::new(tree(script))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("run {script}"))?;
    let success = output.status.success();
    ensure!(success, "{script} failed (see above)");
    let stdout = String::from_utf8(output.stdout)?;
    let path = stdout.lines().last();
    let path = path.with_context(|| format!("{script} said nothing"))?;
    Ok(PathBuf::from(path))
}

/// A place of this tree.
pub(crate) fn tree(path: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join(path)
}
