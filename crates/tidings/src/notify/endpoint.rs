//! Where a POST goes to, or by whom.
//!
//! Goes in: a URL as it was given. Comes out: its parts, which are never shown: any
//! of them may be a token. What is no URL of http or https is `None`.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::Uri;
use http::header::HeaderValue;
use http::uri::{Authority, PathAndQuery, Scheme};

/// Where to POST to, or a proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub(super) tls: bool,
    pub(super) authority: Authority,
    pub(super) path: PathAndQuery,
    /// Of the user that the URL names.
    pub(super) credentials: Option<HeaderValue>,
}

impl fmt::Debug for Endpoint {
    /// Any part of it may be a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Endpoint(…)")
    }
}

impl Endpoint {
    /// Reads a URL of http or https; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let tls = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority()?;
        let (user, place) = match authority.as_str().rsplit_once('@') {
            Some((user, place)) => (Some(user), place.parse().ok()?),
            None => (None, authority.clone()),
        };
        let credentials = match user {
            Some(user) => Some(basic(user)?),
            None => None,
        };
        let path = uri.path_and_query().cloned();
        Some(Self {
            tls,
            authority: place,
            path: path.unwrap_or(PathAndQuery::from_static("/")),
            credentials,
        })
        .filter(|endpoint| !endpoint.host().is_empty())
    }

    /// Without the brackets of an IPv6 address.
    pub(super) fn host(&self) -> &str {
        let host = self.authority.host();
        let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        inner.unwrap_or(host)
    }

    pub(super) fn port(&self) -> u16 {
        let usual = if self.tls { 443 } else { 80 };
        self.authority.port_u16().unwrap_or(usual)
    }

    /// As a proxy is told that passes requests on.
    pub(super) fn absolute(&self) -> Option<Uri> {
        let uri = Uri::builder().scheme(Scheme::HTTP);
        let uri = uri.authority(self.authority.clone());
        uri.path_and_query(self.path.clone()).build().ok()
    }
}

/// `user:password`, in which anything may be written as `%XX`.
fn basic(user: &str) -> Option<HeaderValue> {
    let user = if user.contains(':') {
        user.to_owned()
    } else {
        format!("{user}:")
    };
    let encoded = BASE64_STANDARD.encode(unescaped(&user)?);
    let mut value = HeaderValue::from_str(&format!("Basic {encoded}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        if *first == b'%' {
            let hex = std::str::from_utf8(more.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            rest = &more[2..];
        } else {
            bytes.push(*first);
            rest = more;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_never_shown() {
        let url = "https://me:p%40ss@hooks.example:8443/T/secret?x=1";
        let endpoint = Endpoint::parse(url).unwrap();
        assert_eq!((endpoint.host(), endpoint.port()), ("hooks.example", 8443));
        assert_eq!(endpoint.path, "/T/secret?x=1");
        assert_eq!(endpoint.credentials.as_ref().unwrap(), "Basic bWU6cEBzcw==");
        assert_eq!(format!("{endpoint:?}"), "Endpoint(…)");
        let plain = Endpoint::parse("http://[::1]").unwrap();
        assert_eq!((plain.host(), plain.port()), ("::1", 80));
        assert_eq!(plain.path, "/");
        for wrong in [
            "",
            "hooks.example",
            "ftp://a/",
            "https://",
            "/T/secret",
            "http://u@/",
        ] {
            assert_eq!(Endpoint::parse(wrong), None, "{wrong}");
        }
    }
}
