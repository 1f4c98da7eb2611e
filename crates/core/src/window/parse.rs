//! The grammar of windows: parts with `;` between them, each an opening (`Sat,Sun
//! 02:00-04:00 Europe/Berlin`: days and zone may be left out), a freeze
//! (`!2026-12-20/2027-01-06`, or one day), or `urgent`.

use std::sync::LazyLock;

use jiff::civil::{Date, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::{DAY, Days, Freeze, Opening, Windows};
use crate::pattern::quoted;

/// More parts than this nobody means.
const PARTS: usize = 32;

/// The zones that are known: of IANA's names, without a file or a link to one.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Names of the days, from Monday on.
const DAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// A day in three letters.
pub(super) fn short(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Mon",
        Weekday::Tuesday => "Tue",
        Weekday::Wednesday => "Wed",
        Weekday::Thursday => "Thu",
        Weekday::Friday => "Fri",
        Weekday::Saturday => "Sat",
        Weekday::Sunday => "Sun",
    }
}

/// A part as it is read, before it is known in which zone it is meant.
enum Part<'a> {
    Opening((Days, u16, u16), &'a str),
    Freeze((Date, Date), &'a str),
    Urgent,
}

impl Windows {
    /// Reads what is written in an annotation; what is wrong goes to the list, and the
    /// good parts hold. `None` where nothing is written. A part that names no zone is
    /// meant in the first one that is named, else in UTC.
    pub fn read(text: &str, problems: &mut Vec<String>) -> Option<Self> {
        let parts = text.split(';').map(str::trim);
        let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
        if parts.is_empty() {
            return None;
        }
        let mut parser = Parser::new(&parts);
        for text in parts.iter().take(PARTS) {
            if let Err(problem) = parser.part(text) {
                // Without a freeze that somebody meant, it would be open when it must not.
                parser.windows.shut |= text.starts_with('!');
                parser.bad_openings |= !text.starts_with('!');
                problems.push(format!("{}: {problem}", quoted(text)));
            }
        }
        if parts.len() > PARTS {
            parser.windows.shut = true;
            problems.push(format!("more than {PARTS} parts"));
        }
        Some(parser.end(problems))
    }
}

struct Parser {
    windows: Windows,
    /// The zone of parts that name none.
    home: TimeZone,
    bad_openings: bool,
}

impl Parser {
    fn new(parts: &[&str]) -> Self {
        let named = parts.iter().filter_map(|text| match part(text).ok()? {
            Part::Opening(_, zone) | Part::Freeze(_, zone) => Some(zone),
            Part::Urgent => None,
        });
        let mut zones = named.filter(|zone| !zone.is_empty());
        let home = zones.find_map(|name| zone(name).ok());
        Self {
            windows: Windows {
                openings: Vec::new(),
                freezes: Vec::new(),
                urgent: false,
                shut: false,
            },
            home: home.unwrap_or(TimeZone::UTC),
            bad_openings: false,
        }
    }

    fn part(&mut self, text: &str) -> Result<(), String> {
        match part(text)? {
            Part::Urgent => self.windows.urgent = true,
            Part::Opening((days, from, until), name) => self.windows.openings.push(Opening {
                days,
                from,
                until,
                zone: self.zone(name)?,
            }),
            Part::Freeze((first, last), name) => self.windows.freezes.push(Freeze {
                first,
                last,
                zone: self.zone(name)?,
            }),
        }
        Ok(())
    }

    fn zone(&self, name: &str) -> Result<TimeZone, String> {
        match name {
            "" => Ok(self.home.clone()),
            _ => zone(name),
        }
    }

    fn end(mut self, problems: &mut Vec<String>) -> Windows {
        self.windows.shut |= self.bad_openings && self.windows.openings.is_empty();
        if self.windows.shut {
            problems.push("so it never opens until that is mended".to_owned());
        }
        self.windows
    }
}

fn part(text: &str) -> Result<Part<'_>, String> {
    match text.strip_prefix('!') {
        Some(days) => freeze(days.trim()),
        None if text.eq_ignore_ascii_case("urgent") => Ok(Part::Urgent),
        None => opening(text),
    }
}

fn opening(text: &str) -> Result<Part<'_>, String> {
    let begins = text.find(|c: char| c.is_ascii_digit());
    let wrong = "expected a time such as 02:00-04:00, perhaps with days before it (Sat,Sun) and a zone after it (Europe/Berlin)";
    let (on, rest) = text.split_at(begins.ok_or(wrong)?);
    let (times, zone) = first_word(rest);
    let (from, until) = times.split_once('-').ok_or(wrong)?;
    let (from, until) = (minute(from)?, minute(until)?);
    if from == until || from == DAY {
        return Err("it never opens; 00:00-24:00 is all day".to_owned());
    }
    Ok(Part::Opening((days(on)?, from, until), zone))
}

fn freeze(text: &str) -> Result<Part<'_>, String> {
    let (dates, zone) = first_word(text);
    let (first, last) = dates.split_once('/').unwrap_or((dates, dates));
    let (first, last) = (date(first)?, date(last)?);
    if last < first {
        return Err(format!("{last} is before {first}"));
    }
    Ok(Part::Freeze((first, last), zone))
}

fn first_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim())
}

fn minute(text: &str) -> Result<u16, String> {
    let wrong = || format!("{} is not a time of day such as 02:00", quoted(text));
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let number = |text: &str, least: usize| {
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let fits = (least..=2).contains(&text.len());
        let number = (digits && fits).then(|| text.parse::<u16>().ok());
        number.flatten().ok_or_else(wrong)
    };
    let (hour, minute) = (number(hour, 1)?, number(minute, 2)?);
    let all = hour * 60 + minute;
    (minute < 60 && all <= DAY).then_some(all).ok_or_else(wrong)
}

fn date(text: &str) -> Result<Date, String> {
    let plain = |c: char| c.is_ascii_digit() || c == '-';
    let is_plain = text.len() == 10 && text.chars().all(plain);
    let date = is_plain.then(|| text.parse().ok()).flatten();
    date.ok_or_else(|| format!("{} is not a day such as 2026-12-20", quoted(text)))
}

/// A list of days and of ranges of them; none means all.
fn days(text: &str) -> Result<Days, String> {
    let mut items = text.split(',').map(str::trim).peekable();
    if items.peek() == Some(&"") && text.trim().is_empty() {
        return Ok(Days::ALL);
    }
    let mut days = 0;
    for item in items {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        let (first, last) = (day(first.trim())?, day(last.trim())?);
        let count = (last + 7 - first) % 7;
        days |= (0..=count).fold(0, |days, more| days | 1 << ((first + more) % 7));
    }
    Ok(Days(days))
}

fn day(text: &str) -> Result<usize, String> {
    let word = text.to_ascii_lowercase();
    let is_it = |day: &str| word.len() >= 2 && day.starts_with(&*word);
    let found = DAYS.iter().position(|day| is_it(day));
    found.ok_or_else(|| format!("{} is not a day such as Mon", quoted(text)))
}

fn zone(name: &str) -> Result<TimeZone, String> {
    let zone = ZONES.get(name).ok();
    // What stands for no zone is none, nor has it a name to be told.
    let known = zone.filter(|zone| !zone.is_unknown() && zone.iana_name().is_some());
    known.ok_or_else(|| {
        let nearest = ZONES.available();
        let nearest = nearest
            .min_by_key(|zone| strsim::damerau_levenshtein(zone.as_str(), name))
            .map_or_else(String::new, |zone| format!("; did you mean {zone}?"));
        format!("there is no time zone {}{nearest}", quoted(name))
    })
}
