//! Which lines the log has: what is said of a namespace's objects has an allowance.
//!
//! Goes in: every line, from whatever room, with its fields: `namespace`, or one that
//! begins with it (`workload`, `job`). Comes out: whether it is written, and now and then
//! how many were not. While an outage lasts, that a request met it is no news either.
//! Lines that say [`ALWAYS`] are written, and those that are only for debugging. Nothing
//! here fails.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tidings_core::refs::Name;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata};
use tracing_subscriber::layer::{Context, Filter};

use super::allowance::{Allowance, LeftOut};
use crate::api::is_of_outage;

/// The target of lines that are written however many there are.
pub(super) const ALWAYS: &str = "tidings::always";

/// What lines were written lately. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct LogLines {
    allowance: Arc<Mutex<Allowance<()>>>,
    outage: Arc<OutageLines>,
}

/// Lines that only repeat that there is an outage.
#[derive(Debug, Default)]
struct OutageLines {
    lasts: AtomicBool,
    left_out: AtomicU64,
}

impl LogLines {
    /// Of each namespace, how many lines were left out, where it is time to say so.
    pub(super) fn due(&self, now: Instant) -> Vec<(Name, u64)> {
        counted(self.lock().due(now))
    }

    /// The same of all that was not said yet.
    pub(super) fn rest(&self) -> Vec<(Name, u64)> {
        counted(self.lock().rest())
    }

    /// Says whether there is an outage of which the log has its lines.
    pub(super) fn outage(&self, lasts: bool) {
        self.outage.lasts.store(lasts, Ordering::Relaxed);
    }

    /// How many lines were left out that would only have repeated it.
    pub(super) fn left_out_of_outage(&self) -> u64 {
        self.outage.left_out.swap(0, Ordering::Relaxed)
    }

    fn repeats_outage(&self, about: &LineFields) -> bool {
        let repeats = about.by_outage && self.outage.lasts.load(Ordering::Relaxed);
        if repeats {
            self.outage.left_out.fetch_add(1, Ordering::Relaxed);
        }
        repeats
    }

    fn lock(&self) -> MutexGuard<'_, Allowance<()>> {
        self.allowance
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn counted(left_out: Vec<(Name, LeftOut<()>)>) -> Vec<(Name, u64)> {
    let counts = left_out.into_iter();
    counts
        .map(|(name, left_out)| (name, left_out.count))
        .collect()
}

impl<S> Filter<S> for LogLines {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if metadata.target() == ALWAYS || *metadata.level() > Level::INFO {
            return true;
        }
        let mut about = LineFields::default();
        event.record(&mut about);
        if self.repeats_outage(&about) {
            return false;
        }
        match &about.namespace {
            Some(namespace) => {
                let workload = about.object.as_deref();
                let mut allowance = self.lock();
                allowance.ask(Instant::now(), namespace, workload, || ())
            }
            None => true,
        }
    }
}

/// Whom a line is about.
#[derive(Default)]
struct LineFields {
    namespace: Option<String>,
    object: Option<String>,
    /// It says that a request was not answered.
    by_outage: bool,
}

impl LineFields {
    fn hear(&mut self, field: &Field, value: impl FnOnce() -> String) {
        match field.name() {
            "namespace" => self.namespace = Some(value()),
            "workload" | "job" => {
                let object = value();
                let namespace = object.split('/').next().map(str::to_owned);
                (self.namespace, self.object) = (namespace, Some(object));
            }
            "error" | "text" => self.by_outage |= is_of_outage(&value()),
            _ => {}
        }
    }
}

impl Visit for LineFields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.hear(field, || value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.hear(field, || format!("{value:?}"));
    }
}
