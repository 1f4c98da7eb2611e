//! Label selectors as people write them.
//!
//! Goes in: `env=prod,team in (a,b),!legacy`. Comes out: kube's own
//! [`Selector`], which matches labels and prints itself for the API server; or
//! a sentence on the part that cannot be read.

pub use kube::core::{Selector, SelectorExt};

use kube::core::Expression;

/// Reads a selector. Its parts are joined by commas and all must hold.
pub fn parse(text: &str) -> Result<Selector, String> {
    let parts = split(text);
    parts.iter().map(|part| expression(part.trim())).collect()
}

/// Splits at commas outside parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    let outside = |c: char| {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        c == ',' && depth == 0
    };
    text.split(outside).collect()
}

fn expression(part: &str) -> Result<Expression, String> {
    if let Some(absent) = part.strip_prefix('!') {
        return Ok(Expression::DoesNotExist(key(absent, part)?));
    }
    // The longest operator first: `!=` and `==` contain `=`.
    for (operator, make) in OPERATORS {
        if let Some((name, value)) = part.split_once(operator) {
            return Ok(make(key(name, part)?, plain_value(value, part)?));
        }
    }
    match part.split_once(char::is_whitespace) {
        Some((name, rest)) => set(key(name, part)?, rest.trim(), part),
        None => Ok(Expression::Exists(key(part, part)?)),
    }
}

type Make = fn(String, String) -> Expression;

const OPERATORS: [(&str, Make); 3] = [
    ("!=", Expression::NotEqual),
    ("==", Expression::Equal),
    ("=", Expression::Equal),
];

fn set(key: String, rest: &str, part: &str) -> Result<Expression, String> {
    let (negated, list) = match (rest.strip_prefix("notin"), rest.strip_prefix("in")) {
        (Some(list), _) => (true, list),
        (None, Some(list)) => (false, list),
        _ => return Err(unreadable(part)),
    };
    let inner = list.trim().strip_prefix('(');
    let inner = inner.and_then(|l| l.strip_suffix(')'));
    let values = inner.ok_or_else(|| unreadable(part))?.split(',');
    let values = values
        .map(|v| plain_value(v, part))
        .collect::<Result<_, _>>()?;
    Ok(if negated {
        Expression::NotIn(key, values)
    } else {
        Expression::In(key, values)
    })
}

fn key(text: &str, part: &str) -> Result<String, String> {
    let text = text.trim();
    let name = text.rsplit_once('/').map_or(text, |(_, name)| name);
    let good = word(text, "/") && !name.is_empty();
    good.then(|| text.to_owned())
        .ok_or_else(|| unreadable(part))
}

fn plain_value(text: &str, part: &str) -> Result<String, String> {
    let text = text.trim();
    let good = word(text, "");
    good.then(|| text.to_owned())
        .ok_or_else(|| unreadable(part))
}

/// Whether the API server would take it as a label's key or value.
fn word(text: &str, also: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c) || also.contains(c))
}

fn unreadable(part: &str) -> String {
    format!(
        "{part:?} is not a label selector; expected key=value, key!=value, \
         key in (a,b), key notin (a,b), key or !key"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn matches(selector: &str, labels: &[(&str, &str)]) -> bool {
        let labels = labels.iter().map(|(k, v)| ((*k).into(), (*v).into()));
        parse(selector)
            .unwrap()
            .matches(&labels.collect::<BTreeMap<_, _>>())
    }

    #[test]
    fn every_form_is_read() {
        let text = "a=1, b==2,c!=3,d in (x, y),e notin (z),f,!example.com/g";
        assert_eq!(
            parse(text).unwrap().to_string(),
            "a=1,b=2,c!=3,d in (x,y),e notin (z),f,!example.com/g"
        );
    }

    #[test]
    fn all_parts_must_hold() {
        assert!(matches("env=prod,!old", &[("env", "prod")]));
        assert!(!matches("env=prod,!old", &[("env", "prod"), ("old", "")]));
        assert!(!matches("team in (a,b)", &[("team", "c")]));
        assert!(matches("team notin (a,b)", &[]));
        assert!(matches("env!=prod", &[]));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for wrong in ["", "a=1,", "a in x", "a b", "=1", "a=b c", "a in (x", "!"] {
            assert!(
                parse(wrong).unwrap_err().contains("not a label selector"),
                "{wrong}"
            );
        }
    }
}
