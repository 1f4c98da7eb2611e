//! What to do about a workload.
//!
//! Goes in: what it needs, what is there ([`Index`]), what it was last brought
//! to ([`Entry`]), and the installation's [`Rules`]. Comes out: a [`Verdict`]:
//! what to do, why, and what a person should mend. Pure and total: the same
//! facts give the same verdict, and after a roll has been written down and has
//! reached the workload the verdict on the same facts is `UpToDate`.
//!
//! The order of the questions is the order of the functions below, and each leads on
//! to the file that answers it: whose is it → is anything asked for → has everything
//! been read → is it seen for the first time ([`first`]) → is an intent not wanted any
//! more ([`withdraw`]) → does anything differ ([`change`], [`between`]) → are the pods
//! newer than that ([`proof`]) → may it be rolled now ([`roll`], which asks the gates)
//! → is a pause over ([`pause`]). What people in charge have a say in is [`people`].

mod adopted;
mod between;
mod change;
mod climb;
mod decided;
mod describe;
mod due;
mod first;
mod gate;
mod older;
mod past;
mod pause;
mod people;
mod problems;
mod proof;
mod record;
mod restart;
mod roll;
mod runs;
#[cfg(test)]
pub(crate) mod simulation;
mod stand;
mod swap;
#[cfg(test)]
mod tests;
mod train;
mod withdraw;
#[cfg(test)]
pub(crate) mod world;

pub use crate::object::CLEARLY_LATER;
pub use decided::Decided;
pub use describe::{describe, show_digest};
pub use first::is_new;

use std::cell::{Cell, RefCell};

use self::describe::names;
use crate::bounds;
use crate::compare::{Change, must_read};
use crate::evidence::{Evidence, Question};
use crate::index::{Crowded, Index, Known, Source};
use crate::kinds::Renewal;
use crate::method::{Method, Methods};
use crate::needs::{Need, Needs, needs_within};
use crate::object::{Mark, Seconds, Version};
use crate::pattern::Steps;
use crate::reason::{Problem, Reason, few};
use crate::refs::{Name, SourceRef, WorkloadRef};
use crate::restless::Restless;
use crate::standing::Standing;
use crate::state::{Entry, Pending, Seen, SeenSource};
use crate::train::{Boarding, Trains};

/// What an installation was told.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own, and all combinations are valid"
)]
pub struct Rules {
    /// Its name.
    pub instance: Name,
    /// `--reload-on-create`
    pub on_create: bool,
    /// `--reload-on-delete`
    pub on_delete: bool,
    /// `--catch-up`
    pub catch_up: bool,
    /// `--compat=strict`
    pub strict: bool,
    /// `--min-interval`: the least time between two rolls of a workload.
    pub min_interval: Seconds,
    /// `--storm-fuse`
    pub fuse: bool,
    /// Whether versions of workloads and sources come from one etcd and can be
    /// compared.
    pub one_etcd: bool,
    /// Whether what a roll writes comes to the workload: not in a dry run, nor
    /// where another server is told instead.
    pub writes: bool,
    /// `--methods`: those that the installation has the rights for.
    pub enabled: Methods,
    /// Whether all who share the records know the form of one that is not brought by a
    /// rollout alone ([`crate::state::CLIMBS`]): without that none is begun.
    pub climbs: bool,
}

impl Default for Rules {
    /// Those of an installation that was told nothing, but for the fuse.
    fn default() -> Self {
        Self {
            instance: "tidings".into(),
            on_create: false,
            on_delete: false,
            catch_up: false,
            strict: false,
            min_interval: 0,
            fuse: false,
            one_etcd: true,
            writes: true,
            enabled: Methods::from(Method::Rollout) | Method::Notify.into(),
            climbs: true,
        }
    }
}

impl Rules {
    /// Whether a method is enabled that goes pod by pod: then of workloads it has to be
    /// read how their pods see what they use.
    pub fn goes_pod_by_pod(&self) -> bool {
        self.enabled.iter().any(Method::is_pod_wise)
    }
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing.
    Nothing,
    /// Read these, then decide again. Without any: a list is under way.
    Read(Vec<SourceRef>),
    /// Find this out, then decide again.
    Ask(Vec<Question>),
    /// Drop the record.
    Forget,
    /// Write the record when something else is written.
    Note(Entry),
    /// Write the record.
    Record(Entry),
    /// Write the record, then bring the workload to it, for these changes.
    Roll(Entry, Vec<Change>),
    /// Bring the workload to the record, which is written already.
    Resume(Entry),
    /// End the pause that a roll began.
    Unpause,
}

/// What to do and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What to do.
    pub act: Act,
    /// Why, in a word.
    pub reason: Reason,
    /// Why, in a sentence's worth of particulars. May be empty.
    pub text: String,
    /// What a person should mend.
    pub problems: Vec<Problem>,
    /// When to decide again, though nothing will have changed.
    pub again: Option<Seconds>,
    /// How the workload stands; none where nothing asks for it.
    pub standing: Option<Standing>,
    /// What waits under a number that people were told, with their word about it; none where
    /// it is not what would be brought now.
    pub waits: Option<Box<Pending>>,
    /// Whether pods may be asked whether what one of them has refused stands.
    pub may_ask_again: bool,
    /// What it took to decide, in steps: see [`crate::bounds::DECISION_STEPS`].
    pub steps: u32,
    /// What it is to others that are rolled in turn with it; none where none are.
    pub boarding: Option<Boarding>,
}

/// What is known besides of the moment of a decision.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// The time.
    pub now: Seconds,
    /// By chance, another for each decision: what an epoch is drawn by.
    pub seed: u64,
    /// Which sources do not come to rest.
    pub restless: &'a Restless,
    /// What was found out for it.
    pub evidence: &'a Evidence,
    /// Who else is under way, or waits.
    pub trains: &'a Trains,
    /// Before now nobody led since then, where somebody did before.
    pub unled_since: Option<Seconds>,
}

impl Verdict {
    /// Whether it only asks for something, and the decision is yet to come.
    pub fn asks(&self) -> bool {
        matches!(self.act, Act::Read(_) | Act::Ask(_))
    }
}

/// Decides. `None` where the workload is not known.
pub fn decide(
    key: &WorkloadRef,
    index: &Index,
    entry: Option<&Entry>,
    moment: Moment<'_>,
    rules: &Rules,
) -> Option<Verdict> {
    let known = index.get(key)?;
    let entry = entry.filter(|entry| !is_behind(entry, known, rules));
    let ours = entry.filter(|entry| is_of(entry, known, rules));
    let base = ours.and_then(|entry| older::base(entry, known));
    let mut case = Case::new(index, known, moment, rules);
    case.former = entry.filter(|_| ours.is_none());
    if let Some(ours) = ours {
        case.take_record(ours, base.as_ref());
    }
    let answer = case.decide();
    let (act, reason, text) = case.unless_pause_is_over(answer);
    let act = case.with_ride(act, reason);
    let again = case.again(&act, reason);
    let verdict = Verdict {
        standing: case.standing(&act, reason, again),
        again,
        waits: case.told_to_wait(&act),
        may_ask_again: case.may_ask_again(&act, reason),
        problems: case.problems(&act),
        act,
        reason,
        text,
        steps: case.steps.taken(),
        boarding: None,
    };
    let verdict = Verdict {
        boarding: case.boarding(&verdict.act, verdict.reason),
        ..verdict
    };
    Some(case.unless_too_much(verdict))
}

/// Whether a record is of this workload, or of the one that it was made from anew
/// by that very roll.
fn is_of(entry: &Entry, known: &Known, rules: &Rules) -> bool {
    let workload = &known.workload;
    let made_by_it = |mark: &Mark| mark.instance == rules.instance && mark.n == entry.n;
    let anew = workload.key.kind.renewal == Renewal::Recreate;
    entry.uid == workload.uid || (anew && workload.mark.as_ref().is_some_and(made_by_it))
}

/// Whether the workload's own template carries a later roll than a record of it knows
/// of: somebody put an older copy back. It is as good as none, and the pods tell.
fn is_behind(entry: &Entry, known: &Known, rules: &Rules) -> bool {
    let mark = known.workload.mark.as_ref();
    let later = mark.filter(|mark| mark.instance == rules.instance && mark.n > entry.n);
    entry.uid == known.workload.uid && later.is_some()
}

fn crowded(namespace: &str) -> String {
    format!(
        "what is written on the workloads of {namespace} takes more than {} bytes: this one is not followed until it takes less",
        bounds::HELD_OF_ASKING
    )
}

type Answer = (Act, Reason, String);

fn nothing(reason: Reason) -> Answer {
    (Act::Nothing, reason, String::new())
}

struct Case<'a> {
    known: &'a Known,
    index: &'a Index,
    /// The record, as it stands for the template that is there.
    entry: Option<&'a Entry>,
    /// The same, as it is stored.
    stored: Option<&'a Entry>,
    /// Whether an earlier template is back that may still have its old pods.
    back: bool,
    /// Whether it is not known what those have.
    lost: bool,
    /// The record of an earlier workload of this name.
    former: Option<&'a Entry>,
    /// Whether its pods are those of that earlier workload, whose record this is.
    adopted: bool,
    moment: Moment<'a>,
    rules: &'a Rules,
    needs: Needs,
    /// What it may take to decide.
    steps: Steps,
    /// Whether a roll was found to be due, whatever became of it.
    due: Cell<bool>,
    /// When a decision is to be made again, whatever else there is to wait for.
    again: Cell<Option<Seconds>>,
    /// What it is to others that are rolled in turn with it.
    boarding: RefCell<Boarding>,
}

impl<'a> Case<'a> {
    /// One without a record.
    fn new(index: &'a Index, known: &'a Known, moment: Moment<'a>, rules: &'a Rules) -> Self {
        Self {
            known,
            index,
            entry: None,
            stored: None,
            back: false,
            lost: false,
            former: None,
            adopted: false,
            moment,
            rules,
            needs: Needs::default(),
            steps: Steps::default(),
            due: Cell::new(false),
            again: Cell::new(None),
            boarding: RefCell::default(),
        }
    }

    /// Compares with this record, as it stands for the present template.
    fn take_record(&mut self, stored: &'a Entry, base: Option<&'a older::Base>) {
        self.stored = Some(stored);
        self.entry = Some(base.map_or(stored, |base| &base.entry));
        self.back = base.is_some_and(|base| base.back);
        self.lost = base.is_some_and(|base| base.lost);
    }
}

impl Case<'_> {
    fn decide(&mut self) -> Answer {
        let key = &self.known.workload.key;
        if self.known.workload.unread && !self.index.left_out(&key.namespace) {
            return self.without_spec();
        }
        if !self.index.left_out(&key.namespace)
            && let Some(limit) = self.not_held()
        {
            return (Act::Nothing, Reason::LimitExceeded, limit);
        }
        if !self.known.policy.opted_in() || self.index.left_out(&key.namespace) {
            return (self.put_away(), Reason::NotOptedIn, String::new());
        }
        if self.known.workload.going {
            return self.going();
        }
        if let Some(reason) = self.left_to_another() {
            return (self.put_away(), reason, String::new());
        }
        if let Some(other) = self.owned_by_other() {
            return (Act::Nothing, Reason::OwnedByOther, other);
        }
        self.needs = needs_within(self.known, self.index, self.entry, &self.steps);
        self.once_read()
    }

    /// What is written on it and not held, so that nobody knows what it asks for.
    fn not_held(&self) -> Option<String> {
        let key = self.known.policy.too_long;
        let too_long = key.map(|key| {
            format!(
                "{key} is longer than {} bytes: it is not followed until it is shorter",
                bounds::ANNOTATION
            )
        });
        let lent = self.known.workload.lent.as_ref();
        let is_crowded = self.known.crowded == Some(Crowded::Asking)
            || lent.is_some_and(|lent| lent.crowded && self.known.policy.opted_in());
        too_long.or_else(|| is_crowded.then(|| crowded(&self.known.workload.key.namespace)))
    }

    /// Where what it uses is not known, what was recorded of it stays.
    fn without_spec(&self) -> Answer {
        let known = self.known;
        match known.workload.too_large {
            false => nothing(Reason::Unreadable),
            true if !known.policy.opted_in() => nothing(Reason::NotOptedIn),
            true => {
                let text = format!(
                    "its spec is longer than {} bytes: it is not followed",
                    bounds::PART
                );
                (Act::Nothing, Reason::LimitExceeded, text)
            }
        }
    }

    /// What follows from what it needs, when all of that has been read.
    fn once_read(&self) -> Answer {
        if let Some(unread) = self.unread() {
            let text = names(&unread);
            return (Act::Read(unread), Reason::NotRead, text);
        }
        match self.entry {
            Some(entry) if !entry.is_bare() => self.compare_with(entry),
            _ => self.first_sight(),
        }
    }

    /// What was found out in fewer steps than it takes is not acted upon.
    fn unless_too_much(&self, verdict: Verdict) -> Verdict {
        if !self.steps.are_spent() {
            return verdict;
        }
        let (act, reason) = (Act::Nothing, Reason::LimitExceeded);
        Verdict {
            standing: self.standing(&act, reason, None),
            act,
            reason,
            text: format!(
                "its names, patterns and keys take more than {} steps to be compared: nothing is rolled",
                bounds::DECISION_STEPS
            ),
            problems: few(self.known.problems.clone()),
            again: None,
            waits: None,
            may_ask_again: false,
            steps: self.steps.taken(),
            boarding: verdict.boarding,
        }
    }

    /// What to do with the record of a workload that nobody wants rolled. Where we
    /// have rolled it the number is kept: it goes on growing when the workload is
    /// opted in again, and its record has not vanished then.
    fn put_away(&self) -> Act {
        match self.entry {
            None if self.former.is_some() => Act::Forget,
            None => Act::Nothing,
            Some(_) if self.number() == 0 => Act::Forget,
            Some(entry) if entry.is_bare() => Act::Nothing,
            Some(entry) => Act::Record(self.bare(entry)),
        }
    }

    fn owned_by_other(&self) -> Option<String> {
        let mark = self.known.workload.mark.as_ref()?;
        let over = self.entry.and_then(|entry| entry.over.as_deref());
        let ours = mark.instance == self.rules.instance || over == Some(&*mark.to_string());
        (!ours).then(|| format!("its template carries {mark}"))
    }

    /// The number of our last roll that is on the template.
    fn own_mark(&self) -> Option<u64> {
        let mark = self.known.workload.mark.as_ref();
        mark.filter(|mark| mark.instance == self.rules.instance)
            .map(|mark| mark.n)
    }

    fn unread(&self) -> Option<Vec<SourceRef>> {
        let must = |need: &&Need| must_read(need, self.seen(need), self.source(need));
        let unread = self.needs.needs.iter().filter(must);
        let unread: Vec<_> = unread.map(|need| need.source.clone()).collect();
        (self.needs.unlisted || !unread.is_empty()).then_some(unread)
    }

    fn same_template(&self) -> bool {
        self.entry.is_some_and(|entry| {
            let now = self.known.workload.template;
            entry.template == now || entry.only_restarted(now)
        })
    }

    /// Whether the pods are made from the very template that was recorded.
    fn same_whole(&self) -> bool {
        let recorded = self.entry.and_then(|entry| entry.whole);
        recorded.is_none_or(|whole| whole == self.known.workload.whole) && self.same_template()
    }

    fn seen(&self, need: &Need) -> Option<&SeenSource> {
        self.entry?.seen.get(&Seen::of(&need.source))
    }

    fn source(&self, need: &Need) -> &Source {
        self.index.view(&need.source)
    }

    /// The newest version of all that it needs, as far as it is there.
    fn newest_version(&self) -> Option<Version> {
        let needs = self.needs.needs.iter();
        let versions = needs.filter_map(|need| Some(self.source(need).present()?.version));
        versions.max()
    }

    fn written(&self, source: &SourceRef) -> Option<Seconds> {
        self.index.view(source).present()?.written
    }

    fn writer(&self, source: &SourceRef) -> Option<Name> {
        self.index.view(source).present()?.by.clone()
    }
}
