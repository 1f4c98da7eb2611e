//! A metric is a row: its name, type, labels and meaning. The row makes the handle
//! that it is counted by, which has the metric's own name; the reference page, the
//! text of `/metrics` and, where no panel says it better, the dashboard follow.

use std::borrow::Cow;
use std::ops::Deref;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

/// One row for each metric.
#[derive(Debug)]
pub struct MetricRow {
    /// Its name as it is scraped.
    pub name: &'static str,
    /// Counter, gauge, histogram or info.
    pub kind: &'static str,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it means, with its unit.
    pub doc: &'static str,
}

impl MetricRow {
    /// Its name without the ending that the encoder adds to that of the type.
    pub(super) fn family(&self) -> &'static str {
        let ending = match self.kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        self.name.trim_end_matches(ending)
    }
}

/// Makes a table of rows, and a struct of their handles: a row is
/// `name kind [labels] "meaning"`; a histogram's kind is followed by its buckets.
macro_rules! metrics {
    (
        $(#[$of_table:meta])* $table:ident
        $(#[$of_handles:meta])* $handles:ident
        $($name:ident $kind:ident $(($buckets:ident))? [$($label:ident)*] $text:literal)*
    ) => {
        $(#[$of_table])*
        pub static $table: &[MetricRow] = &[$(MetricRow {
            name: stringify!($name),
            kind: word!($kind),
            labels: &[$(stringify!($label)),*],
            doc: $text,
        }),*];

        $(#[$of_handles])*
        #[derive(Debug)]
        #[allow(clippy::struct_field_names, reason = "each is the name of its row")]
        pub(crate) struct $handles {
            $(pub(crate) $name: handle!($kind $($label)*),)*
        }

        impl $handles {
            /// All at zero, and what shows those of the wanted rows.
            fn registered(wanted: impl Fn(&MetricRow) -> bool) -> (Self, Registry) {
                let new = Self {
                    $($name: Handle::made([$(stringify!($label)),*], buckets!($($buckets)?)),)*
                };
                let all: &[&dyn Show] = &[$(&new.$name),*];
                let rows = $table.iter().zip(all).filter(|(row, _)| wanted(row));
                let mut registry = Registry::default();
                for (row, handle) in rows {
                    let doc = row.doc.trim_end_matches('.');
                    handle.show(&mut registry, row.family(), doc);
                }
                (new, registry)
            }
        }
    };
}

/// The word for a kind.
macro_rules! word {
    (misnamed_counter) => {
        "counter"
    };
    ($kind:ident) => {
        stringify!($kind)
    };
}

/// The type of a handle.
macro_rules! handle {
    (info version) => { Version };
    (counter) => { Counter };
    (gauge) => { Gauge };
    (histogram) => { Histogram };
    (counter $($label:ident)+) => { handle!(@ Counter $($label)+) };
    (gauge $($label:ident)+) => { handle!(@ Gauge $($label)+) };
    (histogram $($label:ident)+) => { handle!(@ Histogram $($label)+) };
    // Its name does not end as a counter's must, so it is kept as a gauge.
    (misnamed_counter $($label:ident)+) => { handle!(@ Gauge $($label)+) };
    (@ $metric:ident $($label:ident)+) => {
        Labelled<{ [$(stringify!($label)),+].len() }, $metric>
    };
}

macro_rules! buckets {
    () => {
        &[]
    };
    ($buckets:ident) => {
        &$buckets
    };
}

pub(super) use {buckets, handle, metrics, word};

/// What counts a row with `N` labels.
pub(crate) trait Handle<const N: usize> {
    fn made(labels: [&'static str; N], buckets: &'static [f64]) -> Self;
}

/// What `/metrics` shows of a handle.
pub(super) trait Show {
    fn show(&self, to: &mut Registry, name: &str, doc: &str);
}

impl Show for Counter {
    fn show(&self, to: &mut Registry, name: &str, doc: &str) {
        to.register(name, doc, self.clone());
    }
}

impl Handle<0> for Counter {
    fn made(_: [&'static str; 0], _: &'static [f64]) -> Self {
        Self::default()
    }
}

impl Show for Gauge {
    fn show(&self, to: &mut Registry, name: &str, doc: &str) {
        to.register(name, doc, self.clone());
    }
}

impl Handle<0> for Gauge {
    fn made(_: [&'static str; 0], _: &'static [f64]) -> Self {
        Self::default()
    }
}

impl Show for Histogram {
    fn show(&self, to: &mut Registry, name: &str, doc: &str) {
        to.register(name, doc, self.clone());
    }
}

impl Handle<0> for Histogram {
    fn made(_: [&'static str; 0], buckets: &'static [f64]) -> Self {
        Self::new(buckets.iter().copied())
    }
}

/// A metric for each of the values that its labels have.
#[derive(Clone, Debug)]
pub(crate) struct Labelled<const N: usize, M> {
    labels: [&'static str; N],
    family: Family<[Label; N], M, Buckets>,
}

type Label = (&'static str, Cow<'static, str>);

/// Makes each metric of a family.
#[derive(Clone, Copy)]
struct Buckets(&'static [f64]);

impl<M: Handle<0>> MetricConstructor<M> for Buckets {
    fn new_metric(&self) -> M {
        M::made([], self.0)
    }
}

impl<const N: usize, M> Handle<N> for Labelled<N, M> {
    fn made(labels: [&'static str; N], buckets: &'static [f64]) -> Self {
        let family = Family::new_with_constructor(Buckets(buckets));
        Self { labels, family }
    }
}

impl<const N: usize, M: Handle<0>> Labelled<N, M> {
    /// The one with these values, in the order of the row.
    pub(crate) fn of<V: Into<Cow<'static, str>>>(&self, values: [V; N]) -> impl Deref<Target = M> {
        let mut values = values.into_iter();
        let label = |name| (name, values.next().map_or(Cow::Borrowed(""), Into::into));
        self.family.get_or_create(&self.labels.map(label))
    }
}

impl<const N: usize, M> Show for Labelled<N, M>
where
    Family<[Label; N], M, Buckets>: Metric + Clone,
{
    fn show(&self, to: &mut Registry, name: &str, doc: &str) {
        to.register(name, doc, self.family.clone());
    }
}

/// Says the running version.
#[derive(Clone, Debug)]
pub(crate) struct Version(&'static str);

impl Handle<1> for Version {
    fn made([label]: [&'static str; 1], _: &'static [f64]) -> Self {
        Self(label)
    }
}

impl Show for Version {
    fn show(&self, to: &mut Registry, name: &str, doc: &str) {
        let version = Info::new([(self.0, env!("CARGO_PKG_VERSION"))]);
        to.register(name, doc, version);
    }
}
