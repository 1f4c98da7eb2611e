//! Kubeconfig files of the rig: one cluster, one user, one context.
//!
//! They are written as JSON, which every reader of YAML reads.

use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use serde_json::json;

/// Writes a kubeconfig for a bearer token.
pub(crate) fn write(path: &Path, url: &str, ca: &str, token: &str) -> Result<()> {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "rig",
        "contexts": [{"name": "rig", "context": {"cluster": "rig", "user": "rig"}}],
        "clusters": [{"name": "rig", "cluster": {"server": url, "certificate-authority-data": BASE64_STANDARD.encode(ca)}}],
        "users": [{"name": "rig", "user": {"token": token}}],
    });
    save(path, &config)
}

/// Writes a copy of a kubeconfig that reaches its cluster by another address.
pub(crate) fn redirect(from: &Path, to: &Path, url: &str, ca: &str) -> Result<()> {
    let mut config = read(from)?;
    for cluster in config
        .clusters
        .iter_mut()
        .filter_map(|c| c.cluster.as_mut())
    {
        cluster.server = Some(url.to_owned());
        cluster.certificate_authority = None;
        cluster.certificate_authority_data = Some(BASE64_STANDARD.encode(ca));
    }
    save(to, &config)
}

/// Writes a copy of a kubeconfig in which all users have this token alone.
pub(crate) fn with_token(from: &Path, to: &Path, token: &str) -> Result<()> {
    let mut config = read(from)?;
    for user in &mut config.auth_infos {
        user.auth_info = Some(serde_json::from_value(json!({"token": token}))?);
    }
    save(to, &config)
}

/// The token of a kubeconfig's only user.
pub(crate) fn token(path: &Path) -> Result<String> {
    let config = serde_json::to_value(read(path)?)?;
    let token = config["users"][0]["user"]["token"].as_str();
    Ok(token.context("a kubeconfig without a token")?.to_owned())
}

/// Writes a copy of a kubeconfig whose credentials are in these files.
pub(crate) fn with_files(from: &Path, to: &Path, token: &Path, authority: &Path) -> Result<()> {
    let mut config = serde_json::to_value(read(from)?)?;
    let server = config["clusters"][0]["cluster"]["server"].take();
    config["clusters"][0]["cluster"] =
        json!({"server": server, "certificate-authority": authority});
    config["users"][0]["user"] = json!({"tokenFile": token});
    save(to, &config)
}

/// The client configuration that a kubeconfig's current context means.
pub(crate) async fn load(path: &Path) -> Result<Config> {
    let config = read(path)?;
    Ok(Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?)
}

/// A client with a kubeconfig's identity that reports every failure: none is tried again.
pub async fn client_of(path: &Path) -> Result<Client> {
    let mut config = load(path).await?;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

fn read(path: &Path) -> Result<Kubeconfig> {
    Kubeconfig::read_from(path).with_context(|| format!("read {}", path.display()))
}

fn save(path: &Path, config: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_vec_pretty(config)?;
    std::fs::write(path, text).with_context(|| format!("write {}", path.display()))
}
