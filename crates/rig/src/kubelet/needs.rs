//! The ConfigMaps and Secrets without which a pod's containers cannot start.
//!
//! In: a pod. Out: the first need that is not met, in a kubelet's own words.

use k8s_openapi::api::core::v1::{ConfigMap, Container, KeyToPath, Pod, PodSpec, Secret, Volume};
use kube::api::Api;
use kube::{Client, ResourceExt};

/// What a pod waits for, as its status tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) reason: &'static str,
    pub(super) message: String,
}

/// How a pod waits: a volume is needed before, a variable at a container's start.
const BY_VOLUME: &str = "ContainerCreating";
const BY_ENV: &str = "CreateContainerConfigError";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    ConfigMap,
    Secret,
}

#[derive(Debug, PartialEq, Eq)]
struct Need {
    kind: Kind,
    name: String,
    keys: Vec<String>,
    reason: &'static str,
}

/// The first need of the pod that is not met now.
pub(super) async fn first_missing(
    client: &Client,
    pod: &Pod,
) -> Result<Option<Missing>, kube::Error> {
    let namespace = pod.namespace().unwrap_or_default();
    for need in pod.spec.as_ref().map(needs_of).unwrap_or_default() {
        let keys = keys_of(client, &namespace, &need).await?;
        if let Some(message) = complaint(&need, keys.as_deref()) {
            let reason = need.reason;
            return Ok(Some(Missing { reason, message }));
        }
    }
    Ok(None)
}

fn complaint(need: &Need, keys: Option<&[String]>) -> Option<String> {
    let Need { kind, name, .. } = need;
    let word = match kind {
        Kind::ConfigMap => "configmap",
        Kind::Secret => "secret",
    };
    let Some(keys) = keys else {
        return Some(format!("{word} \"{name}\" not found"));
    };
    let key = need.keys.iter().find(|key| !keys.contains(key))?;
    Some(format!("couldn't find key {key} in {word} {name}"))
}

/// The keys of the source, or `None` when it is not there.
async fn keys_of(
    client: &Client,
    namespace: &str,
    need: &Need,
) -> Result<Option<Vec<String>>, kube::Error> {
    let client = client.clone();
    let keys = match need.kind {
        Kind::ConfigMap => Api::<ConfigMap>::namespaced(client, namespace)
            .get_opt(&need.name)
            .await?
            .map(|map| {
                // Of these come files, but no variables.
                let binary = map.binary_data.filter(|_| need.reason == BY_VOLUME);
                let binary = binary.unwrap_or_default().into_keys();
                map.data
                    .unwrap_or_default()
                    .into_keys()
                    .chain(binary)
                    .collect()
            }),
        Kind::Secret => Api::<Secret>::namespaced(client, namespace)
            .get_opt(&need.name)
            .await?
            .map(|secret| secret.data.unwrap_or_default().into_keys().collect()),
    };
    Ok(keys)
}

fn needs_of(spec: &PodSpec) -> Vec<Need> {
    let init = spec.init_containers.iter().flatten();
    let mut needs: Vec<Need> = spec.volumes.iter().flatten().flat_map(of_volume).collect();
    needs.extend(init.chain(&spec.containers).flat_map(of_container));
    needs
}

fn of_volume(volume: &Volume) -> Vec<Need> {
    let mut needs = Vec::new();
    if let Some(source) = &volume.config_map {
        needs.extend(file_need(
            Kind::ConfigMap,
            Some(&source.name),
            source.items.as_ref(),
            source.optional,
        ));
    }
    if let Some(source) = &volume.secret {
        let name = source.secret_name.as_ref();
        needs.extend(file_need(
            Kind::Secret,
            name,
            source.items.as_ref(),
            source.optional,
        ));
    }
    for source in volume
        .projected
        .iter()
        .flat_map(|p| p.sources.iter().flatten())
    {
        if let Some(map) = &source.config_map {
            needs.extend(file_need(
                Kind::ConfigMap,
                Some(&map.name),
                map.items.as_ref(),
                map.optional,
            ));
        }
        if let Some(secret) = &source.secret {
            needs.extend(file_need(
                Kind::Secret,
                Some(&secret.name),
                secret.items.as_ref(),
                secret.optional,
            ));
        }
    }
    needs
}

fn file_need(
    kind: Kind,
    name: Option<&String>,
    items: Option<&Vec<KeyToPath>>,
    optional: Option<bool>,
) -> Option<Need> {
    let keys = items.into_iter().flatten().map(|item| item.key.clone());
    need(kind, name?, keys.collect(), optional, BY_VOLUME)
}

fn of_container(container: &Container) -> Vec<Need> {
    let mut needs = Vec::new();
    for from in container.env_from.iter().flatten() {
        if let Some(map) = &from.config_map_ref {
            needs.extend(need(
                Kind::ConfigMap,
                &map.name,
                Vec::new(),
                map.optional,
                BY_ENV,
            ));
        }
        if let Some(secret) = &from.secret_ref {
            needs.extend(need(
                Kind::Secret,
                &secret.name,
                Vec::new(),
                secret.optional,
                BY_ENV,
            ));
        }
    }
    for from in container
        .env
        .iter()
        .flatten()
        .filter_map(|env| env.value_from.as_ref())
    {
        if let Some(key) = &from.config_map_key_ref {
            needs.extend(need(
                Kind::ConfigMap,
                &key.name,
                vec![key.key.clone()],
                key.optional,
                BY_ENV,
            ));
        }
        if let Some(key) = &from.secret_key_ref {
            needs.extend(need(
                Kind::Secret,
                &key.name,
                vec![key.key.clone()],
                key.optional,
                BY_ENV,
            ));
        }
    }
    needs
}

fn need(
    kind: Kind,
    name: &str,
    keys: Vec<String>,
    optional: Option<bool>,
    reason: &'static str,
) -> Option<Need> {
    (optional != Some(true)).then(|| Need {
        kind,
        name: name.to_owned(),
        keys,
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{Workload, deployment};
    use kube::core::DynamicObject;

    fn needs(workload: Workload) -> Vec<String> {
        let object = DynamicObject::from(workload);
        let spec = object.data["spec"]["template"]["spec"].clone();
        let needs = needs_of(&serde_json::from_value(spec).unwrap());
        needs
            .iter()
            .map(|n| format!("{:?} {} {:?}", n.kind, n.name, n.keys))
            .collect()
    }

    #[test]
    fn every_required_use_is_a_need() {
        let found = needs(
            deployment("web")
                .env_from("configmap/a")
                .env_key("secret/b", "key")
                .mount_items("secret/c", &["x", "y"])
                .mount_sub_path("configmap/d", "file")
                .mount_projected(&["configmap/e", "secret/f"])
                .init("setup")
                .env_from("secret/g"),
        );
        let volumes = [
            "Secret c [\"x\", \"y\"]",
            "ConfigMap d []",
            "ConfigMap e []",
            "Secret f []",
        ];
        let variables = ["Secret g []", "ConfigMap a []", "Secret b [\"key\"]"];
        assert_eq!(found, [&volumes[..], &variables[..]].concat());
    }

    #[test]
    fn an_optional_use_is_none() {
        let found = needs(
            deployment("web")
                .env_from("configmap/a")
                .optional()
                .env_key("secret/b", "key")
                .optional()
                .mount("configmap/c")
                .optional()
                .mount_projected(&["configmap/e", "secret/f"])
                .optional(),
        );
        assert_eq!(found, ["ConfigMap e []"]);
    }
}
