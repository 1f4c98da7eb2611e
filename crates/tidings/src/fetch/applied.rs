//! A source as it would be if a manifest of it were applied.
//!
//! Goes in: what is there, and a manifest. Comes out: digests, by the code that digests
//! what is fetched. What a manifest does not name any more goes as `kubectl apply` lets it
//! go: what was applied before, by the annotation that it writes or by the fields that a
//! server-side apply owns, and nobody else. Where nobody has applied anything, the manifest is the whole.
//! (kubectl's `three-way merge`, "Declarative Management of Kubernetes Objects"; of values
//! that were applied before only the keys are read.)

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value, json};
use tidings_core::impact::APPLIED;
use tidings_core::index::{Content, Fetched, Rare};
use tidings_core::object::{Seconds, Unreadable};
use tidings_core::refs::{Name, SourceKind, SourceRef};
use zeroize::Zeroizing;

use super::refused::{refusal, written};
use super::{of_source, read_source, there};
use crate::api::{ApiClient, ApiError, Place, Verb};
use crate::watch::scope::Filter;

/// What `kubectl apply` keeps of the manifest that it applied.
pub(crate) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// The `type` of a Secret that says none.
const OPAQUE: &str = "Opaque";
/// The fields of a manifest that hold content.
const DATA: [&str; 3] = ["data", "binaryData", "stringData"];

/// Why the API server would not take a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// It has not the shape of its kind.
    Misshapen,
    /// It is against a rule, which this says.
    Refused(String),
}

/// A source as it is.
pub struct Live {
    /// Its digests.
    pub fetched: Fetched,
    kind: String,
    annotations: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    before: Applied,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LiveObject {
    metadata: LiveMeta,
    r#type: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct LiveMeta {
    annotations: Option<BTreeMap<String, String>>,
    labels: Option<BTreeMap<String, String>>,
    managed_fields: Option<Vec<ManagedFields>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ManagedFields {
    operation: String,
    fields_v1: Value,
}

/// The keys of a manifest that was applied.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Manifest {
    metadata: ManifestMeta,
    data: Option<Keys>,
    binary_data: Option<Keys>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ManifestMeta {
    annotations: Option<Keys>,
    labels: Option<Keys>,
}

/// The keys of a map, whose values are passed over.
struct Keys(BTreeSet<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_map(OnlyKeys)
    }
}

struct OnlyKeys;

impl<'de> Visitor<'de> for OnlyKeys {
    type Value = Keys;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut keys = BTreeSet::new();
        while let Some((key, _)) = map.next_entry::<_, IgnoredAny>()? {
            keys.insert(key);
        }
        Ok(Keys(keys))
    }
}

/// What was applied before.
#[derive(Default)]
struct Applied {
    /// By the annotation of `kubectl apply`; `None` where there is none.
    data: Option<BTreeSet<String>>,
    /// By whom each key is owned, in the order of the managers.
    owners: Vec<FieldOwner>,
    written: BTreeSet<String>,
}

/// The keys of a manager of fields.
struct FieldOwner {
    applies: bool,
    data: BTreeSet<String>,
}

/// Reads a source as it is, with what was applied to it before.
pub async fn live(api: &ApiClient, key: &SourceRef, filter: &Filter) -> Result<Live, ApiError> {
    let call = of_source(Verb::Get, key.kind, Place::source(key));
    let Some(json) = there(api.read(&call).await)? else {
        return Ok(Live::absent());
    };
    Live::read(key, filter, &json)
}

impl Live {
    /// One that is not there.
    fn absent() -> Self {
        Self::new(Fetched::Absent, LiveObject::default())
    }

    fn read(key: &SourceRef, filter: &Filter, json: &[u8]) -> Result<Self, ApiError> {
        let fetched = read_source(key, filter, json)?;
        let object = serde_json::from_slice(json).map_err(|_| Unreadable)?;
        Ok(Self::new(fetched, object))
    }

    /// What was applied may be a Secret's: nothing of it is left but keys.
    fn new(fetched: Fetched, object: LiveObject) -> Self {
        let metadata = object.metadata;
        let mut annotations = metadata.annotations.unwrap_or_default();
        let mut before = Applied::default();
        if let Some(text) = annotations.remove(LAST_APPLIED).map(Zeroizing::new) {
            before.add_manifest(serde_json::from_str(&text).unwrap_or_default());
        }
        let managers = metadata.managed_fields.unwrap_or_default();
        for manager in &managers {
            before.add_fields(manager.operation == "Apply", &manager.fields_v1);
        }
        Self {
            fetched,
            kind: object.r#type,
            annotations,
            labels: metadata.labels.unwrap_or_default(),
            before,
        }
    }

    /// The same when a manifest is applied to it. An error: the API server would not take
    /// the manifest.
    pub fn with(
        &self,
        key: &SourceRef,
        filter: &Filter,
        mut manifest: Value,
        now: Seconds,
    ) -> Result<Fetched, NotTaken> {
        let named = keys_of(&manifest);
        // What is no text becomes one below.
        if let Some(why) = written::refusal(&manifest["metadata"]) {
            return Err(NotTaken::Refused(why));
        }
        self.complete(key, &mut manifest);
        let json = Zeroizing::new(manifest.to_string());
        let fetched = read_source(key, filter, json.as_bytes());
        let fetched = fetched.map_err(|_| NotTaken::Misshapen)?;
        let Fetched::Present(mut meta, content) = fetched else {
            return Ok(fetched);
        };
        meta.written = Some(now);
        meta.rewritten = self.fetched != Fetched::Absent;
        let stays = |key: &Name| !named.contains(&**key) && !self.before.goes(key, &named);
        let content = self.kept(&content, stays);
        if let Some(why) = self.refusal(&manifest, &content) {
            return Err(NotTaken::Refused(why));
        }
        Ok(Fetched::Present(meta, content))
    }

    fn refusal(&self, manifest: &Value, content: &Content) -> Option<String> {
        let is_there = self.fetched != Fetched::Absent;
        let kind = match self.kind.as_str() {
            "" if is_there => OPAQUE,
            kind => kind,
        };
        let keys = content.keys.iter().map(|(key, _)| key);
        refusal(manifest.as_object()?, &keys, kind)
    }

    /// Makes of a manifest what the API server would store.
    fn complete(&self, key: &SourceRef, manifest: &mut Value) {
        let metadata = json!({
            "namespace": key.namespace, "name": key.name,
            "resourceVersion": APPLIED.to_string(),
            "annotations": self.merged(&self.annotations, &manifest["metadata"]["annotations"]),
            "labels": self.merged(&self.labels, &manifest["metadata"]["labels"]),
        });
        let Some(object) = manifest.as_object_mut() else {
            return;
        };
        object.insert("metadata".into(), metadata);
        if key.kind == SourceKind::Secret {
            encode(object);
            in_one_line(object);
            let now = match self.kind.as_str() {
                "" => OPAQUE,
                now => now,
            };
            object.entry("type").or_insert_with(|| now.into());
        }
        let immutable = object.get("immutable").is_none_or(Value::is_null);
        if immutable && self.content().is_some_and(Content::is_immutable) {
            object.insert("immutable".into(), true.into());
        }
    }

    /// Labels or annotations: what a manifest says over what is there, without what was
    /// applied before and is not in it.
    fn merged(&self, live: &BTreeMap<String, String>, says: &Value) -> Map<String, Value> {
        let stays = live.iter();
        let stays = stays.filter(|(key, _)| !self.before.written.contains(*key));
        let stays = stays.map(|(key, value)| (key.clone(), Value::from(value.as_str())));
        let says = says.as_object().into_iter().flatten();
        let says = says.map(|(key, value)| (key.clone(), text_of(value).into()));
        stays.chain(says).collect()
    }

    fn content(&self) -> Option<&Content> {
        match &self.fetched {
            Fetched::Present(_, content) => Some(content),
            Fetched::Absent | Fetched::NotWatched => None,
        }
    }

    /// What is applied, with those keys of what is there that stay.
    fn kept(&self, applied: &Content, stays: impl Fn(&Name) -> bool) -> Content {
        let live = self.content();
        let keys = live.map_or(&[][..], |content| &content.keys);
        let keys = keys.iter().filter(|(key, _)| stays(key));
        let mut keys: Vec<_> = applied.keys.iter().chain(keys).cloned().collect();
        keys.sort_by(|(a, _), (b, _)| a.cmp(b));
        let binary = live.map_or(&[][..], Content::binary);
        let binary = binary.iter().filter(|key| stays(key));
        let mut binary: Vec<_> = applied.binary().iter().chain(binary).cloned().collect();
        binary.sort();
        Content::new(applied.version, keys).with(Rare {
            binary: binary.into(),
            immutable: applied.is_immutable(),
            ..Rare::default()
        })
    }
}

impl Applied {
    fn add_manifest(&mut self, manifest: Manifest) {
        let Manifest {
            metadata,
            data,
            binary_data,
        } = manifest;
        let data = [data, binary_data].into_iter().flatten();
        let keys = data.flat_map(|keys| keys.0);
        self.data.get_or_insert_default().extend(keys);
        let written = [metadata.annotations, metadata.labels]
            .into_iter()
            .flatten();
        self.written.extend(written.flat_map(|keys| keys.0));
    }

    /// Whether a key goes that a manifest with these keys does not name any more. A
    /// server-side apply takes away what nobody owns but who applies; that is taken to be
    /// whoever has applied anything that the manifest names.
    fn goes(&self, key: &str, named: &BTreeSet<String>) -> bool {
        if self.data.as_ref().is_some_and(|data| data.contains(key)) {
            return true;
        }
        let is_applied = self.owners.iter().any(|owner| owner.applies);
        if !is_applied {
            return self.data.is_none();
        }
        let mut owners = self.owners.iter().filter(|owner| owner.data.contains(key));
        let is_ours = |owner: &FieldOwner| owner.applies && !owner.data.is_disjoint(named);
        owners.clone().next().is_some() && owners.all(is_ours)
    }

    fn add_fields(&mut self, applies: bool, fields: &Value) {
        let names = |at: &Value| {
            let fields = at.as_object().into_iter().flatten();
            let names = fields.filter_map(|(field, _)| field.strip_prefix("f:"));
            names.map(str::to_owned).collect::<Vec<_>>()
        };
        let data = DATA.iter().flat_map(|of| names(&fields[format!("f:{of}")]));
        let data = data.collect();
        self.owners.push(FieldOwner { applies, data });
        if !applies {
            return;
        }
        let of = ["f:annotations", "f:labels"].into_iter();
        self.written
            .extend(of.flat_map(|of| names(&fields["f:metadata"][of])));
    }
}

fn text_of(value: &Value) -> String {
    let text = value.as_str().map(str::to_owned);
    text.unwrap_or_else(|| value.to_string())
}

fn keys_of(manifest: &Value) -> BTreeSet<String> {
    let maps = DATA.iter().filter_map(|of| manifest[of].as_object());
    maps.flat_map(|map| map.keys().cloned()).collect()
}

/// Base64 may have line breaks, and mostly has, as `base64` writes it (`encoding/base64` of
/// Go passes over them).
fn in_one_line(secret: &mut Map<String, Value>) {
    let data = secret.get_mut("data").and_then(Value::as_object_mut);
    for value in data.into_iter().flat_map(Map::values_mut) {
        if let Value::String(text) = value {
            text.retain(|letter| !['\r', '\n'].contains(&letter));
        }
    }
}

/// What is written in a Secret as it is, goes over what is encoded.
fn encode(secret: &mut Map<String, Value>) {
    let Some(Value::Object(plain)) = secret.remove("stringData") else {
        return;
    };
    let data = secret.entry("data").or_insert(Value::Null);
    if !data.is_object() {
        *data = json!({});
    }
    for (key, value) in plain {
        data[key] = match value {
            Value::String(text) => STANDARD.encode(&*Zeroizing::new(text)).into(),
            Value::Null => "".into(),
            // No string: refused as the API server would.
            other => other,
        };
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn source(kind: SourceKind) -> SourceRef {
        SourceRef::new(kind, "ns", "c")
    }

    fn live(kind: SourceKind, mut json: Value) -> Live {
        json["metadata"]["namespace"] = "ns".into();
        json["metadata"]["name"] = "c".into();
        json["metadata"]["resourceVersion"] = "7".into();
        let json = json.to_string();
        Live::read(&source(kind), &Filter::default(), json.as_bytes()).unwrap()
    }

    fn content(fetched: &Fetched) -> &Content {
        match fetched {
            Fetched::Present(_, content) => content,
            _ => panic!("{fetched:?}"),
        }
    }

    fn keys(live: &Live, manifest: Value) -> String {
        let key = source(SourceKind::ConfigMap);
        let after = live.with(&key, &Filter::default(), manifest, 0).unwrap();
        let keys = content(&after).keys.iter().map(|(key, _)| &**key);
        keys.collect::<Vec<_>>().join(" ")
    }

    /// `old` was applied once, `own` is somebody else's.
    #[rstest]
    #[case::by_annotation(json!({"annotations": {LAST_APPLIED: r#"{"data":{"a":"1","old":"1"}}"#}}), "a own")]
    #[case::by_the_server(json!({"managedFields": [
        {"operation": "Apply", "fieldsV1": {"f:data": {"f:a": {}, "f:old": {}}}},
        {"operation": "Update", "fieldsV1": {"f:data": {"f:own": {}}}}]}), "a own")]
    #[case::of_another_too(json!({"managedFields": [
        {"operation": "Update", "fieldsV1": {"f:data": {"f:a": {}, "f:old": {}, "f:own": {}}}},
        {"operation": "Apply", "fieldsV1": {"f:data": {"f:a": {}, "f:old": {}}}}]}), "a old own")]
    #[case::by_two(json!({"managedFields": [
        {"operation": "Apply", "fieldsV1": {"f:data": {"f:a": {}, "f:old": {}}}},
        {"operation": "Apply", "fieldsV1": {"f:data": {"f:own": {}}}}]}), "a own")]
    #[case::by_nobody(json!({}), "a")]
    fn what_was_applied_before_goes(#[case] metadata: Value, #[case] expect: &str) {
        let data = json!({"a": "1", "old": "1", "own": "1"});
        let live = live(
            SourceKind::ConfigMap,
            json!({"metadata": metadata, "data": data}),
        );
        assert_eq!(keys(&live, json!({"data": {"a": "1"}})), expect);
    }

    #[test]
    fn a_secret_is_the_same_however_it_is_written() {
        let key = source(SourceKind::Secret);
        let there = live(SourceKind::Secret, json!({"data": {"a": "aHVudGVyMg=="}}));
        for manifest in [
            json!({"data": {"a": "aHVudGVyMg=="}}),
            json!({"stringData": {"a": "hunter2"}}),
            json!({"data": {"a": "aHVu\ndGVy\r\nMg==\n"}}),
            json!({"data": {"a": "eA=="}, "stringData": {"a": "hunter2"}}),
        ] {
            let after = there.with(&key, &Filter::default(), manifest, 0).unwrap();
            assert_eq!(content(&after).keys, content(&there.fetched).keys);
        }
    }

    #[test]
    fn what_the_api_server_would_refuse_is_an_error() {
        let key = source(SourceKind::Secret);
        for manifest in [
            json!({"data": {"a": "hunter2!"}}),
            json!({"stringData": {"a": 7}}),
            json!({"data": ["hunter2"]}),
            json!("hunter2"),
        ] {
            let after = Live::absent().with(&key, &Filter::default(), manifest, 0);
            assert_eq!(after, Err(NotTaken::Misshapen));
        }
    }

    #[test]
    fn marks_are_of_both() {
        let ignore = json!({"metadata": {"annotations": {"tidings.dev/ignore": "true"}}});
        let key = source(SourceKind::ConfigMap);
        let live = live(SourceKind::ConfigMap, ignore);
        let after = live.with(&key, &Filter::default(), json!({}), 0).unwrap();
        let Fetched::Present(meta, _) = after else {
            panic!("{after:?}")
        };
        assert!(meta.marks.unwrap().ignore);
    }
}
