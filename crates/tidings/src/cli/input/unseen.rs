//! Annotations that stand where nothing reads them before something is rendered: in the
//! values of a chart, in patches, in the templates of another object.
//!
//! Goes in: an object, a document, or a text. Comes out: the lines on which such keys are
//! written. Of what stands around them nothing is kept. Pure.

use super::objects::Object;
use super::tree::Tree;

/// The domains of the annotations that Tidings reads.
const DOMAINS: [&str; 4] = [
    "tidings.dev",
    "reloader.stakater.com",
    "wave.pusher.com",
    "configmap.fabric8.io",
];

/// Whether a key is one of these domains, or of one below it.
pub(in crate::cli) fn is_key(key: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
    let Some((domain, name)) = key.split_once('/') else {
        return false;
    };
    let known = DOMAINS.iter().any(|known| domain.ends_with(known));
    known && domain.chars().all(plain) && !name.is_empty() && name.chars().all(plain)
}

/// The lines of such keys on an object of which something else is made. A workload's own
/// are read, and a copy that another object made is not edited.
pub fn on(object: &Object) -> Vec<u64> {
    const KUSTOMIZE: &str = "kustomize.config.k8s.io";
    let is_values = object.group.is_empty() && object.kind == "ConfigMap";
    let is_made = object.is_custom() || object.group == KUSTOMIZE || is_values;
    if !is_made || object.is_owned() {
        return Vec::new();
    }
    let parts = object.tree.entries();
    let parts = parts.filter(|(key, _)| !["metadata", "status"].contains(key));
    parts.flat_map(|(key, tree)| entry(key, tree)).collect()
}

/// The lines of such keys anywhere in a document.
pub fn in_tree(tree: &Tree) -> Vec<u64> {
    let entries = tree.entries().flat_map(|(key, tree)| entry(key, tree));
    let items = tree.items().iter().flat_map(in_tree);
    let text = tree.text().map(in_text).unwrap_or_default();
    let text = std::iter::repeat_n(tree.line, text);
    entries.chain(items).chain(text).collect()
}

fn entry(key: &str, tree: &Tree) -> Vec<u64> {
    if is_key(key) {
        vec![tree.line]
    } else {
        in_tree(tree)
    }
}

/// How many such keys are written in a text: YAML, JSON, the path of a JSON patch or of a
/// chart's value. What is commented out is none.
pub fn in_text(text: &str) -> usize {
    let lines = text.lines().map(str::trim_start);
    lines
        .filter(|line| !line.starts_with('#'))
        .map(in_line)
        .sum()
}

/// In a JSON pointer the slash is escaped, in a path of Helm's the points are.
fn in_line(line: &str) -> usize {
    let line = line.replace("~1", "/").replace("\\.", ".");
    let ends = DOMAINS.iter().flat_map(|domain| {
        let found = line.match_indices(domain);
        found.map(|(at, _)| at + domain.len()).collect::<Vec<_>>()
    });
    ends.filter(|end| is_key_until(&line[*end..])).count()
}

/// Whether the name of a key follows, and then what follows a key.
fn is_key_until(rest: &str) -> bool {
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let Some(name) = rest.strip_prefix('/').filter(|n| n.starts_with(in_name)) else {
        return false;
    };
    let after = name.trim_start_matches(in_name);
    let after = after.trim_start_matches(['"', '\'', ' ']);
    after.is_empty() || after.starts_with([':', ',', '='])
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::cli::input::tree::documents;

    #[rstest]
    #[case("reloader.stakater.com/auto: \"true\"", 1)]
    #[case("  \"configmap.reloader.stakater.com/reload\": a", 1)]
    #[case("path: /metadata/annotations/tidings.dev~1reload", 1)]
    #[case(r"podAnnotations.reloader\.stakater\.com/auto", 1)]
    #[case("{tidings.dev/reload: auto, tidings.dev/settle: 5s}", 2)]
    #[case("# tidings.dev/reload: auto", 0)]
    #[case("see tidings.dev/reload for more", 0)]
    #[case("https://tidings.dev/", 0)]
    #[case(
        "a: {{ x }}\nb:\n  wave.pusher.com/update-on-config-change: \"true\"\n",
        1
    )]
    fn keys_are_found_in_a_text(#[case] text: &str, #[case] expected: usize) {
        assert_eq!(in_text(text), expected);
    }

    #[test]
    fn keys_are_found_in_values_of_any_depth() {
        let text = "web:\n  podAnnotations:\n    tidings.dev/reload: auto\nlist:\n  - patch: |\n      tidings.dev/settle: 5s\n";
        let tree = documents(text).remove(0).unwrap();
        assert_eq!(in_tree(&tree), [3, 6]);
    }

    #[test]
    fn what_a_server_noted_of_a_field_is_no_key() {
        assert!(is_key("secret.reloader.stakater.com/reload"));
        assert!(!is_key("f:reloader.stakater.com/auto"));
        assert!(!is_key("tidings.dev"));
    }
}
