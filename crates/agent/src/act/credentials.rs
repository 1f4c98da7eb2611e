//! What a call is secured with: certificates, authorities, passwords, tokens.
//! All of it lies in files that are read at every call, since they rotate.

use super::http::Manner;
use crate::files::read;
use crate::text::quoted::file as shown;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

/// Where a distribution keeps the authorities that it trusts.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

impl Manner {
    /// The value of the header `Authorization`; `inline` is what the address says.
    pub(super) fn authorization(&self, inline: Option<Vec<u8>>) -> Result<Option<String>, String> {
        if let Some(file) = &self.bearer {
            return Ok(Some(format!("Bearer {}", secret(file, "--bearer-file")?)));
        }
        let pair = match &self.basic {
            Some(file) => Some(secret(file, "--basic-file")?.into_bytes()),
            None => inline,
        };
        Ok(pair.map(|pair| format!("Basic {}", STANDARD.encode(pair))))
    }

    /// How to speak TLS, where that is needed.
    pub(super) fn tls(&self, needed: bool) -> Result<TlsConfig, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = TlsConfig::builder().unversioned_rustls_crypto_provider(provider);
        if needed {
            let roots = if self.insecure {
                Vec::new()
            } else {
                let file = self.roots()?;
                // Distributions keep theirs behind a link.
                let bytes = named(&file, "--ca", read::small_behind_links(&file))?;
                certificates((&file, "--ca"), &bytes)?
            };
            tls = tls
                .root_certs(RootCerts::new_with_certs(&roots))
                .disable_verification(self.insecure);
            if let Some((chain, key)) = &self.client {
                tls = tls.client_cert(Some(client(chain, key)?));
            }
        }
        Ok(tls.build())
    }

    fn roots(&self) -> Result<PathBuf, String> {
        let asked = self
            .ca
            .clone()
            .or_else(|| std::env::var_os("SSL_CERT_FILE").map(PathBuf::from));
        let found = || {
            BUNDLES
                .iter()
                .map(PathBuf::from)
                .find(|bundle| bundle.exists())
        };
        asked.or_else(found).ok_or_else(|| {
            "no certificate authorities are known here; name a PEM file with --ca".to_owned()
        })
    }
}

/// What its reader says begins with the name of the file.
fn named(file: &Path, option: &str, read: Result<Vec<u8>, String>) -> Result<Vec<u8>, String> {
    let name = file.display().to_string();
    read.map_err(|why| {
        let rest = why.strip_prefix(&name).unwrap_or(" cannot be read");
        format!("{}{rest}", shown(file, option))
    })
}

fn secret(file: &Path, option: &str) -> Result<String, String> {
    let bytes = named(file, option, read::small(file))?;
    let shown = shown(file, option);
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_| format!("{shown} cannot be read: it is no text"))?;
    match text.trim() {
        "" => Err(format!(
            "{shown} is empty; write into it what is to be sent"
        )),
        text if text.contains(char::is_control) => Err(format!(
            "{shown} cannot be sent: there are several lines or control characters in it"
        )),
        text => Ok(text.to_owned()),
    }
}

fn pem((file, option): (&Path, &str), bytes: &[u8]) -> Result<Vec<PemItem<'static>>, String> {
    let items: Result<Vec<_>, _> = parse_pem(bytes).collect();
    items.map_err(|error| format!("{} cannot be read: {error}", shown(file, option)))
}

fn certificates(
    (file, option): (&Path, &str),
    bytes: &[u8],
) -> Result<Vec<Certificate<'static>>, String> {
    let found: Vec<_> = pem((file, option), bytes)?
        .into_iter()
        .filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        return Err(format!("{} contains no certificate", shown(file, option)));
    }
    Ok(found)
}

fn client(chain: &Path, key: &Path) -> Result<ClientCert, String> {
    let bytes = named(chain, "--cert", read::small(chain))?;
    let chain = certificates((chain, "--cert"), &bytes)?;
    let bytes = named(key, "--key", read::small(key))?;
    let key = PrivateKey::from_pem(&bytes).map_err(|error| {
        let shown = shown(key, "--key");
        format!("{shown} contains no private key: {error}")
    })?;
    Ok(ClientCert::new_with_certs(&chain, key))
}
