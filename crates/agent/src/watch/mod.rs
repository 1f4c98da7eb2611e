//! Sees configuration change.
//!
//! In: the places to watch. Out: a [`Look`] whenever their content is another
//! one, complete and settled, and one for every moment that nobody can vouch for.
//!
//! The watch is set before the first look, so nothing falls between. inotify
//! says when; digests say whether; a slow poll of `..data` catches what inotify
//! cannot see (overflow, 9p and virtio-fs). Without inotify (EMFILE, ENOSPC)
//! the poll runs each second instead. A place that is missing is waited for.
//! Nothing here ends the agent.

mod arm;
pub(crate) mod glob;
mod inotify;
mod moment;
pub(crate) mod mounts;
mod place;
pub(crate) mod snapshot;
mod watched;

use inotify::{Inotify, Told};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::time::Timespec;
use snapshot::Place;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tidings_core::supervise::Version;
use watched::{Found, Watched};

/// How often to look where inotify is not to be had.
const WITHOUT_INOTIFY: Duration = Duration::from_secs(1);

/// What one look found.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// The content of all places together.
    pub(crate) version: Version,
    /// Whether the content is as it was, after who knows what.
    pub(crate) flickered: bool,
    /// The files that differ from the look before.
    pub(crate) names: Vec<String>,
    /// Each place, for people.
    pub(crate) mounts: Vec<Mount>,
}

/// One place as people see it: never its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    /// The directory.
    pub(crate) dir: String,
    /// What `..data` names.
    pub(crate) generation: Option<String>,
    /// The names of the files that count.
    pub(crate) files: Vec<String>,
    /// How it is watched: `inotify`, `poll` or `missing`.
    pub(crate) watched_by: &'static str,
}

/// The watch of all places.
#[derive(Debug)]
pub(crate) struct Watch {
    places: Vec<Watched>,
    inotify: Option<Inotify>,
    numbers: HashMap<i32, usize>,
    poll: Duration,
    began: Instant,
    next_poll: Duration,
    /// Sentences for the log, newest last.
    said: Vec<String>,
    /// Complaints that were said before: each is said once.
    complaints: Vec<String>,
    /// The places as they were last reported.
    reported: Vec<Mount>,
}

impl Watch {
    /// Sets the watch, then takes the first look.
    ///
    /// # Errors
    /// One sentence, for a directory that may not be read.
    pub(crate) fn begin(places: Vec<Place>, poll: Duration) -> Result<Self, String> {
        let places = places.into_iter().map(Watched::new).collect();
        let mut watch = Self {
            places,
            inotify: None,
            numbers: HashMap::new(),
            poll,
            began: Instant::now(),
            next_poll: Duration::ZERO,
            said: Vec::new(),
            complaints: Vec::new(),
            reported: Vec::new(),
        };
        watch.arm_all();
        for watched in &mut watch.places {
            watched.first_look()?;
        }
        watch.next_poll = watch.now() + watch.interval();
        watch.reported = watch.mounts();
        Ok(watch)
    }

    /// Waits until something changed, or until a poll has passed (`None`).
    pub(crate) fn wait(&mut self) -> Option<Look> {
        self.sleep();
        self.listen();
        let now = self.now();
        if now >= self.next_poll {
            self.look_around(now);
            self.next_poll = now + self.interval();
        }
        let due: Vec<usize> = (0..self.places.len())
            .filter(|index| {
                self.places[*index]
                    .moment
                    .due()
                    .is_some_and(|due| due <= now)
            })
            .collect();
        let (names, flickered) = self.look_at(&due);
        self.report(names, flickered)
    }

    /// A look worth telling of: other content or another generation, a place
    /// that went or came, or a moment that nobody can vouch for.
    fn report(&mut self, names: Vec<String>, flickered: bool) -> Option<Look> {
        let mounts = self.mounts();
        if names.is_empty() && !flickered && mounts == self.reported {
            return None;
        }
        self.reported = mounts;
        Some(Look {
            flickered,
            names,
            ..self.look()
        })
    }

    fn mounts(&self) -> Vec<Mount> {
        self.places.iter().map(Watched::describe).collect()
    }

    /// Sentences to log since the last call.
    pub(crate) fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }

    /// The present content, as last looked at.
    pub(crate) fn look(&self) -> Look {
        Look {
            version: self.version(),
            flickered: false,
            names: Vec::new(),
            mounts: self.mounts(),
        }
    }

    /// When the newest watched content was put there (wall clock, since 1970).
    pub(crate) fn changed_at(&self) -> (i64, i64) {
        let times = self.places.iter().map(|watched| watched.last.changed_at);
        times.max().unwrap_or_default()
    }

    /// Everything unreadable, for one warning.
    pub(crate) fn unreadable(&self) -> Vec<String> {
        let of = |watched: &Watched| {
            let dir = watched.place.dir.clone();
            let names = watched.last.unreadable.clone();
            names
                .into_iter()
                .map(move |name| dir.join(name).display().to_string())
        };
        self.places.iter().flat_map(of).collect()
    }

    /// The longest that [`Self::wait`] sleeps.
    pub(crate) fn slowest(&self) -> Duration {
        self.poll
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn interval(&self) -> Duration {
        let all_armed = self.places.iter().all(|watched| watched.armed);
        if all_armed {
            self.poll
        } else {
            self.poll.min(WITHOUT_INOTIFY)
        }
    }

    fn sleep(&self) {
        let due = self
            .places
            .iter()
            .filter_map(|watched| watched.moment.due());
        let until = due.chain([self.next_poll]).min().unwrap_or(self.next_poll);
        let pause = until.saturating_sub(self.now());
        let timeout = Timespec::try_from(pause).ok();
        let mut fds: Vec<PollFd<'_>> = Vec::new();
        if let Some(inotify) = &self.inotify {
            fds.push(PollFd::from_borrowed_fd(inotify.fd(), PollFlags::IN));
        }
        // Interrupted or not: the caller looks at the clock and the queue.
        let _ = poll(&mut fds, timeout.as_ref());
    }

    fn listen(&mut self) {
        let told = self.inotify.as_ref().map(Inotify::read).unwrap_or_default();
        let now = self.now();
        for message in told {
            match message {
                Told::Sign(number, sign) => self.with(number, |place| place.moment.saw(now, sign)),
                Told::NewDir(number) => self.with(number, |place| {
                    // What was put in before the watch was on is found by the look.
                    place.moment.suspect(now);
                    place.armed = false;
                }),
                Told::Gone(number) => self.lost(number, now),
                Told::Overflow => self.overflowed(now),
            }
        }
        self.arm_all();
    }

    fn with(&mut self, number: i32, change: impl FnOnce(&mut Watched)) {
        let index = self.numbers.get(&number).copied();
        if let Some(watched) = index.and_then(|index| self.places.get_mut(index)) {
            change(watched);
        }
    }

    /// The poll: suspects every place whose pulse is not as it was.
    fn look_around(&mut self, now: Duration) {
        self.arm_all();
        for watched in &mut self.places {
            watched.feel(now);
        }
    }

    /// The files that differ, and whether there is doubt.
    fn look_at(&mut self, due: &[usize]) -> (Vec<String>, bool) {
        let mut names = Vec::new();
        let mut flickered = false;
        for &index in due {
            if let Some(found) = self.look_at_one(index) {
                flickered |= found.flickered;
                names.extend(found.names);
            }
        }
        (names, flickered)
    }

    /// `None`: not now, or not there.
    fn look_at_one(&mut self, index: usize) -> Option<Found> {
        let now = self.now();
        let watched = &mut self.places[index];
        if watched.writer_at_work() && !watched.moment.is_exhausted(now) {
            watched.moment.put_off(now);
            return None;
        }
        let signs = watched.moment.signs();
        let read = watched.place.read();
        self.listen();
        let watched = &mut self.places[index];
        if read == Err(Errno::AGAIN) {
            watched.moment.put_off(now);
            return None;
        }
        if watched.moment.signs() != signs && !watched.moment.is_exhausted(now) {
            return None;
        }
        watched.take(read)
    }

    fn version(&self) -> Version {
        let mut hasher = blake3::Hasher::new();
        for watched in &self.places {
            feed(
                &mut hasher,
                watched.place.dir.as_os_str().as_encoded_bytes(),
            );
            for (name, digest) in &watched.last.files {
                feed(&mut hasher, name.as_bytes());
                hasher.update(digest);
            }
        }
        Version(u128::from_le_bytes(snapshot::shorten(&hasher)))
    }
}

/// Length first, so that no two lists of names look alike.
fn feed(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    hasher
        .update(&(bytes.len() as u64).to_le_bytes())
        .update(bytes);
}
