//! What is read is printed back, and the next opening is what a slow reading of a clock
//! on the wall says.

use proptest::prelude::*;
use rstest::rstest;

use super::{Windows, next_opening_of};
use crate::time::Seconds;

fn read(text: &str) -> Windows {
    let mut problems = Vec::new();
    let read = Windows::read(text, &mut problems).unwrap();
    assert_eq!(problems, [""; 0], "{text}");
    read
}

fn time(text: &str) -> Seconds {
    text.parse::<jiff::Timestamp>().unwrap().as_second()
}

#[rstest]
#[case(
    "Sat,Sun 02:00-04:00 Europe/Berlin; !2026-12-20/2027-01-06; urgent",
    ""
)]
#[case("02:00-04:00", "02:00-04:00 UTC")]
#[case("mon-FRI 9:00-17:30 utc", "Mon,Tue,Wed,Thu,Fri 09:00-17:30 UTC")]
#[case(
    "Friday - Monday 22:00-24:00 europe/paris",
    "Mon,Fri,Sat,Sun 22:00-24:00 Europe/Paris"
)]
#[case(
    "!2026-12-24 ; Sat, Sun 22:00-02:00 Asia/Tokyo",
    "Sat,Sun 22:00-02:00 Asia/Tokyo; !2026-12-24"
)]
#[case(
    "!2026-12-24 UTC; 22:00-02:00 Asia/Tokyo; 1:00-2:00",
    "22:00-02:00 Asia/Tokyo; 01:00-02:00 UTC; !2026-12-24 UTC"
)]
#[case("urgent", "urgent")]
fn it_is_printed_as_it_was_read(#[case] text: &str, #[case] expect: &str) {
    let expect = if expect.is_empty() { text } else { expect };
    assert_eq!(read(text).to_string(), expect);
    assert_eq!(read(expect), read(text));
}

#[rstest]
#[case("Sat 02:00-04:00 Europe/Belrin", "did you mean Europe/Berlin?")]
#[case("Sat 02:00-04:00 +01:00", "there is no time zone")]
#[case("Sat 02:00-04:00 Etc/Unknown", "there is no time zone")]
#[case("Sat 02:00", "expected a time such as 02:00-04:00")]
#[case("Sat", "expected a time such as 02:00-04:00")]
#[case("Sta 02:00-04:00", "\"Sta\" is not a day such as Mon")]
#[case("Sat, 02:00-04:00", "\"\" is not a day")]
#[case("02:00-02:00", "never opens; 00:00-24:00 is all day")]
#[case("24:00-02:00", "never opens")]
#[case("02:60-04:00", "\"02:60\" is not a time of day")]
#[case("02:00-25:00", "\"25:00\" is not a time of day")]
#[case("2:0-4:00", "\"2:0\" is not a time of day")]
#[case("!2026-02-30", "\"2026-02-30\" is not a day such as")]
#[case("!2026-12-24/2026-12-20", "2026-12-20 is before 2026-12-24")]
#[case("!soon", "is not a day such as")]
fn what_cannot_be_read_never_opens(#[case] text: &str, #[case] said: &str) {
    let mut problems = Vec::new();
    let windows = Windows::read(text, &mut problems).unwrap();
    assert!(problems[0].contains(said), "{problems:?}");
    assert!(problems[1].contains("never opens until that is mended"));
    assert_eq!(windows.next_opening(0), None);
}

#[test]
fn the_good_parts_hold_where_that_is_safe() {
    let mut problems = Vec::new();
    let mut read = |text| Windows::read(text, &mut problems).unwrap();
    assert!(read("01:00-02:00; Sta 03:00-04:00").is_open(3_600));
    assert!(!read("01:00-02:00; !soon").is_open(3_600));
    assert_eq!(Windows::read(" ; ", &mut problems), None);
}

#[rstest]
#[case::open_is_now("02:00-04:00", "2026-11-30T03:00:00Z", Some("2026-11-30T03:00:00Z"))]
#[case::its_end_is_outside("02:00-04:00", "2026-11-30T04:00:00Z", Some("2026-12-01T02:00:00Z"))]
#[case::over_midnight(
    "Mon 22:00-02:00",
    "2026-12-01T01:59:59Z",
    Some("2026-12-01T01:59:59Z")
)]
#[case::of_the_day_before(
    "Mon 22:00-02:00",
    "2026-11-30T01:00:00Z",
    Some("2026-11-30T22:00:00Z")
)]
#[case::a_week_ahead(
    "Mon 02:00-04:00",
    "2026-11-30T04:00:00Z",
    Some("2026-12-07T02:00:00Z")
)]
#[case::frozen(
    "Sat,Sun 02:00-04:00 Europe/Berlin; !2026-12-20/2027-01-06",
    "2026-12-19T03:00:00Z",
    Some("2027-01-09T01:00:00Z")
)]
#[case::a_freeze_alone(
    "!2026-12-20/2027-01-06 UTC",
    "2026-12-25T00:00:00Z",
    Some("2027-01-07T00:00:00Z")
)]
#[case::for_ever("02:00-04:00; !2026-01-01/9999-12-31", "2026-12-25T00:00:00Z", None)]
#[case::left_out_that_night(
    "Sun 02:10-02:50 Europe/Berlin",
    "2026-03-29T00:00:00Z",
    Some("2026-04-05T00:10:00Z")
)]
#[case::begins_when_the_clock_is_moved(
    "Sun 02:10-03:50 Europe/Berlin",
    "2026-03-29T00:00:00Z",
    Some("2026-03-29T01:00:00Z")
)]
#[case::there_twice(
    "Sun 02:10-02:50 Europe/Berlin",
    "2026-10-25T00:55:00Z",
    Some("2026-10-25T01:10:00Z")
)]
fn it_opens(#[case] text: &str, #[case] from: &str, #[case] expect: Option<&str>) {
    assert_eq!(read(text).next_opening(time(from)), expect.map(time));
}

#[test]
fn all_of_several_must_be_open() {
    let (week, night) = (read("Sat,Sun 00:00-24:00"), read("22:00-24:00"));
    let from = time("2026-11-30T00:00:00Z");
    let at = next_opening_of(&[&week, &night], from);
    assert_eq!(at, Some(time("2026-12-05T22:00:00Z")));
    let monday = read("Mon 00:00-24:00");
    assert_eq!(next_opening_of(&[&week, &monday], from), None);
    assert_eq!(next_opening_of(&[], from), Some(from));
}

/// Begin and end of ten years, in minutes.
const YEARS: std::ops::Range<Seconds> = 29_453_760..34_713_120;

/// What a clock on the wall shows, minute by minute.
struct Wall {
    zone: jiff::tz::TimeZone,
}

impl Wall {
    /// Day since 1970, day of the week from Monday on, minute of the day.
    fn shows(&self, minute: Seconds) -> (Seconds, Seconds, Seconds) {
        let at = jiff::Timestamp::from_second(minute * 60).unwrap();
        let local = minute + Seconds::from(self.zone.to_offset(at).seconds()) / 60;
        let day = local.div_euclid(24 * 60);
        (day, (day + 3).rem_euclid(7), local.rem_euclid(24 * 60))
    }
}

/// Of each minute when it is open next, and which days are without an hour or with one
/// more: each is compared with what is worked out, of the others one in some hundreds.
fn agrees(zone: &str, text: &str, is_open: impl Fn((Seconds, Seconds, Seconds)) -> bool) {
    let windows = read(&text.replace("ZONE", zone));
    let zone = jiff::tz::TimeZoneDatabase::bundled().get(zone).unwrap();
    let wall = Wall { zone };
    let mut next = None;
    let mut later = None;
    for minute in YEARS.rev() {
        let shows = wall.shows(minute);
        if is_open(shows) {
            next = Some(minute * 60);
        }
        let moved = later
            .replace(shows.2)
            .is_some_and(|m| (m - shows.2 - 1) % (24 * 60) != 0);
        let Some(next) = next.filter(|_| moved || minute % 433 == 0) else {
            continue;
        };
        for around in (minute - 90..minute + 90).step_by(30).filter(|_| moved) {
            assert_eq!(
                windows.is_open(around * 60),
                is_open(wall.shows(around)),
                "{around}"
            );
        }
        assert_eq!(windows.next_opening(minute * 60), Some(next), "{minute}");
    }
}

/// 2026-12-20, 2027-01-06 and 2030-06-01, as days since 1970.
const FREEZES: [std::ops::RangeInclusive<Seconds>; 2] = [20_807..=20_824, 22_066..=22_066];

#[rstest]
#[case("Europe/Berlin")]
#[case("Australia/Lord_Howe")]
#[case("America/Santiago")]
fn the_next_opening_is_what_a_slow_oracle_says(#[case] zone: &str) {
    let frozen = |day| FREEZES.iter().any(|freeze| freeze.contains(&day));
    let text = "Sat,Sun 02:10-02:50 ZONE; Sat 23:30-00:40; !2026-12-20/2027-01-06; !2030-06-01";
    agrees(zone, text, |(day, of_week, minute)| {
        let morning = of_week >= 5 && (130..170).contains(&minute);
        let night = (of_week == 5 && minute >= 1_410) || (of_week == 6 && minute < 40);
        (morning || night) && !frozen(day)
    });
}

/// Parts that are well formed, and some that are not.
fn text() -> impl Strategy<Value = String> {
    let day = prop::sample::select(vec!["Mon", "tue", "Friday", "Sat-Mon", "Sta", ""]);
    let days = prop::collection::vec(day, 0..3).prop_map(|days| days.join(","));
    let time = (0..26_u8, 0..61_u8).prop_map(|(h, m)| format!("{h:02}:{m:02}"));
    let zone = prop::sample::select(vec![
        "",
        "UTC",
        "Europe/Berlin",
        "America/Havana",
        "Nowhere",
    ]);
    let opening = (days, time.clone(), time, zone.clone());
    let opening = opening.prop_map(|(d, a, b, z)| format!("{d} {a}-{b} {z}"));
    let date = || (1..14_u8, 1..32_u8).prop_map(|(m, d)| format!("2027-{m:02}-{d:02}"));
    let freeze = (date(), date(), zone).prop_map(|(a, b, z)| format!("!{a}/{b} {z}"));
    let other = prop_oneof![Just("urgent".to_owned()), "\\PC{0,12}", "[!0-9:/; -]{0,12}"];
    let part = prop_oneof![4 => opening, 2 => freeze, 1 => other];
    prop::collection::vec(part, 0..5).prop_map(|parts| parts.join(";"))
}

proptest! {
    #[test]
    fn any_text_is_read_and_printed_back(text in text(), from in any::<i64>()) {
        let mut problems = Vec::new();
        let Some(windows) = Windows::read(&text, &mut problems) else {
            return Ok(());
        };
        let next = windows.next_opening(from);
        prop_assert!(next.is_none_or(|next| next >= from && windows.is_open(next)));
        prop_assert!(!windows.shut || (next.is_none() && !problems.is_empty()));
        if !windows.shut {
            let printed = windows.to_string();
            let again = Windows::read(&printed, &mut Vec::new());
            prop_assert_eq!(again, Some(windows), "{}", printed);
        }
    }

    #[test]
    fn a_good_part_is_never_lost(text in text()) {
        let good = "Sun 02:00-04:00 Europe/Berlin";
        let (mut alone, mut beside) = (Vec::new(), Vec::new());
        let openings = |windows: Option<Windows>| windows.map_or(0, |w| w.openings.len());
        let others = openings(Windows::read(&text, &mut alone));
        let all = openings(Windows::read(&format!("{good};{text}"), &mut beside));
        prop_assert_eq!(all, others + 1);
    }
}
