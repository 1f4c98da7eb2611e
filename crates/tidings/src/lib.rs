//! Everything of Tidings that speaks to the API server.

pub mod admin;
pub mod cli;
pub mod rbac;
pub mod report;
pub mod settings;
