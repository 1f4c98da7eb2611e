//! Everything of Tidings that speaks to the API server.

mod alloc;
pub mod api;
pub mod client;
pub mod fetch;
mod page;
pub mod scope;
pub mod watch;
