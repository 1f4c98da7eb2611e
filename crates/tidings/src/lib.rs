//! Everything of Tidings that speaks to the API server.

pub mod settings;
