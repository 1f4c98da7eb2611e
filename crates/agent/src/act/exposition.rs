//! A page of metrics (Prometheus text format 0.0.4): the value of one series, or of a
//! label. Pure.

use super::value::PageValue;

/// One line: a metric under these labels has this value.
struct Series<'t> {
    labels: Labels<'t>,
    value: &'t str,
}

type Labels<'t> = Vec<(&'t str, String)>;

/// What `NAME`, `NAME{LABEL="VALUE",…}` or `NAME{LABEL}` is. `Err`: what the page does
/// not say, in one sentence.
pub(super) fn value(text: &str, name: &str) -> Result<PageValue, String> {
    let (metric, inner) = match name.split_once('{') {
        Some((metric, inner)) => (metric.trim_end(), Some(inner.trim_end())),
        None => (name, None),
    };
    match inner {
        Some(inner) if inner.contains('=') => {
            let (wanted, _) = labels(inner)
                .ok_or("after --prove moves= labels are written NAME{LABEL=\"VALUE\"}")?;
            one(text, name, (metric, &wanted))
        }
        Some(inner) => Ok(of_label(text, metric, inner.trim_end_matches('}').trim())),
        None => one(text, name, (metric, &Labels::new())),
    }
}

/// Of several series none is meant: in which order they come says nothing.
fn one(text: &str, name: &str, (metric, wanted): (&str, &Labels<'_>)) -> Result<PageValue, String> {
    let is_meant = |series: &Series<'_>| wanted.iter().all(|label| series.labels.contains(label));
    let mut found = all(text, metric).filter(is_meant);
    let first = found
        .next()
        .ok_or_else(|| format!("the page does not say {name}"))?;
    let more: Vec<Series<'_>> = found.collect();
    if more.is_empty() {
        return Ok(PageValue::number(first.value));
    }
    let labels: Vec<String> = telling(&first, &more)
        .map(|name| format!("{name}=\"…\""))
        .collect();
    Err(format!(
        "the page says {name} {} times: write which is meant, as {metric}{{{}}}",
        more.len() + 1,
        labels.join(",")
    ))
}

/// The labels by which they differ.
fn telling<'a>(first: &'a Series<'_>, more: &'a [Series<'_>]) -> impl Iterator<Item = &'a str> {
    let differs = |label: &&(&str, String)| more.iter().any(|other| !other.labels.contains(*label));
    first.labels.iter().filter(differs).map(|(name, _)| *name)
}

/// The values of a label, of all series of a metric. Where there is none: nothing, as
/// long as nothing has happened that it would tell of.
fn of_label(text: &str, metric: &str, label: &str) -> PageValue {
    let of_one = |series: Series<'_>| {
        let mut labels = series.labels.into_iter();
        Some(labels.find(|(name, _)| *name == label)?.1)
    };
    let mut values: Vec<String> = all(text, metric).filter_map(of_one).collect();
    values.sort_unstable();
    PageValue::text(values.join(","))
}

fn all<'t>(text: &'t str, metric: &str) -> impl Iterator<Item = Series<'t>> {
    text.lines().filter_map(move |line| series(line, metric))
}

/// What follows the value, a timestamp or an exemplar, is no part of it.
fn series<'t>(line: &'t str, metric: &str) -> Option<Series<'t>> {
    let rest = line.trim_start().strip_prefix(metric)?;
    if !rest.starts_with([' ', '\t', '{']) {
        return None;
    }
    let (labels, rest) = match rest.trim_start().strip_prefix('{') {
        Some(inner) => labels(inner)?,
        None => (Labels::new(), rest),
    };
    let value = rest.split_whitespace().next()?;
    Some(Series { labels, value })
}

/// Up to the closing brace, and what comes after it.
fn labels(text: &str) -> Option<(Labels<'_>, &str)> {
    let (mut all, mut rest) = (Labels::new(), text.trim_start());
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Some((all, after));
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = quoted(after.trim_start().strip_prefix('"')?)?;
        all.push((name.trim(), value));
        let after = after.trim_start();
        rest = after.strip_prefix(',').unwrap_or(after).trim_start();
    }
}

/// Up to the closing quotation mark, and what comes after it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut letters) = (String::new(), text.char_indices());
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match letters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(page: &str, name: &str) -> Option<String> {
        value(page, name).ok().map(|value| value.text)
    }

    #[test]
    fn what_stands_around_a_value_is_no_part_of_it() {
        for line in [
            "t 3",
            "t\t3",
            "  t   3  ",
            "t 3 1001",
            "t 3\r",
            "t{} 3 1001",
            "t{a=\"b c\"} 3",
            "t{ a = \"} 4\" , b=\"\\\"\" , }\t3",
            "t{a=\"b\"}3",
            "t 3 # {trace_id=\"x\"} 1",
        ] {
            let page = format!("# HELP t 9\nxt 1\nt_x 2\n{line}\n");
            assert_eq!(number(&page, "t").as_deref(), Some("3"), "{line}");
        }
        for page in ["", "# t 3", "t", "t{a=\"b\" 3", "t{a=b} 3", "tt 3"] {
            let why = value(page, "t").unwrap_err();
            assert_eq!(why, "the page does not say t", "{page}");
        }
    }

    #[test]
    fn of_several_series_the_one_with_the_labels_is_meant() {
        let page = "t{f=\"a\",z=\"1\"} 3\nt{z=\"1\",f=\"b,}\"} 4\n";
        assert_eq!(number(page, "t{f=\"a\"}").as_deref(), Some("3"));
        assert_eq!(number(page, "t{ f = \"b,}\", }").as_deref(), Some("4"));
        assert_eq!(
            value(page, "t").unwrap_err(),
            "the page says t 2 times: write which is meant, as t{f=\"…\"}"
        );
        assert!(
            value(page, "t{z=\"1\"}")
                .unwrap_err()
                .ends_with("t{f=\"…\"}")
        );
        assert!(
            value(page, "t{f=\"c\"}")
                .unwrap_err()
                .contains("does not say")
        );
        assert!(value(page, "t{f=c}").unwrap_err().contains("are written"));
    }

    #[test]
    fn labels_are_read() {
        let text =
            "# HELP i x\nib{v=\"0\"} 1\ni{h=\"a,b\",v=\"2\"} 1\ni{ v = \"1\",h=\"\"} 1\nfails 3\n";
        assert_eq!(number(text, "i{v}").as_deref(), Some("1,2"));
        assert_eq!(number(text, "i{ h }").as_deref(), Some(",a,b"));
        assert_eq!(number(text, "i{x}").as_deref(), Some(""));
    }
}
