//! Where credentials come from, read once.
//!
//! Goes in: the kubeconfig that is asked for, or the service account of the pod. Comes
//! out: a [`Config`] in which a token or a password is a header and a plugin's word stands
//! in the plugin's place, and how the files were that it came from.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderValue, Uri, header};
use jiff::Timestamp;
use kube::Config;
use kube::config::{AuthProviderConfig, Kubeconfig, KubeconfigError};
use secrecy::ExposeSecret;

use super::bounded::{FileAccess, read_text};
use super::files::FilesSeen;
use super::{Connect, ConnectError, kubeconfig, plugin, wants_proxy};

/// Where to read.
#[derive(Clone)]
pub(super) struct CredentialsOrigin {
    from: Connect,
    /// Found out when it was first read: a kubeconfig whose current context changes, or
    /// that comes to name another server, is no other cluster for those who run.
    chosen: Option<Chosen>,
}

#[derive(Clone)]
struct Chosen {
    /// None: the service account of the pod.
    context: Option<String>,
    server: Uri,
}

/// What was read.
pub(super) struct ReadCredentials {
    pub(super) config: Config,
    pub(super) files: FilesSeen,
    pub(super) is_of_plugin: bool,
    /// Until when it is valid, where that is told.
    pub(super) until: Option<Timestamp>,
}

impl CredentialsOrigin {
    pub(super) fn new(from: Connect) -> Self {
        Self { from, chosen: None }
    }

    /// Reads files, and asks a plugin.
    pub(super) async fn read(
        &mut self,
        files: &FileAccess,
    ) -> Result<ReadCredentials, ConnectError> {
        let origin = self.clone();
        let (context, mut read) = files.allow(move || origin.files()).await??;
        if wants_proxy(&read.config) {
            return Err(ConnectError::Proxy);
        }
        self.choose(context, &read.config.cluster_url)?;
        if let Some(exec) = read.config.auth_info.exec.take() {
            let told = plugin::ask(&exec).await;
            let name = exec.command.unwrap_or_default();
            let told = told.map_err(|why| ConnectError::Plugin(name, why))?;
            read.until = told.put(&mut read.config.auth_info);
            read.is_of_plugin = true;
        }
        authorize(&mut read.config)?;
        self.impersonate(&mut read.config);
        Ok(read)
    }

    /// As kubectl does: who is asked for takes the place of whom the kubeconfig names, and
    /// of his groups.
    fn impersonate(&self, config: &mut Config) {
        if let Some(user) = &self.from.as_user {
            config.auth_info.impersonate = Some(user.clone());
            config.auth_info.impersonate_groups = Some(self.from.as_groups.clone());
        }
    }

    fn choose(&mut self, context: Option<String>, server: &Uri) -> Result<(), ConnectError> {
        let server = server.clone();
        match &self.chosen {
            None => self.chosen = Some(Chosen { context, server }),
            Some(chosen) if chosen.server != server => return Err(ConnectError::Moved),
            Some(_) => {}
        }
        Ok(())
    }

    /// Reads files. They are looked at before they are read, so that what is written
    /// meanwhile is found to be new.
    fn files(&self) -> Result<(Option<String>, ReadCredentials), ConnectError> {
        let (context, mut read) = self.configured()?;
        token_of_file(&mut read.config)?;
        Ok((context, read))
    }

    fn configured(&self) -> Result<(Option<String>, ReadCredentials), ConnectError> {
        if self.chosen.as_ref().is_some_and(|c| c.context.is_none()) {
            return Ok((None, of_pod().ok_or(ConnectError::Silent)?));
        }
        let named = [&self.from.context, &self.from.cluster, &self.from.user];
        let named = named.into_iter().any(Option::is_some);
        let asked = named || std::env::var_os("KUBECONFIG").is_some();
        let itself = paths(self.from.kubeconfig.as_deref());
        let seen = FilesSeen::now(itself.clone());
        let file = kubeconfig::read(&itself);
        let (cluster, user) = (self.from.cluster.as_ref(), self.from.user.as_ref());
        let missing = file
            .as_ref()
            .ok()
            .and_then(|file| kubeconfig::missing(file, cluster, user));
        if let Some((kind, name)) = missing {
            return Err(ConnectError::Unknown(kind, name));
        }
        match file.and_then(|file| self.of(file, seen)) {
            Ok(read) => Ok(read),
            Err(error) if self.from.kubeconfig.is_some() || asked || self.chosen.is_some() => {
                Err(error.into())
            }
            Err(error) => match of_pod() {
                Some(read) => Ok((None, read)),
                None => Err(ConnectError::Nowhere(error)),
            },
        }
    }

    fn of(
        &self,
        mut file: Kubeconfig,
        mut files: FilesSeen,
    ) -> Result<(Option<String>, ReadCredentials), KubeconfigError> {
        let chosen = self.chosen.as_ref().and_then(|c| c.context.clone());
        let context = chosen.or_else(|| self.from.context.clone());
        file.current_context = context.or(file.current_context);
        let context = file.current_context.clone();
        kubeconfig::overrule(
            &mut file,
            self.from.cluster.as_ref(),
            self.from.user.as_ref(),
        );
        files.add(named(&file));
        kubeconfig::take_in_authority(&mut file)?;
        let config = Config::try_from(file)?;
        Ok((context, ReadCredentials::of(config, files)))
    }
}

impl ReadCredentials {
    fn of(config: Config, files: FilesSeen) -> Self {
        Self {
            config,
            files,
            is_of_plugin: false,
            until: None,
        }
    }
}

/// The names of the contexts of the kubeconfig that is meant; none where it cannot be read.
pub fn contexts(of: &Connect) -> Vec<String> {
    let contexts = file(of).contexts.into_iter();
    contexts.map(|named| named.name).collect()
}

/// The name of the context that is meant; none where there is no kubeconfig.
pub fn current(of: &Connect) -> Option<String> {
    of.context.clone().or_else(|| file(of).current_context)
}

/// The same of its clusters.
pub fn clusters(of: &Connect) -> Vec<String> {
    let clusters = file(of).clusters.into_iter();
    clusters.map(|named| named.name).collect()
}

/// The same of its users.
pub fn users(of: &Connect) -> Vec<String> {
    let users = file(of).auth_infos.into_iter();
    users.map(|named| named.name).collect()
}

/// The kubeconfig that is meant; an empty one where it cannot be read.
fn file(of: &Connect) -> Kubeconfig {
    kubeconfig::read(&paths(of.kubeconfig.as_deref())).unwrap_or_default()
}

/// The kubeconfig's own files.
fn paths(given: Option<&Path>) -> Vec<PathBuf> {
    if let Some(path) = given {
        return vec![path.to_owned()];
    }
    let named = std::env::var_os("KUBECONFIG").unwrap_or_default();
    let named = std::env::split_paths(&named).filter(|path| !path.as_os_str().is_empty());
    let named: Vec<_> = named.collect();
    let at_home = || Some(std::env::home_dir()?.join(".kube/config"));
    if named.is_empty() {
        at_home().into_iter().collect()
    } else {
        named
    }
}

/// The files that a kubeconfig names; those of other contexts do no harm.
fn named(file: &Kubeconfig) -> Vec<PathBuf> {
    let clusters = file.clusters.iter().filter_map(|c| c.cluster.as_ref());
    let authorities = clusters.map(|cluster| &cluster.certificate_authority);
    let users = file.auth_infos.iter().filter_map(|u| u.auth_info.as_ref());
    let of_users =
        users.flat_map(|user| [&user.token_file, &user.client_certificate, &user.client_key]);
    let all = authorities.chain(of_users).flatten();
    all.map(PathBuf::from).collect()
}

/// The service account of the pod, where this is one.
fn of_pod() -> Option<ReadCredentials> {
    // Which files it has is told when they have been read, so they are read once more.
    let first = Config::incluster().ok()?;
    let token = first.auth_info.token_file.map(PathBuf::from);
    let files = FilesSeen::now(first.root_cert_file.into_iter().chain(token));
    let mut config = Config::incluster().ok()?;
    // kube would look at it once a minute.
    config.root_cert_file = None;
    Some(ReadCredentials::of(config, files))
}

/// Of a token and a file of one the file counts, as client-go has it.
fn token_of_file(config: &mut Config) -> Result<(), ConnectError> {
    let auth = &mut config.auth_info;
    if let Some(path) = auth.token_file.take() {
        let text = read_text(&path);
        let text = text.map_err(|error| ConnectError::Token(format!("{path}: {error}")))?;
        auth.token = Some(text.into());
    }
    Ok(())
}

/// A token becomes a header, and so does a password, which counts before it.
fn authorize(config: &mut Config) -> Result<(), ConnectError> {
    let auth = &mut config.auth_info;
    let words = if let Some(provider) = auth.auth_provider.take() {
        bearer(&id_token(provider)?)?
    } else if let (Some(user), Some(password)) = (&auth.username, &auth.password) {
        let pair = BASE64_STANDARD.encode(format!("{user}:{}", password.expose_secret()));
        format!("Basic {pair}")
    } else if let Some(token) = auth.token.take() {
        bearer(token.expose_secret())?
    } else {
        return Ok(());
    };
    let header = HeaderValue::try_from(words);
    let mut header =
        header.map_err(|_| ConnectError::Token("it is more than one word".to_owned()))?;
    header.set_sensitive(true);
    config.headers.push((header::AUTHORIZATION, header));
    Ok(())
}

/// Whoever wrote it may have ended its line.
fn bearer(token: &str) -> Result<String, ConnectError> {
    match token.trim() {
        "" => Err(ConnectError::Token("it is empty".to_owned())),
        token => Ok(format!("Bearer {token}")),
    }
}

/// Of the providers of tokens that client-go knew once, this is what OpenID Connect left
/// in the file. Nothing is renewed.
fn id_token(mut provider: AuthProviderConfig) -> Result<String, ConnectError> {
    let token = provider.config.remove("id-token");
    token.ok_or(ConnectError::Provider(provider.name))
}
