//! What the commands print. Each command is a file; [`exit`] says how they end.

pub mod columns;
pub mod completion;
pub mod exit;
pub mod fields;
pub mod grants;
pub mod history;
pub mod impact;
pub mod implicit;
mod incumbent;
pub mod informed;
pub mod inject;
pub mod input;
#[cfg(test)]
mod json_schema;
pub mod lint;
pub mod manifests;
pub mod people;
pub mod plugin;
pub mod screen;
pub mod snapshot;
pub mod stale;
pub mod status;
pub mod take_over;
pub mod wait;
pub mod why;
pub mod yaml;
