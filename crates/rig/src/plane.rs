//! The control plane's processes: etcd, kube-apiserver, kube-controller-manager.
//!
//! In: a folder, options. Out: running processes that answer. What fails to
//! start is told with the end of its log.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use crate::assets::Assets;
use crate::certs::{Authority, signing_keys};
use crate::daemon::{Daemon, Program};
use crate::node::network;
use crate::ports::free_port;
use crate::wait::{secs, wait_until};
use crate::{kubeconfig, users};

/// The file with the authority's certificate.
pub(crate) const AUTHORITY: &str = "authority.crt";

const START_LIMIT: std::time::Duration = secs(60);

/// Controllers that tests may count on. What is left out would add writes of its
/// own (service accounts, root CA ConfigMaps, endpoints, node life cycle).
const CONTROLLERS: &str = "clusterrole-aggregation-controller,cronjob-controller,\
    daemonset-controller,deployment-controller,disruption-controller,\
    garbage-collector-controller,job-controller,namespace-controller,replicaset-controller,\
    statefulset-controller,ttl-after-finished-controller";

/// Those that the pods of a real node need besides: accounts and whom they trust, the
/// taint of a node that is not ready.
const CONTROLLERS_OF_A_NODE: &str = "node-lifecycle-controller,\
    root-ca-certificate-publisher-controller,serviceaccount-controller";

/// How to start a control plane of one's own.
#[derive(Clone, Debug)]
pub struct Options {
    /// For the pods of a real node ([`crate::Node`]): they have the token of their
    /// account, the API server reaches their kubelet, and they reach the API server.
    pub real_node: bool,
    /// Nodes that the fake kubelet plays; with 0, pods stay pending.
    pub nodes: usize,
    /// The controller-manager's `--kube-api-qps`; the burst is half as much more.
    /// The real default is 20.
    pub controller_qps: u32,
    /// More flags for kube-apiserver.
    pub api_flags: Vec<String>,
    /// More flags for kube-controller-manager.
    pub controller_flags: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            real_node: false,
            nodes: 1,
            controller_qps: 400,
            api_flags: Vec::new(),
            controller_flags: Vec::new(),
        }
    }
}

/// A running control plane in a folder.
pub(crate) struct Plane {
    // Dropped in this order: nobody is left talking to a server that is gone.
    controllers: Daemon,
    api: Option<Daemon>,
    etcd: Option<Daemon>,
    etcd_program: Program,
    api_program: Program,
    folder: PathBuf,
}

impl Plane {
    /// Starts everything and waits until it answers.
    pub(crate) async fn start(folder: &Path, options: &Options) -> Result<Self> {
        let assets = Assets::find()?;
        let (api_port, etcd_port) = (free_port()?, free_port()?);
        write_files(folder, api_port)?;
        let etcd_program = etcd_flags(assets.etcd, folder, etcd_port);
        let etcd = spawn(folder, "etcd", &etcd_program)?;
        let api_program = api_flags(assets.api, folder, api_port, etcd_port)
            .args(pod_flags(folder, options.real_node))
            .args(options.api_flags.clone());
        let api = spawn(folder, "kube-apiserver", &api_program)?;
        answers(folder, &api, &etcd).await?;
        let controllers = controller_flags(assets.controllers, folder, options);
        Ok(Self {
            controllers: spawn(folder, "kube-controller-manager", &controllers)?,
            api: Some(api),
            etcd: Some(etcd),
            etcd_program,
            api_program,
            folder: folder.to_owned(),
        })
    }

    /// Ends the API server at once, as a crash would.
    pub(crate) fn stop_api(&mut self) {
        self.api = None;
    }

    /// Starts the API server again, on the same port and data.
    pub(crate) async fn start_api(&mut self) -> Result<()> {
        ensure!(self.api.is_none(), "the API server runs already");
        let api = spawn(&self.folder, "kube-apiserver", &self.api_program)?;
        let etcd = self.etcd.as_ref().context("etcd is stopped")?;
        answers(&self.folder, &api, etcd).await?;
        self.api = Some(api);
        Ok(())
    }

    /// Ends API server and etcd, copies etcd's data from one of its folders to the other,
    /// and starts both again.
    pub(crate) async fn copy_etcd(&mut self, from: &str, to: &str) -> Result<()> {
        (self.api, self.etcd) = (None, None);
        let (from, to) = (self.folder.join(from), self.folder.join(to));
        if to.exists() {
            std::fs::remove_dir_all(&to)?;
        }
        copy_folder(&from, &to)?;
        self.etcd = Some(spawn(&self.folder, "etcd", &self.etcd_program)?);
        self.start_api().await
    }

    /// Freezes the API server; waits until none of its threads runs any more, which may
    /// be after the signal was sent.
    pub(crate) async fn freeze_api(&self) -> Result<()> {
        let api = self.running_api()?;
        api.signal(Signal::STOP)?;
        let tasks = format!("/proc/{}/task", api.pid());
        wait_until("the API server to be frozen", secs(10), async || {
            for task in std::fs::read_dir(&tasks)? {
                let stat = std::fs::read_to_string(task?.path().join("stat"))?;
                // After the name, which may have any characters (proc_pid_stat(5)).
                let state = stat.rsplit(") ").next().unwrap_or_default();
                ensure!(state.starts_with('T'), "{stat}");
            }
            Ok(())
        })
        .await
    }

    /// Lets the frozen API server go on.
    pub(crate) fn thaw_api(&self) -> Result<()> {
        self.running_api()?.signal(Signal::CONT)
    }

    fn running_api(&self) -> Result<&Daemon> {
        self.api.as_ref().context("the API server is stopped")
    }

    /// The ends of all logs, for a failure's message.
    pub(crate) fn logs(&self) -> String {
        let daemons = [
            self.etcd.as_ref(),
            self.api.as_ref(),
            Some(&self.controllers),
        ];
        let tails: Vec<_> = daemons.into_iter().flatten().map(Daemon::tail).collect();
        tails.join("\n\n")
    }
}

fn spawn(folder: &Path, name: &str, program: &Program) -> Result<Daemon> {
    Daemon::spawn(name, program, &folder.join(format!("{name}.log")))
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

fn write_files(folder: &Path, api_port: u16) -> Result<()> {
    let authority = Authority::new()?;
    let server = authority.server_at("kube-apiserver", &[network::API])?;
    let client = authority.client("kube-apiserver", "system:masters")?;
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text);
    write(AUTHORITY, authority.pem())?;
    write("kubelet-client.crt", &client.cert)?;
    write("kubelet-client.key", &client.key)?;
    write("apiserver.crt", &server.cert)?;
    write("apiserver.key", &server.key)?;
    let (private, public) = signing_keys()?;
    write("service-account.key", &private)?;
    write("service-account.pub", &public)?;
    let url = format!("https://127.0.0.1:{api_port}");
    users::write(folder, &url, authority.pem())
}

/// Waits for `/readyz` over the verified TLS that the tests will use.
async fn answers(folder: &Path, api: &Daemon, etcd: &Daemon) -> Result<()> {
    let config = kubeconfig::load(&users::kubeconfig(folder, users::ADMIN)).await?;
    let ready = wait_until("the API server to be ready", START_LIMIT, || {
        probe(&config, [api, etcd])
    });
    match ready.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(failure)) | Err(failure) => bail!("{failure:#}\n{}\n{}", etcd.tail(), api.tail()),
    }
}

/// `Err` is "not yet", `Ok(Err)` is "never": a process has ended.
async fn probe(config: &kube::Config, daemons: [&Daemon; 2]) -> Result<Result<()>> {
    for daemon in daemons {
        if let Some(status) = daemon.exited()? {
            return Ok(Err(anyhow::anyhow!("{} ended: {status}", daemon.name())));
        }
    }
    let client = kube::Client::try_from(config.clone())?;
    let request = http::Request::get("/readyz").body(Vec::new())?;
    client.request_text(request).await?;
    Ok(Ok(()))
}

fn etcd_flags(program: Program, folder: &Path, port: u16) -> Program {
    let url = format!("http://127.0.0.1:{port}");
    program
        .arg("--unsafe-no-fsync")
        .arg("--log-level=warn")
        .arg("--quota-backend-bytes=8589934592")
        .arg("--listen-peer-urls=http://127.0.0.1:0")
        .arg(format!("--listen-client-urls={url}"))
        .arg(format!("--advertise-client-urls={url}"))
        .arg(flag("--data-dir", &folder.join("etcd")))
}

fn api_flags(program: Program, folder: &Path, port: u16, etcd_port: u16) -> Program {
    let signing = folder.join("service-account.key");
    let verifying = folder.join("service-account.pub");
    program
        .arg(format!("--etcd-servers=http://127.0.0.1:{etcd_port}"))
        .arg(format!("--secure-port={port}"))
        .arg("--bind-address=127.0.0.1")
        .arg("--endpoint-reconciler-type=none")
        .arg("--authorization-mode=Node,RBAC")
        .arg(flag("--token-auth-file", &users::tokens(folder)))
        .arg("--service-account-issuer=https://kubernetes.default.svc")
        .arg(flag("--service-account-key-file", &verifying))
        .arg(flag("--service-account-signing-key-file", &signing))
        .arg("--allow-privileged=true")
        .arg(flag("--tls-cert-file", &folder.join("apiserver.crt")))
        .arg(flag(
            "--tls-private-key-file",
            &folder.join("apiserver.key"),
        ))
}

/// What depends on whether pods really run.
fn pod_flags(folder: &Path, run: bool) -> Vec<String> {
    if !run {
        return vec![
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            // Pods need no token here; with it, none could be made without the controller.
            "--disable-admission-plugins=ServiceAccount".to_owned(),
        ];
    }
    let client = |ending| folder.join(format!("kubelet-client.{ending}"));
    vec![
        format!("--service-cluster-ip-range={}", network::SERVICES),
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
        flag("--kubelet-client-certificate", &client("crt")),
        flag("--kubelet-client-key", &client("key")),
    ]
}

fn controller_flags(program: Program, folder: &Path, options: &Options) -> Program {
    let qps = options.controller_qps;
    program
        .arg(flag(
            "--kubeconfig",
            &users::kubeconfig(folder, users::ADMIN),
        ))
        .arg(format!("--controllers={}", controllers(options)))
        .arg(flag("--root-ca-file", &folder.join(AUTHORITY)))
        .arg("--leader-elect=false")
        .arg("--secure-port=0")
        .arg(format!("--kube-api-qps={qps}"))
        .arg(format!("--kube-api-burst={}", qps + qps / 2))
        .args(options.controller_flags.clone())
}

fn controllers(options: &Options) -> String {
    if options.real_node {
        format!("{CONTROLLERS},{CONTROLLERS_OF_A_NODE}")
    } else {
        CONTROLLERS.to_owned()
    }
}

pub(crate) fn flag(name: &str, path: &Path) -> String {
    format!("{name}={}", path.display())
}
