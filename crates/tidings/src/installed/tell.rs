//! Writes what is installed, as whoever leads: at the beginning of a term, and later
//! where something else is found.
//!
//! Error policy: what cannot be written is said once, and tried again later. Nothing
//! waits for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use super::object;
use crate::api::{self, ApiClient, ApiError, Call, Place, Term, Verb};
use crate::settings::ControllerSettings;

/// How often it is looked whether it still says so.
const ROUND: Duration = Duration::from_mins(5);

/// What one installation says of itself.
#[derive(Debug)]
pub struct OwnWord {
    place: Place,
    object: serde_json::Value,
    name: String,
    said: AtomicBool,
}

impl OwnWord {
    /// Nothing where nothing is to be written.
    pub fn new(settings: &ControllerSettings) -> Option<Self> {
        if settings.plain.dry_run {
            return None;
        }
        let installation = &settings.installation;
        let (own, instance) = (&installation.own_namespace, &installation.rules.instance);
        Some(Self {
            place: Place::core("configmaps").within(own.clone()),
            object: object::written(instance, own, &settings.told),
            name: object::name_of(instance),
            said: AtomicBool::new(false),
        })
    }

    /// Goes on as long as the term lasts.
    pub(crate) async fn tell(&self, api: &ApiClient, term: &Term) {
        while term.is_valid() {
            if let Err(error) = self.put(api, term).await {
                self.say(&error);
            }
            sleep(ROUND).await;
        }
    }

    async fn put(&self, api: &ApiClient, term: &Term) -> Result<(), ApiError> {
        let there = self.place.clone().named(&*self.name);
        let (verb, place) = match api.get(there.clone()).await {
            Ok(found) if self.amends(&api::read(&found)?) => (Verb::Patch, there),
            Ok(_) => return Ok(()),
            Err(ApiError::Gone) => (Verb::Create, self.place.clone()),
            Err(error) => return Err(error),
        };
        let write = Call::new(verb, place);
        let api = api.within(term);
        api.write(&write, || self.object.to_string())
            .await
            .map(drop)
    }

    /// Whether what is there is ours to amend, and needs it. Somebody else's of that name is
    /// left alone.
    fn amends(&self, found: &serde_json::Value) -> bool {
        let is_one = object::is_one(found);
        if !is_one && !self.said.swap(true, Ordering::Relaxed) {
            let (name, label) = (&self.name, object::LABEL);
            tracing::warn!(
                "the ConfigMap {name} is somebody else's, without the label {label}, and is left as it is, so commands have to be given the controller's options: remove it, or choose another --instance"
            );
        }
        is_one && !object::says(found, &self.object)
    }

    /// What is lost by it is little, so once is enough.
    fn say(&self, error: &ApiError) {
        if *error != ApiError::TermOver && !self.said.swap(true, Ordering::Relaxed) {
            let name = &self.name;
            tracing::warn!(%error, "cannot write the ConfigMap {name}, so commands have to be given the controller's options");
        }
    }
}
