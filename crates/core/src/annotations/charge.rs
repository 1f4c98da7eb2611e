//! What people in charge have written about a workload: the gates that a roll must pass,
//! and their words about what waits.
//!
//! A gate of the namespace holds beside that of the workload, which can tighten it and
//! not loosen it. What cannot be read errs on the side of waiting.

use crate::approval::{Pause, Said};
use crate::pattern::quoted;
use crate::window::Windows;

/// What a roll must pass, as one object asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gates {
    /// Whether somebody has to approve it; none where nothing is said.
    pub approval: Option<bool>,
    /// When it may be.
    pub window: Option<Windows>,
}

/// All that people in charge have written about a workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Charge {
    /// The gates of the workload, or of its pod template where it has none.
    pub workload: Gates,
    /// Those of its namespace.
    pub namespace: Gates,
    /// What is said about it.
    pub said: Said,
    /// Whether everything in its namespace is to wait.
    pub namespace_pause: Option<Pause>,
}

impl Charge {
    /// Nothing.
    pub(crate) const NONE: Self = {
        Self {
            workload: Gates {
                approval: None,
                window: None,
            },
            namespace: Gates {
                approval: None,
                window: None,
            },
            said: Said {
                approve: None,
                approved_by: None,
                reject: None,
                resume: None,
                pause: None,
            },
            namespace_pause: None,
        }
    };

    /// Whether somebody has to approve what is rolled.
    pub fn needs_approval(&self) -> bool {
        [&self.workload, &self.namespace].map(|gates| gates.approval == Some(true)) != [false; 2]
    }

    /// The windows that a roll must pass. What is urgent passes the workload's, and the
    /// namespace's where that says so.
    pub fn windows(&self, urgent: bool) -> Vec<&Windows> {
        let own = self.workload.window.iter().filter(|_| !urgent);
        let all = self.namespace.window.iter();
        own.chain(all.filter(|window| !(urgent && window.lets_urgent_pass())))
            .collect()
    }

    /// About how many bytes it takes in memory beside its own.
    pub(crate) fn size(&self) -> usize {
        let windows = [&self.workload.window, &self.namespace.window];
        windows.into_iter().flatten().map(Windows::size).sum()
    }

    /// Whether the workload asks for less than its namespace.
    pub(crate) fn loosens(&self) -> bool {
        self.workload.approval == Some(false) && self.namespace.approval == Some(true)
    }
}

/// Reads `tidings.dev/approval`.
pub(super) fn approval(text: &str, gates: &mut Gates, problems: &mut Vec<String>) {
    gates.approval = Some(text != "none");
    if !matches!(text, "none" | "required") {
        problems.push(format!(
            "{} is neither required nor none; read as required",
            quoted(text)
        ));
    }
}

/// Reads `tidings.dev/window`.
pub(super) fn window(text: &str, gates: &mut Gates, problems: &mut Vec<String>) {
    gates.window = Windows::read(text, problems);
}

/// Reads `tidings.dev/pause`.
pub(super) fn pause(text: &str, said: &mut Said) -> Result<(), String> {
    let read = Pause::read(text);
    said.pause = read.clone().unwrap_or(Some(Pause::Open));
    read.map(drop)
        .map_err(|problem| format!("{problem}; read as true"))
}
