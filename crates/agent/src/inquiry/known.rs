//! What the loop knows and the port answers from.
//!
//! In: what each event came to. Out: all of it as of one moment.

use super::ledger::Ledger;
use crate::text::told::last_line;
use crate::watch::Contents;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tidings_supervise::{Grounds, Note, Standing, State, Version};

/// What is known at one moment.
#[derive(Debug)]
pub(crate) struct Moment {
    pub(super) ledger: Ledger,
    /// What the files contain, all together.
    pub(super) version: Version,
    pub(super) standing: Standing,
    /// How it is known that what was taken last was.
    pub(super) grounds: Grounds,
    /// Why it stands so: of a check that refused its last line.
    pub(super) why: String,
}

/// The same, shared.
#[derive(Debug)]
pub(crate) struct Knowledge(Mutex<Moment>);

/// What an event brought, until all of it is told.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    contents: Option<Contents>,
    flickered: bool,
    taken: Option<(Version, Grounds)>,
    why: Option<String>,
}

impl Knowledge {
    /// That nothing is known of what was taken of these files.
    pub(crate) fn at_first(version: Version, contents: &Contents) -> Self {
        let mut ledger = Ledger::default();
        ledger.look(contents);
        Self(Mutex::new(Moment {
            ledger,
            version,
            standing: Standing::Pending,
            grounds: Grounds::Shown,
            why: String::new(),
        }))
    }

    /// How a life begins: whoever asks before the loop turns is answered right, too.
    pub(crate) fn begins(&self, state: &State) {
        let mut turn = Turn::default();
        if let Standing::Taken(grounds) = state.standing() {
            turn.took(state.seen(), grounds);
        }
        self.tell(turn, state.seen(), state.standing());
    }

    /// All that belongs to one event, and how it stands then.
    pub(crate) fn tell(&self, news: Turn, version: Version, standing: Standing) {
        let mut moment = self.now();
        if let Some(contents) = news.contents {
            moment.ledger.look(&contents);
        }
        if news.flickered {
            moment.ledger.flickered();
        }
        if (moment.version, moment.standing) != (version, standing) {
            // It was why it stood as it did.
            moment.why.clear();
        }
        if let Some((_, grounds)) = news.taken.filter(|(taken, _)| *taken == version) {
            moment.ledger.took();
            moment.grounds = grounds;
        }
        if let Some(why) = news.why {
            moment.why = why;
        }
        moment.version = version;
        moment.standing = standing;
    }

    pub(super) fn now(&self) -> MutexGuard<'_, Moment> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// The files were looked at.
    pub(crate) fn looked(&mut self, contents: Option<Contents>, flickered: bool) {
        self.contents = contents;
        self.flickered = flickered;
    }

    /// The process has this version.
    pub(crate) fn took(&mut self, version: Version, grounds: Grounds) {
        self.taken = Some((version, grounds));
    }

    /// The state machine said this.
    pub(crate) fn note(&mut self, note: &Note) {
        let (Note::Waiting(why) | Note::Ended { why, .. }) = note;
        self.why = Some(last_line(why));
    }
}
