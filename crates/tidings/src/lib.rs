//! Everything of Tidings that speaks to the API server.
//!
//! The rooms, from the ground up: none uses one that is named after it
//! (`tests/rooms.rs`).

pub mod metrics;

mod token;

pub mod api;

pub mod admin;

pub mod lease;

pub mod records;

pub mod rights;

pub mod watch;

pub mod fetch;

pub mod agents;

pub mod control;

pub mod act;

pub mod notify;

pub mod report;

pub mod settings;

pub mod installed;

pub mod reloader;

pub mod run;

pub mod cli;

pub mod dashboard;
