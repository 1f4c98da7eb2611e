//! The opt-in of wave and of fabric8's configmapcontroller, for those who bring
//! their annotations along. Both read the workload's own metadata only.

use super::Policy;
use super::reader::Reader;
use crate::annotations::{Named, Setting};
use crate::pattern::Pattern;
use crate::refs::SourceKind;

const WAVE: &str = "wave.pusher.com/update-on-config-change";
/// wave knows these kinds of sources only.
const WAVES_NAMES: [(SourceKind, &str); 2] = [
    (SourceKind::ConfigMap, "wave.pusher.com/extra-configmaps"),
    (SourceKind::Secret, "wave.pusher.com/extra-secrets"),
];
const FABRIC8: &str = "configmap.fabric8.io/update-on-change";

impl Reader<'_> {
    pub(super) fn wave(&mut self, policy: &mut Policy) {
        if self.read(self.metadata, WAVE) != Some(Setting::Wave(true)) {
            return;
        }
        for (kind, key) in WAVES_NAMES {
            let selection = policy.of_mut(kind);
            selection.used = true;
            let Some(Setting::Placed(_, names)) = self.read(self.metadata, key) else {
                continue;
            };
            let at_home = names
                .into_iter()
                .filter_map(|placed| self.at_home(key, placed));
            for name in at_home {
                selection.named.add(Named::whole(Pattern::Literal(name)));
            }
        }
    }

    pub(super) fn fabric8(&mut self, policy: &mut Policy) {
        if let Some(Setting::Names(kind, names)) = self.read(self.metadata, FABRIC8) {
            let named = &mut policy.of_mut(kind).named;
            for name in names {
                named.add(Named::whole(name));
            }
        }
    }
}
