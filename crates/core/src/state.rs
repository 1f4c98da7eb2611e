//! What each workload was last brought to: the record that decisions compare
//! with, kept in Tidings' own namespace.
//!
//! Goes in and comes out: JSON, one entry a workload, in a form that has a number
//! ([`FORM`]). An entry that cannot be read is as good as none, and says so; one of
//! a newer form is not ours to touch.
//!
//! A roll is written here (`done: false`) before the workload is touched, so
//! that a crash at any moment leaves either no trace or a roll to carry out.

mod climb;
mod form;
mod had;
mod keys;
mod pending;
mod restarts;
mod ride;
mod rolls;

pub use crate::number::{Epoch, Number};
pub use climb::{
    Climb, DueKeys, DueWhat, Outstanding, Refusal, Refused, cause_of, content_of, tell_method,
    told_method,
};
pub use form::{CLIMBS, FORM, Unread};
pub use had::KeyNames;
pub use keys::{entry_key, read_stored, whole_key, workload_of};
pub use pending::{Pending, RULINGS, Ruling};
pub use restarts::{LIMITS, Restarts};
pub use ride::{Leg, LegEnd, Ride};
pub use rolls::{End, ROLLS_KEPT, Roll, Rolls};

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::few::Few;
use crate::method::Method;
use crate::object::{Seconds, Version, template_with};
use crate::refs::{Name, SourceKind, SourceRef};

/// Above this many used keys one digest stands for all of them.
pub const KEYS_APART: usize = 32;

/// The record of one workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and all combinations happen"
)]
pub struct Entry {
    /// The workload's uid: one of the same name made later is another.
    pub uid: Name,
    /// Number of the last roll; it only grows.
    pub n: u64,
    /// What `n` counts in.
    #[serde(default)]
    pub epoch: Epoch,
    /// Whether that roll reached the workload.
    pub done: bool,
    /// Digest of the pod template when this was recorded.
    pub template: Digest,
    /// Digest of the whole pod template then, with what Tidings wrote there; `None`
    /// until a roll is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<Digest>,
    /// What pods of earlier templates have, while there may be some, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub older: Vec<Older>,
    /// Whether there may be pods of templates that are not recorded: a rollout was
    /// under way when it was seen first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mixed: bool,
    /// Whether the pods may have something older than what is recorded: there was no
    /// telling at first sight.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub doubt: bool,
    /// When that roll was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Seconds>,
    /// When it was restarted last.
    #[serde(default, skip_serializing_if = "Restarts::is_empty")]
    pub restarts: Restarts,
    /// Whether taking content hot restarts its programs, as their agents said last: then
    /// that counts like any other restart.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restarting: bool,
    /// The sources that were restless when this was recorded, and when it was
    /// rolled for them last.
    #[serde(default, skip_serializing_if = "Few::is_empty")]
    pub restless: Few<Seen, Seconds>,
    /// The last rolls.
    #[serde(default, skip_serializing_if = "Rolls::is_empty")]
    pub rolls: Rolls,
    /// What the last roll was for, until it is done.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
    /// The restart that the last roll was, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<Box<Restart>>,
    /// How far the last roll had come when somebody took it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<Back>,
    /// Whether a roll was taken back once: what is written on its template is not
    /// left there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
    /// By what else than a rollout alone that roll is done, and what was refused of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub climb: Option<Box<Climb>>,
    /// The decision that waits at a gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<Box<Pending>>,
    /// The rides of the last roll in the trains of its sources, where it is rolled in turn
    /// with others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ride: Option<Box<Ride>>,
    /// The highest number that was given to a decision that waited and was not rolled,
    /// where it is above `n`: it is not given again.
    #[serde(default, skip_serializing_if = "is_none_spent")]
    pub spent: u64,
    /// Mark of another installation that this one was told to take over from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Box<str>>,
    /// What the workload was brought to, by source.
    pub seen: Few<Seen, SeenSource>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
fn is_none_spent(spent: &u64) -> bool {
    *spent == 0
}

/// What the pods of an earlier template have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Older {
    /// Digest of that whole template.
    pub whole: Digest,
    /// Whether they may have something older than that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub doubt: bool,
    /// What was there when they were made.
    pub seen: Few<Seen, SeenSource>,
}

impl Older {
    /// Whether, as far as is known, its pods have what the record says.
    pub fn has_all_of(&self, entry: &Entry) -> bool {
        !self.doubt && contents(&self.seen) == contents(&entry.seen)
    }
}

/// What counts of each, whatever else was written.
fn contents(seen: &Few<Seen, SeenSource>) -> Few<Seen, SeenSource> {
    let seen = seen.iter();
    seen.map(|(key, seen)| (key.clone(), seen.content()))
        .collect()
}

/// So many templates may have pods at once, as far as it is recorded.
const OLDER: usize = 4;

/// A roll as `kubectl rollout restart` does it, for templates that an operator
/// keeps: no more than a time on the template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// The time, as it is written. It is the mark of the roll.
    pub at: Name,
    /// The times that were there before, the last of which may not have been seen.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub before: BTreeSet<Name>,
    /// Digest of the pod template without any.
    pub bare: Digest,
    /// The generation of the object before this roll.
    pub generation: i64,
}

impl Restart {
    /// Whether this is the digest of its pod template as it was before.
    pub fn was(&self, template: Digest) -> bool {
        let mut times = self.before.iter();
        template == self.bare || times.any(|at| template_with(self.bare, Some(at)) == template)
    }

    /// The same, or with the time that it wrote.
    fn covers(&self, template: Digest) -> bool {
        self.was(template) || template_with(self.bare, Some(&self.at)) == template
    }
}

/// How far a roll had come when it was taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Back {
    /// All pods had been replaced. Those that replace them in turn are newer still.
    Whole,
    /// Some pods were not replaced, or that is not known: they are stale.
    Partly,
}

/// A source in the namespace of the entry: `configmap/nginx-config`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Seen {
    /// ConfigMap or Secret.
    pub kind: SourceKind,
    /// Its name.
    pub name: Name,
}

impl Seen {
    /// The source, in the entry's namespace.
    pub fn of(source: &SourceRef) -> Self {
        Self {
            kind: source.kind,
            name: source.name.clone(),
        }
    }

    /// The source, in this namespace.
    pub fn source(&self, namespace: &Name) -> SourceRef {
        SourceRef::new(self.kind, namespace.clone(), self.name.clone())
    }
}

impl TryFrom<String> for Seen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (kind, name) = text.split_once('/').ok_or("not kind/name")?;
        let kind = SourceKind::parse(kind).ok_or("not a kind of source")?;
        Ok(Self {
            kind,
            name: name.into(),
        })
    }
}

impl From<Seen> for String {
    fn from(seen: Seen) -> Self {
        format!("{}/{}", seen.kind.row().word, seen.name)
    }
}

/// What was seen of one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenSource {
    /// Its resourceVersion; 0 where it was not there.
    pub rv: Version,
    /// The newest write of its data. A later one that left the same content was
    /// there and back again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Seconds>,
    /// Whether the template was edited while it was gone: new pods may wait for
    /// what it will have first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub awaited: bool,
    /// Whether it, or a key of it that containers need, was missing when the workload
    /// was seen first, while pods ran: those have what it had before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left: bool,
    /// Digest of all its keys, where not all of them count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<Digest>,
    /// Whether all its keys were used, so that a further key is a change.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
    /// Digest of which keys were asked for, where `keys` alone does not tell: a
    /// key that is not among them was perhaps there, but did not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Digest>,
    /// The names of all keys, where `keys` does not tell them and a method that goes pod by
    /// pod has to: agents are asked by name whether a file is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Box<KeyNames>>,
    /// The keys that were used.
    pub keys: SeenKeys,
}

/// The used keys of one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SeenKeys {
    /// Each by itself; a key that was not there has none.
    Apart(Few<Name, KeyDigest>),
    /// One digest for more than [`KEYS_APART`].
    Together(Digest),
}

/// The digest of a key, or `-` where the key was not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyDigest(pub Option<Digest>);

impl TryFrom<String> for KeyDigest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "-" {
            return Ok(Self(None));
        }
        let digest = Digest::parse(&text).ok_or("not a digest")?;
        Ok(Self(Some(digest)))
    }
}

impl From<KeyDigest> for String {
    fn from(key: KeyDigest) -> Self {
        key.0
            .map_or_else(|| "-".to_owned(), |digest| digest.to_string())
    }
}

impl SeenSource {
    /// What counts of it, whatever else was written.
    fn content(&self) -> Self {
        Self {
            rv: self.rv.min(1),
            written: None,
            all: None,
            names: None,
            ..self.clone()
        }
    }

    /// The record of used keys, together where they are many.
    pub fn new(rv: Version, whole: bool, keys: Few<Name, KeyDigest>) -> Self {
        let keys = if keys.len() > KEYS_APART {
            let all = keys.iter().map(|(key, digest)| (&**key, digest.0));
            SeenKeys::Together(Digest::of_keys(all))
        } else {
            SeenKeys::Apart(keys)
        };
        Self {
            rv,
            written: None,
            awaited: false,
            left: false,
            all: None,
            whole,
            asked: None,
            names: None,
            keys,
        }
    }
}

impl Entry {
    /// The record of a workload of which nothing is known yet.
    pub fn new(uid: Name, epoch: Epoch, template: Digest) -> Self {
        Self {
            uid,
            n: 0,
            epoch,
            done: true,
            template,
            whole: None,
            older: Vec::new(),
            mixed: false,
            doubt: false,
            at: None,
            restarts: Restarts::default(),
            restarting: false,
            restless: Few::new(),
            rolls: Rolls::default(),
            because: String::new(),
            restart: None,
            back: None,
            kept: false,
            climb: None,
            waits: None,
            ride: None,
            spent: 0,
            over: None,
            seen: Few::new(),
        }
    }

    /// The number of the last roll, as people are told it.
    pub fn number(&self) -> Number {
        Number {
            n: self.n,
            epoch: self.epoch,
        }
    }

    /// By what the last roll is done, until it is.
    pub fn method(&self) -> Method {
        let climb = self.climb.as_deref();
        climb.map_or(Method::Rollout, |climb| {
            climb.rungs.first().unwrap_or(Method::Notify)
        })
    }

    /// What of the content that is recorded was refused, if it was.
    pub fn refused(&self) -> Option<&Refused> {
        let refused = self.climb.as_ref()?.refused.as_ref();
        refused.filter(|refused| refused.stands(&self.seen))
    }

    /// Whether nothing is recorded but the number: the workload was opted out, or
    /// was told to be taken over.
    pub fn is_bare(&self) -> bool {
        self.seen.is_empty() && self.done
    }

    /// Whether a pod template differs from the recorded one by no more than that the
    /// last roll's time of a restart came or went.
    pub fn only_restarted(&self, template: Digest) -> bool {
        let restart = self.restart.as_deref();
        restart.is_some_and(|r| r.covers(self.template) && r.covers(template))
    }

    /// Whether both are one roll: they differ at most in versions of sources, whose
    /// content that counts is the same, in what is known of other pods, in what waits, and
    /// in how its ride goes. The patch may be there already, so another number would be
    /// another roll.
    pub fn brings_the_same(&self, other: &Self) -> bool {
        let without = |entry: &Self| Self {
            seen: Few::new(),
            mixed: false,
            doubt: false,
            waits: None,
            ride: None,
            spent: 0,
            ..entry.clone()
        };
        contents(&self.seen) == contents(&other.seen) && without(self) == without(other)
    }

    /// What the pods of this template have, where the last roll is not on it yet and
    /// has brought them nothing.
    pub fn unreached(&self, whole: Digest) -> Option<&Older> {
        self.older(whole).filter(|_| !self.done)
    }

    /// What pods of this template have, if it is recorded.
    pub fn older(&self, whole: Digest) -> Option<&Older> {
        self.older.iter().find(|older| older.whole == whole)
    }

    /// Records what pods of a template have that is no longer the present one. The
    /// oldest are forgotten first: going back to them is then an edit without proof.
    pub fn add_older(&mut self, older: Older) {
        self.older.retain(|other| other.whole != older.whole);
        self.older.push(older);
        let excess = self.older.len().saturating_sub(OLDER);
        self.older.drain(..excess);
    }

    /// Whether this was written later than another one of the same workload.
    pub fn is_later_than(&self, other: &Self) -> bool {
        let newest = |entry: &Self| entry.seen.values().map(|seen| seen.rv).max();
        let waits = |entry: &Self| {
            let waits = entry.waits.as_ref();
            (entry.last_given(), waits.and_then(|pending| pending.ruling))
        };
        let age = |entry: &Self| (entry.n, entry.done, newest(entry), waits(entry));
        age(self) > age(other)
    }
}
