//! Bringing a change to the pods of a workload, from gentle to strong.
//!
//! What can serve a change is worked out once, when its intent is written ([`choose`]):
//! the *rungs*, of which the gentlest is taken first. A rung that goes pod by pod is
//! climbed by a [`Ladder`]: `step(now, event)` → effects, in virtual time. It needs
//! nothing but the intent and the pods, so whoever comes after a crash begins it anew
//! and asks the pods how far they are. A rung that does not end well is followed by the
//! next one of the list, once that is written down; one that is not the ladder's
//! (a rollout, a word to people) is handed over.
//!
//! | promise | how it is kept |
//! |---|---|
//! | never two rungs at once | a rung is left when nothing of it is under way any more |
//! | nothing that is not listed | the next rung is one of the intent *and* of what is allowed now |
//! | nothing after a refusal | a pod that refuses, or dies of it, ends the ladder for this content; whoever is under way is heard before the next rung |
//! | a refusal does not outlive who refused | who refused is asked again from time to time or, where it is gone, one that has started with the content and runs; with such a proof the rung that was refused, and no other, goes on |
//! | late is per pod | a pod's time runs from the act on it, while it runs on a node that is there |
//! | a dead node restarts nobody | a pod that is silent is late only if its node is still there a minute later |
//! | in step is known of each pod that runs | a listing that was asked for after the last proof shows none without, but for those that have not run for as long as a pod may take |
//! | evicted is not replaced | another pod, made later and Ready, is the proof; one that hangs in termination is waited for as long as a pod may take, and none is begun while others lack |
//! | an end | a pod that does not run is not waited for without end, nor is a rollout of the workload's own that hangs |
//!
//! A pod is acted on again for the same number by nobody who knows that it was: in one
//! term it is poked anew only where its kubelet had written what was before (three
//! times) or its token is refused (then at most each minute); another term finds the
//! number on it, and asks. An act that restarts something is done on a pod once.

mod again;
mod ahead;
mod budget;
mod choose;
mod climb;
mod clock;
mod evict;
mod hot;
mod in_place;
mod listing;
mod live;
mod messages;
mod poke;
mod questions;
mod record;
mod resize;
mod restart;
#[cfg(test)]
mod tests;
mod visit;
mod waits;

pub use again::{Refuser, STANDS};
pub use ahead::{has_files, obstacles};
pub use choose::{Choice, Passed, Wish, choose};
pub use climb::Ladder;
pub use in_place::{changes_of, restarted};
pub use live::{LivePod, Maker, read_live};
pub use messages::{
    Acted, AgentAnswer, Conditions, Effect, Event, Finish, OwnRollout, Plan, PokeMark, SeenPod,
    Unlisted,
};
pub use questions::{Agent, AgentQuestion, FileContent, agents, is_asked};
pub use record::{climbed, ended, heard_of_restarts, held};
pub use resize::{RESTART, Resize, RestartMark, RestartStage, resize};
pub use tidings_wire::holds::{Standing as Taken, Wanted};
pub use waits::{is_begun, waited_for};
