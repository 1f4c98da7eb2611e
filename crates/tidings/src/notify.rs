//! What was rolled, told to other people's servers.
//!
//! Goes in: [`RollMessage`]s. Comes out: one POST each, to the sink that was chosen
//! ([`sinks`]), by a task of its own ([`sender`]): whoever does not answer delays
//! nothing. Or, with a [`webhook`], the POST takes the place of the roll.
//!
//! Error policy: an alert that cannot be delivered is tried a few times, then
//! counted and dropped. A webhook that fails is a roll that failed: it is tried
//! again, more and more slowly. URLs may hold tokens, so no error quotes one.

pub mod endpoint;
pub mod http;
pub mod roll;
pub mod sender;
pub mod sinks;
pub mod webhook;

pub use roll::RollMessage;

#[cfg(test)]
mod tests;
