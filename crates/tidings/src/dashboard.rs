//! The page: what `status`, `why`, `history`, `stale` and `impact` say, in a browser.
//!
//! Goes in: what a command has, the way to a cluster and an installation, and requests
//! from this machine. Comes out: HTML that is whole without a script; one script keeps it
//! live. [`start`] puts it together; [`doors`] listens, on loopback only; [`guard`] lets in
//! whoever has the token, and [`attention`] ends it when nobody looks any more; [`model`] knows
//! the cluster and keeps knowing it; a page is a file in [`pages`], drawn from what the
//! commands' own reports say; [`live`] tells a browser that its page is another one now.
//!
//! Nothing is compared here, nothing is read in a way of its own, and nothing is written
//! to the cluster. No content and no digest is in any answer.
//!
//! Error policy: a port that cannot be had ends it with one sentence. What cannot be read
//! is said on the page, and the rest is shown; while the API server is away the page says
//! since when it is blind.

mod address;
mod assets;
mod attention;
mod doors;
mod graph;
mod guard;
mod live;
mod model;
mod pages;
mod routes;
mod site;
pub mod start;

#[cfg(test)]
mod tests;
