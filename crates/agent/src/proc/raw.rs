//! Signals in rustix's words: the one place where the agent needs `unsafe`.

use rustix::process::Signal as Raw;
use tidings_supervise::action::Signal;

/// The same signal.
#[expect(
    unsafe_code,
    reason = "real-time signals have no safe constructor, and a child may expect them"
)]
pub(crate) fn raw(signal: Signal) -> Raw {
    Raw::from_named_raw(signal.number()).unwrap_or_else(|| {
        // SAFETY: `Signal` holds 1 to 64, which the kernel knows; it is only
        // sent, never waited for or blocked, so what the C library keeps for
        // itself is not touched.
        unsafe { Raw::from_raw_unchecked(signal.number()) }
    })
}
