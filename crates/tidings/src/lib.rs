//! Everything of Tidings that speaks to the API server.

pub mod access;
pub mod act;
pub mod admin;
mod alloc;
pub mod api;
mod chance;
pub mod cli;
pub mod client;
pub mod control;
mod defaults;
mod effects;
pub mod fetch;
pub mod lease;
pub mod meta_info;
pub mod notify;
pub mod pace;
mod page;
pub mod rbac;
pub mod report;
mod run;
pub mod scope;
pub mod settings;
pub mod start;
pub mod state;
pub mod store;
pub mod watch;
