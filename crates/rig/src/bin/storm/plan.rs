//! What happens in a life, and when: drawn from its seed, and from nothing else.

use std::fmt;
use std::time::Duration;

use fastrand::Rng;

use crate::replicas::Blow;
use crate::tenant;
use crate::watched::APPS;
use crate::weather::Stroke;

/// A life of 30 to 60 seconds.
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) length: Duration,
    /// Those of a list follow each other, beside those of the others.
    pub(crate) weather: [Moments<Stroke>; 3],
    pub(crate) blows: Moments<Blow>,
    pub(crate) deeds: Moments<Deed>,
    /// When workloads are made, and how soon after their pods run the source changes.
    pub(crate) births: Moments<Duration>,
    /// Whether somebody touches the records without end, so that writes meet conflicts.
    pub(crate) records_touched: bool,
    /// Of the table of what tenants do.
    pub(crate) tenant: usize,
    /// Whether connections are cut when all is well again, so that what is silent need
    /// not be doubted first.
    pub(crate) cut_at_the_end: bool,
}

/// What happens so long after the begin, in order.
pub(crate) type Moments<T> = Vec<(Duration, T)>;

/// What people do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    /// The source of one workload changes.
    Change(usize),
    /// The one of several.
    ChangeShared,
    /// The neighbour's.
    ChangeNeighbours,
    /// An annotation of the workload itself.
    Annotate(usize),
    /// A part of its spec that is not the pods'.
    EditSpec(usize),
    /// Its pod template.
    EditTemplate(usize),
}

impl Plan {
    pub(crate) fn draw(seed: u64) -> Self {
        let mut dice = Rng::with_seed(seed);
        let length = Duration::from_millis(dice.u64(30_000..60_000));
        Self {
            seed,
            length,
            weather: [(); 3].map(|()| {
                one_after_another(&mut dice, length, |dice, left| {
                    let stroke = Stroke::draw(dice, left);
                    (stroke.lasts(), stroke)
                })
            }),
            blows: one_after_another(&mut dice, length, |dice, left| {
                let blow = Blow::draw(dice, left);
                (blow.lasts() + Duration::from_secs(dice.u64(2..12)), blow)
            }),
            deeds: deeds(&mut dice, length),
            births: one_after_another(&mut dice, length, |dice, _| {
                let soon = Duration::from_millis(dice.u64(0..500));
                (Duration::from_secs(dice.u64(5..20)), soon)
            }),
            records_touched: dice.usize(..4) == 0,
            tenant: dice.usize(..tenant::TABLE.len()),
            cut_at_the_end: dice.bool(),
        }
    }
}

fn one_after_another<T>(
    dice: &mut Rng,
    length: Duration,
    mut draw: impl FnMut(&mut Rng, Duration) -> (Duration, T),
) -> Moments<T> {
    let mut moments = Vec::new();
    let mut at = pause(dice);
    while let Some(left) = length.checked_sub(at) {
        let (lasts, one) = draw(dice, left);
        moments.push((at, one));
        at += lasts + pause(dice);
    }
    moments
}

fn pause(dice: &mut Rng) -> Duration {
    Duration::from_millis(dice.u64(0..4_000))
}

/// So few for each workload that the fuse, which allows five restarts in ten minutes,
/// has none to hold, with the one at the end.
fn deeds(dice: &mut Rng, length: Duration) -> Moments<Deed> {
    let mut all = vec![Deed::ChangeNeighbours, Deed::Annotate(dice.usize(..APPS))];
    for app in 0..APPS {
        all.extend(std::iter::repeat_n(Deed::Change(app), dice.usize(..=2)));
    }
    all.extend(dice.bool().then_some(Deed::ChangeShared));
    all.extend((0..3).map(|_| Deed::EditSpec(dice.usize(..APPS))));
    all.extend(dice.bool().then(|| Deed::EditTemplate(dice.usize(..APPS))));
    let at = |deed| (length.mul_f64(dice.f64()), deed);
    let mut all: Moments<_> = all.into_iter().map(at).collect();
    all.sort_by_key(|(at, _)| *at);
    all
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        for (at, stroke) in self.weather.iter().flatten() {
            lines.push((*at, stroke.words.clone()));
        }
        lines.extend(self.blows.iter().map(|(at, blow)| (*at, blow.to_string())));
        lines.extend(
            self.deeds
                .iter()
                .map(|(at, deed)| (*at, format!("{deed:?}"))),
        );
        let births = self.births.iter();
        lines.extend(births.map(|(at, soon)| (*at, format!("Make, and change {soon:?} later"))));
        lines.sort();
        let (tenant, _) = tenant::TABLE[self.tenant];
        let touched = if self.records_touched {
            ", records are touched"
        } else {
            ""
        };
        writeln!(
            f,
            "seed {}: {:?}, beside a tenant: {tenant}{touched}",
            self.seed, self.length
        )?;
        for (at, words) in lines {
            writeln!(f, "  {:6.2} s  {words}", at.as_secs_f32())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_life() {
        let drawn = |seed| Plan::draw(seed).to_string();
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
    }
}
