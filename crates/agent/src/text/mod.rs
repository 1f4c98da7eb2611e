//! Words of others, as they can be shown. Pure.

pub(crate) mod plain;
pub(crate) mod quoted;
pub(crate) mod told;
