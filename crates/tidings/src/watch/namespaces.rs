//! Defaults that namespaces set, where namespaces cannot be watched.
//!
//! Goes in: which ones, and Tidings' own. Comes out: facts. An installation that is limited
//! to some namespaces may not watch them, so it reads each one every [`ROUND`]. Where it may
//! not even read them, for half a minute, there are no defaults, which is said once. Tidings'
//! own namespace says whether everything is paused: where no watch tells of it, it is read
//! every [`AGAIN`].

use std::time::Duration;

use tidings_core::index::{Fact, Stream, StreamOf};
use tidings_core::refs::Name;
use tidings_core::vocabulary::Vocabulary;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::News;
use crate::api::{ApiClient, ApiError, Place};

/// How often a namespace is read: what somebody pauses is not to be rolled for long.
const ROUND: Duration = Duration::from_secs(10);
/// After a failure, and of our own namespace, sooner.
const AGAIN: Duration = Duration::from_secs(5);
/// So often in a row it is refused, or not there, before that is believed: a Role may come
/// after the pod that it is for.
const REFUSALS: u32 = 6;

/// Reads the namespaces, as further tasks, until the set is dropped.
pub(crate) fn follow(
    tasks: &mut JoinSet<()>,
    api: &ApiClient,
    names: impl IntoIterator<Item = Name>,
    own: &Name,
    facts: &Sender<News>,
) {
    for name in names {
        let round = if name == *own { AGAIN } else { ROUND };
        tasks.spawn(follow_one(api.clone(), name, round, facts.clone()));
    }
}

async fn follow_one(api: ApiClient, name: Name, round: Duration, facts: Sender<News>) {
    let (mut known, mut refusals) = (false, 0);
    let mut is_first = true;
    loop {
        let read = read(&api, &name, is_first).await;
        is_first &= read.is_err();
        // Only a server that says so may not be asked, or has none.
        refusals = match &read {
            Err(ApiError::Forbidden(_) | ApiError::Gone) => refusals + 1,
            _ => 0,
        };
        let is_believed = known || refusals >= REFUSALS;
        let pause = match &read {
            Ok(_) => round,
            Err(_) if refusals > 0 && is_believed => ROUND,
            Err(_) => AGAIN,
        };
        let is_answer = read.is_ok() || refusals > 0 && is_believed;
        let told = match read {
            Ok(fact) => facts.send(News::Fact(fact)).await,
            Err(error) if !known && refusals <= 1 => {
                tracing::warn!(namespace = &*name, %error, "its defaults are not known");
                Ok(())
            }
            Err(_) => Ok(()),
        };
        // Nothing is decided before a definite answer: a default that is not
        // known yet is not one that is absent.
        if is_answer && !known {
            known = true;
            complete(&name, &facts).await;
        }
        if told.is_err() {
            return;
        }
        sleep(pause).await;
    }
}

async fn complete(name: &Name, facts: &Sender<News>) {
    let stream = Stream {
        of: StreamOf::Namespaces,
        namespace: Some(name.clone()),
    };
    let ended = Fact::ListEnded(stream, 0);
    let _ = facts.send(News::Fact(ended)).await;
}

/// What it says when it is read first it may have said for long.
async fn read(api: &ApiClient, name: &Name, is_first: bool) -> Result<Fact, ApiError> {
    let place = Place::core("namespaces").named(name.clone());
    let meta = api.meta(place).await?;
    // A namespace has own keys only, which have no other names.
    let annotations = meta.annotations(&Vocabulary::default());
    Ok(Fact::Namespace {
        name: name.clone(),
        annotations: annotations.map_err(ApiError::from)?,
        // Who names namespaces selects none.
        left_out: false,
        since: meta.version().ok().filter(|_| !is_first),
    })
}
