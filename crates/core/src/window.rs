//! Maintenance windows: when a workload may be rolled.
//!
//! Goes in: `Sat,Sun 02:00-04:00 Europe/Berlin; !2026-12-20/2027-01-06; urgent`
//! ([`Windows::read`]), and a time. Comes out: whether it is open then
//! ([`Windows::is_open`]), and when it opens next ([`Windows::next_opening`]).
//!
//! What counts is what a clock on the wall of that zone shows: in the night in which an
//! hour is there twice, a window within it is open twice, and in that in which an hour is
//! left out, a window within it is not open. What cannot be read errs on the side of
//! waiting: such an opening is none, and beside such a freeze nothing opens.

mod parse;
#[cfg(test)]
mod tests;

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;

use crate::time::Seconds;

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// So often it is looked at the next moment at which something could open. A week has
/// few of them, and a freeze is passed at once.
const TURNS: usize = 256;

/// When something may be done: within one of the openings, and in no freeze.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    /// None: at any time that is in no freeze.
    openings: Vec<Opening>,
    freezes: Vec<Freeze>,
    /// Whether what is urgent passes.
    urgent: bool,
    /// Whether so little of it can be read that it never opens.
    shut: bool,
}

/// A part of certain days of the week.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Opening {
    days: Days,
    /// The first minute of the day.
    from: u16,
    /// The minute after the last one; at or before `from` it is of the day after.
    until: u16,
    zone: TimeZone,
}

/// Days on which nothing is open, from the first to the last.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Freeze {
    first: Date,
    last: Date,
    zone: TimeZone,
}

/// Days of the week, a bit each, from Monday on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Days(u8);

impl Days {
    const ALL: Self = Self(0b111_1111);

    fn has(self, day: Weekday) -> bool {
        self.0 & (1 << day.to_monday_zero_offset()) != 0
    }
}

impl Windows {
    /// Whether what is urgent passes, where this is a namespace's.
    pub fn lets_urgent_pass(&self) -> bool {
        self.urgent
    }

    /// Whether it is open at this time.
    pub fn is_open(&self, at: Seconds) -> bool {
        Timestamp::from_second(at).is_ok_and(|at| self.opens(at))
    }

    /// When it is open next, from this time on; `None`: never, as far as can be told.
    pub fn next_opening(&self, from: Seconds) -> Option<Seconds> {
        let mut at = Timestamp::from_second(from).ok()?;
        for _ in 0..TURNS {
            if self.shut {
                return None;
            }
            if self.opens(at) {
                return Some(at.as_second());
            }
            at = self.next_turn(at)?;
        }
        None
    }

    /// About how many bytes it takes in memory beside its own.
    pub(crate) fn size(&self) -> usize {
        self.openings.len() * size_of::<Opening>() + self.freezes.len() * size_of::<Freeze>()
    }

    fn opens(&self, at: Timestamp) -> bool {
        let within = || self.openings.iter().any(|opening| opening.covers(at));
        let frozen = || self.freezes.iter().any(|freeze| freeze.covers(at));
        !self.shut && (self.openings.is_empty() || within()) && !frozen()
    }

    /// The next moment at which it may open, where it is closed.
    fn next_turn(&self, at: Timestamp) -> Option<Timestamp> {
        let mut freezes = self.freezes.iter().filter(|freeze| freeze.covers(at));
        if let Some(freeze) = freezes.next() {
            return freeze.end().filter(|end| *end > at);
        }
        let starts = self.openings.iter();
        starts.filter_map(|opening| opening.next_start(at)).min()
    }
}

/// When all of these are open at once next, from this time on.
pub fn next_opening_of(all: &[&Windows], from: Seconds) -> Option<Seconds> {
    let mut at = from;
    for _ in 0..TURNS {
        let next = all.iter().map(|windows| windows.next_opening(at));
        let next = next.collect::<Option<Vec<_>>>()?;
        match next.into_iter().max() {
            Some(next) if next > at => at = next,
            _ => return Some(at),
        }
    }
    None
}

impl Opening {
    fn covers(&self, at: Timestamp) -> bool {
        let local = self.zone.to_datetime(at);
        let minute = minute_of(local);
        let today = || self.days.has(local.weekday());
        let yesterday = || self.days.has(local.weekday().previous());
        if self.from < self.until {
            return (self.from..self.until).contains(&minute) && today();
        }
        (minute >= self.from && today()) || (minute < self.until && yesterday())
    }

    /// When it begins next, or the zone's clocks are moved, which may be within it.
    fn next_start(&self, at: Timestamp) -> Option<Timestamp> {
        let moved = self.zone.following(at).next();
        let moved = moved.map(|transition| transition.timestamp());
        let today = self.zone.to_datetime(at).date();
        let days = std::iter::successors(today.yesterday().ok(), |day| day.tomorrow().ok());
        let days = days.take(10).filter(|day| self.days.has(day.weekday()));
        let starts = days.flat_map(|day| self.starts_on(day));
        starts.chain(moved).filter(|start| *start > at).min()
    }

    /// Its beginning on a day; both, where clocks are put back then.
    fn starts_on(&self, day: Date) -> impl Iterator<Item = Timestamp> + use<> {
        let start = self.zone.to_ambiguous_timestamp(time_on(day, self.from));
        [start.earlier(), start.later()].into_iter().flatten()
    }
}

fn minute_of(local: DateTime) -> u16 {
    let hour = u16::try_from(local.hour()).unwrap_or_default();
    hour * 60 + u16::try_from(local.minute()).unwrap_or_default()
}

fn time_on(day: Date, minute: u16) -> DateTime {
    let part = |of: u16| i8::try_from(of).unwrap_or_default();
    day.at(part(minute / 60), part(minute % 60), 0, 0)
}

impl Freeze {
    fn covers(&self, at: Timestamp) -> bool {
        (self.first..=self.last).contains(&self.zone.to_datetime(at).date())
    }

    /// The first moment of the day after the last one, as far as there is such a day.
    fn end(&self) -> Option<Timestamp> {
        let after = self.last.tomorrow().ok()?;
        let start = self.zone.to_timestamp(time_on(after, 0));
        start.ok()
    }
}

/// As [`Windows::read`] reads it. A zone is named where it is another than the first.
impl fmt::Display for Windows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zones = self.openings.iter().map(|opening| &opening.zone);
        let mut zones = zones.chain(self.freezes.iter().map(|freeze| &freeze.zone));
        let first = zones.next();
        let openings = self.openings.iter().map(|o| (o.to_string(), &o.zone));
        let freezes = self.freezes.iter().map(|f| (f.to_string(), &f.zone));
        let named = |(i, (text, zone)): (usize, (String, &TimeZone))| match zone.iana_name() {
            Some(name) if i == 0 || Some(zone) != first => format!("{text} {name}"),
            _ => text,
        };
        let parts = openings.chain(freezes).enumerate().map(named);
        let urgent = self.urgent.then(|| "urgent".to_owned());
        let parts: Vec<_> = parts.chain(urgent).collect();
        f.write_str(&parts.join("; "))
    }
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.days != Days::ALL {
            write!(f, "{} ", self.days)?;
        }
        let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        write!(f, "{}-{}", time(self.from), time(self.until))
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "!{}", self.first)?;
        if self.first < self.last {
            write!(f, "/{}", self.last)?;
        }
        Ok(())
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let week = Weekday::Monday.cycle_forward().take(7);
        let days = week.filter(|day| self.has(*day)).map(parse::short);
        f.write_str(&days.collect::<Vec<_>>().join(","))
    }
}
