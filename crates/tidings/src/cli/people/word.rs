//! Says a word about what waits: that it may be brought, must not be, or may go on.
//!
//! Goes in: settings. Comes out: what was said, and what follows from it. The workload is
//! read as `why` reads it, and decided once more as if the word were said already.
//!
//! Error policy: without its record nothing is known to wait, so what reading that needs is
//! the error. Who we are, and what follows, may stay unknown.

use anyhow::{Context, Result, bail};
use tidings_core::compare::KeyState;
use tidings_core::number::Number;
use tidings_core::refs::{SourceKind, SourceRef, WorkloadRef};
use tidings_core::word::{Say, Vain};

use super::consent::{REFUSED, given, not_said};
use super::report::{self, Then, WordReport};
use super::sheet::{self, WordSheet};
use super::write;
use crate::api::{ApiClient, Place};
use crate::cli::exit::{Exit, Printed};
use crate::cli::snapshot::Snapshot;
use crate::cli::status::look;
use crate::cli::why::ask::explain;
use crate::cli::why::report::{UseReport, WorkloadReport};
use crate::cli::why::table::without_leader;
use crate::settings::WordSettings;

/// Says it.
pub async fn say(api: ApiClient, settings: WordSettings) -> Result<Printed> {
    let mut snapshot = Snapshot::new(api, settings.installation.clone());
    let namespace = snapshot.namespace_or_own(settings.namespace.as_ref());
    let key = WorkloadRef::new(settings.kind, namespace, settings.name.clone());
    let why = explain(&mut snapshot, &key).await?;
    let why = why.with_context(|| format!("{key} is gone"))?;
    let number = match meant(&settings, &why)? {
        Ok(number) => number,
        Err(vain) => return Ok(in_vain(&why, vain)),
    };
    let then = foresee(&mut snapshot, &key, settings.word).await;
    let sheet = WordSheet {
        why: &why,
        word: settings.word,
        number,
        then: &then,
        writers: &writers(&snapshot, &key, &why),
    };
    if !given(&sheet.text(), &sheet.question(), settings.manner.yes)? {
        return Ok(not_said(REFUSED.to_owned()));
    }
    let by = put(&snapshot, &key, (settings.word, number)).await?;
    let report = WordReport {
        because: sheet.because(),
        namespace: why.namespace.clone(),
        kind: why.kind,
        name: why.name.clone(),
        word: settings.word.verb(),
        number: number.to_string(),
        by,
        then,
    };
    let leader = look::leader(&snapshot).await;
    Ok(Printed {
        out: report::printed(&report, settings.manner.output, sheet::said)?,
        err: without_leader(&leader),
        exit: Exit::Done,
    })
}

/// Which number is meant. Where the record cannot be read, nobody knows.
fn meant(settings: &WordSettings, why: &WorkloadReport) -> Result<Result<Number, Vain>> {
    if let Some(unknown) = why.unknown.first().filter(|_| why.waits.is_none()) {
        bail!("what waits is not known: {unknown}");
    }
    let waits = why.waits.as_ref();
    let waits = waits.and_then(|waits| Some((Number::parse(&waits.number)?, waits.ruling)));
    let (word, reason) = (settings.word, why.reason.unwrap_or_default());
    let about = word.about(settings.number, waits);
    Ok(about.and_then(|number| word.counts_at(number, reason)))
}

fn in_vain(why: &WorkloadReport, vain: Vain) -> Printed {
    let stands = match vain {
        Vain::NothingWaits => format!(": it is {}", why.standing_text()),
        Vain::NotStopped(_) => format!(": {}", why.reason.unwrap_or_default()),
        Vain::OtherWaits { .. } | Vain::Said(..) => String::new(),
    };
    let (kind, name, namespace) = (why.kind, &why.name, &why.namespace);
    not_said(format!("{kind}/{name} in {namespace}: {vain}{stands}\n"))
}

/// What follows once it is said; nothing where that is not known.
async fn foresee(snapshot: &mut Snapshot, key: &WorkloadRef, word: Say) -> Then {
    let entry = snapshot.record(key).ok().flatten();
    let said = entry.zip(word.ruling());
    let Some(entry) = said.and_then(|(entry, ruling)| entry.ruled(ruling)) else {
        return Then::default();
    };
    let verdict = snapshot.decided(key, Some(&entry), None).await;
    verdict.as_ref().map(Then::of).unwrap_or_default()
}

/// Who wrote the sources that changed last, as far as the API server tells.
fn writers(snapshot: &Snapshot, key: &WorkloadRef, why: &WorkloadReport) -> Vec<String> {
    let changed = why.uses.iter().filter(|used| differs(used));
    let by = changed.filter_map(|used| {
        let (kind, name) = used.source.split_once('/')?;
        let source = SourceRef::new(SourceKind::parse(kind)?, key.namespace.clone(), name);
        let by = snapshot.index.view(&source).present()?.by.clone()?;
        Some(format!("{} by client {by}", used.source))
    });
    by.collect()
}

fn differs(used: &UseReport) -> bool {
    let is_other = |state| {
        use KeyState::{Appeared, Changed, Gone, New};
        matches!(state, Changed | New | Appeared | Gone)
    };
    used.keys.iter().any(|row| is_other(row.state))
}

/// Writes it down, and gives the name under which it stands.
async fn put(
    snapshot: &Snapshot,
    key: &WorkloadRef,
    (word, number): (Say, Number),
) -> Result<Option<String>> {
    let by = write::name(&snapshot.api).await;
    let by = by.context("who you are is not known")?;
    let uid = snapshot.index.get(key).map(|known| &*known.workload.uid);
    let written = word.written(number, by.as_deref());
    write::write(&snapshot.api, Place::workload(key), uid, written).await?;
    Ok(by)
}
