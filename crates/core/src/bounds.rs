//! How much one workload, and all of one namespace together, may ask for.
//!
//! Whoever may edit one object of one namespace decides on names, patterns, templates and
//! annotations in it. What follows of them is bounded here, far beyond what anybody
//! needs who means well; what is over a bound is told as a problem
//! ([`crate::reason::Reason::LimitExceeded`]) and concerns nobody else.

/// The sources of one workload: those that its pods use and those that annotations name,
/// by pattern too. The first ones count, in order.
pub const SOURCES: usize = 512;

/// An annotation that is longer, in bytes, is not read.
pub const ANNOTATION: usize = 16 << 10;

/// A spec or status that is longer, in bytes, is not looked into. Looking takes twenty
/// times as much memory.
pub const PART: usize = 384 << 10;

/// The own annotations of one object that do not exist: so many are told of.
pub const UNKNOWN: usize = 16;

/// How many patterns with wildcards one annotation may have.
pub const PATTERNS: usize = 100;

/// And how many bytes they may take in memory together.
pub const PATTERN_BYTES: usize = 48 << 10;

/// The steps of one decision: about ten milliseconds.
pub const DECISION_STEPS: u32 = 3 << 20;

/// The steps in which it is worked out what a workload names by pattern, or who names a
/// source that is new.
pub const LINK_STEPS: u32 = 1 << 19;

/// The sources that all workloads of a namespace name by pattern, of one kind, each
/// counted for each workload.
pub const MATCHES: usize = 1 << 15;

/// What each workload may name by pattern in any case.
pub const MATCHES_OF_EACH: usize = 16;

/// What is held of all workloads of a namespace together that are opted in, in bytes:
/// enough for ten thousand that use three sources each.
pub const HELD_OF_ASKING: usize = 24 << 20;

/// And of all that are not.
pub const HELD_OF_OTHERS: usize = 8 << 20;

/// What each use of one that is opted in takes elsewhere, in bytes: in the index of the
/// source, in the record and while it is decided.
pub const BESIDE_A_USE: usize = 640;

/// The records of a namespace, in bytes as they are written, above which no further
/// workload is recorded: those of ten thousand that use three sources each.
pub const RECORDS_BEGUN: usize = 12 << 20;

/// And those above which none grows. In a rollout a record also tells what the old pods
/// have.
pub const RECORDS_GROWN: usize = 20 << 20;

/// The keys of the sources of a namespace whose digests are held when nothing is decided
/// there.
pub const KEYS_HELD: usize = 1 << 16;

/// How many things are told of one kind of problem of a workload; the rest is counted.
pub const TOLD: usize = 5;
