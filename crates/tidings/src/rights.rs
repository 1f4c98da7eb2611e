//! What Tidings must be permitted: the table of it, and the question at the start.

mod ask;
mod table;
mod viewer;

pub use ask::{Missing, missing};
pub use table::{Extent, PolicyRule, Reach, advice, rules};
pub use viewer::{Viewer, viewer};
