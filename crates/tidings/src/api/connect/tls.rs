//! Who the API server has to be, and by which certificate it knows us.
//!
//! Goes in: a [`Config`]. Comes out: how connections are opened. kube's own way from the
//! one to the other is not taken: it reads a token on its way, for which it links JSONPath
//! and an engine of regular expressions.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use kube::Config;
use kube::config::AuthInfo;
use secrecy::ExposeSecret;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use super::bounded;

/// How the two are called in errors.
const CERTIFICATE: &str = "the client certificate";
const KEY: &str = "the client's key";

/// Why a connection could not even be tried.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not there, may not be read, or is none that could be meant.
    #[error("{0}: {1}")]
    File(String, std::io::Error),
    /// What stands in the kubeconfig is not in base64.
    #[error("{0} is not in base64")]
    Encoding(&'static str),
    /// A certificate without its key, or the other way round.
    #[error("of client certificate and key there is only one")]
    Half,
    /// There is none in it.
    #[error("{0} is not PEM")]
    Pem(&'static str),
    /// Neither the kubeconfig nor the system says whom to trust.
    #[error("nobody says whom to trust; name the cluster's certificate-authority")]
    Nobody,
    /// The kubeconfig names a server that no certificate could be of.
    #[error("tls-server-name `{0}` is no name of a server")]
    ServerName(String),
    /// A certificate or key is broken.
    #[error(transparent)]
    Broken(#[from] rustls::Error),
}

/// Opens connections as the configuration wants them.
pub(super) fn connector(
    config: &Config,
    tcp: HttpConnector,
) -> Result<HttpsConnector<HttpConnector>, TlsError> {
    let builder = HttpsConnectorBuilder::new().with_tls_config(client_config(config)?);
    let mut builder = builder.https_or_http();
    if let Some(name) = &config.tls_server_name {
        let name =
            ServerName::try_from(name.clone()).map_err(|_| TlsError::ServerName(name.clone()))?;
        builder = builder.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    Ok(builder.enable_http1().wrap_connector(tcp))
}

fn client_config(config: &Config) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let schemes = provider.signature_verification_algorithms;
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = if config.accept_invalid_certs {
        let anybody = Anybody(schemes.supported_schemes());
        let builder = builder.dangerous();
        builder.with_custom_certificate_verifier(Arc::new(anybody))
    } else {
        builder.with_root_certificates(roots(config)?)
    };
    Ok(match identity(&config.auth_info)? {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key)?,
        None => builder.with_no_client_auth(),
    })
}

/// The cluster's authority; where none is named, those of the system, as client-go has it.
fn roots(config: &Config) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let Some(named) = &config.root_cert else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Some(roots)
            .filter(|r| !r.is_empty())
            .ok_or(TlsError::Nobody);
    };
    for der in named {
        roots.add(CertificateDer::from(der.as_slice()).into_owned())?;
    }
    Ok(roots)
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(user: &AuthInfo) -> Result<Option<Identity>, TlsError> {
    let data = user.client_certificate_data.as_deref();
    let chain = part(data, user.client_certificate.as_deref(), CERTIFICATE)?;
    let data = user
        .client_key_data
        .as_ref()
        .map(ExposeSecret::expose_secret);
    let key = part(data, user.client_key.as_deref(), KEY)?;
    let (chain, key) = match (chain, key) {
        (Some(chain), Some(key)) => (chain, key),
        (None, None) => return Ok(None),
        _ => return Err(TlsError::Half),
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or(TlsError::Pem(CERTIFICATE))?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| TlsError::Pem(KEY))?;
    Ok(Some((chain, key)))
}

/// What stands in the kubeconfig itself counts before a file.
fn part(
    data: Option<&str>,
    file: Option<&str>,
    what: &'static str,
) -> Result<Option<Vec<u8>>, TlsError> {
    if let Some(data) = data {
        let read = BASE64_STANDARD.decode(data);
        return read.map(Some).map_err(|_| TlsError::Encoding(what));
    }
    let read = file
        .map(|file| bounded::read(file).map_err(|error| TlsError::File(file.to_owned(), error)));
    read.transpose()
}

/// Takes every server for the right one, where the kubeconfig says so.
#[derive(Debug)]
struct Anybody(Vec<SignatureScheme>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}
