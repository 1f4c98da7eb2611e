//! `tidings take-over`: hands a workload from one installation to this one.
//!
//! Goes in: a workload whose template carries another installation's mark. Comes
//! out: a bare record that names that mark; the controller adopts the workload
//! when it sees it, within seconds. Nothing is rolled. The other installation is
//! not told: if it goes on, its next mark is another, and this one keeps its
//! hands off again.

use anyhow::{Context, Result, bail};
use tidings_core::object::{Workload, read_workload};
use tidings_core::refs::WorkloadRef;
use tidings_core::state::{Entry, Epoch};
use tidings_core::vocabulary::Vocabulary;
use tidings_shared::plain::plain;

use crate::api::{ApiClient, ApiError, Place, Term};
use crate::records::cluster;
use crate::records::memory::Store;
use crate::run::chance::chance;
use crate::settings::TakeOverSettings;

/// The controller writes the same object, so a write may come too late.
const ATTEMPTS: usize = 5;

/// Takes a workload over. Returns what to tell.
pub async fn take_over(api: ApiClient, settings: TakeOverSettings) -> Result<String> {
    let namespace = settings.namespace.clone();
    let namespace = namespace.unwrap_or_else(|| api.default_namespace().into());
    let key = WorkloadRef::new(settings.kind, namespace, settings.name.clone());
    let workload = read(&api, &key).await?;
    let mark = match &workload.mark {
        Some(mark) if mark.instance != settings.instance => mark.to_string(),
        _ => bail!("no other installation has rolled {key}: there is nothing to take over"),
    };
    let place = cluster::Home {
        namespace: settings.own_namespace.to_string(),
        instance: settings.instance.to_string(),
    };
    for _ in 0..ATTEMPTS {
        let store = Store::new(false, settings.kinds.clone());
        match record(&api, &place, store, (&key, bare(&workload, &mark))).await {
            Err(ApiError::Conflict) => {}
            result => {
                result.with_context(|| format!("cannot write the record of {key}"))?;
                return Ok(format!(
                    "{key}: {} takes over from {}\n",
                    settings.instance,
                    plain(&mark)
                ));
            }
        }
    }
    bail!("the record of {key} is being written all the time; try again")
}

async fn read(api: &ApiClient, key: &WorkloadRef) -> Result<Workload> {
    match api.get(Place::workload(key)).await {
        Err(ApiError::Gone) => bail!("there is no {key}; is it in another namespace (-n)?"),
        json => {
            let json = json.with_context(|| format!("cannot read {key}"))?;
            // No option renames what is read here.
            Ok(read_workload(key.kind, &json, &Vocabulary::default())?)
        }
    }
}

fn bare(workload: &Workload, mark: &str) -> Entry {
    let epoch = Epoch::draw(chance(), &workload.uid);
    Entry {
        over: Some(mark.into()),
        ..Entry::new(workload.uid.clone(), epoch, workload.template)
    }
}

/// Writes one record beside those that are there.
async fn record(
    api: &ApiClient,
    place: &cluster::Home,
    mut store: Store,
    (key, mut entry): (&WorkloadRef, Entry),
) -> Result<(), ApiError> {
    let read = cluster::read_all(api, place, &key.namespace, &mut store).await;
    read.map_err(|(_, error)| error)?;
    if let Some(newer) = store.newer() {
        return Err(ApiError::Invalid(422, newer.to_owned()));
    }
    if let Some(before) = store.get(key) {
        (entry.n, entry.epoch) = (before.n, before.epoch);
    }
    // It is bare.
    let _ = store.put(key, entry);
    let writes = store.take_writes(0, false).into_iter();
    for write in writes.filter(|write| !write.deletes) {
        cluster::write(api.within(&Term::endless()), place, &write).await?;
    }
    Ok(())
}
