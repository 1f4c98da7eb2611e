//! Certificates of one run: an authority of the rig's own, so that TLS is
//! verified for real and no key outlives the run.
//!
//! In: nothing. Out: PEM texts. An error here is a bug or a broken machine.

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

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
        self.server_at(name, &[])
    }

    /// The same, for these hosts too.
    pub(crate) fn server_at(&self, name: &str, hosts: &[&str]) -> Result<Identity> {
        let all = ["127.0.0.1", "localhost"].into_iter();
        let all = all.chain(hosts.iter().copied()).map(str::to_owned);
        self.sign(&named(name, all.collect())?)
    }

    /// A certificate by which this user of this group is known.
    pub(crate) fn client(&self, user: &str, group: &str) -> Result<Identity> {
        let mut params = named(user, Vec::new())?;
        params
            .distinguished_name
            .push(DnType::OrganizationName, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Result<Identity> {
        let key = KeyPair::generate()?;
        Ok(Identity {
            cert: params.signed_by(&key, &self.issuer)?.pem(),
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
