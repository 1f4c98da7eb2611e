//! Taking over from Reloader: what it recorded on the template is compared with
//! what is there now, so that a change which it missed is not taken for seen.

use crate::index::Present;
use crate::needs::Need;
use crate::refs::SourceRef;
use crate::reloader::traces::{Trace, variable_of};

use super::Case;

impl Case<'_> {
    /// The sources of which the hash is still to be found out. One that cannot be
    /// hashed so stays without.
    pub(super) fn unread_sha1(&self) -> Option<Vec<SourceRef>> {
        let unread = |need: &&Need| {
            let source = self.source(need);
            let hashed = source
                .current()
                .is_none_or(|content| content.sha1().is_some());
            source.present().is_some() && !hashed && self.traces(&need.source).next().is_some()
        };
        let unread = self.needs.needs.iter().filter(unread);
        let unread: Vec<_> = unread.map(|need| need.source.clone()).collect();
        (!unread.is_empty()).then_some(unread)
    }

    /// The sources of which Reloader recorded other content than there is. One
    /// variable may stand for two names: then it is enough if it is right for one.
    pub(super) fn missed(&self) -> Vec<&SourceRef> {
        let needs = self.needs.needs.iter().map(|need| &need.source);
        let differs = |source: &&SourceRef| {
            let variable = variable_of(source);
            let mut namesakes = self.needs.needs.iter().map(|need| &need.source);
            let right = |other: &SourceRef| {
                variable_of(other) == variable && self.recorded_by_reloader(other) == Some(true)
            };
            let last = self.known.workload.is_reloaders();
            last && self.recorded_by_reloader(source) == Some(false) && !namesakes.any(right)
        };
        needs.filter(differs).collect()
    }

    /// Whether Reloader recorded the content that is there; `None` where that is
    /// not known. What it recorded in another way before stays beside it, so one
    /// that is right is enough.
    pub(super) fn recorded_by_reloader(&self, source: &SourceRef) -> Option<bool> {
        let mut traces = self.traces(source).peekable();
        traces.peek()?;
        let sha1 = self.index.view(source).current()?.sha1()?;
        Some(traces.any(|trace| trace.hash == *sha1))
    }

    /// What Reloader recorded of a source. It never did of a class before a pod
    /// had something rotated.
    fn traces(&self, source: &SourceRef) -> impl Iterator<Item = &Trace> {
        let workload = &self.known.workload;
        let rotated = |present: &Present| present.rewritten;
        let is_told = || self.index.view(source).present().is_some_and(rotated);
        let counts = !workload.reloaded.is_empty() && (!source.kind.by_status() || is_told());
        let variable = variable_of(source);
        let traces = workload.reloaded.iter();
        traces.filter(move |trace| counts && *trace.variable == *variable)
    }
}
