//! One POST to somebody else's server.
//!
//! Goes in: an [`Endpoint`], a [`Payload`], and a proxy if there is one. Comes
//! out: that it was taken, or a [`Failure`], which never quotes the URL: it may
//! hold a token. Each request has a connection and a time limit of its own, and
//! nothing is followed or tried twice here.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error as TlsError, RootCertStore};

use super::endpoint::Endpoint;
use super::sinks::Payload;
use crate::api::asked_pause;
use crate::metrics::Delivery;

/// An answer that takes longer is none, connecting and all.
const ANSWER: Duration = Duration::from_secs(10);
/// No server may silence us for longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Why it was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The server said no.
    #[error("it answered {status}")]
    Refused {
        /// With this status.
        status: StatusCode,
        /// And asked to be left alone for so long.
        retry_after: Option<Duration>,
    },
    /// The proxy does not lead there.
    #[error("its proxy answered {0}")]
    Proxy(StatusCode),
    /// Its certificate is not accepted.
    #[error("its certificate is not accepted: {0}; see --notify-ca-file")]
    Certificate(&'static str),
    /// Nobody answered in time.
    #[error("no answer in {} s", ANSWER.as_secs())]
    TimedOut,
    /// There is no connection.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
}

impl Failure {
    /// What a result of a POST is counted as.
    pub fn delivery(result: &Result<(), Self>) -> Delivery {
        match result {
            Ok(()) => Delivery::Delivered,
            Err(Self::Refused { .. }) => Delivery::Refused,
            Err(_) => Delivery::Failed,
        }
    }

    /// Whether it may be taken later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Refused { status, .. } => {
                status.is_server_error()
                    || matches!(
                        *status,
                        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
                    )
            }
            _ => true,
        }
    }

    /// How long the server asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => retry_after.map(|asked| asked.min(LONGEST_PAUSE)),
            _ => None,
        }
    }
}

impl From<hyper::Error> for Failure {
    fn from(error: hyper::Error) -> Self {
        Self::Unreachable(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref());
        if let Some(TlsError::InvalidCertificate(why)) = tls {
            return Self::Certificate(match why {
                CertificateError::UnknownIssuer => "nobody known has signed it",
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    "it has expired"
                }
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => "it is of another host",
                _ => "it is not valid",
            });
        }
        Self::Unreachable(error.to_string())
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
type Io = Box<dyn Stream>;

/// Sends requests.
#[derive(Clone)]
pub struct Client {
    tls: TlsConnector,
}

impl Client {
    /// Trusts whom the system trusts (Mozilla's list where there is none), and the
    /// certificates of a PEM file. The error: the file cannot be used.
    pub fn new(more: Option<&Path>) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        if let Some(file) = more {
            add(&mut roots, file).with_context(|| {
                format!("the certificates in {} cannot be used", file.display())
            })?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    /// Posts, and waits for the answer's status. Any 2xx is success.
    pub async fn post(
        &self,
        to: &Endpoint,
        proxy: Option<&Endpoint>,
        payload: &Payload,
    ) -> Result<(), Failure> {
        let answer = timeout(ANSWER, self.exchange(to, proxy, payload)).await;
        let answer = answer.unwrap_or(Err(Failure::TimedOut))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        Err(Failure::Refused {
            status,
            retry_after: asked_pause(answer.headers()),
        })
    }

    async fn exchange(
        &self,
        to: &Endpoint,
        proxy: Option<&Endpoint>,
        payload: &Payload,
    ) -> Result<Response<Incoming>, Failure> {
        let mut request = Request::new(Full::new(Bytes::from(payload.body.clone())));
        *request.method_mut() = http::Method::POST;
        let headers = request.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(payload.media),
        );
        headers.insert(header::HOST, host(to)?);
        if let Some(credentials) = &to.credentials {
            headers.insert(header::AUTHORIZATION, credentials.clone());
        }
        // Only a proxy that passes on what it can read is told the whole URL.
        let readable = proxy.filter(|_| !to.tls);
        if let Some(credentials) = readable.and_then(|proxy| proxy.credentials.clone()) {
            headers.insert(header::PROXY_AUTHORIZATION, credentials);
        }
        *request.uri_mut() = match readable {
            Some(_) => to.absolute().ok_or_else(no_url)?,
            None => Uri::from(to.path.clone()),
        };
        let io = match proxy {
            None => self.open(to).await?,
            Some(proxy) if to.tls => self.tunnel(proxy, to).await?,
            Some(proxy) => self.open(proxy).await?,
        };
        let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await?;
        // It ends when the sender is dropped and nothing is awaited any more.
        tokio::spawn(connection);
        Ok(sender.send_request(request).await?)
    }

    async fn open(&self, to: &Endpoint) -> Result<Io, Failure> {
        let tcp = TcpStream::connect((to.host(), to.port())).await?;
        self.secured(Box::new(tcp), to).await
    }

    async fn secured(&self, io: Io, to: &Endpoint) -> Result<Io, Failure> {
        if !to.tls {
            return Ok(io);
        }
        let name = ServerName::try_from(to.host().to_owned()).map_err(|_| no_url())?;
        Ok(Box::new(self.tls.connect(name, io).await?))
    }

    /// A connection to `to` through a proxy that cannot read it.
    async fn tunnel(&self, proxy: &Endpoint, to: &Endpoint) -> Result<Io, Failure> {
        let place = format!("{}:{}", to.authority.host(), to.port());
        let mut request = Request::connect(place.as_str())
            .header(header::HOST, &place)
            .body(Full::<Bytes>::default())
            .map_err(|_| no_url())?;
        if let Some(credentials) = proxy.credentials.clone() {
            let headers = request.headers_mut();
            headers.insert(header::PROXY_AUTHORIZATION, credentials);
        }
        let io = TokioIo::new(self.open(proxy).await?);
        let (mut sender, connection) = http1::handshake(io).await?;
        tokio::spawn(connection.with_upgrades());
        let answer = sender.send_request(request).await?;
        if !answer.status().is_success() {
            return Err(Failure::Proxy(answer.status()));
        }
        let io = TokioIo::new(hyper::upgrade::on(answer).await?);
        self.secured(Box::new(io), to).await
    }
}

fn host(to: &Endpoint) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(to.authority.as_str()).map_err(|_| no_url())
}

fn no_url() -> Failure {
    Failure::Unreachable("its URL names no server".to_owned())
}

fn add(roots: &mut RootCertStore, file: &Path) -> anyhow::Result<()> {
    let mut any = false;
    for certificate in CertificateDer::pem_file_iter(file)? {
        roots.add(certificate?)?;
        any = true;
    }
    anyhow::ensure!(any, "there is no certificate in it");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_told_from_what_will_not() {
        let refused = |status| Failure::Refused {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: Some(Duration::from_hours(1)),
        };
        assert!(refused(503).is_passing() && refused(429).is_passing());
        assert!(!refused(404).is_passing() && !refused(302).is_passing());
        assert_eq!(refused(429).retry_after(), Some(LONGEST_PAUSE));
    }
}
