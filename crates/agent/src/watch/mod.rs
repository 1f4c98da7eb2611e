//! Sees configuration change.
//!
//! In: the places to watch. Out: an [`Observation`] whenever their content is another
//! one, complete and settled, and one for every moment that nobody can vouch for.
//!
//! The watch is set before the first look, so nothing falls between. inotify
//! says when, and of mounts the kernel's table of them; digests say whether; a slow
//! poll of `..data` catches what inotify cannot see (overflow, 9p and virtio-fs). Without inotify (EMFILE, ENOSPC)
//! the poll runs each second instead. A place that is missing is waited for.
//! Nothing here ends the agent.

mod arm;
#[cfg(test)]
mod broken;
mod description;
mod digest;
pub(crate) mod foreign;
pub(crate) mod glob;
mod inotify;
mod mounted;
pub(crate) mod mounts;
pub(crate) mod place;
pub(crate) mod reading;
mod route;
mod snapshot;
mod swap_tracker;
pub(crate) mod tree;
pub(crate) mod watched;

pub(crate) use crate::text::plain::name as shown;
use arm::Concerns;
pub(crate) use digest::{FileDigest, shorten};
use inotify::{Inotify, Told};
use mounted::MountTable;
use place::Place;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::time::Timespec;
use snapshot::Snapshot;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};
use swap_tracker::SwapTracker;
use tidings_supervise::Version;
use watched::{Changes, Watched};

/// How often to look where inotify is not to be had.
const WITHOUT_INOTIFY: Duration = Duration::from_secs(1);

/// What reading a place came to.
type Reading = Result<Snapshot, Errno>;

/// Of each place the digests of the files that count, by their names below it.
pub(crate) type Contents = Vec<BTreeMap<OsString, FileDigest>>;

/// What one look found.
#[derive(Debug, Clone)]
pub(crate) struct Observation {
    /// The content of all places together.
    pub(crate) version: Version,
    /// Whether the content is as it was, after who knows what.
    pub(crate) flickered: bool,
    /// The files that differ from the look before.
    pub(crate) names: Vec<OsString>,
    /// Each place, for people.
    pub(crate) mounts: Vec<Mount>,
    /// When the newest of it was put there (wall clock, since 1970).
    pub(crate) changed_at: (i64, i64),
    /// What it contains, if that was asked for.
    pub(crate) contents: Option<Contents>,
}

/// One place as people see it: never its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    /// The directory.
    pub(crate) dir: String,
    /// What `..data` names.
    pub(crate) generation: Option<String>,
    /// The names of the files that count, the first of them.
    pub(crate) files: Vec<String>,
    /// How many there are.
    pub(crate) file_count: usize,
    /// How it is watched: `inotify`, `poll`, `missing` or `unreadable`.
    pub(crate) watched_by: &'static str,
    /// What of it cannot be read, a sentence each.
    pub(crate) unread: Vec<String>,
}

/// The watch of all places.
#[derive(Debug)]
pub(crate) struct Watch {
    places: Vec<Watched>,
    inotify: Option<Inotify>,
    mounts: MountTable,
    /// By the number of a watch.
    numbers: HashMap<i32, Concerns>,
    poll: Duration,
    began: Instant,
    next_poll: Duration,
    /// Sentences for the log, newest last.
    said: Vec<String>,
    /// Files that are left out, as far as that was said.
    left_out: Vec<OsString>,
    /// Sentences that are no complaints.
    notes: Vec<String>,
    /// Complaints that were said before: each is said once.
    complaints: Vec<String>,
    /// The places as they were last reported.
    reported: Vec<Mount>,
    /// Looks tell what each file contains.
    tells_contents: bool,
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
            // Before the first look: what is mounted meanwhile is told.
            mounts: MountTable::open(),
            numbers: HashMap::new(),
            poll,
            began: Instant::now(),
            next_poll: Duration::ZERO,
            said: Vec::new(),
            left_out: Vec::new(),
            notes: Vec::new(),
            complaints: Vec::new(),
            reported: Vec::new(),
            tells_contents: false,
        };
        watch.arm_all();
        for watched in &mut watch.places {
            watched.first_look()?;
        }
        watch.note_left_out();
        watch.note_unread();
        watch.next_poll = watch.now() + watch.interval();
        watch.reported = watch.mounts();
        Ok(watch)
    }

    /// From here on looks tell what each file contains: twice the memory for it.
    pub(crate) fn tell_contents(&mut self) {
        self.tells_contents = true;
    }

    /// The places, in the order of [`Contents`].
    pub(crate) fn places(&self) -> Vec<Place> {
        self.places
            .iter()
            .map(|watched| watched.place.clone())
            .collect()
    }

    fn contents(&self) -> Contents {
        let of = |watched: &Watched| watched.last.files.clone();
        self.places.iter().map(of).collect()
    }

    /// Waits until something changed, or until a poll has passed (`None`).
    pub(crate) fn wait(&mut self) -> Option<Observation> {
        let remounted = self.sleep();
        self.listen();
        let now = self.now();
        if remounted {
            self.mounts.changed(now);
        }
        if remounted || now >= self.next_poll {
            self.look_around(now);
            self.next_poll = now + self.interval();
        }
        let (names, flickered) = self.look_at_due(now);
        self.report(names, flickered)
    }

    /// A look worth telling of: other content or another generation, a place
    /// that went or came, or a moment that nobody can vouch for.
    fn report(&mut self, names: Vec<OsString>, flickered: bool) -> Option<Observation> {
        let mounts = self.mounts();
        if names.is_empty() && !flickered && mounts == self.reported {
            return None;
        }
        self.reported = mounts;
        self.note_left_out();
        self.note_unread();
        Some(Observation {
            flickered,
            names,
            ..self.look()
        })
    }

    fn mounts(&self) -> Vec<Mount> {
        description::mounts(&self.places)
    }

    /// Says of every file that is left out once that it is.
    fn note_left_out(&mut self) {
        for watched in &self.places {
            for (name, foreign) in &watched.last.left_out {
                let path = std::path::PathBuf::from(watched.last.dir.clone()).join(name);
                if self.left_out.iter().all(|said| *said != path) {
                    let (file, what) = (shown(path.as_os_str()), foreign.word());
                    self.notes.push(format!(
                        "{file} is left out: it is {what}; name the file itself to watch it"
                    ));
                    self.left_out.push(path.into());
                }
            }
        }
    }

    /// Sentences to log that are no complaints, since the last call.
    pub(crate) fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// Complaints to log since the last call.
    pub(crate) fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }

    /// The present content, as last looked at.
    pub(crate) fn look(&self) -> Observation {
        Observation {
            version: self.version(),
            flickered: false,
            names: Vec::new(),
            mounts: self.mounts(),
            changed_at: self.changed_at(),
            contents: self.tells_contents.then(|| self.contents()),
        }
    }

    fn changed_at(&self) -> (i64, i64) {
        let times = self.places.iter().map(|watched| watched.last.changed_at);
        times.max().unwrap_or_default()
    }

    /// Says once of everything that cannot be read that it cannot.
    fn note_unread(&mut self) {
        let all = self.places.iter().flat_map(Watched::unread);
        for sentence in all.collect::<Vec<_>>() {
            self.say_once(&sentence);
        }
    }

    /// The longest that [`Self::wait`] sleeps.
    pub(crate) fn slowest(&self) -> Duration {
        self.poll
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn interval(&self) -> Duration {
        // A mount makes no message.
        if self.places.iter().all(Watched::is_clear) {
            self.poll
        } else {
            self.poll.min(WITHOUT_INOTIFY)
        }
    }

    /// Until something is to be done; true: something was mounted, or unmounted.
    fn sleep(&self) -> bool {
        let now = self.now();
        let due = (0..self.places.len()).filter_map(|group| self.due(group));
        let until = due.chain([self.next_poll]).chain(self.mounts.due(now));
        let pause = until.min().unwrap_or(self.next_poll).saturating_sub(now);
        let timeout = Timespec::try_from(pause).ok();
        let mut fds: Vec<PollFd<'_>> = Vec::new();
        let mounts = self.mounts.fd(now);
        fds.extend(mounts.map(|table| PollFd::from_borrowed_fd(table, PollFlags::PRI)));
        if let Some(inotify) = &self.inotify {
            fds.push(PollFd::from_borrowed_fd(inotify.fd(), PollFlags::IN));
        }
        // Interrupted or not: the caller looks at the clock and the queue.
        let _ = poll(&mut fds, timeout.as_ref());
        mounts.is_some() && !fds[0].revents().is_empty()
    }

    fn listen(&mut self) {
        let told = self.inotify.as_ref().map(Inotify::read).unwrap_or_default();
        let now = self.now();
        for message in told {
            match message {
                Told::Entry(number, name, news) => self.heard(number, &name, news, now),
                Told::Gone(number) => self.lost(number, now),
                Told::Overflow => self.overflowed(now),
            }
        }
        self.arm_all();
    }

    /// The poll: suspects every place whose pulse is not as it was.
    fn look_around(&mut self, now: Duration) {
        self.arm_all();
        for watched in &mut self.places {
            watched.feel(now);
        }
    }

    /// When to look at the places of a group: when all of them are ready, or one
    /// has waited long enough.
    fn due(&self, group: usize) -> Option<Duration> {
        let members = || {
            let all = self.places.iter().filter(|watched| watched.group == group);
            all.map(|watched| &watched.tracker)
        };
        let ready = members().filter_map(SwapTracker::due).max()?;
        let latest = members().filter_map(SwapTracker::latest).min();
        Some(latest.map_or(ready, |latest| ready.min(latest)))
    }

    /// The files that differ, and whether there is doubt.
    fn look_at_due(&mut self, now: Duration) -> (Vec<OsString>, bool) {
        let mut names = Vec::new();
        let mut flickered = false;
        for group in 0..self.places.len() {
            if self.due(group).is_some_and(|due| due <= now) {
                for found in self.look_at(group) {
                    flickered |= found.flickered;
                    names.extend(found.names);
                }
            }
        }
        // One file may lie in several places.
        names.sort();
        names.dedup();
        (names, flickered)
    }

    /// All of a group, or none of it yet: what one message tells of is one change.
    fn look_at(&mut self, group: usize) -> Vec<Changes> {
        let now = self.now();
        let members: Vec<usize> = (0..self.places.len())
            .filter(|index| self.places[*index].group == group)
            .filter(|index| self.places[*index].tracker.due().is_some())
            .collect();
        let exhausted = (members.iter()).any(|index| self.places[*index].tracker.is_exhausted(now));
        if !exhausted && self.await_writers(&members, now) {
            return Vec::new();
        }
        // What came, or is linked, since the last look is watched before it is read.
        for index in &members {
            self.arm(*index);
        }
        let signs = |watch: &Self| -> Vec<u64> {
            let of = |index: &usize| watch.places[*index].tracker.signs();
            members.iter().map(of).collect()
        };
        let before = signs(self);
        let read: Vec<Reading> = members
            .iter()
            .map(|index| self.places[*index].place.read())
            .collect();
        self.listen();
        if self.await_swaps(&members, &read, now) {
            return Vec::new();
        }
        let again = signs(self) != before;
        if again && !exhausted {
            return Vec::new();
        }
        let mut found = Vec::new();
        for (index, read) in members.into_iter().zip(read) {
            found.extend(self.places[index].take(read));
            if again {
                self.places[index].tracker.suspect(now);
            }
        }
        found
    }

    /// Whether a writer is known to be at work; it is given more time.
    fn await_writers(&mut self, members: &[usize], now: Duration) -> bool {
        let mut any = false;
        for index in members {
            let watched = &mut self.places[*index];
            if watched.writer_at_work() {
                watched.tracker.put_off(now);
                any = true;
            }
        }
        any
    }

    /// Whether a volume was swapped away whenever it was read: what it contains
    /// is not known then.
    fn await_swaps(&mut self, members: &[usize], read: &[Reading], now: Duration) -> bool {
        let mut any = false;
        for (index, read) in members.iter().zip(read) {
            if *read == Err(Errno::AGAIN) {
                self.places[*index].tracker.start_over(now);
                any = true;
            }
        }
        any
    }

    fn version(&self) -> Version {
        let mut hasher = blake3::Hasher::new();
        for watched in &self.places {
            feed(&mut hasher, watched.place.path.as_os_str().as_bytes());
            for (name, digest) in &watched.last.files {
                feed(&mut hasher, name.as_bytes());
                hasher.update(digest);
            }
        }
        Version(u128::from_le_bytes(digest::shorten(&hasher)))
    }
}

/// Length first, so that no two lists of names look alike.
fn feed(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    hasher
        .update(&(bytes.len() as u64).to_le_bytes())
        .update(bytes);
}
