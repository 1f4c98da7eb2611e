//! By which methods a change is brought, and how a record stands whose roll is not
//! brought by a rollout alone.
//!
//! Goes in: the methods that are listed and enabled, how the pods see what changed, and
//! the record. Comes out: the rungs ([`crate::ladder::choose`]), with why gentler ones are
//! passed. An intent with rungs is open until the pods have proven it, whoever asks them;
//! nothing is ever done here by a method that is not listed now.

use crate::compare::Change;
use crate::ladder::{Choice, Passed, Wish, choose};
use crate::method::{Method, Methods};
use crate::reason::Reason;
use crate::refs::{Name, SourceRef};
use crate::state::{Climb, Entry, Older, Refusal, Refused, cause_of, tell_method};

use super::describe::names;
use super::{Act, Answer, Case};

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
}

impl Means {
    /// A rollout, and nothing else was asked for.
    fn rollout() -> Self {
        Self {
            rungs: Method::Rollout.into(),
            passed: Vec::new(),
            is_told: false,
            begun: false,
        }
    }

    /// The method that is taken; where none is left people are told.
    pub(super) fn method(&self) -> Method {
        self.rungs.first().unwrap_or(Method::Notify)
    }

    /// Whether it restarts containers, so that the fuse counts it.
    pub(super) fn restarts(&self) -> bool {
        self.method().row().restarts
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
            why: why.into(),
            begun: self.begun || self.method().is_pod_wise(),
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
    /// not brought. An error: what has to be read first, or nothing where that is the
    /// workload itself.
    pub(super) fn way(&self, changes: &[Change]) -> Result<Means, Box<Answer>> {
        let listed = self.known.policy.methods;
        let begun = self.last_climb().is_some_and(|climb| climb.begun);
        if listed == Method::Rollout.into() {
            return Ok(Means {
                begun,
                ..Means::rollout()
            });
        }
        if self.has_not_seen_pods() {
            return Err(must_be_read(Vec::new()).into());
        }
        let (changes, possible) = self.outstanding(changes)?;
        let Choice { rungs, mut passed } = choose(&Wish {
            kind: self.known.workload.key.kind,
            changes: &changes,
            layout: self.known.workload.layout.as_deref(),
            ports: self.known.policy.own.agent.as_deref(),
            listed,
            enabled: self.rules.enabled,
        });
        let known = self.known_by_all(rungs);
        passed.extend(pass(
            rungs,
            known,
            "a replica of an older version shares the records",
        ));
        passed.extend(pass(
            known,
            possible,
            "an earlier change is due that it cannot serve",
        ));
        passed.sort_by_key(|passed| passed.method);
        Ok(Means {
            rungs: known & possible,
            passed,
            is_told: true,
            begun,
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

    /// What the record has of a roll that is open and not a rollout alone.
    fn last_climb(&self) -> Option<&Climb> {
        let open = self.entry.filter(|entry| self.is_pending(entry));
        open?.climb.as_deref()
    }

    /// All that the pods do not have, or may not have, and the methods that can serve what
    /// of it cannot be told any more.
    fn outstanding(&self, changes: &[Change]) -> Result<(Vec<Change>, Methods), Box<Answer>> {
        let Some(open) = self.entry.filter(|entry| self.is_pending(entry)) else {
            return Ok((changes.to_vec(), Methods::all()));
        };
        let had = open.unreached(self.known.workload.whole);
        let Some(had) = had.filter(|_| self.same_template()) else {
            let rungs = open.climb.as_ref().map(|climb| climb.rungs);
            let possible = rungs.unwrap_or_default() | Methods::of_any_change();
            return Ok((changes.to_vec(), possible));
        };
        let mut all = self.changes_since(open, had)?;
        all.extend_from_slice(changes);
        all.sort();
        all.dedup();
        Ok((all, Methods::all()))
    }

    /// What differs from what the pods had before a roll that is open.
    fn changes_since(&self, open: &Entry, had: &Older) -> Result<Vec<Change>, Box<Answer>> {
        let before = Entry {
            seen: had.seen.clone(),
            ..open.clone()
        };
        let case = self.with_record(&before);
        if let Some(unread) = case.unread() {
            return Err(must_be_read(unread).into());
        }
        let mut changes = case.changes();
        // Of content that was there for a while comparing tells nothing.
        match case.changed_in_between(&before, &changes) {
            Ok(more) => changes.extend(more),
            Err(questions) => return Err(Self::ask(questions).into()),
        }
        changes.retain(|change| case.rolls(change));
        Ok(changes)
    }

    /// What to do about a roll that is written down and has not come about.
    pub(super) fn go_on(&self, entry: &Entry, changes: &[Change]) -> Answer {
        let stands = match (entry.refused(), entry.method()) {
            (Some(refused), _) => Some((reason_of(refused.by), text_of(entry, refused))),
            (None, Method::Notify) => Some((Reason::Notified, entry.because.clone())),
            (None, _) => None,
        };
        let Some((reason, text)) = stands else {
            return self.resume(entry);
        };
        match self.further(entry, reason) {
            Err(answer) => return *answer,
            Ok(Some(way)) => return self.begin_anew(entry, &way),
            Ok(None) => {}
        }
        self.due.set(true);
        // What its pods had before is needed until they have what is there.
        let recorded = Entry {
            older: entry.older.clone(),
            ..self.recorded(entry, changes)
        };
        let act = match self.stored {
            Some(stored) if *stored == recorded => Act::Nothing,
            _ => Act::Note(recorded),
        };
        (act, reason, text)
    }

    /// A way that was not open when the last one ended: somebody has listed or enabled
    /// more since. What a pod has refused is not brought by any other means.
    fn further(&self, entry: &Entry, reason: Reason) -> Result<Option<Means>, Box<Answer>> {
        let climb = entry.climb.as_deref();
        let tried = climb.and_then(|climb| climb.tried.iter().last());
        let ended = matches!(reason, Reason::NotTaken | Reason::Notified);
        let more = |methods: Methods| {
            let further = tried.map_or(methods, |last| methods.after(last));
            further.without(Method::Notify)
        };
        if !ended || more(self.allowed()).is_empty() {
            return Ok(None);
        }
        let way = self.way(&[])?;
        let rungs = more(way.rungs);
        let notify = way.rungs & Method::Notify.into();
        Ok((!rungs.is_empty()).then_some(Means {
            rungs: rungs | notify,
            ..way
        }))
    }

    /// The next roll for what an earlier one was to bring.
    pub(super) fn begin_anew(&self, entry: &Entry, way: &Means) -> Answer {
        self.begin(Reason::Resumed, &[], cause_of(&entry.because), way)
    }

    /// Writes the intent of a roll, or that nobody does more than to tell of it.
    pub(super) fn begin(
        &self,
        reason: Reason,
        changes: &[Change],
        cause: &str,
        way: &Means,
    ) -> Answer {
        let because = way.tell(cause);
        let (is_told, rungs) = (way.method() == Method::Notify, way.rungs);
        let entry = self.next_entry(changes, &because, way);
        match rungs.first() {
            None if !self.rules.climbs => (Act::Nothing, Reason::NotTaken, because),
            None => (Act::Record(entry), Reason::NotTaken, because),
            Some(_) if is_told => (Act::Record(entry), Reason::Notified, because),
            Some(_) => (Act::Roll(entry, changes.to_vec()), reason, because),
        }
    }
}

/// What has to be read before anything is decided.
fn must_be_read(unread: Vec<SourceRef>) -> Answer {
    let text = names(&unread);
    (Act::Read(unread), Reason::NotRead, text)
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

/// `configmap/web (site.conf): web-0: line 3: unexpected }`
fn text_of(entry: &Entry, refused: &Refused) -> String {
    let pod = Name::from(&*refused.pod);
    let parts = [cause_of(&entry.because), &*pod, &*refused.text];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(": ")
}
