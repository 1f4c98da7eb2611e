//! Label selectors as people write them.
//!
//! Goes in: `env=prod,team in (a,b),!legacy`, also as Reloader has it: `env:prod`,
//! and `*` for any value. Comes out: kube's own [`Selector`], which matches labels
//! and prints itself for the API server; or a sentence on the part that cannot be
//! read.

pub use kube::core::{Selector, SelectorExt};

use kube::core::Expression;

/// Reads a selector. Its parts are joined by commas and all must hold.
pub fn parse(text: &str) -> Result<Selector, String> {
    let parts = split(text);
    parts.iter().map(|part| expression(part.trim())).collect()
}

/// One selector that asks for all that these ask for; `None` where there is none.
pub fn all_of(selectors: &[Selector]) -> Option<Selector> {
    let parts = selectors.iter().cloned().flatten();
    (!selectors.is_empty()).then(|| parts.collect())
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
            let name = key(name, part)?;
            return match value.trim() {
                "*" if operator != "!=" => Ok(Expression::Exists(name)),
                value => Ok(make(name, plain_value(value, part)?)),
            };
        }
    }
    match part.split_once(char::is_whitespace) {
        Some((name, rest)) => set(key(name, part)?, rest.trim(), part),
        None => Ok(Expression::Exists(key(part, part)?)),
    }
}

type Make = fn(String, String) -> Expression;

const OPERATORS: [(&str, Make); 4] = [
    ("!=", Expression::NotEqual),
    ("==", Expression::Equal),
    ("=", Expression::Equal),
    // What Reloader once had for `=`.
    (":", Expression::Equal),
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
    fn forms_of_reloader_are_read() {
        for (theirs, ours) in [
            ("env:prod", "env=prod"),
            ("env:*", "env"),
            ("env=*,a:1", "env,a=1"),
            ("example.com/env:prod", "example.com/env=prod"),
        ] {
            assert_eq!(parse(theirs).unwrap().to_string(), ours, "{theirs}");
        }
    }

    #[test]
    fn several_add_up() {
        let all = ["a=1", "b,c!=2"].map(|text| parse(text).unwrap());
        assert_eq!(all_of(&all).unwrap().to_string(), "a=1,b,c!=2");
        assert_eq!(all_of(&[]), None);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let wrongs = ["", "a=1,", "a in x", "a b", "=1", "a=b c", "a in (x", "!"];
        for wrong in wrongs.into_iter().chain(["a!=*", "a:b:c", ":b"]) {
            assert!(
                parse(wrong).unwrap_err().contains("not a label selector"),
                "{wrong}"
            );
        }
    }
}
