//! A metric is a row: its name, type, labels and meaning. The reference page and
//! the text of `/metrics` follow from it.

use prometheus_client::registry::{Metric, Registry};

/// One row for each metric.
#[derive(Debug)]
pub struct MetricRow {
    /// Its name as it is scraped.
    pub name: &'static str,
    /// Counter, gauge, histogram or info.
    pub kind: &'static str,
    /// Its labels.
    pub labels: &'static str,
    /// What it means, with its unit.
    pub doc: &'static str,
}

macro_rules! rows {
    ($(#[$doc:meta])* $table:ident $($name:ident $kind:ident [$($label:ident)*] $text:literal)*) => {
        $(#[$doc])*
        pub static $table: &[MetricRow] = &[$(MetricRow {
            name: stringify!($name),
            kind: stringify!($kind),
            labels: stringify!($($label),*),
            doc: $text,
        }),*];
    };
}
pub(super) use rows;

/// Registers one metric.
pub(super) type Register<'a> = &'a dyn Fn(&mut Registry, &str, &str);

/// The rows of a table with their metrics, which are in the same order.
pub(super) fn registered(table: &[MetricRow], metrics: &[Register<'_>]) -> Registry {
    let mut registry = Registry::default();
    for (row, metric) in table.iter().zip(metrics) {
        metric(&mut registry, row.family(), row.doc.trim_end_matches('.'));
    }
    registry
}

/// Registers a metric that counts on elsewhere.
pub(super) fn with<M: Metric + Clone>(metric: &M) -> impl Fn(&mut Registry, &str, &str) {
    move |to, name, doc| to.register(name, doc, metric.clone())
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
