//! What the controller and the agent say to each other.
//!
//! Both compute the same digest, one of a key's value at the API server, the other of
//! the file that the kubelet made of it; so content is compared and never sent. Pure,
//! and with what both link anyway: neither gets what only the other needs.

pub mod digest;
pub mod holds;
pub mod poke;
