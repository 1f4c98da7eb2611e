//! The connection to the API server.
//!
//! Goes in: which kubeconfig, if any. Comes out: a [`kube::Client`] on a
//! connection pool of our own. Errors are sentences for the person who started
//! Tidings; nothing is tried twice, here or by the client that is returned.
//!
//! kube's typed calls log the text of what they cannot parse, so Tidings sends
//! raw requests (see [`crate::api`]) for everything but its Lease.

use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderValue, header};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{AuthError, Body, ClientBuilder, ConfigExt};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use tower::{BoxError, ServiceBuilder};

use crate::metrics::reloader::Observables;
use observed::Counted;

mod observed;

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
    /// The credentials plugin failed. Its output may be a token, and is not shown.
    #[error(
        "the kubeconfig's credentials plugin `{0}` failed; run `kubectl version` to see what it says"
    )]
    Plugin(String),
    /// Certificates, token or addresses in it are broken.
    #[error("the credentials for the API server cannot be used: {0}")]
    Credentials(kube::Error),
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

impl From<kube::Error> for ConnectError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Auth(AuthError::AuthExecRun { cmd, .. }) => Self::Plugin(cmd),
            other => Self::Credentials(other),
        }
    }
}

/// Prepares a client whose requests nobody counts. Nothing is sent yet.
pub async fn connect(options: &Connect, idle: Idle) -> Result<Client, ConnectError> {
    connect_observed(options, idle, None).await
}

/// As [`connect`], with requests counted.
pub(super) async fn connect_observed(
    options: &Connect,
    idle: Idle,
    observables: Option<&Observables>,
) -> Result<Client, ConnectError> {
    let mut config = config(options).await?;
    if wants_proxy(&config) {
        return Err(ConnectError::Proxy);
    }
    config.headers.push((header::USER_AGENT, user_agent()));
    Ok(client(&config, idle, observables.cloned())?)
}

async fn config(options: &Connect) -> Result<Config, ConnectError> {
    let chosen = KubeConfigOptions {
        context: options.context.clone(),
        ..KubeConfigOptions::default()
    };
    if let Some(path) = &options.kubeconfig {
        let file = Kubeconfig::read_from(path)?;
        return Ok(Config::from_custom_kubeconfig(file, &chosen).await?);
    }
    let asked = chosen.context.is_some() || std::env::var_os("KUBECONFIG").is_some();
    match Config::from_kubeconfig(&chosen).await {
        Ok(config) => Ok(config),
        Err(error) if asked => Err(error.into()),
        Err(error) => Config::incluster().map_err(|_| ConnectError::Nowhere(error)),
    }
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

/// kube's layers without its retries, compression and request log.
fn client(
    config: &Config,
    idle: Idle,
    observables: Option<Observables>,
) -> Result<Client, kube::Error> {
    let connector = config.rustls_https_connector_with_connector(tcp())?;
    let pool = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(idle.limit())
        .pool_max_idle_per_host(idle.most())
        .http1_max_buf_size(BUFFER)
        .build::<_, Body>(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(Counted::new(pool, observables));
    Ok(ClientBuilder::new(service, config.default_namespace.clone()).build())
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
            context: None,
        };
        let said = connect(&options, Idle::Short).await.err().unwrap();
        let said = format!("{:#}", anyhow::Error::from(said));
        assert!(said.starts_with("the kubeconfig cannot be used"), "{said}");
        assert!(!said.contains("abc") && !said.contains('\n'), "{said}");
    }
}
