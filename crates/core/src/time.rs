//! Times, as they are counted and told.

/// Seconds since 1970.
pub type Seconds = i64;

/// A time as people read it: `2026-12-01T07:00:00Z`.
pub fn show(time: Seconds) -> String {
    jiff::Timestamp::from_second(time).map_or_else(|_| time.to_string(), |time| time.to_string())
}
