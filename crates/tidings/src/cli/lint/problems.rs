//! What the controller would complain of.
//!
//! Goes in: the objects and the cluster of them. Comes out: findings, of which
//! the words are the controller's own [`Reason`]s; and the few that only a file
//! can show ([`CHECKS`]).

use tidings_core::annotations::{self, Place};
use tidings_core::decide::Verdict;
use tidings_core::object::Workload;
use tidings_core::policy;
use tidings_core::reason::{Problem, Reason};
use tidings_core::refs::SourceKind;
use tidings_core::uses::{Doubt, PodTemplate, doubts};
use tidings_core::vocabulary::Vocabulary;

use super::cluster::{Cluster, Role};
use super::keys::meant;
use super::report::{Finding, Level, Meaning, ObjectName};
use crate::cli::input::objects::{Object, entries};
use crate::cli::input::tree::Tree;

/// What only a file can show.
pub static CHECKS: &[Meaning] = &[
    NOT_A_STRING,
    NOT_READ_HERE,
    KIND_NOT_ROLLED,
    UNCLEAR_PATH,
    SHOWS_NOTHING,
    IMMUTABLE,
];

const NOT_A_STRING: Meaning = Meaning {
    id: "NotAString",
    level: Level::Mistake,
    meaning: "The value of an annotation, or the name of the object or of its namespace, is no string: the API server refuses the object.",
    advice: "Quote it.",
};

const NOT_READ_HERE: Meaning = Meaning {
    id: "NotReadHere",
    level: Level::Mistake,
    meaning: "An annotation of Tidings on an object that is neither a workload nor a source nor a namespace: nothing reads it.",
    advice: "Write it on the workload, or make the kind a workload with --custom-workloads.",
};

const KIND_NOT_ROLLED: Meaning = Meaning {
    id: "KindNotRolled",
    level: Level::Note,
    meaning: "The workload is opted in, but an installation with these options does not roll its kind.",
    advice: "Give lint the options of the controller, of which some add kinds (docs/kinds.md).",
};

const UNCLEAR_PATH: Meaning = Meaning {
    id: "UnclearPath",
    level: Level::Note,
    meaning: "The path of a mount or an item is known on the node only, or is none that the kubelet can make a file of: all keys of the source count.",
    advice: "Write the path of a file of the volume, without variables.",
};

const SHOWS_NOTHING: Meaning = Meaning {
    id: "ShowsNothing",
    level: Level::Mistake,
    meaning: "No item of the volume has a file at the mount's subPath or below it: the container sees an empty folder there.",
    advice: "Compare it with the `path` of the volume's items.",
};

const IMMUTABLE: Meaning = Meaning {
    id: "Immutable",
    level: Level::Note,
    meaning: "A source that counts is immutable. Made anew under its name it rolls the workload, but nodes that have it may still give pods the old content.",
    advice: "Let each content have a name of its own, as kustomize's configMapGenerator does.",
};

/// In files a source may be missing that the cluster has.
const NOT_IN_FILES: Meaning = Meaning {
    id: "NothingMatches",
    level: Level::Note,
    meaning: "A name or pattern of an annotation finds no source of its namespace in the files.",
    advice: "Nothing to do if it comes from elsewhere: an operator, another repository.",
};

/// A finding, and what its rule means.
pub type Found = (Meaning, Finding);

/// A finding on an object.
pub fn finding(meaning: Meaning, object: &Object, line: u64, text: String) -> Found {
    let finding = Finding {
        rule: meaning.id,
        level: meaning.level,
        file: object.file.clone(),
        line,
        object: ObjectName::of(object),
        text,
    };
    (meaning, finding)
}

/// What the controller would complain of on an object.
pub fn on(object: &Object, role: &Role, cluster: &mut Cluster) -> Vec<Found> {
    let verdict = match role {
        Role::Workload(workload) => cluster.verdict(workload),
        _ => None,
    };
    let looking = Looking {
        object,
        role,
        cluster,
    };
    let mut found = looking.strings();
    match (role, verdict) {
        (Role::Workload(workload), Some(verdict)) => {
            found.extend(looking.on_workload(workload, &verdict));
        }
        (Role::Source(meta), _) => {
            found.extend(meta.problem.iter().map(|problem| looking.told(problem)));
        }
        (Role::Namespace(annotations), _) => {
            let problems = policy::on_namespace(annotations);
            found.extend(problems.iter().map(|problem| looking.told(problem)));
        }
        (Role::Other, _) => found.extend(looking.not_read_here()),
        (Role::Workload(_) | Role::Unread, _) => {}
    }
    found
}

/// One object that is looked at.
struct Looking<'a> {
    object: &'a Object,
    role: &'a Role,
    cluster: &'a Cluster,
}

impl<'a> Looking<'a> {
    fn on_workload(&self, workload: &Workload, verdict: &Verdict) -> Vec<Found> {
        let told = verdict.problems.iter();
        let told = told.filter(|problem| !self.cluster.says_itself(problem));
        let mut found: Vec<_> = told.map(|problem| self.told(problem)).collect();
        if matches!(verdict.reason, Reason::UsesNothing | Reason::OwnedByOther) {
            let text = verdict.text.clone();
            found.push(self.on_it(of_reason(verdict.reason), text));
        }
        let key = &workload.key;
        let known = self.cluster.known(key);
        let opted_in = known.is_some_and(|known| known.policy.opted_in());
        if opted_in && !self.cluster.rolled.iter().any(|kind| kind == key.kind) {
            found.push(self.on_it(KIND_NOT_ROLLED, key.kind.api_kind.to_owned()));
        }
        if opted_in {
            found.extend(self.doubtful_paths(workload));
            let immutable = self.cluster.immutable(key);
            found.extend(immutable.map(|source| self.on_it(IMMUTABLE, source.to_string())));
        }
        found
    }

    fn doubtful_paths(&self, workload: &Workload) -> Vec<Found> {
        let tree = self.object.tree.at(workload.key.kind.template);
        let template = tree.map(Tree::json).map(PodTemplate::read);
        let doubts = template.and_then(Result::ok).map(|t| doubts(&t));
        let found = |doubt: Doubt| {
            let line = tree.and_then(|tree| tree.line_of(doubt.field, &doubt.path));
            let meaning = if doubt.shows_nothing {
                SHOWS_NOTHING
            } else {
                UNCLEAR_PATH
            };
            let text = format!(
                "{} {} of the volume {}",
                doubt.field, doubt.path, doubt.volume
            );
            finding(meaning, self.object, line.unwrap_or(self.object.line), text)
        };
        doubts.into_iter().flatten().map(found).collect()
    }

    /// A finding on the object as a whole.
    fn on_it(&self, meaning: Meaning, text: String) -> Found {
        finding(meaning, self.object, self.object.line, text)
    }

    /// What the controller would say.
    fn told(&self, problem: &Problem) -> Found {
        let line = self.line_of(&problem.text);
        let text = format!("{}{}", problem.text, self.suggestion(problem));
        finding(of_reason(problem.reason), self.object, line, text)
    }

    /// The annotations of the object and, where it has one, its pod template.
    fn annotations(&self) -> impl Iterator<Item = (&'a str, &'a Tree)> + use<'a> {
        let template = match self.role {
            Role::Workload(workload) => self.object.tree.at(workload.key.kind.template),
            _ => None,
        };
        let template = template.and_then(|t| t.at(&["metadata", "annotations"]));
        self.object.annotations().chain(entries(template))
    }

    fn vocabulary(&self) -> &'a Vocabulary {
        self.cluster.vocabulary()
    }

    /// The line of the annotation that a text is about: the one whose key it names
    /// first, else the one whose value has the name that it begins with.
    fn line_of(&self, text: &str) -> u64 {
        let place = |key: &str| Some((text.find(key)?, usize::MAX - key.len()));
        let named = self.annotations().filter_map(|(written, value)| {
            let keys = meant(self.vocabulary(), written).into_iter();
            Some((keys.filter_map(place).min()?, value.line))
        });
        let first = named.min_by_key(|(place, _)| *place).map(|(_, line)| line);
        let name = source_named(text).map(|(_, name)| name);
        let has = |value: &Tree| name.is_some_and(|name| value.to_text().contains(name));
        let mut all = self.annotations();
        let valued = || {
            all.find(|(_, value)| has(value))
                .map(|(_, value)| value.line)
        };
        first.or_else(valued).unwrap_or(self.object.line)
    }

    fn strings(&self) -> Vec<Found> {
        let read = self.annotations();
        let read = read.filter(|(key, _)| self.vocabulary().reads(key));
        // A name that is null is as one that is not written.
        let names = self.object.names();
        let names = names.filter(|(_, value)| !value.json().is_null());
        let wrong = read.chain(names);
        let wrong = wrong.filter(|(_, value)| value.text().is_none());
        let found = wrong.map(|(key, value)| {
            let text = format!("{key}: {}", value.to_text());
            finding(NOT_A_STRING, self.object, value.line, text)
        });
        found.collect()
    }

    /// What stands on a custom resource, and is known, its controller may hand on.
    fn not_read_here(&self) -> Vec<Found> {
        let handed_on = self.object.is_custom();
        let read = |key: &str| {
            let row = annotations::find(key);
            let elsewhere = row.is_some_and(|row| row.place == Place::Written || handed_on);
            key.starts_with(annotations::OWN) && !elsewhere
        };
        let keys = self.object.annotations();
        let keys = keys.filter(|(key, _)| !self.object.is_owned() && read(key));
        let found = keys
            .map(|(key, value)| finding(NOT_READ_HERE, self.object, value.line, key.to_owned()));
        found.collect()
    }

    /// The nearest source that there is, for a name that finds none.
    fn suggestion(&self, problem: &Problem) -> String {
        let named = source_named(&problem.text);
        let named = named.filter(|_| problem.reason == Reason::NothingMatches);
        let Some((kind, name)) = named else {
            return String::new();
        };
        let distance = |other: &str| strsim::damerau_levenshtein(other, name);
        let others = self.cluster.names(kind, &self.object.namespace);
        let near = others.filter(|other| distance(other) <= name.len() / 3);
        let nearest = near.min_by_key(|other| distance(other));
        nearest.map_or_else(String::new, |other| {
            format!("; did you mean {}/{other}?", kind.row().word)
        })
    }
}

fn of_reason(reason: Reason) -> Meaning {
    match reason {
        Reason::NothingMatches => NOT_IN_FILES,
        reason => Meaning {
            id: reason.word(),
            level: Level::Mistake,
            meaning: reason.row().doc,
            advice: "",
        },
    }
}

/// `kind/name`, where a text begins with it.
fn source_named(text: &str) -> Option<(SourceKind, &str)> {
    let (kind, name) = text.split(' ').next()?.split_once('/')?;
    Some((SourceKind::parse(kind)?, name))
}
