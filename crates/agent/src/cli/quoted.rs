//! What people wrote, as they can be shown it in a sentence on what is wrong with it.
//!
//! An address may hold a password, a header or a body a token, and an argument that
//! is out of its place may be any of these: only plain words are shown.

/// Nobody wants to read more of it.
const LONGEST: usize = 64;

const HIDDEN: &str = "what is written (not shown: it may hold a password)";

/// In quotes, or words in its place.
pub(crate) fn quoted(value: &str) -> String {
    if is_plain(value) {
        format!("{value:?}")
    } else {
        HIDDEN.into()
    }
}

/// The same for the name of an option, without quotes.
pub(crate) fn option(name: &str) -> &str {
    if is_plain(name) { name } else { HIDDEN }
}

/// An address where something else was expected.
pub(crate) fn is_address(value: &str) -> bool {
    value.contains("://") || value.starts_with("unix:")
}

fn is_plain(value: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || "._,/+-* ".contains(c);
    value.len() <= LONGEST && value.chars().all(is_plain)
}
