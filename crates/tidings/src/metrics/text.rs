//! The text format of Prometheus before OpenMetrics, for who does not ask for the
//! newer one. The samples are the same; what differs is what a metric is called in
//! its own lines, and the end. Pure.

use super::table::MetricRow;

/// The media type of the text.
pub const MEDIA: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes OpenMetrics' text in the older form.
pub(super) fn classic(open: &str, rows: &[&[MetricRow]]) -> String {
    let mut text = String::with_capacity(open.len());
    for line in open.lines().filter(|line| *line != "# EOF") {
        text += &about(line, rows).unwrap_or_else(|| line.to_owned());
        text.push('\n');
    }
    text
}

/// A line that says something of a metric.
fn about(line: &str, rows: &[&[MetricRow]]) -> Option<String> {
    let mut words = line.splitn(4, ' ');
    let (Some("#"), Some(what), Some(family), Some(rest)) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return None;
    };
    let mut rows = rows.iter().copied().flatten();
    let row = rows.find(|row| row.family() == family)?;
    let rest = match (what, row.kind) {
        ("TYPE", "info") => "gauge",
        ("TYPE", kind) => kind,
        _ => rest,
    };
    Some(format!("# {what} {} {rest}", row.name))
}
