//! Where the page listens: on this machine only, by both of its addresses.
//!
//! Goes in: the port that was asked for. Comes out: listeners of one port. There is no
//! address to choose: whoever is not on this machine reaches none. The only error is a
//! port that cannot be had.

use std::net::{Ipv4Addr, Ipv6Addr};

use anyhow::{Context, Result, bail};
use tokio::net::TcpListener;

/// The port where none is chosen.
pub(super) const PORT: u16 = 7878;
/// That of the scheme.
const HTTP: u16 = 80;
/// So many are tried from there on.
const TRIED: u16 = 32;

/// The listeners.
#[derive(Debug)]
pub(super) struct Doors {
    /// Their port.
    pub(super) port: u16,
    /// One for each address of this machine that there is.
    pub(super) listeners: Vec<TcpListener>,
}

impl Doors {
    /// Takes this port, else the first that is free.
    pub(super) async fn open(port: Option<u16>) -> Result<Self> {
        if let Some(port) = port {
            let opened = Self::at(port).await;
            return opened.with_context(|| {
                format!("cannot listen on port {port} of this machine: choose another with --port")
            });
        }
        for port in PORT..PORT + TRIED {
            if let Ok(doors) = Self::at(port).await {
                return Ok(doors);
            }
        }
        let last = PORT + TRIED - 1;
        bail!("none of the ports {PORT} to {last} is free: choose one with --port")
    }

    /// Where this machine knows no IPv6, by IPv4 alone. A port that somebody else has by
    /// one of the two is not taken: a browser may ask him.
    async fn at(port: u16) -> std::io::Result<Self> {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let port = first.local_addr()?.port();
        let second = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await;
        let mut listeners = vec![first];
        match second {
            Ok(second) => listeners.push(second),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => return Err(error),
            Err(_) => {}
        }
        Ok(Self { port, listeners })
    }

    /// As a browser may call them in `Host`.
    pub(super) fn hosts(&self) -> Vec<String> {
        hosts(self.port)
    }
}

/// A browser leaves out the port of its scheme (RFC 9110, 4.2.3).
fn hosts(port: u16) -> Vec<String> {
    const NAMES: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];
    let named = NAMES.map(|name| format!("{name}:{port}"));
    let bare = NAMES.into_iter().filter(|_| port == HTTP);
    named.into_iter().chain(bare.map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_loopback_is_listened_on() {
        let doors = Doors::open(Some(0)).await.unwrap();
        for listener in &doors.listeners {
            let address = listener.local_addr().unwrap();
            assert!(address.ip().is_loopback());
            assert_eq!(address.port(), doors.port);
        }
        let hosts = doors
            .hosts()
            .join(" ")
            .replace(&doors.port.to_string(), "1");
        assert_eq!(hosts, "127.0.0.1:1 [::1]:1 localhost:1");
    }

    #[test]
    fn the_port_of_the_scheme_may_be_left_out() {
        assert_eq!(
            hosts(8080),
            ["127.0.0.1:8080", "[::1]:8080", "localhost:8080"]
        );
        assert!(hosts(80).contains(&"127.0.0.1".to_owned()));
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_one_sentence_and_else_the_next_one_is_taken() {
        let first = Doors::open(None).await.unwrap();
        let second = Doors::open(None).await.unwrap();
        assert_ne!(first.port, second.port);
        let said = Doors::open(Some(first.port)).await.unwrap_err().to_string();
        let expected = format!("cannot listen on port {} of this machine", first.port);
        assert!(said.starts_with(&expected), "{said}");
    }
}
