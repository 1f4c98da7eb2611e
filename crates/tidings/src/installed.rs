//! What is installed, in a ConfigMap for the commands: they need not be told again.
//!
//! [`object`] is its form; [`tell`] writes it, as whoever leads; [`find`] looks for those
//! of a cluster, and [`choose`] says which one a question is about. No secret is in it,
//! nothing waits for it, and without it the commands do as they are told.

pub mod choose;
pub mod find;
pub mod object;
pub mod tell;
