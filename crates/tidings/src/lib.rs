//! Everything of Tidings that speaks to the API server.

mod alloc;
pub mod api;
pub mod client;
