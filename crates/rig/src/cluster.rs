//! A Kubernetes cluster for a test: found, shared or started.
//!
//! [`Cluster::shared`] is what a test wants: the cluster that
//! `TIDINGS_RIG_CLUSTER` names (the folder of a running `rig-cluster`), else the
//! one that `TIDINGS_RIG_KUBECONFIG` names, else one that is started for this
//! test program. `KUBECONFIG` itself is not heeded: it may well name a cluster
//! that somebody needs. [`Cluster::start`] gives a test one of its own, which it
//! may stop and freeze. Errors are for people and end the test.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, PostParams};
use kube::{Client, Config};
use tempfile::TempDir;
use tokio::sync::{Mutex, OnceCell};

use crate::keeper;
use crate::kubelet::Nodes;
use crate::plane::{Options, Plane};
use crate::{kubeconfig, random, users};

/// Names the folder of a running `rig-cluster`.
pub const SHARED: &str = "TIDINGS_RIG_CLUSTER";
/// Names the kubeconfig of a cluster that tests may use as they please.
pub const GIVEN: &str = "TIDINGS_RIG_KUBECONFIG";

/// A cluster that tests can use.
pub struct Cluster {
    own: Option<Own>,
    admin: PathBuf,
    folder: PathBuf,
    url: String,
}

/// What ends with the value; the order is the order of the end.
struct Own {
    _nodes: Option<Nodes>,
    plane: Option<Mutex<Plane>>,
    _scratch: TempDir,
}

impl Cluster {
    /// The cluster of this test program; see the module's text for which.
    pub async fn shared() -> Result<&'static Self> {
        static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
        CLUSTER.get_or_try_init(Self::find).await
    }

    async fn find() -> Result<Self> {
        if let Some(folder) = std::env::var_os(SHARED) {
            return Self::attach(Path::new(&folder)).await;
        }
        if let Some(path) = std::env::var_os(GIVEN) {
            return Self::given(Path::new(&path)).await;
        }
        Self::attach(&keeper::start_for_this_program(&[])?).await
    }

    /// Starts a cluster that ends with the value.
    pub async fn start(options: Options) -> Result<Self> {
        let scratch = scratch()?;
        let plane = Plane::start(scratch.path(), &options).await?;
        let admin = users::kubeconfig(scratch.path(), users::ADMIN);
        let nodes = match options.nodes {
            0 => None,
            count => Some(Nodes::start(kubeconfig::load(&admin).await?, count).await?),
        };
        let folder = scratch.path().to_owned();
        let own = Own {
            _nodes: nodes,
            plane: Some(Mutex::new(plane)),
            _scratch: scratch,
        };
        Self::new(Some(own), admin, folder).await
    }

    /// Uses the cluster that a running `rig-cluster` keeps in this folder.
    pub async fn attach(folder: &Path) -> Result<Self> {
        let admin = users::kubeconfig(folder, users::ADMIN);
        Self::new(None, admin, folder.to_owned()).await
    }

    async fn given(path: &Path) -> Result<Self> {
        let scratch = scratch()?;
        let folder = scratch.path().to_owned();
        let own = Own {
            _nodes: None,
            plane: None,
            _scratch: scratch,
        };
        Self::new(Some(own), path.to_owned(), folder).await
    }

    async fn new(own: Option<Own>, admin: PathBuf, folder: PathBuf) -> Result<Self> {
        let config = kubeconfig::load(&admin).await?;
        let url = config.cluster_url.to_string();
        Ok(Self {
            own,
            admin,
            folder,
            url,
        })
    }

    /// The API server's address.
    pub fn api_url(&self) -> &str {
        &self.url
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        &self.admin
    }

    /// Where the logs and kubeconfigs lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The administrator's client configuration.
    pub async fn config(&self) -> Result<Config> {
        kubeconfig::load(&self.admin).await
    }

    /// A client of the administrator. Make one in each test: a client belongs to
    /// the runtime in which it was made.
    pub async fn client(&self) -> Result<Client> {
        Ok(Client::try_from(self.config().await?)?)
    }

    /// A kubeconfig with the rights that were granted to this user and no others:
    /// `tidings`, `tidings-b`, `alice`, `bob` on a cluster of the rig, or on every
    /// cluster `system:serviceaccount:NAMESPACE:NAME` of one that exists.
    pub async fn kubeconfig_for(&self, user: &str) -> Result<PathBuf> {
        if let Some(account) = user.strip_prefix("system:serviceaccount:") {
            let (namespace, name) = account.split_once(':').context("no account's name")?;
            return self.account_kubeconfig(namespace, name).await;
        }
        let path = users::kubeconfig(&self.folder, user);
        if !path.is_file() {
            bail!("this cluster knows no user {user}; use a service account");
        }
        Ok(path)
    }

    async fn account_kubeconfig(&self, namespace: &str, name: &str) -> Result<PathBuf> {
        let token = self.account_token(namespace, name).await?;
        let file = self.new_file(&format!("{namespace}.{name}"));
        kubeconfig::with_token(&self.admin, &file, &token)?;
        Ok(file)
    }

    async fn account_token(&self, namespace: &str, name: &str) -> Result<String> {
        let request = TokenRequest {
            spec: TokenRequestSpec {
                expiration_seconds: Some(24 * 3600),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client().await?, namespace);
        let made = accounts
            .create_token_request(name, &PostParams::default(), &request)
            .await
            .with_context(|| format!("token of service account {namespace}/{name}"))?;
        Ok(made
            .status
            .context("a token request without an answer")?
            .token)
    }

    /// A path for a kubeconfig that is not there yet.
    pub(crate) fn new_file(&self, about: &str) -> PathBuf {
        let word = random::word();
        self.folder.join(format!("{about}-{word}.kubeconfig"))
    }

    /// Ends the API server at once. Only on a cluster of one's own, like the next five.
    pub async fn stop_api(&self) -> Result<()> {
        self.plane()?.lock().await.stop_api();
        Ok(())
    }

    /// Starts the stopped API server on the same port and data; waits until it answers.
    pub async fn start_api(&self) -> Result<()> {
        self.plane()?.lock().await.start_api().await
    }

    /// Keeps a copy of all that etcd has now. API server and etcd are started anew for it.
    pub async fn keep_etcd(&self) -> Result<()> {
        self.plane()?.lock().await.copy_etcd("etcd", "kept").await
    }

    /// Puts etcd back to the copy that was kept.
    pub async fn put_etcd_back(&self) -> Result<()> {
        self.plane()?.lock().await.copy_etcd("kept", "etcd").await
    }

    /// Freezes the API server: connections stay open, nothing answers.
    pub async fn freeze_api(&self) -> Result<()> {
        self.plane()?.lock().await.freeze_api().await
    }

    /// Thaws the frozen API server.
    pub async fn thaw_api(&self) -> Result<()> {
        self.plane()?.lock().await.thaw_api()
    }

    /// The ends of the control plane's logs.
    pub async fn logs(&self) -> Result<String> {
        Ok(self.plane()?.lock().await.logs())
    }

    fn plane(&self) -> Result<&Mutex<Plane>> {
        let own = self.own.as_ref().and_then(|own| own.plane.as_ref());
        own.context("this cluster is shared: start one of your own with Cluster::start")
    }
}

/// A folder that is deleted with the value, unless asked otherwise: its logs may
/// tell what went wrong.
fn scratch() -> Result<TempDir> {
    let keep = std::env::var_os(crate::KEEP).is_some();
    Ok(tempfile::Builder::new()
        .prefix("tidings-rig-")
        // The administrator's token lies in it.
        .permissions(Permissions::from_mode(0o700))
        .disable_cleanup(keep)
        .tempdir()?)
}
