//! The connection to the API server.
//!
//! Goes in: which kubeconfig, if any. Comes out: a [`kube::Client`] on
//! connection pools of our own, whose credentials are read again when they change.
//! Errors are sentences for the person who started Tidings; nothing is tried twice,
//! here or by the client that is returned, but with other credentials.
//!
//! kube's typed calls log the text of what they cannot parse, so Tidings sends
//! raw requests (see [`crate::api`]).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{Body, ClientBuilder, ConfigExt};
use kube::config::KubeconfigError;
use kube::{Client, Config};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceBuilder};

use crate::metrics::reloader::Observables;
use bounded::FileAccess;
pub(super) use credentials::Credentials;
use observed::Counted;
pub use origin::{clusters, contexts, current, users};
pub use plugin::PluginError;
use renewing::Renewing;
pub use tls::TlsError;

mod bounded;
mod credentials;
mod files;
mod kubeconfig;
mod observed;
mod origin;
mod plugin;
mod renewing;
mod tls;

/// How long a TCP connection may take to open.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a connection stays open without use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// For watches: one that took over a connection would keep what that has carried
    /// in its buffers for as long as it lives. So no connection is used twice.
    Never,
    /// For what may carry bytes of a Secret: they stay in the connection's
    /// buffers, which are freed, and zeroed, with it.
    Short,
    /// For everything else: the next request need not shake hands.
    Long,
}

/// All of them, in their order.
const IDLE: [Idle; 3] = [Idle::Never, Idle::Short, Idle::Long];

impl Idle {
    fn limit(self) -> Duration {
        match self {
            Self::Never => Duration::ZERO,
            Self::Short => Duration::from_secs(1),
            Self::Long => Duration::from_mins(2),
        }
    }

    /// How many connections wait for their next request.
    fn most(self) -> usize {
        match self {
            Self::Never => 0,
            Self::Short | Self::Long => usize::MAX,
        }
    }
}

/// After this long without a packet, the kernel asks whether the peer is there.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// The most that a connection buffers, in bytes. hyper would let it grow to 400 KiB.
const BUFFER: usize = 64 * 1024;

/// Which API server, as whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connect {
    /// A kubeconfig file; otherwise `$KUBECONFIG`, then `~/.kube/config`, then
    /// the service account of the pod.
    pub kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig; otherwise its current one.
    pub context: Option<String>,
    /// A cluster of the kubeconfig; otherwise the context's.
    pub cluster: Option<String>,
    /// A user of the kubeconfig; otherwise the context's.
    pub user: Option<String>,
    /// Whom to impersonate; otherwise whom the kubeconfig says, if anybody.
    pub as_user: Option<String>,
    /// The groups of whom is impersonated.
    pub as_groups: Vec<String>,
    /// How long a command waits for one answer; otherwise for half a minute.
    pub answer: Option<Duration>,
}

/// Why there is no connection to be had.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Neither a kubeconfig nor a service account.
    #[error(
        "no cluster to talk to: {}, and this is not a pod with a service account; \
         give --kubeconfig or set KUBECONFIG",
        first_line(.0)
    )]
    Nowhere(KubeconfigError),
    /// The kubeconfig that was asked for cannot be used.
    #[error(
        "the kubeconfig cannot be used: {}; check --kubeconfig, --context and KUBECONFIG",
        first_line(.0)
    )]
    Kubeconfig(KubeconfigError),
    /// What was asked for of the kubeconfig is not in it: its kind, its name.
    #[error("the kubeconfig has no {0} {1:?}; `kubectl config view` shows which it has")]
    Unknown(&'static str, String),
    /// The credentials plugin gave none. Its output may be a token, and is not shown.
    #[error(
        "the kubeconfig's credentials plugin `{0}` {1}; run `kubectl version` to see what it says"
    )]
    Plugin(String, PluginError),
    /// The token is none.
    #[error("the token for the API server cannot be used: {0}; write it into its file anew")]
    Token(String),
    /// The files are not to be had.
    #[error(
        "the credentials for the API server cannot be read: no answer from their files; see \
         whether what they are mounted from answers"
    )]
    Silent,
    /// The kubeconfig has another server than before.
    #[error("the kubeconfig names another server than at the start; start Tidings anew for it")]
    Moved,
    /// The kubeconfig has its token from a program that kubectl has no more, either.
    #[error(
        "the kubeconfig's auth-provider `{0}` gives no token that can be used; \
         name a credentials plugin (exec) instead"
    )]
    Provider(String),
    /// Certificates in it are broken.
    #[error("the credentials for the API server cannot be used: {0}")]
    Tls(#[from] TlsError),
    /// Who is impersonated, in it, is nobody.
    #[error(
        "the credentials for the API server cannot be used: {0}; check whom to impersonate \
         (--as, --as-group, and `as` in the kubeconfig)"
    )]
    Headers(#[from] kube::Error),
    /// The kubeconfig asks for a proxy.
    #[error("Tidings does not go through proxies: remove proxy-url from the kubeconfig")]
    Proxy,
}

impl From<KubeconfigError> for ConnectError {
    fn from(error: KubeconfigError) -> Self {
        Self::Kubeconfig(error)
    }
}

/// The rest quotes the file, which may be the line with the token.
fn first_line(error: &KubeconfigError) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}

/// Prepares a client whose requests nobody counts. Nothing is sent yet.
pub async fn connect(options: &Connect, idle: Idle) -> Result<Client, ConnectError> {
    let (credentials, namespace) = Credentials::read(options, None).await?;
    Ok(client(&credentials, idle, namespace))
}

/// As [`connect`], for each kind of request, with requests counted; and what they are
/// sent with.
pub(super) async fn connect_observed(
    options: &Connect,
    observables: Option<&Observables>,
) -> Result<([Client; 3], Arc<Credentials>), ConnectError> {
    let (credentials, namespace) = Credentials::read(options, observables.cloned()).await?;
    let of = |idle| client(&credentials, idle, namespace.clone());
    Ok((IDLE.map(of), credentials))
}

/// kube's own layers are below, where the credentials are.
fn client(credentials: &Arc<Credentials>, idle: Idle, namespace: String) -> Client {
    let credentials = Arc::clone(credentials);
    ClientBuilder::new(Renewing { credentials, idle }, namespace).build()
}

/// Whether the kubeconfig asks for a proxy. kube takes `HTTPS_PROXY` for one too,
/// whatever `NO_PROXY` says of the API server; that is not followed.
fn wants_proxy(config: &Config) -> bool {
    let from_env = |name| {
        let proxy = std::env::var(name).ok()?;
        proxy.parse::<http::Uri>().ok()
    };
    let env = [from_env("HTTPS_PROXY"), from_env("https_proxy")];
    config.proxy_url.is_some() && !env.contains(&config.proxy_url)
}

fn user_agent() -> HeaderValue {
    HeaderValue::from_static(concat!("tidings/", env!("CARGO_PKG_VERSION")))
}

/// Sends requests on connections of its own.
type Pool = BoxCloneSyncService<Request<Body>, Response<Incoming>, BoxError>;

/// The connections that were opened with the same credentials, by [`Idle`].
struct Pools([Pool; 3]);

impl Pools {
    /// Certificates are read here.
    async fn new(
        config: &Config,
        files: &FileAccess,
        observables: Option<&Observables>,
    ) -> Result<Self, ConnectError> {
        let (mut config, observables) = (config.clone(), observables.cloned());
        config.headers.push((header::USER_AGENT, user_agent()));
        let pools = move || Self::of(&config, observables.as_ref());
        files.allow(pools).await?
    }

    /// kube's layers without its retries, compression and request log.
    fn of(config: &Config, observables: Option<&Observables>) -> Result<Self, ConnectError> {
        let connector = tls::connector(config, tcp())?;
        let pool = |idle: Idle| {
            let pool = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(idle.limit())
                .pool_max_idle_per_host(idle.most())
                .http1_max_buf_size(BUFFER)
                .build::<_, Body>(connector.clone());
            let service = ServiceBuilder::new()
                .layer(config.base_uri_layer())
                .layer(config.extra_headers_layer()?)
                .map_err(BoxError::from)
                .service(Counted::new(pool, observables.cloned()));
            Ok::<_, ConnectError>(Pool::new(service))
        };
        let [never, short, long] = IDLE.map(pool);
        Ok(Self([never?, short?, long?]))
    }

    fn of_idle(&self, idle: Idle) -> Pool {
        self.0[idle as usize].clone()
    }
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT));
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_broken_kubeconfig_is_not_quoted() {
        let text = "users:\n- name: me\n  user: {token: abc, exec: 7}\n";
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kubeconfig");
        std::fs::write(&file, text).unwrap();
        let options = Connect {
            kubeconfig: Some(file),
            ..Connect::default()
        };
        let said = connect(&options, Idle::Short).await.err().unwrap();
        let said = format!("{:#}", anyhow::Error::from(said));
        assert!(said.starts_with("the kubeconfig cannot be used"), "{said}");
        assert!(!said.contains("abc") && !said.contains('\n'), "{said}");
    }
}
