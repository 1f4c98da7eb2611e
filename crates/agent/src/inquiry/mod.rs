//! What the controller asks over the port: whether files hold what it means, and whether
//! that was taken (`tidings_wire::holds`). With `--paced` such a question is the word on
//! which what is held is taken.
//!
//! In: a token, a question, the files, and what the loop knows. Out: yes or no, a word
//! and a line. Files are read below watched places alone, in pieces, and no content and
//! no digest is answered.

pub(crate) mod known;
pub(crate) mod ledger;
mod question;
pub(crate) mod reading;
pub(crate) mod token;

use crate::text::told::cut;
use crate::watch::place::Place;
use crate::watch::shown;
use known::{Knowledge, Moment};
use ledger::Name;
use reading::{Budget, Finding};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tidings_supervise::action::Outcome;
use tidings_supervise::{Grounds, Standing, Version};
use tidings_wire::holds::{Answer, FileAsked, Standing as Word};
use token::{Refusal, Tokens};

/// Who answers.
pub(crate) struct Inquiry {
    pub(crate) tokens: RefCell<Tokens>,
    /// In the order of what the loop knows.
    pub(crate) places: Vec<Place>,
    pub(crate) known: Arc<Knowledge>,
    /// Acting restarts the program.
    pub(crate) restarts: bool,
    /// Has what was named taken; nobody has to be asked without `--paced`.
    pub(crate) release: Option<Box<dyn Fn(Version) + Send>>,
}

/// A file that was asked for, as it is.
struct Looked {
    path: PathBuf,
    names: Vec<Name>,
    /// As far as patterns tell: what was seen of it goes first.
    counts: bool,
    seen: Finding,
}

/// The word, and why.
type Said = (Word, String);

impl Inquiry {
    /// Whether whoever bears this may ask once.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn admit(&self, token: Option<&str>) -> Result<(), Refusal> {
        let token = token.ok_or(Refusal::Unknown)?;
        self.tokens.borrow_mut().admit(token)
    }

    /// Answers a question.
    ///
    /// # Errors
    /// One sentence on what is no question.
    pub(crate) fn answer(&self, body: &[u8]) -> Result<Answer, String> {
        let question = question::read(body)?;
        let mut budget = Budget::default();
        let looked = question.files.iter();
        let looked: Result<Vec<Looked>, String> =
            looked.map(|file| self.look(file, &mut budget)).collect();
        let (holds, (outcome, text)) = self.judge(&looked?);
        Ok(Answer {
            holds,
            outcome,
            restarts: self.restarts,
            text: cut(&text),
        })
    }

    fn look(&self, asked: &FileAsked, budget: &mut Budget) -> Result<Looked, String> {
        let path = reading::plain(&asked.path)?;
        let names = self.names(&path);
        let first = names
            .first()
            .map(|(place, name)| (&self.places[*place], name));
        let seen = match first {
            Some((place, name)) => reading::look(place, Path::new(name), asked, budget)?,
            None => Finding::Any,
        };
        let counts = first.is_some_and(|(place, name)| counts(place, name));
        Ok(Looked {
            path,
            names,
            counts,
            seen,
        })
    }

    /// In which places it lies, and what it is called there.
    fn names(&self, path: &Path) -> Vec<Name> {
        let below = |(index, place): (usize, &Place)| {
            let rest = reading::below(path, &place.path)?;
            Some((index, rest.into_os_string()))
        };
        self.places.iter().enumerate().filter_map(below).collect()
    }

    fn judge(&self, looked: &[Looked]) -> (bool, Said) {
        let now = self.known.now();
        let is_strange = |file: &&Looked| !file.is_watched(&now);
        if let Some(file) = looked.iter().find(is_strange) {
            let why = format!("{} is not watched here", file.shown());
            return (false, (Word::Unverified, why));
        }
        let other = looked.iter().find_map(|file| match &file.seen {
            Finding::Other(why) => Some(format!("{} {why}", file.shown())),
            _ => None,
        });
        match other {
            Some(why) => (false, (Word::Pending, why)),
            None => (true, self.said(&now, looked)),
        }
    }

    /// Of files that hold what is meant.
    fn said(&self, now: &Moment, looked: &[Looked]) -> Said {
        if let Some(file) = looked.iter().find(|file| !file.was_seen(now)) {
            let why = format!("{} was not seen yet as it is", file.shown());
            return (Word::Pending, why);
        }
        let mut compared = looked
            .iter()
            .filter(|file| file.seen != Finding::Any)
            .peekable();
        if compared.peek().is_some() && compared.all(|file| file.is_as_taken(now)) {
            return (by(now.grounds), String::new());
        }
        if let Standing::Taken(grounds) = now.standing {
            return (by(grounds), String::new());
        }
        let unnamed = self.release.as_ref().and_then(|release| {
            let unnamed = self.unnamed(now, looked);
            if unnamed.is_none() {
                release(now.version);
            }
            unnamed
        });
        standing(now, unnamed)
    }

    /// The file that keeps what is held from being taken, in words.
    fn unnamed(&self, now: &Moment, looked: &[Looked]) -> Option<String> {
        let named = looked.iter().flat_map(|file| file.names.clone());
        let named: BTreeSet<Name> = named.collect();
        let ((place, name), count) = now.ledger.unnamed(&named)?;
        let path = reading::joined(&self.places[place].path, &name);
        let more = match count - 1 {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        Some(format!(
            "new, and not named: {}{more}",
            shown(path.as_os_str())
        ))
    }
}

/// What was not taken. `unnamed`: what keeps it from that, where it is held.
fn standing(now: &Moment, unnamed: Option<String>) -> Said {
    match (now.standing, unnamed) {
        (Standing::Failed(Outcome::Rejected), _) => (Word::Rejected, now.why.clone()),
        (Standing::Failed(_), _) => (Word::Unverified, now.why.clone()),
        (Standing::Held, Some(why)) => (Word::Held, why),
        (Standing::Held, None) => (Word::Pending, "released just now".to_owned()),
        _ => (Word::Pending, now.why.clone()),
    }
}

fn by(grounds: Grounds) -> Word {
    match grounds {
        Grounds::Shown => Word::Applied,
        Grounds::Told => Word::Unverified,
    }
}

fn counts(place: &Place, name: &OsStr) -> bool {
    let name = match place.path.file_name() {
        Some(own) if name.is_empty() => own,
        _ => name,
    };
    let beside = &place.filter.beside;
    let is_beside = beside.contains(&reading::joined(&place.path, name));
    place.filter.takes(name.as_encoded_bytes()) && !is_beside
}

impl Looked {
    fn shown(&self) -> String {
        shown(self.path.as_os_str())
    }

    fn is_watched(&self, now: &Moment) -> bool {
        let is_seen = |name: &Name| now.ledger.now(name).is_some();
        !self.names.is_empty() && (self.counts || self.names.iter().any(is_seen))
    }

    /// The watch has seen it as it is.
    fn was_seen(&self, now: &Moment) -> bool {
        match &self.seen {
            Finding::Is(digest) => {
                let mut names = self.names.iter();
                names.all(|name| now.ledger.now(name) == *digest)
            }
            _ => true,
        }
    }

    fn is_as_taken(&self, now: &Moment) -> bool {
        self.names.iter().all(|name| now.ledger.is_as_taken(name))
    }
}
