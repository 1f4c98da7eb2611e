//! People in charge: what a roll waits for that they decide, and their words about it.
//!
//! What waits is written down under the number by which it will be rolled, with the
//! digest of what it would bring ([`Pending`]). Other content is another number, and no
//! number is given twice, so a word is never taken for one about something else. Nothing
//! is done on somebody's word before all that it would bring was read again afterwards.

use crate::annotations::{APPROVE, Charge, REJECT, RESUME};
use crate::approval::{Pause, PauseScope};
use crate::compare::{Change, What};
use crate::evidence::{Finding, Question};
use crate::few::Few;
use crate::index::{Fetched, Presence};
use crate::needs::Need;
use crate::number::Number;
use crate::reason::{Problem, Reason};
use crate::state::{Entry, Pending, Ruling, Seen, SeenSource, content_of};
use crate::time::{Seconds, show};
use crate::window::next_opening_of;

use super::climb::Means;
use super::roll::Cause;
use super::{Act, Answer, Case};

/// The number under which something is brought next.
pub(super) struct Ticket {
    pub(super) n: u64,
    /// What waits under it, where people have a say.
    pending: Option<Pending>,
}

static NOBODY: Charge = Charge::NONE;

impl Case<'_> {
    pub(super) fn charge(&self) -> &Charge {
        self.known.policy.charge.as_deref().unwrap_or(&NOBODY)
    }

    /// Somebody's word that everything is to wait, while it holds: of several the one that
    /// lasts longest, and of those the one about the least.
    pub(super) fn pause_word(&self) -> Option<(PauseScope, Pause)> {
        let charge = self.charge();
        let words = [
            (PauseScope::Everything, self.index.everything_paused()),
            (PauseScope::Namespace, charge.namespace_pause),
            (PauseScope::Workload, charge.said.pause),
        ];
        let words = words.into_iter();
        let words = words.filter_map(|(held, word)| Some((held, word?)));
        let holding = words.filter(|(_, pause)| pause.holds(self.moment.now));
        holding.max_by_key(|(_, pause)| pause.end())
    }

    /// Under which number something is brought that is due now. Where people have no say
    /// and nothing waits, it is written down with the intent.
    pub(super) fn ticket(&self, because: &str) -> Ticket {
        let is_asked = self.known.policy.charge.is_some() || self.takes_turns();
        if !is_asked && self.waits().is_none() {
            return Ticket::next(self.next_number());
        }
        let pending = self.pending(because);
        Ticket {
            n: pending.n,
            pending: Some(pending),
        }
    }

    /// The answer where it waits for people, or for a time that they chose, whatever the
    /// method.
    pub(super) fn left_to_people(&self, ticket: &Ticket, changes: &[Change]) -> Option<Answer> {
        let pending = ticket.pending.as_ref()?;
        let (reason, text) = self.waits_for(pending, changes)?;
        Some((self.keep_waiting(pending), reason, text))
    }

    /// The answer where it is not brought by these means now: it is too soon, or what was
    /// approved has to be read once more.
    pub(super) fn kept_back(
        &self,
        ticket: &Ticket,
        cause: &Cause<'_>,
        means: &Means,
    ) -> Option<Answer> {
        let at_once = ticket.pending.as_ref().is_some_and(Pending::is_at_once);
        let hold = self.held(cause.changes, means.restarts());
        if let Some(hold) = hold.filter(|_| !at_once) {
            let text = hold.text(&means.tell(cause.text));
            let pending = ticket.pending.as_ref();
            let act = pending.map_or(Act::Nothing, |pending| self.keep_waiting(pending));
            return Some((act, hold.reason, text));
        }
        let pending = ticket.pending.as_ref()?;
        let turn = (!at_once).then(|| self.waits_for_turn(pending, cause.changes, means));
        if let Some(answer) = turn.flatten() {
            return Some(answer);
        }
        let approved = Some(pending).filter(|pending| pending.is_approved())?;
        self.put_on_record(approved).or_else(|| self.unconfirmed())
    }

    /// A word counts once it is on record.
    fn put_on_record(&self, pending: &Pending) -> Option<Answer> {
        if Some(pending) == self.waits() {
            return None;
        }
        self.look_again_at(self.moment.now);
        let by = pending.by.as_ref().map(|by| format!(" by {by}"));
        let text = format!("{}{}", self.number_of(pending), by.unwrap_or_default());
        Some((self.keep_waiting(pending), Reason::Approved, text))
    }

    /// What waits according to the record.
    fn waits(&self) -> Option<&Pending> {
        self.last()?.waits.as_deref()
    }

    /// What waits and goes on waiting, under the number that is on record, with what was
    /// said about it.
    pub(super) fn told_to_wait(&self, act: &Act) -> Option<Box<Pending>> {
        let pending = self.waits()?;
        let stays = match act {
            Act::Nothing | Act::Unpause => true,
            Act::Note(entry) | Act::Record(entry) => entry
                .waits
                .as_ref()
                .is_some_and(|waits| waits.n == pending.n),
            _ => false,
        };
        let is_it = || pending.content == content_of(&self.all_seen_now());
        (stays && is_it()).then(|| self.heeding(pending.clone()).into())
    }

    /// What waits now, with what was said about it.
    fn pending(&self, because: &str) -> Pending {
        let content = content_of(&self.all_seen_now());
        match self.waits() {
            Some(same) if same.content == content => self.heeding(same.clone()),
            former => Pending {
                n: self.next_number(),
                content,
                since: former.map_or(self.moment.now, |former| former.since),
                because: because.into(),
                ruling: None,
                by: None,
                wave: self.known.policy.wave(),
                on: Few::new(),
            },
        }
    }

    /// What all that it needs is brought to now.
    pub(super) fn all_seen_now(&self) -> Few<Seen, SeenSource> {
        let needs = self.needs.needs.iter();
        needs.filter_map(|need| self.seen_now(need)).collect()
    }

    /// The next number that was never given, nor named by anybody before there was one.
    pub(super) fn next_number(&self) -> u64 {
        let given = self.last().map_or(0, Entry::last_given);
        let next = given.max(self.number()) + 1;
        let said = &self.charge().said;
        let approve = said.approve.map(|approve| approve.number);
        let words = [approve, said.reject, said.resume];
        let epoch = self.last().map(|entry| entry.epoch);
        let named = words.into_iter().flatten();
        let named = named.filter(|number| Some(number.epoch) == epoch && number.n >= next);
        let named: Vec<_> = named.map(|number| number.n).collect();
        let mut free = next..;
        free.find(|n| !named.contains(n)).unwrap_or(next)
    }

    fn number_of(&self, pending: &Pending) -> Number {
        Number {
            n: pending.n,
            epoch: self.epoch(),
        }
    }

    /// The same with what people say about its number. What is rejected stays so.
    fn heeding(&self, mut pending: Pending) -> Pending {
        pending.wave = self.known.policy.wave();
        let (said, number) = (&self.charge().said, self.number_of(&pending));
        let approve = said.approve.filter(|approve| approve.number == number);
        let ruling = match (said.reject == Some(number), approve) {
            (true, _) => Some(Ruling::Rejected),
            (false, Some(approve)) if approve.at_once => Some(Ruling::Now),
            (false, Some(_)) => Some(Ruling::Approved),
            (false, None) => None,
        };
        if ruling > pending.ruling {
            pending.ruling = ruling;
            pending.by.clone_from(&said.approved_by);
        }
        pending
    }

    /// The first gate of people that it does not pass.
    fn waits_for(&self, pending: &Pending, changes: &[Change]) -> Option<(Reason, String)> {
        let (because, number) = (&pending.because, self.number_of(pending));
        match pending.ruling {
            Some(Ruling::Rejected) => {
                return Some((
                    Reason::Declined,
                    format!("{because}; {number} was rejected"),
                ));
            }
            Some(Ruling::Now) => return None,
            None if self.charge().needs_approval() => {
                // A number is told once it is given.
                let how = self.is_given(pending).then(|| self.line(APPROVE, number));
                let how = how.map_or_else(String::new, |how| format!("; {how}"));
                return Some((Reason::NeedsApproval, format!("{because}{how}")));
            }
            _ => {}
        }
        self.outside_windows(pending, changes)
    }

    fn outside_windows(&self, pending: &Pending, changes: &[Change]) -> Option<(Reason, String)> {
        let until = self.until(self.opens(changes).err()?);
        let approved = pending.is_approved().then_some(", approved");
        let waits = self.is_given(pending).then(|| {
            let number = self.number_of(pending);
            format!("; waits as {number}{}", approved.unwrap_or_default())
        });
        let text = format!("{}; {until}{}", pending.because, waits.unwrap_or_default());
        Some((Reason::WindowClosed, text))
    }

    /// Whether its number is on record, so that a word about it counts.
    pub(super) fn is_given(&self, pending: &Pending) -> bool {
        self.waits().is_some_and(|waits| waits.n == pending.n)
    }

    /// Until when windows are closed, in words; then it is looked at again.
    fn until(&self, opens: Option<Seconds>) -> String {
        let Some(at) = opens else {
            return "it never opens".to_owned();
        };
        self.look_again_at(at);
        format!("not before {}", show(at))
    }

    /// A line to be copied, that writes a word about a number.
    pub(super) fn line(&self, word: &str, number: Number) -> String {
        let key = &self.known.workload.key;
        let (namespace, kind, name) = (&key.namespace, key.kind.word, &key.name);
        format!("kubectl annotate -n {namespace} {kind}/{name} --overwrite {word}={number}")
    }

    /// Whether the windows let these changes pass, or until when they do not; `None`: for
    /// ever.
    fn opens(&self, changes: &[Change]) -> Result<(), Option<Seconds>> {
        let mut sources = changes.iter().map(|change| &change.source);
        let urgent = sources.any(|source| {
            let present = self.index.view(source).present();
            present.is_some_and(|present| present.marks.urgent)
        });
        let windows = self.charge().windows(urgent);
        let opens = next_opening_of(&windows, self.moment.now);
        match opens {
            Some(now) if now == self.moment.now => Ok(()),
            later => Err(later),
        }
    }

    /// Keeps the record as it is, but for what waits.
    pub(super) fn keep_waiting(&self, pending: &Pending) -> Act {
        if Some(pending) == self.waits() {
            return Act::Nothing;
        }
        self.look_again_at(self.moment.now + 1);
        let waits = Some(pending.clone().into());
        let entry = match self.stored.filter(|stored| !stored.is_bare()) {
            Some(stored) => stored.clone(),
            // It is to catch up, so its pods are older than what is recorded.
            None => Entry {
                doubt: true,
                ..self.entry_now(self.number(), true, String::new())
            },
        };
        Act::Record(Entry { waits, ..entry })
    }

    /// Whether what was to be caught up with at first sight still waits.
    pub(super) fn catching_up(&self, entry: &Entry) -> Option<Answer> {
        let pending = entry.waits.as_ref().filter(|_| entry.doubt)?;
        let same = pending.content == content_of(&self.all_seen_now());
        same.then(|| {
            self.roll_for(&Cause {
                reason: Reason::CaughtUp,
                changes: &self.any_change(),
                text: &pending.because,
            })
        })
    }

    /// Whatever may have changed of all that it needs: which keys did is not known.
    fn any_change(&self) -> Vec<Change> {
        let change = |need: &Need| Change {
            source: need.source.clone(),
            what: What::Changed,
            keys: Vec::new(),
            version: None,
            dated: false,
            by: None,
        };
        self.needs.needs.iter().map(change).collect()
    }

    /// The answer unless all that it needs is still as it is known, read after the word
    /// counted.
    fn unconfirmed(&self) -> Option<Answer> {
        let needs = || self.needs.needs.iter();
        let question = |need: &Need| Question::Now(need.source.clone());
        let unread = needs().map(question);
        let unread = unread.filter(|question| self.moment.evidence.get(question).is_none());
        let unread: Vec<_> = unread.collect();
        if !unread.is_empty() {
            return Some(Self::ask(unread));
        }
        let differs = |need: &&Need| match self.moment.evidence.get(&question(need)) {
            Some(Finding::Source(now)) => !self.is_known_so(need, now),
            _ => true,
        };
        let need = needs().find(differs)?;
        // The watch is about to tell.
        self.look_again_at(self.moment.now + 1);
        Some((Act::Nothing, Reason::NotRead, need.source.to_string()))
    }

    fn is_known_so(&self, need: &Need, now: &Fetched) -> bool {
        match (now, self.source(need).presence.clone()) {
            (Fetched::Absent, Presence::Absent) | (Fetched::NotWatched, Presence::NotWatched) => {
                true
            }
            (Fetched::Present(..), Presence::Present(_)) => self.is_as_now(need, now),
            _ => false,
        }
    }

    /// What people should mend of their words and windows.
    pub(super) fn misspoken(&self) -> Vec<Problem> {
        let never = self.never_opens().then(|| Problem {
            reason: Reason::BadAnnotation,
            text: "tidings.dev/window: it never opens from now on".to_owned(),
        });
        let words = self.unheard().map(|(key, number)| Problem {
            reason: Reason::NotWaiting,
            text: match self.waits() {
                _ if self.is_under_way(number) => format!(
                    "{key}: {number} does not wait any more; it is under way, and tidings.dev/pause holds it"
                ),
                Some(pending) => {
                    let waits = self.number_of(pending);
                    format!("{key}: {number} does not wait; {waits} does")
                }
                None => format!("{key}: {number} does not wait; nothing does"),
            },
        });
        never.into_iter().chain(words).collect()
    }

    fn never_opens(&self) -> bool {
        let windows = self.charge().windows(false);
        next_opening_of(&windows, self.moment.now).is_none()
    }

    /// Whether it is the number of a roll that is written down and has not come about.
    fn is_under_way(&self, number: Number) -> bool {
        let open = self.last().filter(|last| self.is_pending(last));
        open.is_some_and(|last| last.number() == number)
    }

    /// Words about a number that does not wait, unless it was rolled: what is under way can
    /// still be meant not to be.
    fn unheard(&self) -> impl Iterator<Item = (&'static str, Number)> {
        let said = &self.charge().said;
        let approve = said.approve.map(|approve| (APPROVE, approve.number));
        let reject = said.reject.map(|number| (REJECT, number));
        let resume = said.resume.map(|number| (RESUME, number));
        let waits = self.waits().map(|pending| self.number_of(pending));
        let last = self.last().map(Entry::number);
        let is_unheard = move |(_, number): &(_, Number)| {
            let rolled = last.is_some_and(|l| l.epoch == number.epoch && number.n <= l.n);
            let of_ours = last.is_some_and(|l| l.epoch == number.epoch);
            let too_late = said.reject == Some(*number) && self.is_under_way(*number);
            too_late || (waits.map_or(of_ours, |waits| waits != *number) && !rolled)
        };
        let words = approve.into_iter().chain(reject).chain(resume);
        words.filter(is_unheard)
    }
}

impl Ticket {
    /// That of what waits for nobody.
    pub(super) fn next(n: u64) -> Self {
        Self { n, pending: None }
    }
}

impl Pending {
    fn is_at_once(&self) -> bool {
        self.ruling == Some(Ruling::Now)
    }

    fn is_approved(&self) -> bool {
        matches!(self.ruling, Some(Ruling::Approved | Ruling::Now))
    }
}
