//! The pages, one a file: what is known goes in, HTML comes out.
//!
//! Whatever a name, a key, an annotation or an Event holds, it is text: `maud` escapes all
//! that is put in, and nothing here is put in otherwise. What a page holds by itself is
//! readable and usable without a script.

pub(super) mod impact;
pub(super) mod layout;
pub(super) mod overview;
pub(super) mod parts;
pub(super) mod source;
pub(super) mod stale;
pub(super) mod workload;
