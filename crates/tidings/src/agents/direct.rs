//! One question at the address of a pod, in plain HTTP: the token is worth nothing
//! elsewhere, and no content is told.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tidings_wire::holds::{PATH, TOKEN_HEADER};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::{MOST, Reply, Unheard};

/// Posts, and waits for the whole answer.
pub(super) async fn post(to: SocketAddr, token: &str, question: Vec<u8>) -> Result<Reply, Unheard> {
    let request = Request::post(PATH)
        .header(header::HOST, to.to_string())
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONNECTION, "close")
        .header(TOKEN_HEADER, token)
        .body(Full::new(Bytes::from(question)))
        .map_err(silent)?;
    let tcp = TcpStream::connect(to).await.map_err(silent)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(tcp)).await.map_err(silent)?;
    let _ends_with_us = Aborted(tokio::spawn(async move {
        drop(connection.await);
    }));
    let response = sender.send_request(request).await.map_err(silent)?;
    let status = response.status();
    let body = Limited::new(response.into_body(), MOST).collect().await;
    Ok((status, body.map_err(silent)?.to_bytes()))
}

/// The status of a pod says its address, and that may be forged: what only a node reaches,
/// such as a cloud's metadata service, is not asked, nor is this machine, unless the pod's
/// node, whose status tenants do not write, is at a loopback address too.
pub(super) fn is_of_a_pod(address: IpAddr, on_this_machine: bool) -> bool {
    // `::ffff:127.0.0.1` leads where `127.0.0.1` does.
    let address = address.to_canonical();
    let is_local = match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    let leads_here = address.is_loopback() && !on_this_machine;
    !is_local && !leads_here && !address.is_unspecified() && !address.is_multicast()
}

fn silent<E>(_: E) -> Unheard {
    Unheard::Silent
}

/// A connection that is not used any more is closed, whatever its other end does.
struct Aborted(JoinHandle<()>);

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_node_reaches_is_not_asked_nor_is_this_machine() {
        for (address, may) in [
            ("10.0.0.7", true),
            ("fd00::7", true),
            ("169.254.169.254", false),
            ("fe80::1", false),
            ("0.0.0.0", false),
            ("ff02::1", false),
            ("255.255.255.255", false),
            ("::ffff:10.0.0.7", true),
            ("::ffff:169.254.169.254", false),
        ] {
            for here in [false, true] {
                let is_one = is_of_a_pod(address.parse().unwrap(), here);
                assert_eq!(is_one, may, "{address}");
            }
        }
        for address in ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"] {
            let is_one = |here| is_of_a_pod(address.parse().unwrap(), here);
            assert_eq!([is_one(false), is_one(true)], [false, true], "{address}");
        }
    }
}
