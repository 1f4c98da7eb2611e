//! One value of a page, as it is compared with another. Pure.

use std::cmp::Ordering;
use std::str::FromStr;

/// One value of a page.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct PageValue {
    pub(super) text: String,
    /// It is not a number, whatever it looks like.
    is_text: bool,
}

impl PageValue {
    pub(super) fn text(text: String) -> Self {
        let is_text = true;
        Self { text, is_text }
    }

    /// What may be one.
    pub(super) fn number(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            is_text: false,
        }
    }

    /// However numbers are written. Whole ones may have more digits than a float.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        fn numbers<N: FromStr>(one: &PageValue, other: &PageValue) -> Option<(N, N)> {
            one.text.parse().ok().zip(other.text.parse().ok())
        }
        if self.text == other.text || self.is_text || other.is_text {
            return self.text == other.text;
        }
        match (numbers::<i128>(self, other), numbers::<f64>(self, other)) {
            (Some((one, other)), _) => one == other,
            (_, Some((one, other))) => {
                one.is_nan() && other.is_nan() || one.partial_cmp(&other) == Some(Ordering::Equal)
            }
            _ => false,
        }
    }

    pub(super) fn amount(&self) -> Option<f64> {
        match self.text.as_str() {
            "true" => Some(1.0),
            "false" => Some(0.0),
            text => text.parse().ok(),
        }
    }
}
