//! What is said at the start of options that mean less than they seem to. Pure.

use super::args::ControllerArgs;
use super::surroundings::{KUBERNETES_NAMESPACE, Surroundings};
use crate::report::log::Note;

/// What becomes of options that are taken for Reloader's sake.
pub(super) fn notes(args: &ControllerArgs, around: &Surroundings) -> Vec<Note> {
    let (reloader, scope) = (&args.reloader, &args.scope);
    let mut notes = Vec::new();
    if reloader.sync_after_restart {
        notes.push(Note::info(
            "--sync-after-restart: what changed while no controller ran is always found, here without it",
        ));
    }
    if reloader.enable_ha {
        notes.push(Note::info(
            "--enable-ha: replicas always take turns by a Lease, here without it",
        ));
    }
    if reloader.enable_pprof {
        notes.push(Note::warning(
            "--enable-pprof: there is no profiler here, and nothing listens for it; see /metrics",
        ));
    }
    let narrowed = !(scope.namespaces_to_ignore.is_empty() && scope.namespace_selector.is_empty());
    let one = scope.namespaces.is_empty() && around.variable(KUBERNETES_NAMESPACE).is_some();
    if narrowed && one {
        notes.push(Note::warning(format!(
            "{KUBERNETES_NAMESPACE} names the one namespace that is watched: \
             --namespaces-to-ignore and --namespace-selector mean nothing beside it"
        )));
    }
    notes
}
