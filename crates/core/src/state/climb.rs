//! What is recorded of a roll that does not go by a rollout alone.
//!
//! Its rungs are written with the intent, and again before the next one is taken; who
//! comes after a crash goes on from them, and asks the pods ([`crate::ladder`]). What is
//! refused is kept with the digest of that content: it is not brought again under this
//! number, and is told until there is other content.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use tidings_shared::plain::plain;

use crate::digest::Digest;
use crate::few::Few;
use crate::method::{Method, Methods};
use crate::refs::Name;

use super::{Seen, SeenKeys, SeenSource};

/// Characters of the text of a refusal that are kept.
const TEXT_KEPT: usize = 200;

/// How a roll is done that does not go by a rollout alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Climb {
    /// The methods that are left for it, from the one on that is taken.
    #[serde(serialize_with = "write_rungs", deserialize_with = "read_rungs")]
    pub rungs: Methods,
    /// Those that did not end well under this number.
    #[serde(
        default,
        skip_serializing_if = "is_none",
        serialize_with = "write_rungs",
        deserialize_with = "read_rungs"
    )]
    pub tried: Methods,
    /// Why gentler ones that are listed were passed, or did not end well.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub why: Box<str>,
    /// What a PodDisruptionBudget says that holds it now; empty where none does.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub held: Box<str>,
    /// Whether pods may have some of what was to be brought since the last roll that came
    /// through, one and another of them something else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub begun: bool,
    /// What it is to bring: all that has changed since the last roll that came through.
    /// Empty where that is not known.
    #[serde(default, skip_serializing_if = "Few::is_empty")]
    pub due: Outstanding,
    /// The digest of the content with which it has passed the gates, where something else
    /// was noted since, such as a source that appeared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<Digest>,
    /// That its content was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
}

/// Of each source, in the namespace of the entry, what happened to which of its keys.
pub type Outstanding = Few<Seen, DueKeys>;

/// What pods may not have of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueKeys {
    /// What happened last.
    #[serde(default, skip_serializing_if = "DueWhat::is_changed")]
    pub what: DueWhat,
    /// To which keys; none: to all, or it is not known to which.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Name>,
}

/// What happened to a source that is due, as far as methods differ by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DueWhat {
    /// There is other content, or some where there was none.
    #[default]
    Changed,
    /// It is gone, and containers start without it.
    Gone,
    /// It is gone, and they do not.
    Missing,
}

impl DueWhat {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes fields by reference"
    )]
    fn is_changed(&self) -> bool {
        *self == Self::Changed
    }
}

/// How content was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Refusal {
    /// The check of a pod's agent did not pass.
    Rejected,
    /// A container that uses it ended by itself when it had come.
    Died,
    /// No method that is listed brought it.
    NotTaken,
}

/// Content that was refused by a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// How.
    pub by: Refusal,
    /// The digest of all that counts of it ([`content_of`]).
    pub content: Digest,
    /// Of each source that was brought, the same of that alone: as long as all of these are
    /// as they were, whatever else changes, it is refused. Empty: the content as a whole.
    #[serde(default, skip_serializing_if = "Few::is_empty")]
    pub of: Few<Seen, Digest>,
    /// The name of the pod, where it was one.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub pod: Box<str>,
    /// The last line of the check, or why it was not taken.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub text: Box<str>,
}

impl Refused {
    /// A refusal of what was seen as a whole; of the text the last line is kept, as it can
    /// be shown.
    pub fn new(by: Refusal, seen: &Few<Seen, SeenSource>, pod: &str, text: &str) -> Self {
        let mut lines = text.lines().rev().map(str::trim_end);
        let line = lines.find(|line| !line.is_empty()).unwrap_or_default();
        let line: String = plain(line).chars().take(TEXT_KEPT).collect();
        Self {
            by,
            content: content_of(seen),
            of: Few::new(),
            pod: pod.into(),
            text: line.into(),
        }
    }

    /// The same of no more than what was due; where that is not known, as a whole.
    #[must_use]
    pub fn of_due(self, due: &Outstanding, seen: &Few<Seen, SeenSource>) -> Self {
        let of = due.keys().filter_map(|source| {
            let content = counted(seen.get(source)?);
            Some((source.clone(), content))
        });
        Self {
            of: of.collect(),
            ..self
        }
    }

    /// Whether other content of this source would be another try.
    pub fn covers(&self, source: &Seen) -> bool {
        self.of.is_empty() || self.of.get(source).is_some()
    }

    /// Whether what was refused is still what was seen.
    pub(super) fn stands(&self, seen: &Few<Seen, SeenSource>) -> bool {
        if self.of.is_empty() {
            return self.content == content_of(seen);
        }
        let mut of = self.of.iter();
        of.all(|(source, content)| seen.get(source).map(counted) == Some(*content))
    }
}

/// Between what changed and by which method it is brought.
const BY: &str = "; by ";

/// What changed, and by which method it is brought: `configmap/web (a); by hot`. In
/// brackets why by no gentler one, where there is one that is listed.
pub fn tell_method(cause: &str, method: &str, why: &str) -> String {
    match why {
        "" => format!("{cause}{BY}{method}"),
        why => format!("{cause}{BY}{method} ({why})"),
    }
}

/// What changed, of such a text, or of one that tells no more.
pub fn cause_of(because: &str) -> &str {
    because.split(BY).next().unwrap_or_default()
}

/// By which method it is brought, and why by no gentler one; none where nobody asked for
/// more than a rollout.
pub fn told_method(because: &str) -> Option<&str> {
    let (_, by) = because.split_once(BY)?;
    Some(by)
}

/// One digest of all that counts of what was seen, whatever else was written.
pub fn content_of(seen: &Few<Seen, SeenSource>) -> Digest {
    let names: Vec<_> = seen.keys().map(|key| String::from(key.clone())).collect();
    let contents = seen.values().map(counted);
    let each = names.iter().map(|name| &**name).zip(contents.map(Some));
    Digest::of_keys(each)
}

/// The same of one source.
fn counted(source: &SeenSource) -> Digest {
    match &source.keys {
        SeenKeys::Together(digest) => *digest,
        SeenKeys::Apart(keys) => {
            Digest::of_keys(keys.iter().map(|(key, digest)| (&**key, digest.0)))
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
fn is_none(methods: &Methods) -> bool {
    methods.is_empty()
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
fn write_rungs<S: Serializer>(rungs: &Methods, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(rungs)
}

/// A method that is not known is of a newer form, which is not read.
fn read_rungs<'de, D: Deserializer<'de>>(from: D) -> Result<Methods, D::Error> {
    let text = String::deserialize(from)?;
    let words = text
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty());
    let methods = words.map(|word| Method::parse(word).ok_or("not a method"));
    methods.collect::<Result<_, _>>().map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refs::SourceKind;
    use crate::state::{Entry, Epoch, FORM, KeyDigest, Unread};

    fn seen(value: &str, rv: u64) -> Few<Seen, SeenSource> {
        let digest = Digest::of_parts(&[value.as_bytes()]);
        let keys = Few::from([(Name::from("site.conf"), KeyDigest(Some(digest)))]);
        let source = Seen {
            kind: SourceKind::ConfigMap,
            name: "web".into(),
        };
        Few::from([(source, SeenSource::new(rv, true, keys))])
    }

    fn due() -> Outstanding {
        let keys = |what, key: &str| DueKeys {
            what,
            keys: vec![key.into()],
        };
        let of = |kind, name: &str| Seen {
            kind,
            name: name.into(),
        };
        Few::from([
            (
                of(SourceKind::ConfigMap, "web"),
                keys(DueWhat::Changed, "site.conf"),
            ),
            (of(SourceKind::Secret, "tls"), keys(DueWhat::Gone, "ca.crt")),
        ])
    }

    fn entry() -> Entry {
        let digest = Digest::of_parts(&[b"template"]);
        let refused = Refused::new(
            Refusal::Rejected,
            &seen("broken", 7),
            "web-0",
            "nginx: configuration\nline 3: unexpected \u{1b}[31m}\n\n",
        );
        Entry {
            n: 4,
            done: false,
            climb: Some(Box::new(Climb {
                rungs: Methods::read("hot, rollout").0,
                due: due(),
                refused: Some(refused),
                ..Climb::default()
            })),
            seen: seen("broken", 7),
            ..Entry::new("u".into(), Epoch::parse("k7f2").unwrap(), digest)
        }
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let text = entry().write(FORM);
        assert_eq!(Entry::read(text.as_bytes()).unwrap(), entry());
        insta::assert_snapshot!(text, @r##"{"v":3,"f":3,"uid":"u","n":4,"epoch":"k7f2","done":false,"template":"13dc57c82341f9ab67c57cdc0fa34912","climb":{"rungs":"hot, rollout","due":{"configmap/web":{"keys":["site.conf"]},"secret/tls":{"what":"gone","keys":["ca.crt"]}},"refused":{"by":"rejected","content":"987a6fa19e72c58829ce1990e9fb130f","pod":"web-0","text":"line 3: unexpected \\u{1b}[31m}"}},"seen":{"configmap/web":{"rv":7,"whole":true,"keys":{"site.conf":"566a2a8e6d8e159a9593b3b314b534c0"}}}}"##);
    }

    /// A version that does not know it would roll what is listed as hot only.
    #[test]
    fn whoever_knows_an_older_form_does_not_touch_it() {
        let text = entry().write(1);
        assert!(text.starts_with(r#"{"v":3,"f":3,"#), "{text}");
        let plain = Entry {
            climb: None,
            ..entry()
        };
        assert!(plain.write(FORM).starts_with(r#"{"v":1,"f":2,"#));
        let newer = text
            .replace(r#""f":3"#, r#""f":4"#)
            .replace("hot", "teleport");
        assert_eq!(Entry::read(newer.as_bytes()), Err(Unread::Newer(4)));
    }

    #[test]
    fn what_was_refused_is_known_by_its_content() {
        let refused = entry();
        let by = refused.refused().map(|refused| &*refused.text);
        assert_eq!(by, Some(r"line 3: unexpected \u{1b}[31m}"));
        let written_again = Entry {
            seen: seen("broken", 9),
            ..entry()
        };
        assert!(written_again.refused().is_some());
        let mended = Entry {
            seen: seen("mended", 9),
            ..entry()
        };
        assert_eq!(mended.refused(), None);
    }
}
