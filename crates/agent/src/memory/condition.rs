//! Whether anything can be kept, told when that changes and not at each attempt.
//!
//! In: how a writing ended. Out: a sentence, if people do not know that yet.

use std::io;
use std::sync::{Mutex, PoisonError};

/// The error that people know of; `None`: all is well.
#[derive(Default)]
pub(super) struct Condition(Mutex<Option<String>>);

impl Condition {
    /// What is to be said of an error.
    pub(super) fn fails(
        &self,
        error: &io::Error,
        sentence: impl FnOnce(&str) -> String,
    ) -> Option<String> {
        let error = error.to_string();
        let known = self.swap(Some(error.clone()));
        (known.as_ref() != Some(&error)).then(|| sentence(&error))
    }

    /// What is to be said now that something was kept.
    pub(super) fn is_well(&self) -> Option<&'static str> {
        let known = self.swap(None);
        known.map(|_| "what was taken is kept again")
    }

    fn swap(&self, now: Option<String>) -> Option<String> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut known, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_told_once() {
        let condition = Condition::default();
        let fails = |error: &str| {
            let error = io::Error::other(error);
            condition.fails(&error, str::to_owned)
        };
        assert_eq!(condition.is_well(), None);
        assert_eq!(fails("full").as_deref(), Some("full"));
        assert_eq!(fails("full"), None);
        assert_eq!(fails("gone").as_deref(), Some("gone"));
        assert!(condition.is_well().is_some());
        assert_eq!(condition.is_well(), None);
        assert_eq!(fails("gone").as_deref(), Some("gone"));
    }
}
