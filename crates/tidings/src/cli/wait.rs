//! `tidings wait`: until workloads have what their sources hold.
//!
//! When it is over is [`tidings_core::waiting`]'s to say; [`ask`] alone speaks to the API
//! server; [`words`] is what is said on the way and in the end.

pub mod ask;
pub mod words;
