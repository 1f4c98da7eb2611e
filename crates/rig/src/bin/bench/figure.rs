//! What was measured. Pure.

/// One line of the table.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    /// The row of the table that it belongs to.
    pub(crate) row: u8,
    pub(crate) what: String,
    /// What others need, as it was documented with this lab.
    pub(crate) peer: &'static str,
    pub(crate) unit: Unit,
    /// What could not be beaten, in this run.
    pub(crate) floor: Option<Spread>,
    /// Tidings, in this run.
    pub(crate) tidings: Spread,
    pub(crate) bar: Option<Bar>,
    pub(crate) note: String,
}

/// What a value counts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    Seconds,
    Milliseconds,
    Megabytes,
    Count,
}

/// What should be reached.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bar {
    /// At most so many times the floor.
    TimesFloor(f64),
    /// At most so much.
    AtMost(f64),
    /// Exactly so much.
    Exactly(f64),
}

/// The median of some samples, and how far they lie apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) samples: usize,
}

impl Spread {
    /// The median, and the smallest and largest of a few or the 10th and 90th
    /// percentile of many.
    pub(crate) fn of(samples: &[f64]) -> Self {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let cut = if sorted.len() < 20 {
            0
        } else {
            sorted.len() / 10
        };
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        let last = sorted.len().saturating_sub(1);
        Self {
            median: f64::midpoint(at(last / 2), at(sorted.len() / 2)),
            low: at(cut),
            high: at(last - cut.min(last)),
            samples: sorted.len(),
        }
    }

    /// One value, without a spread.
    pub(crate) fn one(value: f64) -> Self {
        Self::of(&[value])
    }
}

impl Figure {
    /// A figure by itself: others', a floor, a bar and a note are added to it.
    pub(crate) fn new(row: u8, what: impl Into<String>, unit: Unit, tidings: Spread) -> Self {
        Self {
            row,
            what: what.into(),
            peer: "",
            unit,
            floor: None,
            tidings,
            bar: None,
            note: String::new(),
        }
    }

    /// How many times the floor it is.
    pub(crate) fn ratio(&self) -> Option<f64> {
        self.floor.map(|floor| self.tidings.median / floor.median)
    }

    /// What is judged, and against what.
    fn judged(&self) -> Option<(f64, f64)> {
        match self.bar? {
            Bar::TimesFloor(bar) => Some((self.ratio()?, bar)),
            Bar::AtMost(bar) => Some((self.tidings.median, bar)),
            Bar::Exactly(bar) if self.tidings.low < bar => Some((bar, self.tidings.low)),
            Bar::Exactly(bar) => Some((self.tidings.high, bar)),
        }
    }

    /// How many times the floor it is, or else what it is.
    pub(crate) fn value(&self) -> f64 {
        self.ratio().unwrap_or(self.tidings.median)
    }

    /// What it has to be, where there is no better and worse.
    pub(crate) fn must_be(&self) -> Option<f64> {
        match self.bar? {
            Bar::Exactly(exactly) => Some(exactly),
            _ => None,
        }
    }

    /// Whether it is as it should be.
    pub(crate) fn is_reached(&self) -> Option<bool> {
        self.judged().map(|(value, bar)| value <= bar)
    }

    /// Of several measurements of the same figures the one in the middle of each.
    pub(crate) fn medians(measured: &[Vec<Self>]) -> Vec<Self> {
        let most = measured.iter().map(Vec::len).max().unwrap_or_default();
        let nth = |n: usize| {
            let mut same: Vec<_> = measured.iter().filter_map(|all| all.get(n)).collect();
            same.sort_by(|a, b| a.value().total_cmp(&b.value()));
            same.get(same.len() / 2).copied().cloned()
        };
        (0..most).filter_map(nth).collect()
    }

    /// `reached`, or by how much it is missed.
    pub(crate) fn verdict(&self) -> String {
        match self.judged() {
            None => String::new(),
            Some((value, bar)) if value <= bar => "reached".to_owned(),
            Some((value, bar)) if bar > 0.0 => {
                format!("missed by {:.0} %", (value / bar - 1.0) * 100.0)
            }
            Some((value, _)) => format!("missed by {value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(values: &[f64], bar: Bar) -> Figure {
        Figure {
            row: 1,
            what: String::new(),
            peer: "",
            unit: Unit::Seconds,
            floor: Some(Spread::one(2.0)),
            tidings: Spread::of(values),
            bar: Some(bar),
            note: String::new(),
        }
    }

    #[test]
    fn a_median_lies_between_two_samples() {
        let spread = Spread::of(&[4.0, 1.0, 3.0, 2.0]);
        assert_eq!((spread.low, spread.median, spread.high), (1.0, 2.5, 4.0));
    }

    #[test]
    fn of_three_measurements_the_middle_counts() {
        let measured = [3.0, 1.0, 2.0].map(|value| vec![figure(&[value], Bar::AtMost(9.0))]);
        let median = Figure::medians(&measured);
        assert_eq!(median[0].tidings.median.to_string(), "2");
    }

    #[test]
    fn verdicts() {
        let verdict = |values: &[f64], bar| figure(values, bar).verdict();
        assert_eq!(verdict(&[2.4], Bar::TimesFloor(1.3)), "reached");
        assert_eq!(verdict(&[3.0], Bar::TimesFloor(1.25)), "missed by 20 %");
        assert_eq!(verdict(&[3.0], Bar::AtMost(3.0)), "reached");
        assert_eq!(verdict(&[20.0, 20.0], Bar::Exactly(20.0)), "reached");
        assert_eq!(
            verdict(&[10.0, 20.0], Bar::Exactly(20.0)),
            "missed by 100 %"
        );
        assert_eq!(verdict(&[0.0, 1.0], Bar::Exactly(0.0)), "missed by 1");
    }
}
