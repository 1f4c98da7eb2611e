//! The forms of a stored record, and what becomes of one in another form.
//!
//! | form | since | what it has |
//! |---|---|---|
//! | 1 | the first version | `v: 1`; the number of rolls in a row (`row`) |
//! | 2 | epochs | `v: 1` and `f: 2`; epoch, times of restarts, restless sources, last rolls, the whole template, what older pods have |
//! | 3 | the ladder, and gates of people | `v: 3` and `f: 3`; which methods are left for the last roll, what it is to bring, and what was refused (`climb`); what waits for people (`waits`) |
//!
//! How a ride in a train goes (`ride`) is in all of them: who does not know it has no
//! trains, and passes over it.
//!
//! A record is written in form 3 only where it has something of it: everything else
//! stays readable for those who know form 2. Who does not know it must not touch it: a
//! rollout of what is allowed to be hot only is what nobody listed, and so is one of what
//! waits for somebody. For that reason a
//! roll that needs form 3 is begun only while all who share the records know it.
//!
//! `v` is the oldest form whose readers can do with it: they pass over what they do
//! not know, and the number of the form (`f`) with it. So a version that knows form 1
//! alone reads form 2 and loses nothing that it would have had. Whoever knows `f`
//! does not touch what is newer than it knows.

use serde::{Deserialize, Serialize};

use super::{Entry, Epoch, Restarts};
use crate::object::Mark;

/// The newest form that this version knows.
pub const FORM: u8 = 3;
/// The form of what is done by other methods than a rollout, or waits for people.
pub const CLIMBS: u8 = 3;
/// The newest form of everything else.
const PLAIN: u8 = 2;
/// The oldest form whose readers can do with that.
const READABLE_AS: u8 = 1;

/// Why a record was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// A newer version wrote it, in this form.
    Newer(u8),
    /// It is no record; in what way.
    Broken(String),
}

impl std::fmt::Display for Unread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Newer(form) => write!(
                f,
                "form {form} is newer than form {FORM}, which this version knows"
            ),
            Self::Broken(how) => f.write_str(how),
        }
    }
}

/// An entry as it is stored.
#[derive(Serialize)]
pub(super) struct Written<'a> {
    v: u8,
    #[serde(skip_serializing_if = "is_first")]
    f: u8,
    #[serde(flatten)]
    entry: &'a Entry,
}

/// What tells the form, and what only form 1 has.
#[derive(Deserialize)]
struct Header {
    v: u8,
    #[serde(default = "first")]
    f: u8,
}

/// What form 1 says of restarts.
#[derive(Deserialize)]
struct InARow {
    /// How many rolls came in a row; the last of them `at`.
    #[serde(default)]
    row: usize,
}

fn first() -> u8 {
    1
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
fn is_first(form: &u8) -> bool {
    *form == first()
}

fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Unread> {
    serde_json::from_slice(json).map_err(|error| Unread::Broken(error.to_string()))
}

impl Entry {
    /// The JSON that is stored, in a form that all who share the records know.
    pub fn write(&self, form: u8) -> String {
        serde_json::to_string(&self.written(form)).unwrap_or_default()
    }

    pub(super) fn written(&self, form: u8) -> Written<'_> {
        let is_plain = self.climb.is_none() && self.waits.is_none();
        let (v, f) = if is_plain {
            (READABLE_AS, form.clamp(READABLE_AS, PLAIN))
        } else {
            (CLIMBS, CLIMBS)
        };
        Written { v, f, entry: self }
    }

    /// Reads what [`Entry::write`] wrote, in this version or an older one.
    pub fn read(json: &[u8]) -> Result<Self, Unread> {
        let header: Header = parse(json)?;
        match header.v.max(header.f) {
            0..=FORM => {}
            newer => return Err(Unread::Newer(newer)),
        }
        let mut entry: Self = parse(json)?;
        if entry.n >= Mark::END {
            return Err(Unread::Broken(format!(
                "{} is no number of a roll",
                entry.n
            )));
        }
        if entry.epoch == Epoch::default() {
            entry.complete(parse(json)?);
        }
        Ok(entry)
    }

    /// Brings what a version wrote that knows form 1 alone into today's form.
    fn complete(&mut self, InARow { row }: InARow) {
        self.epoch = Epoch::of_form_1(&self.uid, self.n, self.at);
        if let Some(at) = self.at {
            self.restarts = Restarts::at_once(row, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::few::Few;
    use crate::method::Method;
    use crate::refs::{Name, SourceKind};
    use crate::state::{End, KeyDigest, Roll, Seen, SeenSource};

    /// As the version before form 2 wrote it.
    const OLD: &str = r#"{"v":1,"uid":"u","n":3,"done":true,"template":"83dc55ccddb68bf3cf487468c2681a52","at":1795905480,"row":2,"seen":{"secret/few":{"rv":7,"keys":{"a":"83dc55ccddb68bf3cf487468c2681a52","b":"-"}},"secret/many":{"rv":8,"whole":true,"keys":"5ccf349647245e8db541fa20f39daaa7"},"secret/none":{"rv":0,"whole":true,"keys":{}}}}"#;

    fn entry() -> Entry {
        let digest = Digest::of_parts(&[b"x"]);
        let keys = Few::from([
            (Name::from("a"), KeyDigest(Some(digest))),
            (Name::from("b"), KeyDigest(None)),
        ]);
        let many = (0..33).map(|i| (Name::from(format!("k{i}")), KeyDigest(Some(digest))));
        let seen = |name: &str| Seen {
            kind: SourceKind::Secret,
            name: name.into(),
        };
        let roll = Roll {
            n: 3,
            method: Method::Rollout,
            at: 1_795_905_480,
            end: End::Open,
            took: None,
            cause: "secret/few (a)",
        };
        let entry = Entry::new("u".into(), Epoch::parse("k7f2").unwrap(), digest);
        Entry {
            n: 3,
            at: Some(1_795_905_480),
            restarts: entry.restarts.with(1_795_905_480),
            rolls: entry.rolls.with(roll, End::Done),
            seen: Few::from([
                (seen("few"), SeenSource::new(7, false, keys)),
                (seen("many"), SeenSource::new(8, true, many.collect())),
                (seen("none"), SeenSource::new(0, true, Few::new())),
            ]),
            ..entry
        }
    }

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        for form in [1, FORM, FORM + 1] {
            let text = entry().write(form);
            assert_eq!(Entry::read(text.as_bytes()).unwrap(), entry());
        }
        insta::assert_snapshot!(entry().write(FORM), @r#"{"v":1,"f":2,"uid":"u","n":3,"epoch":"k7f2","done":true,"template":"83dc55ccddb68bf3cf487468c2681a52","at":1795905480,"restarts":[1795905480],"rolls":"3 rollout 1795905480 open secret/few (a)","seen":{"secret/few":{"rv":7,"keys":{"a":"83dc55ccddb68bf3cf487468c2681a52","b":"-"}},"secret/many":{"rv":8,"whole":true,"keys":"5ccf349647245e8db541fa20f39daaa7"},"secret/none":{"rv":0,"whole":true,"keys":{}}}}"#);
    }

    #[test]
    fn form_1_is_read_without_loss() {
        let read = Entry::read(OLD.as_bytes()).unwrap();
        let epoch = read.epoch;
        assert_eq!(Entry::read(OLD.as_bytes()).unwrap().epoch, epoch);
        let expected = Entry {
            epoch,
            restarts: Restarts::at_once(2, 1_795_905_480),
            rolls: crate::state::Rolls::default(),
            ..entry()
        };
        assert_eq!(read, expected);
        let moved_on = OLD.replace(r#""n":3"#, r#""n":4"#);
        assert_ne!(Entry::read(moved_on.as_bytes()).unwrap().epoch, epoch);
    }

    #[test]
    fn a_newer_form_is_told_apart_from_what_is_broken() {
        let newest = entry().write(FORM);
        for newer in [
            newest.replace(r#""f":2"#, r#""f":9"#),
            r#"{"v":9,"otherwise":["built"]}"#.to_owned(),
        ] {
            let unread = Entry::read(newer.as_bytes()).unwrap_err();
            assert_eq!(unread, Unread::Newer(9));
            assert!(unread.to_string().contains("form 9 is newer"));
        }
        let broken = Entry::read(b"{}").unwrap_err();
        assert!(matches!(broken, Unread::Broken(_)));
    }
}
