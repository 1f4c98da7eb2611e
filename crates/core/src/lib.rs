//! The rules and words of Tidings.
