//! YAML as it was written: values, and the line on which each begins.
//!
//! Goes in: a text of one or more documents. Comes out: one [`Tree`] a document
//! that holds anything. The error says what is wrong and on which line; it may
//! name a key but quotes no value, which may be a Secret's.

use std::thread;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;
use serde_saphyr::options::NonFiniteFloatPolicy;

/// Objects of Kubernetes nest less deeply than this, their schemas too.
const DEEPEST: usize = 128;
/// A list of all objects of a large cluster is one document.
const MOST: usize = 20_000_000;
/// So much may stand for something that is written once (events of the parser).
const REPEATED: usize = 100_000;
/// The parser calls itself for each level, and whoever asks may be on a small stack.
const STACK: usize = 32 << 20;

/// A value, and where it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// The line on which it begins, from 1.
    pub line: u64,
    node: Node,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    /// Anything but a list or a map.
    Plain(Value),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

/// A document that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The line; 0 where it is not known.
    pub line: u64,
    /// What is wrong.
    pub text: String,
}

/// Reads all documents. What comes after a mistake in the syntax is not read.
pub fn documents(text: &str) -> Vec<Result<Tree, Wrong>> {
    thread::scope(|scope| {
        let parser = thread::Builder::new().stack_size(STACK);
        let parsed = parser.spawn_scoped(scope, || parse(text));
        let parsed = parsed.ok().and_then(|parsing| parsing.join().ok());
        parsed.unwrap_or_else(|| {
            let text = "this machine has no room to read it".to_owned();
            vec![Err(Wrong { line: 0, text })]
        })
    })
}

fn parse(text: &str) -> Vec<Result<Tree, Wrong>> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: DEEPEST, max_nodes: MOST, max_events: 2 * MOST },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: REPEATED },
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        // Lines of comments are not counted against what a parser may hold.
        emit_comments: false,
        with_snippet: false,
    };
    let mut bytes = text.as_bytes();
    let trees = serde_saphyr::read_with_options::<_, Tree>(&mut bytes, options);
    trees
        .map(|read| {
            read.map_err(|error| Wrong {
                line: error.location().map_or(0, |at| at.line()),
                text: said(&error),
            })
        })
        .collect()
}

fn original(error: &serde_saphyr::Error) -> &serde_saphyr::Error {
    match error.without_snippet() {
        serde_saphyr::Error::AliasError { error, .. } => original(error),
        error => error,
    }
}

/// In words for who wrote the text, not for who calls the parser.
fn said(error: &serde_saphyr::Error) -> String {
    match original(error) {
        serde_saphyr::Error::Budget { .. } => {
            format!("more than {MOST} nodes or {DEEPEST} levels, with what its aliases stand for")
        }
        serde_saphyr::Error::AliasReplayLimitExceeded { .. } => {
            format!("its aliases stand for more than {REPEATED} values")
        }
        serde_saphyr::Error::DuplicateMappingKey { key, .. } => match key {
            Some(key) => format!("the key {key} stands twice"),
            None => "a key stands twice".to_owned(),
        },
        other => other.to_string(),
    }
}

impl Tree {
    /// What is under a key of a map.
    pub fn get(&self, key: &str) -> Option<&Tree> {
        self.entries().find(|(k, _)| *k == key).map(|(_, v)| v)
    }

    /// What is at the end of a path of keys.
    pub fn at(&self, path: &[&str]) -> Option<&Tree> {
        path.iter().try_fold(self, |tree, key| tree.get(key))
    }

    /// The entries of a map, in their order; of anything else none.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Tree)> {
        let entries = match &self.node {
            Node::Map(entries) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The items of a list; of anything else none.
    pub fn items(&self) -> &[Tree] {
        match &self.node {
            Node::List(items) => items,
            _ => &[],
        }
    }

    /// The line of the first entry with this key and text, here or below.
    pub fn line_of(&self, key: &str, text: &str) -> Option<u64> {
        let here = self.get(key).filter(|value| value.text() == Some(text));
        let below = || {
            let entries = self.entries().map(|(_, value)| value);
            let mut all = entries.chain(self.items());
            all.find_map(|value| value.line_of(key, text))
        };
        here.map(|value| value.line).or_else(below)
    }

    /// A string.
    pub fn text(&self) -> Option<&str> {
        match &self.node {
            Node::Plain(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The string under a key; empty where there is none.
    pub fn word(&self, key: &str) -> &str {
        self.get(key).and_then(Tree::text).unwrap_or_default()
    }

    /// A string, a number or a boolean, as it is shown; empty ones are none.
    pub fn scalar(&self) -> Option<String> {
        let is_one = matches!(&self.node, Node::Plain(value) if !value.is_null());
        is_one
            .then(|| self.to_text())
            .filter(|text| !text.is_empty())
    }

    /// A string, or what else it is as a string.
    pub fn to_text(&self) -> String {
        self.text()
            .map_or_else(|| self.json().to_string(), ToOwned::to_owned)
    }

    /// The same as JSON.
    pub fn json(&self) -> Value {
        match &self.node {
            Node::Plain(value) => value.clone(),
            Node::List(items) => items.iter().map(Tree::json).collect(),
            Node::Map(entries) => {
                let entries = entries.iter();
                let entries = entries.map(|(key, value)| (key.clone(), value.json()));
                Value::Object(entries.collect::<Map<_, _>>())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Node>::deserialize(input)?;
        Ok(Self {
            line: spanned.referenced.line(),
            node: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(AnyNode)
    }
}

struct AnyNode;

impl<'de> Visitor<'de> for AnyNode {
    type Value = Node;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Plain(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Plain(
            Number::from_f64(value).map_or(Value::Null, Value::Number),
        ))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(text: &str) -> Tree {
        documents(text).remove(0).unwrap()
    }

    /// The stack of whoever asks is not what levels are counted on.
    #[test]
    fn what_nests_deeply_is_told_whatever_the_stack() {
        let nested = [
            "- ".repeat(300) + "x",
            "{\"a\":".repeat(300),
            "[".repeat(300),
        ];
        let parser = thread::Builder::new().stack_size(256 << 10);
        let parsing = parser.spawn(move || nested.map(|text| documents(&text)));
        for read in parsing.unwrap().join().unwrap() {
            assert!(read.iter().any(Result::is_err), "{read:?}");
        }
    }

    #[test]
    fn what_stands_for_much_is_told() {
        let level = |level: usize| {
            let below = vec![format!("*a{}", level - 1); 10].join(",");
            format!("a{level}: &a{level} [{below}]\n")
        };
        let above: String = (1..10).map(level).collect();
        let text = format!("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n{above}");
        let said = documents(&text).remove(0).unwrap_err().text;
        assert_eq!(said, "its aliases stand for more than 100000 values");
    }

    #[test]
    fn a_list_of_a_large_cluster_is_read() {
        let text = "- a: 1\n".repeat(100_000);
        assert!(documents(&text)[0].is_ok());
    }

    #[test]
    fn values_know_their_lines() {
        let tree = one("# why\na:\n  b: x\n  list:\n    - 1\n    - k: v\n");
        assert_eq!(tree.line, 2);
        assert_eq!(tree.at(&["a", "b"]).map(|t| t.line), Some(3));
        assert_eq!(tree.at(&["a", "list"]).unwrap().items()[1].line, 6);
        assert_eq!(
            tree.json(),
            json!({"a": {"b": "x", "list": [1, {"k": "v"}]}})
        );
    }

    #[test]
    fn documents_are_read_one_by_one() {
        let text = "a: 1\n---\n# nothing\n---\nb: &x 2\nc: *x\n---\n{\"d\": [true, null]}\n";
        let read: Vec<_> = documents(text).into_iter().map(Result::unwrap).collect();
        let json: Vec<_> = read.iter().map(Tree::json).collect();
        assert_eq!(
            json,
            [
                json!({"a": 1}),
                json!({"b": 2, "c": 2}),
                json!({"d": [true, null]})
            ]
        );
        assert_eq!(read[1].line, 5);
    }

    #[test]
    fn words_are_read_as_kubectl_does() {
        let tree = one("a: yes\nb: \"yes\"\nc: 1.5\nd: 010\ne: ~\nf: .inf\n<<: {g: 1}\n");
        let json = tree.json();
        assert_eq!((&json["a"], &json["b"]), (&json!(true), &json!("yes")));
        assert_eq!((&json["e"], &json["g"]), (&json!(null), &json!(1)));
    }

    #[test]
    fn a_mistake_is_named_with_its_line_and_without_values() {
        let read = documents("a: 1\n---\nb: hunter2\n c: hunter3\n");
        assert!(read[0].is_ok());
        let wrong = read[1].as_ref().unwrap_err();
        assert_eq!(wrong.line, 4, "{wrong:?}");
        assert!(!wrong.text.contains("hunter"), "{wrong:?}");
    }

    #[test]
    fn many_comments_and_deep_values_are_read() {
        let comments = "# x\n".repeat(500);
        let deep = format!("{}1{}", "[".repeat(60), "]".repeat(60));
        assert!(documents(&format!("a:\n{comments}  - 1\nb: {deep}\n"))[0].is_ok());
    }

    #[test]
    fn aliases_that_multiply_are_an_error() {
        let line = |n: usize| {
            format!(
                "a{n}: &a{n} [{}]\n",
                vec![format!("*a{}", n - 1); 9].join(", ")
            )
        };
        let lines: String = (1..12).map(line).collect();
        let read = documents(&format!("a0: &a0 [x, x, x]\n{lines}"));
        assert!(read.iter().any(Result::is_err));
    }
}
