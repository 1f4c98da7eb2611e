//! Who of those that use a source is rolled in turn with others, and in which wave.

use crate::refs::{SourceRef, WorkloadRef};

use super::Index;

impl Index {
    /// Whether who uses a source is rolled in turn with the others. All are of one namespace,
    /// so one of them tells.
    pub fn takes_turns(&self, source: &SourceRef) -> bool {
        self.a_user(source)
            .and_then(|key| self.get(key))
            .is_some_and(|known| known.policy.at_once.is_some())
    }

    /// Those of these users of a source who are rolled in turn, with their waves.
    pub fn in_turn<'a>(
        &'a self,
        users: &'a [WorkloadRef],
    ) -> impl Iterator<Item = (i32, WorkloadRef)> + 'a {
        users.iter().filter_map(|key| {
            let policy = &self.get(key)?.policy;
            policy.at_once.map(|_| (policy.wave(), key.clone()))
        })
    }

    /// The sources whose users are rolled in turn.
    pub fn all_in_turn(&self) -> impl Iterator<Item = &SourceRef> {
        self.sources
            .keys()
            .filter(|source| self.takes_turns(source))
    }
}
