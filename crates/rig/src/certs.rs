//! Certificates of one run: an authority of the rig's own, so that TLS is
//! verified for real and no key outlives the run.
//!
//! In: nothing. Out: PEM texts. An error here is a bug or a broken machine.

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// Signs the server certificates that a kubeconfig of the rig trusts.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate with its private key, both as PEM.
pub struct Identity {
    /// The certificate.
    pub cert: String,
    /// Its private key (PKCS #8).
    pub key: String,
}

impl Authority {
    /// Makes a new authority.
    pub fn new() -> Result<Self> {
        let mut params = named("tidings rig authority", Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self {
            issuer: Issuer::new(params, key),
            pem,
        })
    }

    /// The authority's certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A server certificate for the loopback addresses.
    pub fn server(&self, name: &str) -> Result<Identity> {
        let hosts = ["127.0.0.1", "localhost"].map(str::to_owned).to_vec();
        let key = KeyPair::generate()?;
        let cert = named(name, hosts)?.signed_by(&key, &self.issuer)?.pem();
        Ok(Identity {
            cert,
            key: key.serialize_pem(),
        })
    }
}

/// A key pair for signing service account tokens: the private and the public key.
pub fn signing_keys() -> Result<(String, String)> {
    let key = KeyPair::generate()?;
    Ok((key.serialize_pem(), key.public_key_pem()))
}

fn named(name: &str, hosts: Vec<String>) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}
