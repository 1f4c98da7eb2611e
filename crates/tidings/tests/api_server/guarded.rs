//! An API server behind TLS that says whom it knows, and can change its mind.
//!
//! Goes in: a certificate that it shows, the token, the password (`Basic …`) or the client
//! certificate that it knows. Comes out: an empty list for who is known, 401 for who is not.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tidings::api::connect::Connect;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// Signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate and its key, as PEM.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    pub(crate) fn identity(&self) -> Identity {
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap().pem();
        let key = key.serialize_pem();
        Identity { cert, key }
    }

    fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()
    }

    /// How a server of this authority speaks. It asks clients for certificates.
    fn acceptor(&self) -> TlsAcceptor {
        let Identity { cert, key } = self.identity();
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.der()).unwrap();
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let cert = CertificateDer::from_pem_slice(cert.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients.allow_unauthenticated().build().unwrap())
            .with_single_cert(vec![cert], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

struct Guard {
    tls: TlsAcceptor,
    known: String,
}

/// The API server, and the folder in which the client's files are.
#[derive(Clone)]
pub(crate) struct Guarded {
    pub(crate) folder: Arc<TempDir>,
    guard: Arc<Mutex<Guard>>,
    asked: Arc<Mutex<Vec<String>>>,
    address: SocketAddr,
}

impl Guarded {
    /// Knows who shows this: a token, or a certificate as PEM.
    pub(crate) async fn start(authority: &Authority, known: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let guard = Guard {
            tls: authority.acceptor(),
            known: known.to_owned(),
        };
        let server = Self {
            folder: Arc::new(TempDir::new().unwrap()),
            guard: Arc::new(Mutex::new(guard)),
            asked: Arc::default(),
            address: listener.local_addr().unwrap(),
        };
        server.write("ca", &authority.pem);
        tokio::spawn(server.clone().serve(listener));
        server
    }

    /// From now on nobody else is known.
    pub(crate) fn knows(&self, known: &str) {
        known.clone_into(&mut self.guard.lock().unwrap().known);
    }

    /// From now on it shows a certificate of this authority.
    pub(crate) fn is_of(&self, authority: &Authority) {
        self.guard.lock().unwrap().tls = authority.acceptor();
    }

    /// Who asked, known or not.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of the client.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// The way to it, as this user.
    pub(crate) fn way(&self, user: &str) -> Connect {
        self.way_by("127.0.0.1", "certificate-authority: ca", user)
    }

    /// The way to it by a name of this machine, with this said of the cluster.
    pub(crate) fn way_by(&self, host: &str, cluster: &str, user: &str) -> Connect {
        let port = self.address.port();
        let text = format!(
            "{{apiVersion: v1, kind: Config, current-context: c, \
             clusters: [{{name: c, cluster: {{server: \"https://{host}:{port}\", {cluster}}}}}], \
             users: [{{name: c, user: {user}}}], \
             contexts: [{{name: c, context: {{cluster: c, user: c}}}}]}}"
        );
        self.write("kubeconfig", &text);
        Connect {
            kubeconfig: Some(self.path("kubeconfig")),
            ..Connect::default()
        }
    }

    async fn serve(self, listener: TcpListener) {
        while let Ok((tcp, _)) = listener.accept().await {
            let tls = self.guard.lock().unwrap().tls.clone();
            tokio::spawn(self.clone().converse(tcp, tls));
        }
    }

    /// An error is the end of the connection.
    async fn converse(self, tcp: TcpStream, tls: TlsAcceptor) -> std::io::Result<()> {
        let mut stream = tls.accept(tcp).await?;
        let shown = stream.get_ref().1.peer_certificates();
        let shown = shown.map(|all| all[0].clone().into_owned());
        loop {
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                if stream.read_buf(&mut asked).await? == 0 {
                    return Ok(());
                }
            }
            let asked = String::from_utf8_lossy(&asked).into_owned();
            let (who, is_known) = self.judge(&asked, shown.as_ref());
            self.asked.lock().unwrap().push(who);
            let status = if is_known {
                "200 OK"
            } else {
                "401 Unauthorized"
            };
            let body = r#"{"apiVersion":"v1","metadata":{}}"#;
            let length = body.len();
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await?;
        }
    }

    fn judge(&self, asked: &str, shown: Option<&CertificateDer<'_>>) -> (String, bool) {
        let known = self.guard.lock().unwrap().known.clone();
        if let Some(shown) = shown {
            let cert = CertificateDer::from_pem_slice(known.as_bytes());
            return ("certificate".to_owned(), cert.is_ok_and(|k| k == *shown));
        }
        let header = |line: &str| {
            let words = line.strip_prefix("authorization: ")?;
            Some(words.strip_prefix("Bearer ").unwrap_or(words).to_owned())
        };
        let token = asked.lines().find_map(header).unwrap_or_default();
        let is_known = token == known;
        (token, is_known)
    }
}
