//! Every annotation that Tidings reads or writes: one row each, in [`table`].
//!
//! Goes in: the text of one annotation. Comes out: a [`Setting`], and a sentence
//! for each part that is wrong; the good parts hold. What the settings of a
//! workload mean together is [`crate::policy`]'s. The reference page, the
//! nearest known key of a misspelled one and the tests follow from the table.

mod charge;
mod items;
mod read;
mod table;
mod times;

use crate::approval::{Pause, Said};
use crate::bounds;
use crate::few::Few;
use crate::pattern::Pattern;
use crate::reason::{Problem, Reason};
use crate::refs::{Name, SourceKind};

pub use charge::{Charge, Gates};
pub use items::{Item, Named};
pub use table::{ANNOTATIONS, OwnSettings};
pub use times::{go_seconds, millis};

/// Annotations of one object.
pub type Annotations = Few<String, String>;

/// Tidings' own domain: what is misspelled in it is said.
pub const OWN: &str = "tidings.dev/";
/// On a pod template: the installation and its number of the roll.
pub const CONFIG: &str = "tidings.dev/config";
/// On a pod template: what changed.
pub const BECAUSE: &str = "tidings.dev/because";
/// What `kubectl rollout restart` writes on a pod template: a time. Operators that
/// keep their templates leave it there.
pub const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";
/// What is opted in, in Tidings' own words.
pub const RELOAD: &str = "tidings.dev/reload";
/// By which methods a change may be brought.
pub const METHOD: &str = "tidings.dev/method";
/// On a source: never a reason to roll.
pub const IGNORE: [&str; 2] = ["tidings.dev/ignore", "reloader.stakater.com/ignore"];
/// On a source: its changes do not wait for a window.
pub const URGENT: &str = "tidings.dev/urgent";
/// On a workload: the number that may be rolled.
pub const APPROVE: &str = "tidings.dev/approve";
/// On a workload: the number that must not be.
pub const REJECT: &str = "tidings.dev/reject";
/// On a workload: the number whose train may go on.
pub const RESUME: &str = "tidings.dev/resume";
/// On a workload: whose words these are.
pub const APPROVED_BY: &str = "tidings.dev/approved-by";
/// On a workload, a namespace, or Tidings' own namespace: whether all rolls wait.
pub const PAUSE: &str = "tidings.dev/pause";
/// On a source: for workloads that search.
pub const MATCH: &str = "reloader.stakater.com/match";
/// How long a Deployment stays paused after a roll.
pub const PAUSE_PERIOD: &str = "deployment.reloader.stakater.com/pause-period";
/// On a Deployment: when it was paused for a roll.
pub const PAUSED_AT: &str = "deployment.reloader.stakater.com/paused-at";
/// How an Argo Rollout is rolled.
pub const ROLLOUT_STRATEGY: &str = "reloader.stakater.com/rollout-strategy";
/// On a pod template: what Reloader, or the `annotations` strategy, rolled it for.
pub const LAST_RELOADED_FROM: &str = "reloader.stakater.com/last-reloaded-from";

/// The wave of a workload whose own cannot be read: it goes last.
pub const LAST_WAVE: i32 = i32::MAX;

/// Where an annotation is read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the workload, else on its pod template, else on its namespace.
    WorkloadOrNamespace,
    /// On the workload, else on its pod template, and on its namespace: both hold.
    WorkloadAndNamespace,
    /// On the namespace.
    Namespace,
    /// On the workload, else on its pod template.
    Workload,
    /// On the workload only.
    WorkloadOnly,
    /// On the workload itself, and on its namespace: both hold.
    WorkloadOnlyAndNamespace,
    /// On the source.
    Source,
    /// Written on the pod template at a roll.
    Written,
    /// Written on the workload at a roll.
    WrittenOnWorkload,
}

/// What one annotation says.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// `tidings.dev/reload`
    Reload(Vec<Item>),
    /// Reloader's `auto`, for all kinds of sources or one.
    Auto(Option<SourceKind>, bool),
    /// Lists of names, of Reloader or fabric8's configmapcontroller.
    Names(SourceKind, Vec<Pattern>),
    /// Reloader's `search`.
    Search(bool),
    /// Reloader's `exclude` lists.
    Exclude(SourceKind, Vec<Name>),
    /// Reloader's `pause-period`, in whole seconds; a part of one counts whole.
    PausePeriod(u64),
    /// Reloader's `rollout-strategy`: whether it is `restart`.
    RestartAt(bool),
    /// wave's `update-on-config-change`.
    Wave(bool),
    /// wave's lists of names, each perhaps of another namespace.
    Placed(SourceKind, Vec<(Option<Name>, Name)>),
    /// Nothing to put together with others: it stands alone, is read on sources, or is
    /// written by Tidings.
    Nothing,
}

/// How one annotation's text is read.
#[derive(Debug)]
pub enum Reading {
    /// What it says counts together with others ([`crate::policy`]). What is wrong with
    /// it goes to the list; what can be read all the same is returned.
    Together(fn(&str, &mut Vec<String>) -> Option<Setting>),
    /// It is one of the own settings, or wrong.
    Alone(fn(&str, &mut OwnSettings) -> Result<(), String>),
    /// It is a gate. What is wrong goes to the list, and errs on the side of waiting.
    Gate(fn(&str, &mut Gates, &mut Vec<String>)),
    /// It is a word of people, or wrong.
    Word(fn(&str, &mut Said) -> Result<(), String>),
}

/// One row of the table.
#[derive(Debug)]
pub struct Annotation {
    /// Its key.
    pub key: &'static str,
    /// Where it belongs.
    pub place: Place,
    /// Whether it opts in, in others' words: it says nothing beside
    /// `tidings.dev/reload`.
    pub yields: bool,
    /// The form of its value.
    pub value: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// A value that is valid.
    pub example: &'static str,
    /// Its reader.
    pub read: Reading,
}

impl Annotation {
    /// Reads its text. What is wrong with it goes to the list; what can be read all the
    /// same is returned.
    pub fn read(&self, text: &str, problems: &mut Vec<String>) -> Option<Setting> {
        match self.read {
            Reading::Together(read) => read(text, problems),
            Reading::Alone(_) => {
                let read = self.read_alone(text, &mut OwnSettings::default());
                read::or_say(read.map(|()| Setting::Nothing), problems)
            }
            Reading::Gate(_) => {
                self.read_gate(text, &mut Gates::default(), problems);
                Some(Setting::Nothing)
            }
            Reading::Word(_) => {
                let read = self.read_word(text, &mut Said::default());
                read::or_say(read.map(|()| Setting::Nothing), problems)
            }
        }
    }

    /// Reads its text into the own settings, if it is one of them.
    pub(crate) fn read_alone(&self, text: &str, own: &mut OwnSettings) -> Result<(), String> {
        match self.read {
            Reading::Alone(_) if is_too_long(text) => Err(too_long()),
            Reading::Alone(read) => read(text, own),
            _ => Ok(()),
        }
    }

    /// Reads its text into the gates, if it is one.
    pub(crate) fn read_gate(&self, text: &str, gates: &mut Gates, problems: &mut Vec<String>) {
        if let Reading::Gate(read) = self.read {
            let before = problems.len();
            read(text, gates, problems);
            if is_too_long(text) {
                problems.truncate(before);
                problems.push(too_long());
            }
        }
    }

    /// Reads its text as a word of people, if it is one.
    pub(crate) fn read_word(&self, text: &str, said: &mut Said) -> Result<(), String> {
        let Reading::Word(read) = self.read else {
            return Ok(());
        };
        let read = read(text, said);
        if is_too_long(text) {
            return Err(too_long());
        }
        read
    }
}

/// Stands for a text that is too long to be kept and read.
const TOO_LONG: &str = "\u{0}too long";

/// Whether a text was too long to be kept.
pub(crate) fn is_too_long(text: &str) -> bool {
    text == TOO_LONG
}

fn too_long() -> String {
    format!("longer than {} bytes, and not read", bounds::ANNOTATION)
}

/// What is kept of the annotations of an object: of each no more than is read, and of
/// those of our own domain that do not exist a few.
pub(crate) fn keep_few(annotations: &mut Annotations) {
    let mut unknown = 0;
    annotations.retain(|key, value| {
        if value.len() > bounds::ANNOTATION {
            TOO_LONG.clone_into(value);
        }
        unknown += usize::from(find(key).is_none());
        unknown <= bounds::UNKNOWN || find(key).is_some()
    });
}

/// The row of a key.
pub fn find(key: &str) -> Option<&'static Annotation> {
    ANNOTATIONS.iter().find(|row| row.key == key)
}

/// Whether the annotation is one of Tidings' own domain.
pub fn is_own(key: &str) -> bool {
    key.starts_with(OWN)
}

/// Whether the annotation is kept when an object is read. Nothing else stays in
/// memory: what `kubectl apply` writes on a Secret holds its content.
pub fn is_kept(key: &str) -> bool {
    key.starts_with(OWN) || find(key).is_some()
}

/// The known key that is nearest to an unknown one of Tidings' domain.
pub fn nearest(unknown: &str) -> &'static str {
    let own = ANNOTATIONS.iter().filter(|row| row.key.starts_with(OWN));
    own.map(|row| row.key)
        .min_by_key(|key| strsim::damerau_levenshtein(key, unknown))
        .unwrap_or(RELOAD)
}

/// An own key that does not exist.
pub(crate) fn unknown(key: &str) -> Problem {
    Problem {
        reason: Reason::UnknownAnnotation,
        text: format!("{key} is not known; did you mean {}?", nearest(key)),
    }
}

/// What is wrong with the own annotations of a workload, a template or a
/// namespace, before their values are read.
pub(crate) fn problem_of_key(key: &str) -> Option<Problem> {
    match find(key) {
        _ if !key.starts_with(OWN) => None,
        None => Some(unknown(key)),
        Some(row) if row.place == Place::Source => Some(Problem {
            reason: Reason::BadAnnotation,
            text: format!("{key} belongs on a ConfigMap or Secret"),
        }),
        Some(_) => None,
    }
}

/// An own key on a workload, or on its template, that belongs on its namespace.
pub(crate) fn problem_on_workload(key: &str) -> Option<Problem> {
    let row = find(key).filter(|row| row.place == Place::Namespace)?;
    Some(Problem {
        reason: Reason::BadAnnotation,
        text: format!("{} belongs on a namespace", row.key),
    })
}

/// What is wrong with the own annotations of a source, if anything: the first.
pub(crate) fn problem_on_source(annotations: &Annotations) -> Option<Problem> {
    let mut own = annotations.iter().filter(|(key, _)| key.starts_with(OWN));
    let problem = |(key, value): (&String, &String)| match find(key) {
        None => Some(unknown(key)),
        Some(row) if row.place != Place::Source => Some(Problem {
            reason: Reason::BadAnnotation,
            text: format!("{key} does not belong on a ConfigMap or Secret"),
        }),
        Some(_) => read::boolean(value).err().map(|problem| Problem {
            reason: Reason::BadAnnotation,
            text: format!("{key}: {problem}"),
        }),
    };
    own.find_map(problem)
}

/// Whether changes of a source with these annotations do not wait for windows.
pub(crate) fn is_urgent(annotations: &Annotations) -> bool {
    let urgent = annotations.get(URGENT);
    urgent.is_some_and(|value| read::boolean(value) == Ok(true))
}

/// Whether all rolls are to wait, as an object with these annotations says.
pub(crate) fn pause_of(annotations: &Annotations) -> Option<Pause> {
    let text = annotations.get(PAUSE)?;
    let mut said = Said::default();
    // What cannot be read is read as a pause.
    let _ = find(PAUSE)?.read_word(text, &mut said);
    said.pause
}

/// Whether changes of a source with these annotations roll nothing: ours is read as
/// it is checked, Reloader's as Reloader reads it.
pub(crate) fn ignores(annotations: &Annotations) -> bool {
    let [ours, theirs] = IGNORE.map(|key| annotations.get(key));
    let ours = ours.map(|value| read::boolean(value));
    ours == Some(Ok(true)) || theirs.is_some_and(|value| value == "true")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[test]
    fn every_example_is_valid_and_every_key_has_one_row() {
        let keys: BTreeSet<_> = ANNOTATIONS.iter().map(|row| row.key).collect();
        assert_eq!(keys.len(), ANNOTATIONS.len());
        for row in ANNOTATIONS {
            let mut problems = Vec::new();
            let setting = row.read(row.example, &mut problems);
            assert!(setting.is_some(), "{}", row.key);
            assert_eq!(problems, [""; 0], "{}", row.key);
            assert!(is_kept(row.key), "{}", row.key);
        }
    }

    #[test]
    fn every_row_that_stands_alone_sets_something() {
        for row in ANNOTATIONS {
            if let Reading::Alone(read) = row.read {
                let mut own = OwnSettings::default();
                read(row.example, &mut own).unwrap();
                assert_ne!(own, OwnSettings::default(), "{}", row.key);
            }
        }
    }

    #[rstest]
    #[case("tidings.dev/relaod", true)]
    #[case("deployment.reloader.stakater.com/paused-at", true)]
    #[case("kubectl.kubernetes.io/last-applied-configuration", false)]
    #[case("wave.pusher.com/config-hash", false)]
    fn only_what_is_read_is_kept(#[case] key: &str, #[case] kept: bool) {
        assert_eq!(is_kept(key), kept);
    }

    #[rstest]
    #[case("tidings.dev/ignore", "True", true)]
    #[case("tidings.dev/ignore", "1", true)]
    #[case("tidings.dev/ignore", "false", false)]
    #[case("tidings.dev/ignore", "yes", false)]
    #[case("reloader.stakater.com/ignore", "true", true)]
    #[case("reloader.stakater.com/ignore", "True", false)]
    fn a_source_is_ignored(#[case] key: &str, #[case] value: &str, #[case] ignored: bool) {
        let annotations = [(key.to_owned(), value.to_owned())].into();
        assert_eq!(ignores(&annotations), ignored);
    }

    #[rstest]
    #[case(&[("tidings.dev/ignor", "true")], "did you mean tidings.dev/ignore?")]
    #[case(&[("tidings.dev/ignore", "yes")], "neither true nor false")]
    #[case(&[("tidings.dev/reload", "auto")], "does not belong")]
    #[case(&[("tidings.dev/ignore", "false"), ("other", "x")], "")]
    #[case(&[("reloader.stakater.com/ignore", "yes")], "")]
    fn mistakes_on_a_source(#[case] annotations: &[(&str, &str)], #[case] said: &str) {
        let annotations = annotations.iter();
        let owned = annotations.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let problem = problem_on_source(&owned.collect());
        assert_eq!(problem.is_some(), !said.is_empty());
        assert!(problem.is_none_or(|p| p.text.contains(said)));
    }

    #[test]
    fn a_misspelled_key_is_near_the_right_one() {
        assert_eq!(nearest("tidings.dev/relaod"), RELOAD);
        assert_eq!(nearest("tidings.dev/setle"), "tidings.dev/settle");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-z0-9!/\\[\\],.*{ ]{0,40}|\\PC*") {
            for row in ANNOTATIONS {
                row.read(&text, &mut Vec::new());
            }
        }
    }
}
