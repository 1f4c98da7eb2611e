//! What is here for the sake of those who come from Reloader, and nothing else.

pub mod meta_info;
