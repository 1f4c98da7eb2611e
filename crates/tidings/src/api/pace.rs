//! Whose request is sent next, and how many are under way at once.
//!
//! Goes in: on whose behalf something is asked (a namespace, as a rule), how its answer
//! comes, and what the server wishes. Comes out: permission to send, in fair turns.
//!
//! A request that is not answered promptly makes room for the next one: what hangs in one
//! namespace, say by an admission webhook of its own, holds up that namespace. All that
//! is under way has a bound too, for a server that is slow as a whole must not be flooded;
//! of what is free below it nobody takes more than a third, so that something is left for
//! whoever comes after several of whom all hangs (the dynamic threshold of Choudhury and
//! Hahne, 1998).
//!
//! A 429 or 503 with Retry-After holds back the namespace that got it. Where several were
//! told so and nobody was answered in between, the server means all.
//!
//! Nothing here fails.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidings_core::fair::Turns;
use tidings_core::refs::Name;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

use super::error::LONGEST_WISH;

/// An answer that takes longer is not waited for by others.
const PROMPT: Duration = Duration::from_millis(500);
/// With those that are not answered promptly, so many times as many may be under way.
const ALL: usize = 4;
/// So many namespaces that were told to wait, one after the other, speak for all.
const SEVERAL: usize = 3;
/// All are held back for no longer: then somebody has to ask how it is now.
const ALL_WAIT: Duration = Duration::from_secs(1);

/// A bound on requests, and the turns of those who wait for it.
#[derive(Clone, Debug)]
pub struct Pace(Arc<Mutex<Line>>);

/// One more may be under way, until this is dropped.
#[derive(Debug)]
pub struct Permit {
    pace: Pace,
    who: Name,
    /// Whether its answer may still come promptly.
    prompt: bool,
}

#[derive(Debug)]
struct Line {
    at_once: usize,
    /// Those who wait, and could be served.
    turns: Turns,
    /// Those who wait and have to go on waiting, whatever is free.
    aside: BTreeSet<Name>,
    shares: BTreeMap<Name, Share>,
    /// Requests that may still be answered promptly.
    prompt: usize,
    /// All requests.
    under_way: usize,
    /// Who was told to wait since somebody was answered, and for how long.
    told: BTreeMap<Name, Duration>,
    /// All are held back until then.
    not_before: Option<Instant>,
}

/// What one has of it.
#[derive(Debug, Default)]
struct Share {
    waiting: VecDeque<oneshot::Sender<Permit>>,
    under_way: usize,
    /// He is held back until then.
    not_before: Option<Instant>,
}

impl Pace {
    /// At most this many that may be answered promptly.
    pub fn new(at_once: usize) -> Self {
        Self(Arc::new(Mutex::new(Line {
            at_once,
            turns: Turns::default(),
            aside: BTreeSet::new(),
            shares: BTreeMap::new(),
            prompt: 0,
            under_way: 0,
            told: BTreeMap::new(),
            not_before: None,
        })))
    }

    /// Waits until one more may be sent on somebody's behalf.
    pub async fn enter(&self, who: &Name) -> Permit {
        let (waiter, permit) = oneshot::channel();
        self.line().wait(who, waiter);
        self.serve();
        match permit.await {
            Ok(permit) => permit,
            // The line lasts as long as who stands in it.
            Err(_) => std::future::pending().await,
        }
    }

    /// Permits for all whose turn it is. Each is sent when the line is free again, since
    /// one that nobody takes any more comes back at once.
    fn serve(&self) {
        loop {
            let Some((who, waiter)) = self.line().next(Instant::now()) else {
                return;
            };
            let pace = self.clone();
            let prompt = true;
            drop(waiter.send(Permit { pace, who, prompt }));
        }
    }

    /// Looks again when his pause, or everybody's, is over.
    fn serve_at(&self, time: Instant, who: Name) {
        let pace = self.clone();
        tokio::spawn(async move {
            sleep_until(time).await;
            pace.line().pause_is_over(&who, Instant::now());
            pace.serve();
        });
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Waits for the answer, and makes room for others when it does not come promptly.
    pub async fn answer<T>(&mut self, mut answer: impl Future<Output = T> + Unpin) -> T {
        if let Ok(answer) = timeout(PROMPT, &mut answer).await {
            return answer;
        }
        self.prompt = false;
        self.pace.line().prompt -= 1;
        self.pace.serve();
        answer.await
    }

    /// The server does answer.
    pub fn answered(&self) {
        self.pace.line().told.clear();
    }

    /// The server wants to be left alone for so long.
    pub fn told_to_wait(&self, wish: Duration) {
        let pauses = self.pace.line().hold_back(&self.who, wish, Instant::now());
        for until in pauses {
            self.pace.serve_at(until, self.who.clone());
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.pace.line().left(&self.who, self.prompt);
        self.pace.serve();
    }
}

impl Line {
    fn wait(&mut self, who: &Name, waiter: oneshot::Sender<Permit>) {
        let share = self.shares.entry(who.clone()).or_default();
        share.waiting.push_back(waiter);
        if !self.aside.contains(who) {
            self.turns.wait(who);
        }
    }

    /// Takes out whose turn it is.
    fn next(&mut self, now: Instant) -> Option<(Name, oneshot::Sender<Permit>)> {
        while self.has_room(now) {
            let who = self.turns.next()?.clone();
            if let Some(waiter) = self.take(&who, now) {
                return Some((who, waiter));
            }
        }
        None
    }

    fn has_room(&self, now: Instant) -> bool {
        let all = ALL * self.at_once;
        let held_back = self.not_before.is_some_and(|until| until > now);
        !held_back && self.prompt < self.at_once && self.under_way < all
    }

    /// The next of his, if he may have one more. Else he is not in the line any more.
    fn take(&mut self, who: &Name, now: Instant) -> Option<oneshot::Sender<Permit>> {
        let may = self.may(who, now);
        let share = self.shares.entry(who.clone()).or_default();
        let waiter = if may { share.next() } else { None };
        if waiter.is_some() {
            share.under_way += 1;
            self.under_way += 1;
            self.prompt += 1;
            self.turns.charge(who, 1);
        }
        if !may || share.waiting.is_empty() {
            self.turns.leave(who);
        }
        if !may {
            self.aside.insert(who.clone());
        }
        self.put_away(who, now);
        waiter
    }

    fn may(&self, who: &Name, now: Instant) -> bool {
        let free = ALL * self.at_once - self.under_way;
        let most = (free / (ALL - 1)).max(1);
        self.shares
            .get(who)
            .is_some_and(|share| share.under_way < most && !share.is_held_back(now))
    }

    /// Those get into the line again who had to wait for something that may be over.
    fn resume(&mut self, now: Instant) {
        let aside = std::mem::take(&mut self.aside);
        for who in aside {
            if self.may(&who, now) {
                self.turns.wait(&who);
            } else {
                self.aside.insert(who);
            }
        }
    }

    fn left(&mut self, who: &Name, prompt: bool) {
        let now = Instant::now();
        self.under_way -= 1;
        self.prompt -= usize::from(prompt);
        if let Some(share) = self.shares.get_mut(who) {
            share.under_way -= 1;
        }
        self.put_away(who, now);
        self.resume(now);
    }

    fn pause_is_over(&mut self, who: &Name, now: Instant) {
        self.put_away(who, now);
        self.resume(now);
    }

    /// Returns when the pauses are over that begin now: his, and perhaps everybody's.
    fn hold_back(&mut self, who: &Name, wish: Duration, now: Instant) -> Vec<Instant> {
        let until = now + wish.min(LONGEST_WISH);
        let share = self.shares.entry(who.clone()).or_default();
        share.not_before = share.not_before.max(Some(until));
        self.told.insert(who.clone(), wish);
        if self.told.len() < SEVERAL {
            return vec![until];
        }
        let told = std::mem::take(&mut self.told);
        let shortest = told.into_values().min().unwrap_or_default();
        let all = now + shortest.min(ALL_WAIT);
        self.not_before = Some(all);
        vec![until, all]
    }

    /// Of whom nothing is left to be known.
    fn put_away(&mut self, who: &Name, now: Instant) {
        let is_idle = |share: &Share| {
            share.waiting.is_empty() && share.under_way == 0 && !share.is_held_back(now)
        };
        if self.shares.get(who).is_some_and(is_idle) {
            self.shares.remove(who);
        }
    }
}

impl Share {
    /// The next who still waits for an answer.
    fn next(&mut self) -> Option<oneshot::Sender<Permit>> {
        let mut waiting = std::iter::from_fn(|| self.waiting.pop_front());
        waiting.find(|waiter| !waiter.is_closed())
    }

    fn is_held_back(&self, now: Instant) -> bool {
        self.not_before.is_some_and(|until| until > now)
    }
}
