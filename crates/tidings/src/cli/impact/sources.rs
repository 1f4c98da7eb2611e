//! The sources that are supposed to be another, as they are and as they would be.
//!
//! Goes in: a [`Manifests`]. Comes out: a [`Hypothesis`] of what differs, and what is to be
//! said of each source. One that may not be read is unknown; one that the API server would
//! refuse to change stays as it is.

use anyhow::{Result, bail};
use futures::StreamExt;
use tidings_core::impact::{Hypothesis, as_if};
use tidings_core::index::{Content, Fetched};
use tidings_core::refs::SourceRef;

use super::plan::{Manifests, Wanted};
use super::report::{Change, SourceRow};
use crate::api::ApiError;
use crate::cli::input::Unread;
use crate::cli::snapshot::Snapshot;
use crate::fetch::{Live, NotTaken};

/// What is asked at the same time.
const READS: usize = 8;

/// What is supposed of the sources.
#[derive(Debug, Default)]
pub(super) struct Supposition {
    /// What would be another.
    pub hypothesis: Hypothesis,
    /// What is to be said of each.
    pub rows: Vec<SourceRow>,
    /// Those that may not be read.
    pub refused: Vec<(SourceRef, String)>,
    /// What the API server would not take.
    pub unread: Vec<Unread>,
}

/// Reads what is there of a plan's sources.
pub(super) async fn suppose(snapshot: &mut Snapshot, plan: &Manifests) -> Result<Supposition> {
    let mut supposed = Supposition::default();
    let (watched, others): (Vec<_>, Vec<_>) = plan
        .sources
        .iter()
        .partition(|(key, _)| is_watched(snapshot, key));
    for (key, _) in others {
        supposed.say(key, Change::NotWatched, "outside what is watched");
    }
    let refused = supposed.read(snapshot, watched).await?;
    for (key, error) in refused {
        let needs = snapshot.lacking_live(&error, key);
        supposed.refuse(key, needs);
    }
    supposed.rows.sort_by(|a, b| a.name().cmp(&b.name()));
    Ok(supposed)
}

/// Of the same streams that the controller has.
fn is_watched(snapshot: &Snapshot, key: &SourceRef) -> bool {
    snapshot.installation.covers(&key.namespace) && snapshot.index.watches(key.kind, &key.namespace)
}

impl Supposition {
    /// Reads and judges them. Returns those that may not be read.
    async fn read<'a>(
        &mut self,
        snapshot: &Snapshot,
        sources: Vec<(&'a SourceRef, &Wanted)>,
    ) -> Result<Vec<(&'a SourceRef, ApiError)>> {
        let live = |(key, wanted)| async move { (key, wanted, snapshot.live(key).await) };
        let reads: Vec<_> = sources.into_iter().map(live).collect();
        let mut reads = futures::stream::iter(reads).buffered(READS);
        let mut refused = Vec::new();
        while let Some((key, wanted, live)) = reads.next().await {
            match live {
                Ok(live) => self.add(snapshot, key, wanted, &live)?,
                Err(error) => refused.push((key, error)),
            }
        }
        Ok(refused)
    }

    fn add(
        &mut self,
        snapshot: &Snapshot,
        key: &SourceRef,
        wanted: &Wanted,
        live: &Live,
    ) -> Result<()> {
        let now = &live.fetched;
        let after = match wanted {
            Wanted::Applied(manifest, place) => {
                match snapshot.applied(live, key, manifest.clone()) {
                    Ok(after) => after,
                    Err(NotTaken::Misshapen) => {
                        self.unread.push(place.unread(misshapen(key)));
                        return Ok(());
                    }
                    Err(NotTaken::Refused(why)) => {
                        self.say(
                            key,
                            Change::Refused,
                            &format!("refused by the API server: {why}"),
                        );
                        return Ok(());
                    }
                }
            }
            Wanted::Otherwise(keys) => match (as_if(now, keys), now) {
                (Some(after), _) => after,
                (None, Fetched::Absent) => {
                    bail!(
                        "there is no {key} in {}; is it in another namespace (-n)?",
                        key.namespace
                    )
                }
                (None, _) => now.clone(),
            },
        };
        self.judge(key, now, after);
        Ok(())
    }

    fn judge(&mut self, key: &SourceRef, now: &Fetched, after: Fetched) {
        if *now == Fetched::NotWatched || after == Fetched::NotWatched {
            return self.say(key, Change::NotWatched, "outside what is watched");
        }
        if is_refused(now, &after) {
            let text = "immutable: the API server refuses to change it; give it a new name, or \
                        delete it before";
            return self.say(key, Change::Refused, text);
        }
        let differs = self.hypothesis.source(key.clone(), now.clone(), after);
        let change = match now {
            _ if !differs => Change::Unchanged,
            Fetched::Absent => Change::Made,
            _ => Change::Changed,
        };
        self.say(key, change, "");
    }

    fn refuse(&mut self, key: &SourceRef, needs: String) {
        self.say(key, Change::Unknown, &format!("needs {needs}"));
        self.refused.push((key.clone(), needs));
    }

    fn say(&mut self, key: &SourceRef, change: Change, text: &str) {
        self.rows.push(SourceRow {
            namespace: key.namespace.clone(),
            source: key.to_string(),
            change,
            text: text.to_owned(),
        });
    }
}

/// What is immutable stays so, and keeps what it holds.
fn is_refused(now: &Fetched, after: &Fetched) -> bool {
    let content = |fetched: &Fetched| match fetched {
        Fetched::Present(_, content) => Some(content.clone()),
        _ => None,
    };
    let Some((now, after)) = content(now).zip(content(after)) else {
        return false;
    };
    let same = now.keys == after.keys && now.binary() == after.binary();
    now.is_immutable() && !(same && Content::is_immutable(&after))
}

/// It quotes nothing, for it may be a Secret's.
fn misshapen(key: &SourceRef) -> String {
    let kind = key.kind.row().api_kind;
    format!(
        "{kind} {} has not the shape of a {kind}, or a value of it is no text (of a Secret: no \
         base64): compare `kubectl explain {kind}`",
        key.name
    )
}
