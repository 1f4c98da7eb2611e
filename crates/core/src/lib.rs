//! The rules and words of Tidings, without any I/O.
//!
//! A *source* (ConfigMap or Secret) is *used* by a *workload* (Deployment, …).
//! This crate knows which keys of which sources a workload uses ([`uses`]), what
//! its owners asked for ([`annotations`]), what it was last brought to
//! ([`state`]), and from these what to do ([`decide`]). It never asks a clock,
//! a file, an environment or a cluster: whoever calls it brings the facts
//! ([`index`]) and carries out the [`decide::Verdict`].

pub mod annotations;
pub mod approval;
pub mod bounds;
pub mod compare;
pub mod decide;
pub mod digest;
pub mod evidence;
pub mod fair;
pub mod few;
pub mod graph;
pub mod history;
pub mod impact;
pub mod index;
pub mod inject;
pub mod jobs;
pub mod kinds;
pub mod ladder;
pub mod marking;
pub mod method;
pub mod needs;
pub mod number;
pub mod object;
pub mod pattern;
pub mod pauses;
pub mod policy;
pub mod reason;
pub mod refs;
pub mod reloader;
pub mod restless;
pub mod settle;
pub mod stale;
pub mod standing;
pub mod state;
pub mod time;
pub mod train;
pub mod uses;
pub mod vocabulary;
pub mod waiting;
pub mod window;
pub mod word;
