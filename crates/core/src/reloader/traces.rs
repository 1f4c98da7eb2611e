//! What stakater/Reloader left on a pod template: which content it last rolled
//! the workload for.
//!
//! Goes in: environment variables and the annotation `last-reloaded-from`. Comes
//! out: SHA-1 hashes by the name of the variable. Reloader hashes the sorted
//! `key=value` of a source, joined by `;`; the hash is compared with that of the
//! present content when a workload is taken over from it. What is not of its
//! form is not Reloader's.

use serde::Deserialize;
use serde_json::Value;

use crate::annotations::LAST_RELOADED_FROM;
use crate::refs::{SOURCES, SourceKind, SourceRef};

/// The beginning of the name of every variable that Reloader sets.
const PREFIX: &str = "STAKATER_";

/// A SHA-1 hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sha1(pub [u8; 20]);

impl Sha1 {
    /// Reads 40 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 20];
        if text.len() != 40 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }
}

/// One hash that Reloader recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The name of the variable, also for what an annotation records. It does not
    /// tell `my-app` from `my.app`.
    pub variable: Box<str>,
    /// The hash.
    pub hash: Sha1,
}

impl Trace {
    /// What an environment variable records, if it is one of Reloader's.
    pub fn of_variable(name: &str, value: &str) -> Option<Self> {
        let ours = name.starts_with(PREFIX) && SOURCES.iter().any(|row| is_of(name, row.kind));
        let hash = Sha1::parse(value).filter(|_| ours)?;
        Some(Self {
            variable: name.into(),
            hash,
        })
    }

    /// What the annotation `last-reloaded-from` records.
    pub fn of_annotation(json: &str) -> Option<Self> {
        let Last { r#type, name, hash } = serde_json::from_str(json).ok()?;
        let mut kinds = SourceKind::all();
        let kind = kinds.find(|kind| suffix(*kind) == r#type.to_ascii_uppercase())?;
        Some(Self {
            variable: variable(kind, &name).into(),
            hash: Sha1::parse(&hash)?,
        })
    }
}

/// Takes off a pod template what is of Reloader's form, whoever wrote it: it is no
/// edit of the template by its owner.
pub fn take_traces(template: &mut Value) -> Vec<Trace> {
    let mut traces = Vec::new();
    let containers = template.pointer_mut("/spec/containers");
    for container in containers
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        take_variables(container, &mut traces);
    }
    let annotations = template.pointer_mut("/metadata/annotations");
    let annotations = annotations.and_then(Value::as_object_mut);
    let last = annotations.and_then(|annotations| annotations.remove(LAST_RELOADED_FROM));
    let last = last.as_ref().and_then(Value::as_str);
    traces.extend(last.and_then(Trace::of_annotation));
    traces
}

fn take_variables(container: &mut Value, traces: &mut Vec<Trace>) {
    let Some(env) = container.get_mut("env").and_then(Value::as_array_mut) else {
        return;
    };
    let text = |one: &Value, field: &str| one[field].as_str().unwrap_or_default().to_owned();
    env.retain(|one| {
        let trace = Trace::of_variable(&text(one, "name"), &text(one, "value"));
        let stays = trace.is_none();
        traces.extend(trace);
        stays
    });
    // The API server keeps no empty list.
    if env.is_empty()
        && let Some(container) = container.as_object_mut()
    {
        container.remove("env");
    }
}

#[derive(Deserialize)]
struct Last {
    r#type: String,
    name: String,
    hash: String,
}

/// The variable that Reloader sets for a source: its name in capitals, each run
/// of other characters than letters and digits as `_`, and its kind.
pub fn variable_of(source: &SourceRef) -> String {
    variable(source.kind, &source.name)
}

fn variable(kind: SourceKind, name: &str) -> String {
    let mut variable = PREFIX.to_owned();
    for c in name.to_ascii_uppercase().chars() {
        if c.is_ascii_alphanumeric() {
            variable.push(c);
        } else if !variable.ends_with('_') {
            variable.push('_');
        }
    }
    variable + "_" + &suffix(kind)
}

fn suffix(kind: SourceKind) -> String {
    kind.row().word.to_ascii_uppercase()
}

fn is_of(variable: &str, kind: SourceKind) -> bool {
    let name = variable.strip_suffix(&suffix(kind));
    name.is_some_and(|name| name.ends_with('_'))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const HASH: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";

    #[rstest]
    #[case(
        SourceKind::ConfigMap,
        "nginx-config",
        "STAKATER_NGINX_CONFIG_CONFIGMAP"
    )]
    #[case(SourceKind::Secret, "my.app--x", "STAKATER_MY_APP_X_SECRET")]
    #[case(
        SourceKind::SecretProviderClass,
        "vault",
        "STAKATER_VAULT_SECRETPROVIDERCLASS"
    )]
    fn variables_are_named_as_reloader_names_them(
        #[case] kind: SourceKind,
        #[case] name: &str,
        #[case] expect: &str,
    ) {
        let source = SourceRef::new(kind, "ns", name);
        assert_eq!(variable_of(&source), expect);
        let trace = Trace::of_variable(expect, HASH).unwrap();
        assert_eq!(&*trace.variable, expect);
    }

    #[rstest]
    #[case("STAKATER_APP_CONFIGMAP", "not a hash")]
    #[case("STAKATER_APP", HASH)]
    #[case("APP_CONFIGMAP", HASH)]
    fn what_is_not_of_the_form_is_not_reloaders(#[case] name: &str, #[case] value: &str) {
        assert_eq!(Trace::of_variable(name, value), None);
    }

    #[test]
    fn the_annotation_records_the_last_source() {
        let json = format!(r#"{{"type":"SECRET","name":"db","namespace":"ns","hash":"{HASH}"}}"#);
        let trace = Trace::of_annotation(&json).unwrap();
        assert_eq!(&*trace.variable, "STAKATER_DB_SECRET");
        assert_eq!(Trace::of_annotation(r#"{"type":"SECRET"}"#), None);
        assert_eq!(Trace::of_annotation("nonsense"), None);
    }
}
