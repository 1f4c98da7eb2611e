//! Kubeconfigs, read with a bound on their size and on that of what they name.
//!
//! kube's own reading has none. What it makes of the text stays its business; the rules
//! for several files and for relative paths are client-go's (`clientcmd.LoadingRules`).

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use kube::config::{Context, Kubeconfig, KubeconfigError, LoadDataError, NamedContext};

use super::bounded;

/// Reads these files as one: what the first of them says counts.
pub(super) fn read(paths: &[impl AsRef<Path>]) -> Result<Kubeconfig, KubeconfigError> {
    if paths.is_empty() {
        return Err(KubeconfigError::FindPath);
    }
    // Of several, those that are not there are passed over (`LoadingRules`).
    let may_lack = paths.len() > 1 && paths.iter().any(|path| path.as_ref().exists());
    let paths = paths.iter().map(AsRef::as_ref);
    let mut files = paths.filter(|path| !may_lack || path.exists()).map(one);
    files.try_fold(Kubeconfig::default(), |all, next| all.merge(next?))
}

/// What is named and not in the file: without it kubectl's requests would be nobody's.
pub(super) fn missing(
    file: &Kubeconfig,
    cluster: Option<&String>,
    user: Option<&String>,
) -> Option<(&'static str, String)> {
    let has_cluster = |name: &&String| file.clusters.iter().any(|named| named.name == **name);
    let has_user = |name: &&String| file.auth_infos.iter().any(|named| named.name == **name);
    let cluster = cluster.filter(|name| !has_cluster(name));
    let user = user.filter(|name| !has_user(name));
    let cluster = cluster.map(|name| ("cluster", name.clone()));
    cluster.or_else(|| user.map(|name| ("user", name.clone())))
}

fn one(path: &Path) -> Result<Kubeconfig, KubeconfigError> {
    let text = bounded::read_text(path);
    let text = text.map_err(|error| KubeconfigError::ReadConfig(error, path.to_owned()))?;
    let mut file = Kubeconfig::from_yaml(text.trim_start_matches('\u{feff}'))?;
    if let Some(folder) = path.parent() {
        paths_in(&mut file).for_each(|path| resolve(folder, path));
    }
    Ok(file)
}

/// All that is relative to the file itself. A plugin without a slash is looked up in
/// `PATH`.
fn paths_in(file: &mut Kubeconfig) -> impl Iterator<Item = &mut String> {
    let clusters = file.clusters.iter_mut();
    let clusters = clusters.filter_map(|named| named.cluster.as_mut());
    let authorities = clusters.filter_map(|cluster| cluster.certificate_authority.as_mut());
    let users = file.auth_infos.iter_mut();
    let users = users.filter_map(|named| named.auth_info.as_mut());
    let of_users = users.flat_map(|user| {
        let plugin = user.exec.as_mut().and_then(|exec| exec.command.as_mut());
        let plugin = plugin.filter(|command| command.contains('/'));
        let files = [
            user.client_certificate.as_mut(),
            user.client_key.as_mut(),
            user.token_file.as_mut(),
        ];
        files.into_iter().chain([plugin]).flatten()
    });
    authorities.chain(of_users)
}

fn resolve(folder: &Path, path: &mut String) {
    if let Some(whole) = folder.join(&*path).to_str() {
        whole.clone_into(path);
    }
}

/// Puts another cluster or user into the current context. Without a context both make one,
/// as for kubectl.
pub(super) fn overrule(file: &mut Kubeconfig, cluster: Option<&String>, user: Option<&String>) {
    if file.current_context.is_none() && cluster.is_some() && user.is_some() {
        file.current_context = Some(String::new());
        file.contexts.push(NamedContext {
            name: String::new(),
            context: Some(Context::default()),
            ..NamedContext::default()
        });
    }
    let current = file.current_context.as_ref();
    let mut contexts = file.contexts.iter_mut();
    let context = contexts.find(|named| Some(&named.name) == current);
    if let Some(context) = context.and_then(|named| named.context.as_mut()) {
        if let Some(name) = cluster {
            context.cluster.clone_from(name);
        }
        context.user = user.cloned().or_else(|| context.user.take());
    }
}

/// Reads the file with the authority of the current context's cluster, which kube would
/// read, to stand in the kubeconfig itself.
pub(super) fn take_in_authority(file: &mut Kubeconfig) -> Result<(), KubeconfigError> {
    let current = file.current_context.as_ref();
    let mut contexts = file.contexts.iter();
    let context = contexts.find(|named| Some(&named.name) == current);
    let Some(context) = context.and_then(|named| named.context.as_ref()) else {
        return Ok(());
    };
    let mut clusters = file.clusters.iter_mut();
    let cluster = clusters.find(|named| named.name == context.cluster);
    let Some(cluster) = cluster.and_then(|named| named.cluster.as_mut()) else {
        return Ok(());
    };
    let path = cluster.certificate_authority.take();
    if let Some(path) = path.filter(|_| cluster.certificate_authority_data.is_none()) {
        let read = bounded::read(&path).map_err(|error| {
            KubeconfigError::LoadCertificateAuthority(LoadDataError::ReadFile(error, path.into()))
        })?;
        cluster.certificate_authority_data = Some(BASE64_STANDARD.encode(read));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn relative_paths_are_relative_to_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let text = "users:\n- name: me\n  user:\n    tokenFile: token\n    client-key: /key\n    \
                    exec: {command: bin/ask}\nclusters:\n- name: here\n  cluster:\n    \
                    certificate-authority: ca.crt\n";
        fs::write(at("first"), text).unwrap();
        fs::write(at("second"), "users:\n- name: me\n  user: {exec: {command: ask}}\n- name: you\n  user: {exec: {command: ask}}\n").unwrap();
        let read = read(&[at("first"), at("second")]).unwrap();
        let user = |i: usize| read.auth_infos[i].auth_info.as_ref().unwrap();
        assert_eq!(user(0).token_file, Some(at("token")));
        assert_eq!(user(0).client_key.as_deref(), Some("/key"));
        let asked = |i: usize| user(i).exec.as_ref().unwrap().command.clone();
        assert_eq!(
            (asked(0), asked(1)),
            (Some(at("bin/ask")), Some("ask".to_owned()))
        );
        let cluster = read.clusters[0].cluster.as_ref().unwrap();
        assert_eq!(cluster.certificate_authority, Some(at("ca.crt")));
    }

    #[test]
    fn a_cluster_or_user_that_is_named_goes_before_the_contexts() {
        let text = "contexts: [{name: x, context: {cluster: x, user: me, namespace: ns}}]\n";
        let of = |current: Option<&str>, cluster: Option<&str>, user: Option<&str>| {
            let mut file = Kubeconfig::from_yaml(text).unwrap();
            file.current_context = current.map(str::to_owned);
            let [cluster, user] = [cluster, user].map(|name| name.map(str::to_owned));
            overrule(&mut file, cluster.as_ref(), user.as_ref());
            let current = file.current_context?;
            let named = file
                .contexts
                .into_iter()
                .find(|named| named.name == current)?;
            let context = named.context?;
            Some(format!(
                "{}/{}",
                context.cluster,
                context.user.unwrap_or_default()
            ))
        };
        assert_eq!(of(Some("x"), None, None).unwrap(), "x/me");
        assert_eq!(of(Some("x"), Some("y"), None).unwrap(), "y/me");
        assert_eq!(of(Some("x"), Some("y"), Some("you")).unwrap(), "y/you");
        assert_eq!(of(None, Some("y"), Some("you")).unwrap(), "y/you");
        assert_eq!(of(None, Some("y"), None), None);
    }

    #[test]
    fn an_authority_that_is_no_file_is_told() {
        let text = "current-context: x\ncontexts: [{name: x, context: {cluster: x}}]\n\
                    clusters: [{name: x, cluster: {certificate-authority: /dev/zero}}]\n";
        let mut file = Kubeconfig::from_yaml(text).unwrap();
        let said = take_in_authority(&mut file).unwrap_err().to_string();
        assert!(
            said.contains("/dev/zero") && said.contains("no regular file"),
            "{said}"
        );
    }
}
