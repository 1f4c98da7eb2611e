//! What is there only for those who come from Reloader, so far as it is thought and not
//! done: what Reloader has left on pod templates, and what rolls write there in its
//! way. Its annotations are rows of [`crate::annotations`]' table like our own, and
//! read by `crate::policy`; that one program takes over from the other is a question
//! that [`crate::decide`] asks.

pub mod rewrite;
pub mod traces;
