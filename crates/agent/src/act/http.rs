//! One HTTP call: to make a program reload, or to ask it how it is.
//!
//! In: a [`Call`]. Out: the [`Answer`], or why there is none. Files with
//! credentials and certificates are read at every call, since they rotate like
//! any other configuration. Every call has a time limit; redirects and proxies
//! are not followed.

use super::unix::UnixConnector;
use std::io::ErrorKind;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use ureq::http::{Request, Response, Uri};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector, RustlsConnector, TcpConnector};
use ureq::{Agent, Body};

/// How to call, apart from the address.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    /// `POST`, `GET`, …
    pub(crate) method: String,
    /// Names and values.
    pub(crate) headers: Vec<(String, String)>,
    /// What is sent along.
    pub(crate) body: String,
    /// Statuses that mean yes; empty: any 2xx.
    pub(crate) expect: Vec<u16>,
    /// For the whole call.
    pub(crate) timeout: Duration,
    /// PEM file of authorities to trust instead of the system's.
    pub(crate) ca: Option<PathBuf>,
    /// PEM files of a client certificate and its key.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
    /// Trust any certificate.
    pub(crate) insecure: bool,
    /// A file that contains `user:password`.
    pub(crate) basic: Option<PathBuf>,
    /// A file that contains a token.
    pub(crate) bearer: Option<PathBuf>,
}

/// One address, and how to call it.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// Where: `http`, `https`, or `unix:/socket:/path`.
    pub(crate) url: String,
    /// How.
    pub(crate) manner: Manner,
}

/// What came back.
pub(crate) struct Answer {
    response: Response<Body>,
}

/// Why nothing came back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// Nobody listens there yet.
    NotUp(String),
    /// Anything else.
    Failed(String),
}

/// Where a distribution keeps the authorities that it trusts.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// How long a connection may take when only its being possible matters.
const KNOCK: Duration = Duration::from_secs(2);
/// An error page is quoted up to here.
const QUOTED: u64 = 300;
/// No answer that is read whole may be longer.
const LONGEST_BODY: u64 = 8 << 20;

impl Default for Manner {
    fn default() -> Self {
        Self {
            method: "POST".into(),
            headers: Vec::new(),
            body: String::new(),
            expect: Vec::new(),
            timeout: Duration::from_secs(10),
            ca: None,
            client: None,
            insecure: false,
            basic: None,
            bearer: None,
        }
    }
}

impl Call {
    /// The address without its password, for people.
    pub(crate) fn shown(&self) -> String {
        let Some((scheme, rest)) = self.url.split_once("://") else {
            return self.url.clone();
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        match host.rsplit_once('@') {
            Some((user, host)) => {
                let user = user.split(':').next().unwrap_or_default();
                format!("{scheme}://{user}:xxxxx@{host}/{path}")
            }
            None => self.url.clone(),
        }
    }

    /// Makes the call. `begun` is given the means to break it off.
    pub(crate) fn make(&self, begun: impl FnOnce(Agent)) -> Result<Answer, NoAnswer> {
        let (socket, url) = split_unix(&self.url);
        let agent = self.agent(socket).map_err(NoAnswer::Failed)?;
        begun(agent.clone());
        let request = self.request(&url).map_err(NoAnswer::Failed)?;
        let bare = self.manner.body.is_empty()
            && !["POST", "PUT", "PATCH"].contains(&request.method().as_str());
        let result = if bare {
            agent.run(request.map(|_| ()))
        } else {
            agent.run(request)
        };
        let response = result.map_err(|error| no_answer(&self.shown(), error))?;
        Ok(Answer { response })
    }

    /// Whether somebody listens there, found out without asking for anything.
    pub(crate) fn is_up(&self) -> bool {
        let (socket, url) = split_unix(&self.url);
        if let Some(socket) = socket {
            return UnixStream::connect(socket).is_ok();
        }
        let Ok(uri) = url.parse::<Uri>() else {
            return false;
        };
        let usual = if uri.scheme_str() == Some("https") {
            443
        } else {
            80
        };
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let address = (host, uri.port_u16().unwrap_or(usual));
        let addresses = address.to_socket_addrs().into_iter().flatten();
        addresses
            .into_iter()
            .any(|address| TcpStream::connect_timeout(&address, KNOCK).is_ok())
    }

    fn request(&self, url: &str) -> Result<Request<String>, String> {
        let mut url = url.to_owned();
        let inline = take_user(&mut url);
        let mut request = Request::builder()
            .method(self.manner.method.as_str())
            .uri(&url);
        for (name, value) in &self.manner.headers {
            request = request.header(name, value);
        }
        if let Some(value) = self.manner.authorization(inline)? {
            request = request.header("Authorization", value);
        }
        request
            .body(self.manner.body.clone())
            .map_err(|error| format!("{} cannot be called: {error}", self.shown()))
    }

    fn agent(&self, socket: Option<PathBuf>) -> Result<Agent, String> {
        let config = Agent::config_builder()
            .timeout_global(Some(self.manner.timeout))
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(0)
            .proxy(None)
            .user_agent("tidings-agent")
            .tls_config(self.manner.tls(self.url.starts_with("https:"))?)
            .build();
        let connector = ().chain(UnixConnector(socket)).chain(TcpConnector::default());
        let connector = connector.chain(RustlsConnector::default());
        Ok(Agent::with_parts(
            config,
            connector,
            DefaultResolver::default(),
        ))
    }

    /// Whether a status means yes.
    pub(crate) fn accepts(&self, status: u16) -> bool {
        if self.manner.expect.is_empty() {
            (200..300).contains(&status)
        } else {
            self.manner.expect.contains(&status)
        }
    }
}

impl Manner {
    fn authorization(&self, inline: Option<String>) -> Result<Option<String>, String> {
        if let Some(file) = &self.bearer {
            return Ok(Some(format!("Bearer {}", secret(file)?)));
        }
        let pair = match &self.basic {
            Some(file) => Some(secret(file)?),
            None => inline,
        };
        Ok(pair.map(|pair| format!("Basic {}", base64(pair.as_bytes()))))
    }

    fn tls(&self, needed: bool) -> Result<TlsConfig, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = TlsConfig::builder().unversioned_rustls_crypto_provider(provider);
        if needed {
            let roots = if self.insecure {
                Vec::new()
            } else {
                certificates(&self.roots()?)?
            };
            tls = tls
                .root_certs(RootCerts::new_with_certs(&roots))
                .disable_verification(self.insecure);
            if let Some((chain, key)) = &self.client {
                tls = tls.client_cert(Some(client(chain, key)?));
            }
        }
        Ok(tls.build())
    }

    fn roots(&self) -> Result<PathBuf, String> {
        let asked = self
            .ca
            .clone()
            .or_else(|| std::env::var_os("SSL_CERT_FILE").map(PathBuf::from));
        let found = || {
            BUNDLES
                .iter()
                .map(PathBuf::from)
                .find(|bundle| bundle.exists())
        };
        asked.or_else(found).ok_or_else(|| {
            "no certificate authorities are known here; name a PEM file with --ca".to_owned()
        })
    }
}

impl Answer {
    /// The HTTP status.
    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The beginning of the body, in one line, for a person.
    pub(crate) fn quote(self) -> String {
        let reader = self
            .response
            .into_body()
            .into_with_config()
            .limit(QUOTED)
            .reader();
        let mut text = Vec::new();
        // A limit that is reached is an error to ureq; what came before is kept.
        let _ = std::io::Read::read_to_end(&mut { reader }, &mut text);
        let text = String::from_utf8_lossy(&text);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The whole body.
    pub(crate) fn text(self) -> Option<String> {
        let body = self.response.into_body().into_with_config();
        body.limit(LONGEST_BODY).read_to_string().ok()
    }
}

/// `unix:/run/app.sock:/-/reload` is a socket, and an address within it.
fn split_unix(url: &str) -> (Option<PathBuf>, String) {
    let Some(rest) = url.strip_prefix("unix:") else {
        return (None, url.to_owned());
    };
    let (socket, path) = rest.rsplit_once(":/").unwrap_or((rest, ""));
    (
        Some(PathBuf::from(socket)),
        format!("http://localhost/{path}"),
    )
}

/// Takes `user:password@` out of an address.
fn take_user(url: &mut String) -> Option<String> {
    let start = url.find("://")? + 3;
    let end = url[start..]
        .find('/')
        .map_or(url.len(), |slash| start + slash);
    let at = start + url[start..end].rfind('@')?;
    let user = url[start..at].to_owned();
    url.replace_range(start..=at, "");
    Some(user)
}

/// Whether an address can be called at all.
///
/// # Errors
/// One sentence.
pub(crate) fn check_url(url: &str) -> Result<(), String> {
    let (socket, inner) = split_unix(url);
    let parsed: Result<Uri, _> = inner.parse();
    match parsed {
        _ if socket.as_ref().is_some_and(|path| !path.is_absolute()) => Err(format!(
            "{url:?} names no socket; write unix:/run/app.sock:/path"
        )),
        Ok(uri) if uri.host().is_some() && matches!(uri.scheme_str(), Some("http" | "https")) => {
            Ok(())
        }
        _ => Err(format!(
            "{url:?} is no address; write http://, https:// or unix:/socket:/path"
        )),
    }
}

fn no_answer(shown: &str, error: ureq::Error) -> NoAnswer {
    match error {
        ureq::Error::Io(io) if is_not_up(io.kind()) => {
            NoAnswer::NotUp(format!("nobody listens at {shown} yet"))
        }
        ureq::Error::Timeout(_) => NoAnswer::Failed(format!("{shown} did not answer in time")),
        other => NoAnswer::Failed(format!("{shown} could not be called: {other}")),
    }
}

fn is_not_up(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::NotFound)
}

fn secret(file: &PathBuf) -> Result<String, String> {
    let read = std::fs::read_to_string(file);
    let text = read.map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    Ok(text.trim().to_owned())
}

fn pem(file: &PathBuf) -> Result<Vec<PemItem<'static>>, String> {
    let unreadable =
        |error: &dyn std::fmt::Display| format!("{} cannot be read: {error}", file.display());
    let bytes = std::fs::read(file).map_err(|error| unreadable(&error))?;
    let items: Result<Vec<_>, _> = parse_pem(&bytes).collect();
    items.map_err(|error| unreadable(&error))
}

fn certificates(file: &PathBuf) -> Result<Vec<Certificate<'static>>, String> {
    let found: Vec<_> = pem(file)?
        .into_iter()
        .filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        return Err(format!("{} contains no certificate", file.display()));
    }
    Ok(found)
}

fn client(chain: &PathBuf, key: &PathBuf) -> Result<ClientCert, String> {
    let chain = certificates(chain)?;
    let bytes =
        std::fs::read(key).map_err(|error| format!("{} cannot be read: {error}", key.display()))?;
    let key = PrivateKey::from_pem(&bytes)
        .map_err(|error| format!("{} contains no private key: {error}", key.display()))?;
    Ok(ClientCert::new_with_certs(&chain, key))
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0u32, |sum, byte| (sum << 8) | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[(group >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= chunk.len() {
                letter.into()
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(url: &str) -> Call {
        Call {
            url: url.into(),
            manner: Manner::default(),
        }
    }

    #[test]
    fn base64_is_as_the_standard_has_it() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(call("http://u:p@h:1/x").shown(), "http://u:xxxxx@h:1/x");
        assert_eq!(call("http://h/a@b").shown(), "http://h/a@b");
    }

    #[test]
    fn user_and_socket_are_taken_out_of_an_address() {
        let mut url = "http://u:p@h:1/x@y".to_owned();
        assert_eq!(take_user(&mut url).as_deref(), Some("u:p"));
        assert_eq!(url, "http://h:1/x@y");
        let (socket, url) = split_unix("unix:/run/a.sock:/-/reload?x=1");
        assert_eq!(socket, Some(PathBuf::from("/run/a.sock")));
        assert_eq!(url, "http://localhost/-/reload?x=1");
    }

    #[test]
    fn what_is_no_address_is_said() {
        for url in [
            "",
            "localhost:9090",
            "ftp://x/",
            "unix:relative:/x",
            "http://",
        ] {
            assert!(check_url(url).is_err(), "{url}");
        }
        for url in [
            "http://localhost:9090/-/reload",
            "https://[::1]/",
            "unix:/run/a.sock:/x",
        ] {
            assert_eq!(check_url(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn statuses_follow_what_was_asked() {
        let mut call = call("http://h/");
        assert!(call.accepts(204) && !call.accepts(302));
        call.manner.expect = vec![302];
        assert!(!call.accepts(204) && call.accepts(302));
    }
}
