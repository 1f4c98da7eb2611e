//! How a stream is asked for.

use tidings_core::index::{Stream, StreamOf};
use tidings_core::object::Version;
use tidings_core::refs::SourceKind;

use crate::api::page::{METADATA, METADATA_LIST};
use crate::api::{Call, Place, Verb};
use crate::watch::scope::{Filter, Selectors};

/// When the server ends a watch, in seconds.
const WATCH: &str = "290";

/// A stream, which of its objects are watched, and how they are read.
pub(super) struct Query {
    pub(super) stream: Stream,
    pub(super) scope: Selectors,
    pub(super) filter: Filter,
}

impl Query {
    /// For a list in pages.
    pub(super) fn list(&self) -> Call {
        self.call(Verb::List, METADATA_LIST)
    }

    /// For the version of what is there now, and no more than that takes.
    pub(super) fn newest(&self) -> Call {
        self.list().with("limit", "1")
    }

    /// For a list as events, and what happens after it.
    pub(super) fn list_and_watch(&self) -> Call {
        self.watch_call()
            .with("sendInitialEvents", "true")
            .with("resourceVersionMatch", "NotOlderThan")
    }

    /// For what happened after a version.
    pub(super) fn watch(&self, after: Version) -> Call {
        self.watch_call().with("resourceVersion", after.to_string())
    }

    fn watch_call(&self) -> Call {
        let call = self
            .call(Verb::Watch, METADATA)
            .with("allowWatchBookmarks", "true")
            .with("timeoutSeconds", WATCH);
        // What Secrets' metadata left in the buffers must not stay there.
        if self.is_of_secrets() {
            call.alone()
        } else {
            call
        }
    }

    pub(super) fn is_of_secrets(&self) -> bool {
        self.stream.of == StreamOf::Sources(SourceKind::Secret)
    }

    fn call(&self, verb: Verb, metadata: &'static str) -> Call {
        let media = match self.stream.of {
            // A status tells by what it holds which class it is of.
            StreamOf::Workloads(_) | StreamOf::Sources(SourceKind::SecretProviderClass) => {
                "application/json"
            }
            StreamOf::Namespaces | StreamOf::Sources(_) => metadata,
        };
        Call::new(verb, Place::stream(&self.stream))
            .accept(media)
            .with("labelSelector", self.scope.labels.as_str())
            .with("fieldSelector", self.scope.fields.as_str())
    }
}
