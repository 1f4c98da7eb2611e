//! A pod template, as far as Tidings reads it.
//!
//! Goes in: JSON, of the API server or of a file. Comes out: plain structs. What is
//! not there, and what is `null`, is its default; what has another shape is an
//! error of the parser.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::annotations::Annotations;

/// A pod template, as far as Tidings reads it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodTemplate {
    /// Its metadata.
    pub metadata: TemplateMeta,
    pub(super) spec: PodSpec,
}

/// A pod template's metadata, as far as Tidings reads it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct TemplateMeta {
    /// Its annotations.
    pub annotations: Annotations,
}

impl PodTemplate {
    /// Reads a template. A custom resource may have `null` anywhere, and the API
    /// server keeps it there: it reads as absent.
    pub fn read(mut json: Value) -> serde_json::Result<Self> {
        drop_nulls(&mut json);
        let template: Option<Self> = serde_json::from_value(json)?;
        Ok(template.unwrap_or_default())
    }
}

/// Takes away what is `null`.
pub(crate) fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => {
            items.retain(|item| !item.is_null());
            items.iter_mut().for_each(drop_nulls);
        }
        _ => {}
    }
}

/// `null` reads as absent, as the API server treats it.
pub(crate) fn or_default<'de, D, T>(input: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(input)?.unwrap_or_default())
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodSpec {
    containers: Vec<Container>,
    init_containers: Vec<Container>,
    pub(super) volumes: Vec<Volume>,
    pub(super) image_pull_secrets: Vec<Reference>,
}

impl PodSpec {
    /// The same for each container, as if it were the only one.
    pub(super) fn each_alone(mut self, mut each: impl FnMut(String, &Self)) {
        let init = std::mem::take(&mut self.init_containers);
        let containers = std::mem::take(&mut self.containers);
        for mut container in init.into_iter().chain(containers) {
            let name = std::mem::take(&mut container.name);
            self.containers = vec![container];
            each(name, &self);
        }
    }

    pub(super) fn containers(&self) -> impl Iterator<Item = &Container> + Clone {
        self.init_containers.iter().chain(&self.containers)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) env: Vec<Env>,
    pub(super) env_from: Vec<EnvFrom>,
    pub(super) volume_mounts: Vec<Mount>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Env {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) value_from: Option<ValueFrom>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ValueFrom {
    #[serde(rename = "configMapKeyRef")]
    pub(super) config_map: Option<Reference>,
    #[serde(rename = "secretKeyRef")]
    pub(super) secret: Option<Reference>,
    #[serde(rename = "fieldRef")]
    pub(super) field: Option<IgnoredAny>,
    #[serde(rename = "resourceFieldRef")]
    pub(super) resource: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct EnvFrom {
    pub(super) prefix: String,
    pub(super) config_map_ref: Option<Reference>,
    pub(super) secret_ref: Option<Reference>,
}

/// Every shape in which a pod refers to a source: the key is set in key
/// references only, the items in volumes only.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Reference {
    #[serde(alias = "secretName")]
    pub(super) name: String,
    pub(super) key: String,
    pub(super) optional: bool,
    pub(super) items: Vec<KeyToPath>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct KeyToPath {
    pub(super) key: String,
    pub(super) path: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Mount {
    pub(super) name: String,
    pub(super) sub_path: String,
    pub(super) sub_path_expr: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Volume {
    pub(super) name: String,
    pub(super) config_map: Option<Reference>,
    pub(super) secret: Option<Reference>,
    pub(super) projected: Option<Projected>,
    pub(super) csi: Option<Csi>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Csi {
    pub(super) driver: String,
    pub(super) volume_attributes: CsiAttributes,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct CsiAttributes {
    pub(super) secret_provider_class: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Projected {
    pub(super) sources: Vec<ProjectedSource>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ProjectedSource {
    pub(super) config_map: Option<Reference>,
    pub(super) secret: Option<Reference>,
}
