//! What people say about a workload: that what waits may be done, must not be, may go on,
//! or that everything is to wait.
//!
//! Goes in: the text of one annotation. Comes out: the word, or a sentence on what is
//! wrong with it. Each is about one number ([`Number`]): what is said of a 4 is never
//! taken to be said of another one.

use std::fmt;

use tidings_shared::plain::plain;

use crate::number::Number;
use crate::pattern::quoted;
use crate::time::{Seconds, show};

/// Characters of somebody's name that are kept.
const NAME_KEPT: usize = 120;

/// All that is said about a workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// What is approved.
    pub approve: Option<Approve>,
    /// By whom, as they say.
    pub approved_by: Option<Box<str>>,
    /// What must not be brought.
    pub reject: Option<Number>,
    /// What may go on.
    pub resume: Option<Number>,
    /// Whether everything is to wait.
    pub pause: Option<Pause>,
}

/// `4-k7f2`, or `4-k7f2!`: that number may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approve {
    /// Which one.
    pub number: Number,
    /// Whether it passes the gates after approval too, at once.
    pub at_once: bool,
}

/// Since somebody wants everything to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Until they take the word away.
    Open,
    /// Until this time.
    Until(Seconds),
}

/// What a pause holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseScope {
    /// The workload.
    Workload,
    /// All of its namespace.
    Namespace,
    /// All that the installation rolls.
    Everything,
}

impl PauseScope {
    /// In words that follow what waits. Of the workload itself the reason says it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Workload => "",
            Self::Namespace => "; its namespace is paused",
            Self::Everything => "; everything is paused",
        }
    }
}

impl Approve {
    /// Reads what [`fmt::Display`] wrote.
    pub fn read(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (plain, at_once) = match text.strip_suffix('!') {
            Some(plain) => (plain, true),
            None => (text, false),
        };
        let number = Number::parse(plain).ok_or_else(|| not_a_number(text))?;
        Ok(Self { number, at_once })
    }
}

/// Reads a number that is told to people.
pub fn number(text: &str) -> Result<Number, String> {
    let text = text.trim();
    Number::parse(text).ok_or_else(|| not_a_number(text))
}

fn not_a_number(text: &str) -> String {
    format!(
        "{} is not a number such as 4-k7f2; `tidings status` shows which one waits",
        quoted(text)
    )
}

/// Somebody's name, as it can be shown.
pub fn name(text: &str) -> Result<Box<str>, String> {
    let name: String = plain(text.trim()).chars().take(NAME_KEPT).collect();
    if name.is_empty() {
        return Err("it names nobody".to_owned());
    }
    Ok(name.into())
}

impl Pause {
    /// Reads `true`, `false` or `until 2026-12-01T08:00+01:00`.
    pub fn read(text: &str) -> Result<Option<Self>, String> {
        let text = text.trim();
        match text {
            "true" => return Ok(Some(Self::Open)),
            "false" => return Ok(None),
            _ => {}
        }
        let time = text.strip_prefix("until ").map(str::trim);
        let time = time.and_then(|time| time.parse::<jiff::Timestamp>().ok());
        let time = time.ok_or_else(|| {
            format!(
                "{} is neither true, nor false, nor a time such as `until 2026-12-01T08:00+01:00`",
                quoted(text)
            )
        })?;
        Ok(Some(Self::Until(time.as_second())))
    }

    /// Whether everything waits at this time.
    pub fn holds(self, now: Seconds) -> bool {
        self.until().is_none_or(|until| until > now)
    }

    /// When it ends, compared with others.
    pub(crate) fn end(self) -> Seconds {
        self.until().unwrap_or(Seconds::MAX)
    }

    /// Until when, where that is said.
    pub fn until(self) -> Option<Seconds> {
        match self {
            Self::Open => None,
            Self::Until(until) => Some(until),
        }
    }
}

impl fmt::Display for Approve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.at_once { "!" } else { "" };
        write!(f, "{}{mark}", self.number)
    }
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("true"),
            Self::Until(until) => write!(f, "until {}", show(*until)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("4-k7f2", Some("4-k7f2"))]
    #[case(" 4-k7f2! ", Some("4-k7f2!"))]
    #[case("4", None)]
    #[case("4-k7f2!!", None)]
    #[case("4-k7f2 !", None)]
    #[case("4-K7F2", None)]
    #[case("-k7f2", None)]
    #[case("99999999999999999999-k7f2", None)]
    #[case("yes", None)]
    fn approvals(#[case] text: &str, #[case] expect: Option<&str>) {
        let read = Approve::read(text);
        assert_eq!(read.map(|a| a.to_string()).ok().as_deref(), expect);
    }

    #[rstest]
    #[case("true", Ok(Some("true")))]
    #[case("false", Ok(None))]
    #[case("until 2026-12-01T08:00+01:00", Ok(Some("until 2026-12-01T07:00:00Z")))]
    #[case("until 2026-12-01T07:00:00Z", Ok(Some("until 2026-12-01T07:00:00Z")))]
    #[case("until tomorrow", Err(()))]
    #[case("until 2026-12-01", Err(()))]
    #[case("yes", Err(()))]
    #[case("", Err(()))]
    fn pauses(#[case] text: &str, #[case] expect: Result<Option<&str>, ()>) {
        let read = Pause::read(text).map_err(drop);
        let shown = read.map(|pause| pause.map(|pause| pause.to_string()));
        assert_eq!(
            shown.as_ref().map(Option::as_deref),
            expect.as_ref().map(|e| *e)
        );
    }

    #[test]
    fn a_pause_ends_at_its_time() {
        assert!(Pause::Open.holds(Seconds::MAX));
        assert!(Pause::Until(7).holds(6) && !Pause::Until(7).holds(7));
    }

    #[test]
    fn whose_word_it_is_is_one_line() {
        assert_eq!(name(" ada@example.org ").as_deref(), Ok("ada@example.org"));
        assert_eq!(name("a\nb").as_deref(), Ok(r"a\nb"));
        assert!(name(" ").is_err());
    }

    proptest! {
        #[test]
        fn what_is_read_is_printed_back(text in "[0-9]{1,3}-[a-z2-9]{4}!?|until [0-9T:+Z-]{0,25}|\\PC*") {
            if let Ok(approve) = Approve::read(&text) {
                prop_assert_eq!(Approve::read(&approve.to_string()), Ok(approve));
            }
            if let Ok(Some(pause)) = Pause::read(&text) {
                prop_assert_eq!(Pause::read(&pause.to_string()), Ok(Some(pause)));
            }
            let _ = (number(&text), name(&text));
        }
    }
}
