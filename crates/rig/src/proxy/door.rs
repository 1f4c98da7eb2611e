//! The proxy's connections: accepts them, ends TLS, and can refuse, freeze or cut
//! them all.
//!
//! Bytes pass a gate below TLS, so that a frozen connection is frozen for the
//! handshake, for requests and for running watches alike.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::Wire;
use crate::certs::Authority;

const BUFFER: usize = 64 * 1024;
const REBIND: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Frozen,
    Refusing,
}

/// Stands in front of all connections.
pub(super) struct Door {
    port: u16,
    tls: watch::Sender<TlsAcceptor>,
    state: watch::Sender<State>,
    cuts: watch::Sender<u64>,
}

impl Door {
    pub(super) fn new(port: u16, authority: &Authority) -> Result<Self> {
        Ok(Self {
            port,
            tls: watch::Sender::new(acceptor(authority)?),
            state: watch::Sender::new(State::Open),
            cuts: watch::Sender::new(0),
        })
    }

    /// New connections get a certificate of this authority.
    pub(super) fn be_of(&self, authority: &Authority) -> Result<()> {
        self.tls.send_replace(acceptor(authority)?);
        Ok(())
    }

    pub(super) fn open(&self) {
        self.state.send_replace(State::Open);
    }

    pub(super) fn freeze(&self) {
        self.state.send_replace(State::Frozen);
    }

    pub(super) fn refuse(&self) {
        self.state.send_replace(State::Refusing);
        self.cut();
    }

    pub(super) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    pub(super) async fn listen(&self) -> io::Result<TcpListener> {
        TcpListener::bind(("127.0.0.1", self.port)).await
    }

    /// Waits until the door's state is one of these. The sender lives as long as
    /// the door, so there is always an answer.
    async fn until(&self, wanted: impl FnMut(&State) -> bool) {
        self.state.subscribe().wait_for(wanted).await.ok();
    }
}

fn acceptor(authority: &Authority) -> Result<TlsAcceptor> {
    let identity = authority.server("rig-proxy")?;
    let cert = CertificateDer::from_pem_slice(identity.cert.as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes())?;
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![cert], key)
        .context("the proxy's certificate")?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Accepts connections for ever; while the door refuses, nothing listens.
pub(super) async fn serve(door: Arc<Door>, first: TcpListener, wire: Arc<Wire>) {
    let mut listener = Some(first);
    loop {
        if let Some(listener) = listener.take() {
            tokio::select! {
                () = accept(&door, &listener, &wire) => (),
                () = door.until(|state| *state == State::Refusing) => (),
            }
        }
        door.until(|state| *state != State::Refusing).await;
        listener = door.listen().await.ok();
        if listener.is_none() {
            tokio::time::sleep(REBIND).await;
        }
    }
}

async fn accept(door: &Arc<Door>, listener: &TcpListener, wire: &Arc<Wire>) {
    while let Ok((tcp, _)) = listener.accept().await {
        tokio::spawn(connection(door.clone(), tcp, wire.clone()));
    }
}

async fn connection(door: Arc<Door>, tcp: TcpStream, wire: Arc<Wire>) {
    let mut cuts = door.cuts.subscribe();
    tcp.set_nodelay(true).ok();
    let (near, far) = duplex(BUFFER);
    let both = async { tokio::join!(pump(&door, tcp, far), converse(&door, near, wire)) };
    tokio::select! {
        _ = both => (),
        _ = cuts.changed() => (),
    }
}

/// Speaks TLS and HTTP; an error ends the connection, which is all it could do.
async fn converse(door: &Door, near: DuplexStream, wire: Arc<Wire>) -> Result<()> {
    let acceptor = door.tls.borrow().clone();
    let tls = acceptor.accept(near).await?;
    let service = service_fn(move |request| wire.clone().answer(request));
    http1::Builder::new()
        .serve_connection(TokioIo::new(tls), service)
        .await?;
    Ok(())
}

async fn pump(door: &Door, mut tcp: TcpStream, far: DuplexStream) {
    let (from_client, to_client) = tcp.split();
    let (from_us, to_us) = tokio::io::split(far);
    // An error is the end of one direction, which ends the other.
    let _ends = tokio::join!(
        gated_copy(door, from_client, to_us),
        gated_copy(door, from_us, to_client),
    );
}

async fn gated_copy(
    door: &Door,
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let size = from.read(&mut buffer).await?;
        door.until(|state| *state == State::Open).await;
        if size == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..size]).await?;
    }
}
