//! The presets that are marked as tested, against the real servers, a file for each
//! kind: a change is taken, a broken file is refused while the server goes on, and a
//! fix is taken. `scripts/servers` installs those of Debian.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

#[path = "../common/mod.rs"]
mod common;

mod apps;
mod built;
mod data;
mod names;
mod scene;
mod watchers;
mod web;
