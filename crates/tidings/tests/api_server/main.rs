//! What Tidings promises whatever the API server does, one promise a file.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says by a panic that it failed"
)]

mod agents_are_asked;
mod answers_are_bounded;
mod apis_may_be_lacking;
mod classes_are_told_by_pods;
mod connections_are_dropped_when_idle;
mod credentials_are_renewed;
mod credentials_of_every_kind;
mod errors_say_what_to_do;
mod failures_are_told_once;
mod fake;
mod forgotten_versions_are_listed_again;
mod guarded;
mod lists_come_as_streams_or_pages;
mod lists_wait_for_a_busy_server;
mod pods_are_as_old_as_their_revision;
mod pods_of_a_workload;
mod refusals_are_told_once;
mod reloader_beside_nothing;
mod renamed_annotations;
mod secrets_leave_nothing_behind;
mod sources_become_digests;
mod sources_wait_for_workloads;
mod unreadable_objects_are_skipped;
mod versions_go_back;
mod watches_go_on;
mod watches_that_seem_well;
mod what_was_is_asked_exactly;
mod why_tells_of_a_missing_namespace;
