//! Addresses to call: `http`, `https`, and `unix:/socket:/path`.

use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;
use ureq::http::Uri;

/// How long a connection may take when only its being possible matters.
const KNOCK: Duration = Duration::from_secs(2);
/// The address without its password, for people.
pub(super) fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    match host.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:xxxxx@{host}/{path}")
        }
        None => url.to_owned(),
    }
}

/// Whether somebody listens there, found out without asking for anything.
pub(super) fn is_up(url: &str) -> bool {
    let (socket, url) = split_unix(url);
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

/// `unix:/run/app.sock:/-/reload` is a socket, and an address within it.
pub(super) fn split_unix(url: &str) -> (Option<PathBuf>, String) {
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
pub(super) fn take_user(url: &mut String) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(shown("http://u:p@h:1/x"), "http://u:xxxxx@h:1/x");
        assert_eq!(shown("http://h/a@b"), "http://h/a@b");
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
}
