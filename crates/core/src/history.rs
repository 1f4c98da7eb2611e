//! The past of a workload, one change of its pod template after the other.
//!
//! Goes in: what the record kept, what Events tell, the revisions of the pod template that
//! are left, who wrote on it last, and how it is now. Comes out: [`PastStep`]s, the oldest
//! first. A roll is known by its number, which stands in all of these; what has none of
//! ours was somebody else's. What nothing tells is left open.

use std::collections::{BTreeMap, BTreeSet};

use crate::method::Method;
use crate::object::{Mark, Seconds, Workload, seconds};
use crate::refs::Name;
use crate::state::{End, Entry, Number, ROLLS_KEPT};

mod ends;
mod read;
#[cfg(test)]
mod tests;

pub use read::{ended, read_revision, writes};

/// All that tells of the past of one workload.
#[derive(Clone, Copy, Debug)]
pub struct PastFacts<'a> {
    /// The installation: marks of others are not its rolls.
    pub instance: &'a str,
    /// Its record, if there is one and it may be read.
    pub record: Option<&'a Entry>,
    /// What Events tell of its rolls.
    pub told: &'a [ToldRoll],
    /// What is left of the revisions of its pod template, in any order.
    pub revisions: &'a [TemplateRevision],
    /// The last write of each client that holds something of its pod template.
    pub writes: &'a [TemplateWrite],
    /// The workload as it is.
    pub workload: &'a Workload,
    /// The end of a rollout of which its status tells: of the present one or one before.
    pub ended: Option<&'a RolloutEnd>,
}

/// The end of a Deployment's rollout, well or by its deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolloutEnd {
    /// When it ended.
    pub at: Seconds,
    /// The ReplicaSet that it was of, where that is told.
    pub of: Option<Name>,
}

/// A roll, as an Event tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldRoll {
    /// Its number.
    pub n: u64,
    /// When it was told.
    pub at: Seconds,
    /// The sources and keys that it was for.
    pub cause: String,
}

/// One revision of a pod template: a ReplicaSet or a ControllerRevision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateRevision {
    /// The object that keeps it.
    pub name: Name,
    /// Its number now: what is gone back to gets a new one.
    pub number: u64,
    /// When it was made.
    pub made: Seconds,
    /// The numbers that it had before it was gone back to, where they are told.
    pub earlier: Vec<u64>,
    /// When it was gone back to, where that is told.
    pub since: Option<Seconds>,
    /// The mark of a roll on its template. An edit by others leaves it there.
    pub mark: Option<Mark>,
    /// What that roll was for, as the template says.
    pub because: String,
    /// `kubectl.kubernetes.io/restartedAt` on its template.
    pub restarted: Option<Name>,
    /// Its `kubernetes.io/change-cause`.
    pub change_cause: Option<Name>,
}

impl TemplateRevision {
    fn is_gone_back_to(&self) -> bool {
        !self.earlier.is_empty() || self.since.is_some()
    }

    /// The numbers that it had before the present one, in order. Where they are not told
    /// the first one can be worked out.
    fn earlier_numbers(&self, all: &[Self]) -> Vec<u64> {
        if !self.is_gone_back_to() {
            return Vec::new();
        }
        if !self.earlier.is_empty() {
            let numbers: BTreeSet<_> = self.earlier.iter().copied().collect();
            return numbers.into_iter().collect();
        }
        vec![self.first_number(all)]
    }

    /// The number under which it was made, as those of the others leave it: below the next
    /// that was made and not gone back to, else below the first that was gone back to.
    fn first_number(&self, all: &[Self]) -> u64 {
        let is_later = |other: &&Self| other.made >= self.made;
        let stays = |other: &&Self| !other.is_gone_back_to();
        let next = all.iter().filter(is_later).filter(stays);
        let next = next.min_by_key(|other| other.number);
        let back = all.iter().filter(|other| other.is_gone_back_to());
        let first_back = back.clone().map(|other| other.number).min();
        let next_number = next.map(|next| next.number).or(first_back);
        let between = back.filter(|other| {
            other.made > self.made && next.is_none_or(|next| other.made < next.made)
        });
        let before = 1 + between.count() as u64;
        next_number.unwrap_or(self.number).saturating_sub(before)
    }
}

/// A revision, each time that it became the current one.
#[derive(Clone, Copy)]
struct Turn<'a> {
    revision: &'a TemplateRevision,
    /// Its number then.
    number: u64,
    /// Whether it was gone back to.
    again: bool,
    /// Whether it has that number still.
    last: bool,
}

impl<'a> Turn<'a> {
    /// In their order. Of a ControllerRevision that was gone back to more than once only
    /// the first and the last one are told.
    fn all(revisions: &'a [TemplateRevision]) -> Vec<Self> {
        let turns = revisions.iter().flat_map(|revision| {
            let earlier = revision.earlier_numbers(revisions);
            let numbers = earlier.into_iter().map(|number| (number, false));
            let numbers = numbers.chain([(revision.number, true)]);
            numbers.enumerate().map(|(i, (number, last))| Turn {
                revision,
                number,
                again: i > 0,
                last,
            })
        });
        let mut turns: Vec<_> = turns.collect();
        // Numbers that are not told may be the same.
        turns.sort_by_key(|turn| (turn.number, turn.at().unwrap_or(Seconds::MAX)));
        turns
    }

    /// When that was.
    fn at(&self) -> Option<Seconds> {
        match (self.again, self.last) {
            (false, _) => Some(self.revision.made),
            (true, true) => self.revision.since,
            (true, false) => None,
        }
    }
}

/// The last write of a client that holds something of the pod template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateWrite {
    /// The client, as it calls itself.
    pub client: Name,
    /// When it wrote last, whatever it was.
    pub at: Seconds,
}

/// How a workload came to have something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// It was made with the workload.
    Created,
    /// A roll, by this method. Only a rollout is written on the pod template.
    Roll(Method),
    /// The time of a restart was written on it, as `kubectl rollout restart` does.
    Restart,
    /// An earlier one was gone back to.
    Undo,
    /// Anything else.
    Edit,
}

impl Manner {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Created,
        Self::Roll(Method::Hot),
        Self::Roll(Method::Poke),
        Self::Roll(Method::RestartInPlace),
        Self::Roll(Method::Evict),
        Self::Roll(Method::Rollout),
        Self::Roll(Method::Notify),
        Self::Restart,
        Self::Undo,
        Self::Edit,
    ];

    /// Whether it is none of a roll's writes, also where no record tells of that.
    fn is_by_others(self) -> bool {
        matches!(self, Self::Undo | Self::Edit)
    }

    /// Whether the pod template tells of it.
    fn is_by_template(self) -> bool {
        !matches!(self, Self::Roll(method) if method != Method::Rollout)
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Roll(method) => method.word(),
            Self::Restart => "restart",
            Self::Undo => "undo",
            Self::Edit => "edit",
        }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RollEnd {
    /// All pods were replaced, or have it.
    Done,
    /// Its rollout has missed its deadline, or no pod took it.
    Failed,
    /// Somebody took it back before all pods were replaced, as far as is known.
    Reverted,
    /// The next one began before all pods were replaced.
    Overtaken,
    /// Pods are being replaced, or brought to it.
    Rolling,
    /// The other pods stay until somebody acts: the workload is paused, or its strategy
    /// keeps them.
    Waiting,
    /// It is written down and has not reached the workload, or people are only told.
    Pending,
}

impl RollEnd {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Done,
        Self::Failed,
        Self::Reverted,
        Self::Overtaken,
        Self::Rolling,
        Self::Waiting,
        Self::Pending,
    ];

    /// The word for it: that of the record, where it is one that the record keeps.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => End::Done.word(),
            Self::Failed => End::Failed.word(),
            Self::Reverted => End::Reverted.word(),
            Self::Overtaken => End::Overtaken.word(),
            Self::Rolling => "rolling",
            Self::Waiting => "waiting",
            Self::Pending => "pending",
        }
    }

    fn of(end: End) -> Option<Self> {
        match end {
            End::Open => None,
            End::Done => Some(Self::Done),
            End::Failed => Some(Self::Failed),
            End::Reverted => Some(Self::Reverted),
            End::Overtaken => Some(Self::Overtaken),
        }
    }
}

/// One change of the pod template, or a roll of what has none to be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastStep {
    /// How it came about.
    pub how: Manner,
    /// The number of the roll, where it is one of this installation.
    pub roll: Option<u64>,
    /// The same as people are told it; only the record knows what it counts in.
    pub number: Option<Number>,
    /// The revision that it made, as it is numbered now.
    pub revision: Option<u64>,
    /// When: a roll was decided, or anything else made its revision.
    pub at: Option<Seconds>,
    /// The client that wrote it.
    pub client: Option<Name>,
    /// How it ended, where that is known.
    pub outcome: Option<RollEnd>,
    /// Whether somebody went back behind it after it had ended.
    pub undone: bool,
    /// What the pods that are not replaced wait for, and how many are.
    pub waits_for: Option<String>,
    /// How many seconds that took.
    pub took: Option<Seconds>,
    /// The sources and keys that it was for.
    pub because: String,
    /// The time of the restart, where it was one.
    pub restarted: Option<Name>,
    /// What somebody wrote as its cause.
    pub change_cause: Option<Name>,
    /// By what it is put in order.
    place: (Seconds, u64),
}

/// The name under which rolls are written.
const US: &str = "tidings";
/// A roll's revision is not made earlier than this before it was decided, by another
/// clock, nor later after it than the kind's controller takes to see it.
const NEAR: std::ops::RangeInclusive<Seconds> = -60..=600;
/// A revision is made within so many seconds after its template was written: an earlier
/// write was of something else.
const SOON: Seconds = 60;
/// Of two restarts in one second the second one is written later than it is.
const RESTART_AHEAD: Seconds = 2;

impl PastStep {
    fn new(how: Manner, at: Option<Seconds>) -> Self {
        Self {
            how,
            roll: None,
            number: None,
            revision: None,
            at,
            client: None,
            outcome: None,
            undone: false,
            waits_for: None,
            took: None,
            because: String::new(),
            restarted: None,
            change_cause: None,
            place: (at.unwrap_or_default(), 0),
        }
    }

    fn of_roll(n: u64, method: Method, at: Seconds, cause: &str) -> Self {
        Self {
            roll: Some(n),
            client: Some(US.into()),
            because: cause.to_owned(),
            ..Self::new(Manner::Roll(method), Some(at))
        }
    }

    fn is(&self, end: RollEnd) -> bool {
        self.outcome == Some(end)
    }

    /// It is what made this revision.
    fn made(&mut self, turn: &Turn<'_>, how: Manner) {
        let (revision, number) = (turn.revision, turn.number);
        // What was gone back to has another number now.
        self.revision = turn.last.then_some(number);
        let restarted = revision.restarted.clone();
        self.restarted = restarted.filter(|_| how == Manner::Restart);
        self.place = (revision.made, number);
    }
}

/// What has become of the workload, the oldest first: its last rolls, and whatever else
/// the revisions that are left were made by.
pub fn history(facts: &PastFacts<'_>) -> Vec<PastStep> {
    let mut rolls = rolls(facts);
    let mut steps = Vec::new();
    let turns = Turn::all(facts.revisions);
    let mut walk = Walk::default();
    for (i, turn) in turns.iter().enumerate() {
        let next = turns.get(i + 1);
        let how = walk.how(facts, turn, &rolls);
        match roll_of(facts, turn.revision, how, &mut rolls) {
            Some(roll) => roll.made(turn, how),
            None => steps.push(walk.step(facts, turn, how, next)),
        }
        walk.pass(facts, *turn);
    }
    let excess = rolls.len().saturating_sub(ROLLS_KEPT);
    steps.extend(rolls.into_values().skip(excess));
    steps.sort_by_key(|step| step.place);
    ends::end(facts, &mut steps);
    steps
}

/// Those that the record and Events tell of, by number. Of a cause the longest text is
/// kept: the record's and the template's are cut.
fn rolls(facts: &PastFacts<'_>) -> BTreeMap<u64, PastStep> {
    let mut rolls = BTreeMap::new();
    for roll in facts.record.iter().flat_map(|entry| entry.rolls.iter()) {
        let step = PastStep::of_roll(roll.n, roll.method, roll.at, roll.cause);
        let (outcome, took) = (RollEnd::of(roll.end), roll.took);
        let step = PastStep {
            outcome,
            took,
            ..step
        };
        rolls.insert(roll.n, step);
    }
    // Anybody may write Events: of a roll that the record does not know there was none.
    let last = facts.record.map_or(u64::MAX, |entry| entry.n);
    for told in facts.told.iter().filter(|told| told.n <= last) {
        let new = || PastStep::of_roll(told.n, Method::Rollout, told.at, "");
        let step: &mut PastStep = rolls.entry(told.n).or_insert_with(new);
        keep_longer(&mut step.because, &told.cause);
    }
    for (n, step) in &mut rolls {
        step.number = facts.record.map(|entry| Number {
            n: *n,
            epoch: entry.epoch,
        });
    }
    rolls
}

fn keep_longer(text: &mut String, other: &str) {
    if other.chars().count() > text.chars().count() {
        other.clone_into(text);
    }
}

/// The roll that made a revision, if it was one of ours.
fn roll_of<'a>(
    facts: &PastFacts<'_>,
    revision: &TemplateRevision,
    how: Manner,
    rolls: &'a mut BTreeMap<u64, PastStep>,
) -> Option<&'a mut PastStep> {
    match (how, own_mark(facts, revision)) {
        (Manner::Roll(method), Some(n)) => {
            let new = || PastStep::of_roll(n, method, revision.made, "");
            let step = rolls.entry(n).or_insert_with(new);
            keep_longer(&mut step.because, &revision.because);
            Some(step)
        }
        (Manner::Restart, _) => {
            let at = revision.restarted.as_deref().and_then(seconds)?;
            let is_it = |step: &&mut PastStep| {
                let decided = step
                    .at
                    .is_some_and(|d| (0..=RESTART_AHEAD).contains(&(at - d)));
                decided && step.revision.is_none()
            };
            rolls.values_mut().find(is_it)
        }
        _ => None,
    }
}

fn own_mark(facts: &PastFacts<'_>, revision: &TemplateRevision) -> Option<u64> {
    let mark = revision.mark.as_ref();
    let ours = mark.filter(|mark| *mark.instance == *facts.instance);
    ours.map(|mark| mark.n)
}

/// The revisions so far.
#[derive(Default)]
struct Walk<'a> {
    before: Option<Turn<'a>>,
    /// When that was, or the one before it where it is not told.
    since: Option<Seconds>,
    /// The last of our rolls.
    newest: Option<u64>,
}

impl<'a> Walk<'a> {
    fn pass(&mut self, facts: &PastFacts<'_>, turn: Turn<'a>) {
        self.newest = self.newest.max(own_mark(facts, turn.revision));
        self.since = turn.at().or(self.since);
        self.before = Some(turn);
    }

    /// What made a revision, as far as it tells by itself and beside the one before.
    fn how(
        &self,
        facts: &PastFacts<'_>,
        turn: &Turn<'_>,
        rolls: &BTreeMap<u64, PastStep>,
    ) -> Manner {
        let before = self.before.map(|before| before.revision);
        let revision = turn.revision;
        let is_new = before.is_none_or(|before| before.mark != revision.mark);
        match own_mark(facts, revision) {
            _ if turn.again => Manner::Undo,
            Some(n) if is_new && self.newest.is_none_or(|newest| n > newest) => {
                self.by_roll_or_edit(turn, rolls.get(&n))
            }
            None if is_new && revision.mark.is_some() => Manner::Roll(Method::Rollout),
            _ => self.by_others(turn),
        }
    }

    /// The first that is left may be an edit that left the mark where it was.
    fn by_roll_or_edit(&self, turn: &Turn<'_>, roll: Option<&PastStep>) -> Manner {
        let at = roll.and_then(|roll| roll.at);
        let is_near = at.is_none_or(|at| NEAR.contains(&(turn.revision.made - at)));
        if self.before.is_some() || is_near {
            Manner::Roll(Method::Rollout)
        } else {
            self.by_others(turn)
        }
    }

    fn by_others(&self, turn: &Turn<'_>) -> Manner {
        let restarted = turn.revision.restarted.as_ref();
        let before = self.before.map(|before| before.revision.restarted.as_ref());
        let is_restart = match before {
            Some(before) => restarted.is_some() && restarted != before,
            None => restarted.is_some_and(|at| is_of(at, turn.revision)),
        };
        match before {
            None if turn.number <= 1 => Manner::Created,
            _ if is_restart => Manner::Restart,
            _ => Manner::Edit,
        }
    }

    fn step(
        &self,
        facts: &PastFacts<'_>,
        turn: &Turn<'_>,
        how: Manner,
        next: Option<&Turn<'_>>,
    ) -> PastStep {
        let (at, revision) = (turn.at(), turn.revision);
        let mut step = PastStep::new(how, at);
        step.made(turn, how);
        // What has no time came after the one before.
        step.place.0 = at.or(self.since).unwrap_or(revision.made);
        // It is written anew when a revision is gone back to.
        let present = step.revision.and(revision.change_cause.as_ref());
        step.change_cause = present.cloned();
        if matches!(how, Manner::Roll(_)) {
            step.because.clone_from(&revision.because);
        }
        let after = self.since.max(at.map(|at| at - SOON));
        // The write of the next change is not its own. Of several without a time nobody
        // knows whose write was whose.
        let next_at = next.and_then(Turn::at);
        if at.is_none() && next.is_some() && next_at.is_none() {
            return step;
        }
        let until = at.or(next_at.map(|next| next - 1));
        let by_roll = |write: &TemplateWrite| &*write.client == US && how.is_by_others();
        let writes = facts.writes.iter().filter(|write| !by_roll(write));
        step.client = client(writes, after, until);
        step
    }
}

/// Whether this is the time at which a revision was made.
fn is_of(restarted: &str, revision: &TemplateRevision) -> bool {
    seconds(restarted).is_some_and(|at| NEAR.contains(&(revision.made - at)))
}

/// Whose last write falls between two revisions, and nearest to the second; of several
/// in one second nobody's.
fn client<'a>(
    writes: impl Iterator<Item = &'a TemplateWrite> + Clone,
    after: Option<Seconds>,
    until: Option<Seconds>,
) -> Option<Name> {
    let fall = writes.filter(|write| {
        after.is_none_or(|after| write.at > after) && until.is_none_or(|until| write.at <= until)
    });
    let last = fall.clone().map(|write| write.at).max();
    let mut clients = fall.filter(|write| Some(write.at) == last);
    let client = clients.next()?;
    let others = clients.any(|other| other.client != client.client);
    (!others).then(|| client.client.clone())
}
