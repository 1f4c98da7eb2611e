//! Free loopback ports.
//!
//! They are taken from below the range that the kernel gives to outgoing
//! connections: a server that is stopped for an outage test must find its port
//! free when it starts again.

use std::net::TcpListener;

use anyhow::{Context, Result};

use crate::random;

const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;
const TRIES: usize = 100;

/// A port on 127.0.0.1 on which nothing listens now.
pub fn free_port() -> Result<u16> {
    (0..TRIES)
        .map(|_| random_port())
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .context("no free loopback port found")
}

fn random_port() -> u16 {
    let offset = random::number() % u64::from(COUNT);
    FIRST + u16::try_from(offset).unwrap_or_default()
}
