//! Sources of which the watch tells earlier versions than a reading has told.
//!
//! A reading is often ahead of the watch, for a moment. Where the watch does not follow,
//! what was read was of somewhere else, such as another cluster behind the same address:
//! then nothing that the watch tells would count any more, and the source is read again.

use std::collections::BTreeMap;

use tidings_core::index::{Concerned, Fact, Index};
use tidings_core::object::Version;
use tidings_core::refs::SourceRef;
use tidings_core::settle::Millis;

/// So long the watch may be behind a reading.
const PATIENCE: Millis = 10_000;

/// Those sources, and when each is doubted.
#[derive(Debug, Default)]
pub(super) struct Behind(BTreeMap<SourceRef, Millis>);

impl Behind {
    /// Takes note of what the watch tells, before the index does. A list tells by itself
    /// where it is of an earlier version.
    pub(super) fn told(&mut self, fact: &Fact, index: &Index, now: Millis) {
        let (source, version) = match fact {
            Fact::Source(meta) => (&meta.key, meta.version),
            Fact::SourceGone(source, version) => (source, *version),
            _ => return,
        };
        if source.kind.by_status() || index.is_listing(source) {
            return;
        }
        if version < read(index, source) {
            self.0.entry(source.clone()).or_insert(now + PATIENCE);
        } else {
            self.0.remove(source);
        }
    }

    /// Doubts those of which the watch has not told what was read; says whom that
    /// concerns.
    pub(super) fn doubt(&mut self, index: &mut Index, now: Millis) -> Concerned {
        let mut concerned = Concerned::default();
        let due = self.0.extract_if(.., |_, due| *due <= now);
        for (source, _) in due {
            tracing::warn!(%source, "the watch tells earlier versions than were read; reading it again");
            concerned.extend(index.distrust(&source));
        }
        concerned
    }

    /// When there is one to doubt.
    pub(super) fn next(&self) -> Option<Millis> {
        self.0.values().min().copied()
    }
}

fn read(index: &Index, source: &SourceRef) -> Version {
    let known = index.source(source).and_then(|source| source.present());
    known.map_or(0, |known| known.version)
}
