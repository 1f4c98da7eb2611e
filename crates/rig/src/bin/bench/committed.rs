//! What was measured and is kept in the tree: to compare with, and for `make docs`.

use std::path::Path;
use std::thread::available_parallelism;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::figure::Figure;
use super::table;

/// How much worse a figure may be for no reason: machines are noisy.
const NOISE: f64 = 1.25;

/// All figures, with when and where they were measured.
#[derive(Serialize, Deserialize)]
pub(crate) struct Committed {
    date: String,
    machine: String,
    figures: Vec<Kept>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    what: String,
    /// How many times its floor it is, or else what it is.
    value: f64,
    /// Whether it is as it should be.
    reached: Option<bool>,
    /// As the table shows it.
    cells: Vec<String>,
    note: String,
}

impl Committed {
    pub(crate) fn of(figures: &[Figure]) -> Result<Self> {
        let kept = figures.iter().map(|figure| Kept {
            what: figure.what.clone(),
            value: figure.value(),
            reached: figure.is_reached(),
            cells: table::row(figure).to_vec(),
            note: figure.note.clone(),
        });
        Ok(Self {
            date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
            machine: machine()?,
            figures: kept.collect(),
        })
    }

    pub(crate) fn read(file: &Path) -> Result<Self> {
        let json = std::fs::read(file).with_context(|| file.display().to_string())?;
        Ok(serde_json::from_slice(&json)?)
    }

    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let json = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(file, json).with_context(|| file.display().to_string())
    }

    /// Whether a figure was better then, by more than the noise.
    pub(crate) fn was_better(&self, now: &Figure) -> bool {
        let mut same = self.figures.iter().filter(|kept| kept.what == now.what);
        same.any(|kept| match now.must_be() {
            Some(_) => kept.reached == Some(true) && now.is_reached() == Some(false),
            None => now.value() > kept.value * NOISE,
        })
    }
}

/// The machine, but for its name.
fn machine() -> Result<String> {
    let line = |file: &str, field: &str| -> Result<String> {
        let text = std::fs::read_to_string(file)?;
        let mut lines = text.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(name, _)| name.trim() == field);
        Ok(found.with_context(|| field.to_owned())?.1.trim().to_owned())
    };
    let memory = line("/proc/meminfo", "MemTotal")?;
    let kibibytes: u64 = memory.trim_end_matches(" kB").parse()?;
    let model = line("/proc/cpuinfo", "model name").unwrap_or_default();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(format!(
        "{} cores ({model}), {} GB, Linux {}",
        available_parallelism()?,
        kibibytes.div_ceil(1 << 20),
        kernel.trim().split('-').next().unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::{Bar, Spread, Unit};

    fn figure(value: f64, floor: Option<f64>, bar: Bar) -> Figure {
        Figure {
            row: 1,
            what: "it".to_owned(),
            peer: "",
            unit: Unit::Seconds,
            floor: floor.map(Spread::one),
            tidings: Spread::one(value),
            bar: Some(bar),
            note: String::new(),
        }
    }

    #[test]
    fn what_is_worse_by_more_than_the_noise_is_told() {
        let at_most = |value| figure(value, Some(2.0), Bar::AtMost(9.0));
        let committed = Committed::of(&[at_most(4.0)]).unwrap();
        assert!(!committed.was_better(&at_most(4.9)));
        assert!(committed.was_better(&at_most(5.1)));
        let slower_machine = figure(8.0, Some(4.0), Bar::AtMost(9.0));
        assert!(!committed.was_better(&slower_machine), "the ratio counts");
    }

    #[test]
    fn what_must_be_exact_is_worse_as_soon_as_it_is_not() {
        let exactly = |value| figure(value, None, Bar::Exactly(20.0));
        let committed = Committed::of(&[exactly(20.0)]).unwrap();
        assert!(!committed.was_better(&exactly(20.0)));
        assert!(committed.was_better(&exactly(19.0)));
    }
}
