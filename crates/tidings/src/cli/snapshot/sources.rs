//! Sources of a snapshot, as they are and as they were: only those that are needed are
//! read, and only their digests stay.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use anyhow::Result;
use futures::StreamExt;
use jiff::Timestamp;
use serde_json::Value;
use tidings_core::evidence::{Evidence, Finding, Question};
use tidings_core::index::{Fact, Fetched};
use tidings_core::needs::needs_of;
use tidings_core::refs::{Name, SourceKind, SourceRef, WorkloadRef};

use super::{READS, Snapshot};
use crate::api::ApiError;
use crate::fetch::{Live, NotTaken};

impl Snapshot {
    /// Every source that counts, so that its present digests can be shown.
    pub async fn read_sources(&mut self, key: &WorkloadRef) {
        self.list_for_wildcards().await;
        self.index.work_out(key);
        let Some(known) = self.index.get(key) else {
            return;
        };
        let needs = needs_of(known, &self.index, None).needs;
        let sources = needs.into_iter().map(|need| need.source);
        let unread = sources.filter(|source| {
            self.index.watches(source.kind, &source.namespace)
                && self.index.view(source).current().is_none()
        });
        self.fetch(unread.collect()).await;
    }

    /// Lists the metadata of the sources of these workloads' namespaces, of the kinds that
    /// they use: what has the version of its record need not be read. What may not be
    /// listed is read by its name, so nothing is missing yet.
    pub async fn list_sources_of(&mut self, keys: &[WorkloadRef]) {
        let used = keys.iter().flat_map(|key| self.kinds_used(key));
        let used: BTreeSet<_> = used.collect();
        let used = used.into_iter();
        let used = used.map(|(kind, namespace)| (kind, Some(namespace)));
        // A refusal says no more than that.
        let _ = self.list_sources(used.collect()).await;
    }

    /// ConfigMaps and Secrets, as far as they are watched. Of a class the statuses tell.
    fn kinds_used(&self, key: &WorkloadRef) -> BTreeSet<(SourceKind, Name)> {
        let known = self.index.get(key).into_iter();
        let needs = known.flat_map(|known| needs_of(known, &self.index, None).needs);
        let used = needs.map(|need| (need.source.kind, need.source.namespace));
        used.filter(|(kind, namespace)| !kind.by_status() && self.index.watches(*kind, namespace))
            .collect()
    }

    /// A source as it is, and as what is applied to it meets it.
    pub async fn live(&self, source: &SourceRef) -> Result<Live, ApiError> {
        crate::fetch::live(&self.api, source, &self.filter).await
    }

    /// What reading it needs.
    pub fn lacking_live(&mut self, error: &ApiError, source: &SourceRef) -> String {
        let (name, namespace) = (&source.name, &source.namespace);
        let what = format!("{}/{name} in {namespace}", source.kind.row().plural);
        self.lacking(error, &what)
    }

    /// How a source would be if this manifest were applied.
    pub fn applied(
        &self,
        live: &Live,
        source: &SourceRef,
        manifest: Value,
    ) -> Result<Fetched, NotTaken> {
        let now = Timestamp::now().as_second();
        live.with(source, &self.filter, manifest, now)
    }

    /// Reads these sources. What may not be read is noted.
    pub async fn fetch(&mut self, sources: Vec<SourceRef>) {
        let (api, filter) = (&self.api, &self.filter);
        let asked = sources.into_iter().map(|source| {
            let sha1 = self.index.wants_sha1(&source);
            (source, sha1)
        });
        let asked: Vec<_> = asked.collect();
        let reads = futures::stream::iter(asked).map(|(source, sha1)| async move {
            let result = crate::fetch::source(api, &source, filter, sha1).await;
            (source, result)
        });
        let results: Vec<_> = reads.buffer_unordered(READS).collect().await;
        for (source, result) in results {
            self.read(source, result);
        }
    }

    fn read(&mut self, source: SourceRef, result: Result<Fetched, ApiError>) {
        match result {
            Ok(fetched) => {
                let told = self.index.view(&source).told;
                self.index.apply(Fact::Read(source, told, fetched));
            }
            Err(error) => {
                let needs = self.lacking_source(&error, &source);
                self.refused.insert(source, needs);
            }
        }
    }

    /// Returns whether there was anything to list.
    pub(super) async fn list_for_wildcards(&mut self) -> bool {
        let listings = self.index.take_listings();
        let is_any = !listings.is_empty();
        for (kind, namespace) in listings {
            let metas = crate::fetch::metas(&self.api, kind, &namespace, &self.filter).await;
            if let Ok(metas) = metas {
                self.index.apply(Fact::Listed(kind, namespace, metas));
            }
        }
        is_any
    }

    /// Asks what sources were, the newest first: what the store has forgotten it has with
    /// everything before it.
    pub async fn ask(&self, questions: BTreeSet<Question>, evidence: &mut Evidence) {
        let mut questions: Vec<_> = questions.into_iter().collect();
        questions.sort_by_key(|question| Reverse(question.version()));
        for some in questions.chunks(READS) {
            let open = some
                .iter()
                .filter(|question| evidence.get(question).is_none());
            let open: Vec<_> = open.cloned().collect();
            let asked = futures::stream::iter(open).map(|question| async move {
                let found = self.then(&question).await;
                (question, found)
            });
            let found: Vec<_> = asked.buffer_unordered(READS).collect().await;
            for (question, finding) in found {
                if let (Finding::Forgotten, Some(version)) = (&finding, question.version()) {
                    evidence.forget(version);
                }
                evidence.add(question, finding);
            }
        }
    }

    /// What cannot be found out is not told.
    async fn then(&self, question: &Question) -> Finding {
        let Question::Source(source, version) = question else {
            return Finding::NotTold;
        };
        let found = crate::fetch::source_then(&self.api, source, *version, &self.filter).await;
        found.unwrap_or(Finding::NotTold)
    }

    /// What need not be asked of a source that may not be read as it is: there is nothing
    /// to compare it with.
    pub fn unreadable(&self, source: &SourceRef) -> Option<Question> {
        let refused = self.refused.contains_key(source);
        let present = self.index.view(source).present().filter(|_| refused)?;
        Some(Question::Source(
            source.clone(),
            present.version.saturating_sub(1),
        ))
    }

    fn lacking_source(&mut self, error: &ApiError, source: &SourceRef) -> String {
        let word = source.kind.row().word;
        let what = format!("{word} {} in {}", source.name, source.namespace);
        self.lacking(error, &what)
    }
}
