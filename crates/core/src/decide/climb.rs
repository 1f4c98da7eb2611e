//! By which methods a change is brought, and how a record stands whose roll is not
//! brought by a rollout alone.
//!
//! Goes in: the methods that are listed and enabled, how the pods see what changed, and
//! the record. Comes out: the rungs ([`crate::ladder::choose`]), with why gentler ones are
//! passed. An intent with rungs is open until the pods have proven it, whoever asks them;
//! nothing is ever done here by a method that is not listed now.

use crate::compare::Change;
use crate::digest::Digest;
use crate::ladder::{Choice, Passed, Wish, choose};
use crate::method::{Method, Methods};
use crate::reason::Reason;
use crate::refs::Name;
use crate::state::{
    Climb, Entry, Outstanding, Refusal, Refused, Seen, cause_of, content_of, tell_method,
};

use super::proof::Newer;
use super::roll::Cause;
use super::{Act, Answer, Case, describe};

/// By which methods a change is brought.
pub(super) struct Means {
    /// Those that can serve it, the first of which is taken.
    pub(super) rungs: Methods,
    /// Those that are listed and cannot.
    passed: Vec<Passed>,
    /// Whether it is to be told, and recorded: more was listed than a rollout.
    is_told: bool,
    /// Whether pods may have content of before, in part.
    begun: bool,
    /// What it is to bring.
    due: Outstanding,
    /// Whether agents have said that taking it restarts their programs.
    restarting: bool,
}

impl Means {
    /// A rollout, and nothing else was asked for.
    fn rollout() -> Self {
        Self {
            rungs: Method::Rollout.into(),
            passed: Vec::new(),
            is_told: false,
            begun: false,
            due: Outstanding::new(),
            restarting: false,
        }
    }

    /// The method that is taken; where none is left people are told.
    pub(super) fn method(&self) -> Method {
        self.rungs.first().unwrap_or(Method::Notify)
    }

    /// Whether it restarts containers, so that the fuse counts it.
    pub(super) fn restarts(&self) -> bool {
        let method = self.method();
        method.row().restarts || (self.restarting && method == Method::Hot)
    }

    fn why(&self) -> String {
        let passed: Vec<_> = self.passed.iter().map(ToString::to_string).collect();
        passed.join("; ")
    }

    /// What changed, by which method it is brought, and why by no gentler one.
    pub(super) fn tell(&self, because: &str) -> String {
        if !self.is_told {
            return because.to_owned();
        }
        let by = self.rungs.first().map_or("no method", Method::word);
        tell_method(because, by, &self.why())
    }

    /// What is recorded of it.
    pub(super) fn climb(&self, entry: &Entry) -> Option<Box<Climb>> {
        let alone = self.rungs == Method::Rollout.into();
        if alone && !self.begun {
            return None;
        }
        let why = self.why();
        let refused = Refused::new(Refusal::NotTaken, &entry.seen, "", &why);
        let climb = Climb {
            rungs: self.rungs,
            tried: Methods::default(),
            held: "".into(),
            why: why.into(),
            begun: self.begun || self.method().is_pod_wise(),
            due: self.due.clone(),
            passed: None,
            refused: self.rungs.is_empty().then_some(refused),
        };
        Some(climb.into())
    }
}

impl Case<'_> {
    /// The methods that are listed and enabled.
    pub(super) fn allowed(&self) -> Methods {
        self.known.policy.methods & self.rules.enabled
    }

    /// By which methods these changes are brought, with all that an earlier roll has
    /// not brought. None: the workload itself has to be read first.
    pub(super) fn means(&self, changes: &[Change]) -> Option<Means> {
        let begun = self.last_climb().is_some_and(|climb| climb.begun);
        let due = self.due_with(changes);
        if self.known.policy.methods == Method::Rollout.into() {
            return Some(Means {
                begun,
                due,
                ..Means::rollout()
            });
        }
        if self.has_not_seen_pods() {
            return None;
        }
        let Choice {
            mut rungs,
            mut passed,
        } = self.choice(&due);
        for (left, why) in self.limits(rungs, &due, changes) {
            passed.extend(pass(rungs, left, why));
            rungs = rungs & left;
        }
        passed.sort_by_key(|passed| passed.method);
        Some(Means {
            rungs,
            passed,
            is_told: true,
            begun,
            due,
            restarting: self.last().is_some_and(|entry| entry.restarting),
        })
    }

    /// What is left of these rungs for reasons that lie outside of the pods, each with why.
    fn limits(
        &self,
        rungs: Methods,
        due: &Outstanding,
        changes: &[Change],
    ) -> [(Methods, &'static str); 3] {
        let unless = |is_so: bool| {
            if is_so {
                Methods::of_any_change()
            } else {
                Methods::all()
            }
        };
        let anew = changes
            .iter()
            .any(|change| self.made_anew(change).is_some());
        [
            (
                self.known_by_all(rungs),
                "a replica of an older version shares the records",
            ),
            (
                unless(due.is_empty()),
                "an earlier change is due for which a rollout was decided",
            ),
            (
                unless(anew),
                "kubelets do not look again at what is immutable, and it was made anew",
            ),
        ]
    }

    fn choice(&self, due: &Outstanding) -> Choice {
        let workload = &self.known.workload;
        choose(&Wish {
            kind: workload.key.kind,
            changes: &self.changes_of(due),
            layout: workload.layout.as_deref(),
            ports: self.known.policy.own.agent.as_deref(),
            listed: self.known.policy.methods,
            enabled: self.rules.enabled,
        })
    }

    /// Whether it is to be read again to know how its pods see what they use. What is
    /// borrowed from another workload is never known.
    fn has_not_seen_pods(&self) -> bool {
        let workload = &self.known.workload;
        let needed = self.allowed().iter().any(Method::is_pod_wise);
        needed && workload.layout.is_none() && workload.lender.is_none()
    }

    /// Those whose records all can read who share them.
    fn known_by_all(&self, rungs: Methods) -> Methods {
        if self.rules.climbs {
            return rungs;
        }
        rungs & Method::Rollout.into()
    }

    /// Whether what a pod has refused is there still: it is brought by nothing, whatever
    /// was there in between, nor for a change of something else.
    pub(super) fn is_refused(&self, entry: &Entry, changes: &[Change]) -> bool {
        let mut changes = changes.iter().filter(|change| self.rolls(change));
        let refused = self.refused_by_a_pod(entry);
        refused
            .is_some_and(|refused| !changes.any(|change| refused.covers(&Seen::of(&change.source))))
    }

    fn refused_by_a_pod<'b>(&self, entry: &'b Entry) -> Option<&'b Refused> {
        let refused = entry.refused().filter(|_| self.is_pending(entry));
        refused.filter(|refused| refused.by != Refusal::NotTaken)
    }

    /// Whether somebody has edited the template since: its pods have started with it.
    pub(super) fn pods_are_newer_than_refused(&self, entry: &Entry) -> Newer {
        let Some(refused) = self.refused_by_a_pod(entry) else {
            return Newer::No;
        };
        let needs = self.needs.needs.iter();
        let of = needs.filter(|need| refused.covers(&Seen::of(&need.source)));
        let of: Vec<_> = of.map(|need| self.change_of(need)).collect();
        self.pods_are_newer(&of)
    }

    /// What the record has of a roll that is open and not a rollout alone.
    pub(super) fn last_climb(&self) -> Option<&Climb> {
        let open = self.entry.filter(|entry| self.is_pending(entry));
        open?.climb.as_deref()
    }

    /// What to do about a roll that is written down and has not come about.
    pub(super) fn go_on(&self, entry: &Entry, changes: &[Change]) -> Answer {
        let stands = match (entry.refused(), entry.method()) {
            (Some(refused), _) => Some((reason_of(refused.by), text_of(entry, refused))),
            (None, Method::Notify) => Some((Reason::Notified, entry.because.clone())),
            (None, _) => None,
        };
        let Some((reason, mut text)) = stands else {
            return self.resume(entry);
        };
        if let Some(further) = self.further(entry, reason) {
            return further;
        }
        self.due.set(true);
        // What its pods had before is needed until they have what is there.
        let mut recorded = Entry {
            older: entry.older.clone(),
            ..self.recorded(entry, changes)
        };
        let passed = passed(entry);
        let is_other = content_of(&recorded.seen) != passed;
        // So is what was there in between, with which some may have started.
        if let Some(climb) = &mut recorded.climb {
            climb.passed = is_other.then_some(passed);
            let rolling: Vec<_> = changes.iter().filter(|c| self.rolls(c)).cloned().collect();
            climb.due = self.due_with(&rolling);
        }
        if let Some(refused) = self.refused_by_a_pod(entry) {
            text.push_str(&self.told_beside(refused));
        }
        let act = match self.stored {
            Some(stored) if *stored == recorded => Act::Nothing,
            _ => Act::Note(recorded),
        };
        (act, reason, text)
    }

    /// Whether pods may be asked whether what one of them has refused stands: nobody holds the
    /// workload back, the method is allowed still, and nothing else waits for it, which that
    /// method may not serve.
    pub(super) fn may_ask_again(&self, act: &Act, reason: Reason) -> bool {
        let stands = *act == Act::Nothing && matches!(reason, Reason::Rejected | Reason::Died);
        let entry = self.entry.filter(|_| stands);
        entry.is_some_and(|entry| {
            let alone = entry.climb.as_deref().is_some_and(|of| of.passed.is_none());
            let allowed = self.allowed().contains(entry.method());
            alone && allowed && self.paused(&entry.because).is_none()
        })
    }

    /// What else would be brought, and waits for what is refused.
    fn told_beside(&self, refused: &Refused) -> String {
        let mut beside = self.brought(&[]);
        beside.retain(|change| !refused.covers(&Seen::of(&change.source)));
        match &*beside {
            [] => String::new(),
            beside => format!("; {} waits for that", describe(beside)),
        }
    }

    /// The answer where there are means that there were not when the last ones ended:
    /// somebody has listed or enabled more since. What a pod has refused is not brought by
    /// any other.
    fn further(&self, entry: &Entry, reason: Reason) -> Option<Answer> {
        let climb = entry.climb.as_deref();
        let tried = climb.and_then(|climb| climb.tried.iter().last());
        let ended = matches!(reason, Reason::NotTaken | Reason::Notified);
        let more = |methods: Methods| {
            let further = tried.map_or(methods, |last| methods.after(last));
            further.without(Method::Notify)
        };
        if !ended || more(self.allowed()).is_empty() {
            return None;
        }
        let Some(means) = self.means(&[]) else {
            return Some(must_be_read());
        };
        let rungs = more(means.rungs);
        let notify = means.rungs & Method::Notify.into();
        let further = Means {
            rungs: rungs | notify,
            ..means
        };
        (!rungs.is_empty()).then(|| self.begin_anew(entry, &further))
    }

    /// The next roll for what an earlier one was to bring. That has passed the gates, unless
    /// there is other content now.
    pub(super) fn begin_anew(&self, entry: &Entry, means: &Means) -> Answer {
        let cause = cause_of(&entry.because);
        let cause = Cause {
            reason: Reason::Resumed,
            changes: &[],
            text: cause,
        };
        if content_of(&self.all_seen_now()) == passed(entry) {
            return self.begin(self.next_number(), &cause, means);
        }
        let ticket = self.ticket(cause.text);
        let waits = self.left_to_people(&ticket, cause.changes);
        let waits = waits.or_else(|| self.kept_back(&ticket, &cause, means));
        waits.unwrap_or_else(|| self.begin(ticket.n, &cause, means))
    }

    /// Writes the intent of a roll, or that nobody does more than to tell of it.
    pub(super) fn begin(&self, n: u64, cause: &Cause<'_>, means: &Means) -> Answer {
        let because = means.tell(cause.text);
        let (is_told, rungs) = (means.method() == Method::Notify, means.rungs);
        let entry = self.next_entry(n, cause.changes, &because, means);
        match rungs.first() {
            None if !self.rules.climbs => (Act::Nothing, Reason::NotTaken, because),
            None => (Act::Record(entry), Reason::NotTaken, because),
            Some(_) if is_told => (Act::Record(entry), Reason::Notified, because),
            Some(_) => (Act::Roll(entry, self.told(cause)), cause.reason, because),
        }
    }

    /// For which changes a roll is; none where it is not known.
    fn told(&self, cause: &Cause<'_>) -> Vec<Change> {
        match cause.changes {
            [] => Vec::new(),
            changes => self.brought(changes),
        }
    }
}

/// The content with which a roll has passed the gates, whatever was noted since.
fn passed(entry: &Entry) -> Digest {
    let noted = entry.climb.as_deref().and_then(|climb| climb.passed);
    noted.unwrap_or_else(|| content_of(&entry.seen))
}

/// The workload itself has to be read before anything is decided.
pub(super) fn must_be_read() -> Answer {
    (Act::Read(Vec::new()), Reason::NotRead, String::new())
}

/// Those that fall away, and why.
fn pass(of: Methods, left: Methods, why: &'static str) -> impl Iterator<Item = Passed> {
    let fallen = of.iter().filter(move |method| !left.contains(*method));
    fallen
        .map(move |method| Passed {
            method,
            why: why.to_owned(),
        })
        .collect::<Vec<_>>()
        .into_iter()
}

fn reason_of(refusal: Refusal) -> Reason {
    match refusal {
        Refusal::Rejected => Reason::Rejected,
        Refusal::Died => Reason::Died,
        Refusal::NotTaken => Reason::NotTaken,
    }
}

/// `configmap/web (site.conf): web-0: line 3: unexpected }`; where nothing was tried, as it
/// was told at first.
fn text_of(entry: &Entry, refused: &Refused) -> String {
    let tried = entry.climb.as_deref().map(|climb| climb.tried);
    if tried.is_none_or(Methods::is_empty) {
        return entry.because.clone();
    }
    let pod = Name::from(&*refused.pod);
    let parts = [cause_of(&entry.because), &*pod, &*refused.text];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(": ")
}
