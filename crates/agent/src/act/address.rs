//! Addresses to call: `http`, `https`, and `unix:/socket:/path`.

use percent_encoding::percent_decode_str;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;
use ureq::http::Uri;

/// How long a connection may take when only its being possible matters.
const KNOCK: Duration = Duration::from_secs(2);
/// The address without what it is called with, for people. A name without a
/// password may be a token.
pub(super) fn shown(url: &str) -> String {
    let Some((start, at)) = user_in(url) else {
        return url.to_owned();
    };
    let user = match url[start..at].split_once(':') {
        Some((user, _)) => format!("{user}:xxxxx"),
        None => "xxxxx".into(),
    };
    format!("{}{user}{}", &url[..start], &url[at..])
}

/// Where `user:password` begins and ends in an address.
fn user_in(url: &str) -> Option<(usize, usize)> {
    let start = url.find("://")? + 3;
    let end = url[start..].find(['/', '?', '#']);
    let end = end.map_or(url.len(), |end| start + end);
    Some((start, start + url[start..end].rfind('@')?))
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

/// Takes `user:password@` out of an address, percent signs read back as Go does
/// (net/url, RFC 3986): what the password contains has to be written so.
pub(super) fn take_user(url: &mut String) -> Option<Vec<u8>> {
    let (start, at) = user_in(url)?;
    let (user, password) = url[start..at]
        .split_once(':')
        .unwrap_or((&url[start..at], ""));
    let mut pair: Vec<u8> = percent_decode_str(user).collect();
    pair.push(b':');
    pair.extend(percent_decode_str(password));
    url.replace_range(start..=at, "");
    Some(pair)
}

/// Whether each percent sign begins a byte that is written out.
fn is_well_escaped(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| {
        let mut digits = rest.bytes().take(2);
        digits.len() == 2 && digits.all(|digit| digit.is_ascii_hexdigit())
    })
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
        _ if user_in(&inner).is_some_and(|(start, at)| !is_well_escaped(&inner[start..at])) => {
            let shown = shown(&inner);
            Err(format!(
                "{shown:?}: a percent sign in user or password is written %25"
            ))
        }
        Ok(uri) if uri.host().is_some() && matches!(uri.scheme_str(), Some("http" | "https")) => {
            Ok(())
        }
        _ => Err(format!(
            "{:?} is no address; write http://, https:// or unix:/socket:/path",
            shown(url)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(shown("http://u:p@h:1/x"), "http://u:xxxxx@h:1/x");
        assert_eq!(shown("http://token@h:1/x"), "http://xxxxx@h:1/x");
        for url in ["http://h/a@b", "http://h?a@b", "http://h#a@b"] {
            assert_eq!(shown(url), url);
        }
    }

    #[test]
    fn user_and_socket_are_taken_out_of_an_address() {
        for (url, user, rest) in [
            ("http://u:p@h:1/x@y", "u:p", "http://h:1/x@y"),
            ("http://user:p%40ss@h/", "user:p@ss", "http://h/"),
            ("http://u%3aser:a%2Fb:c@h/", "u:ser:a/b:c", "http://h/"),
            ("http://u:a+b@h", "u:a+b", "http://h"),
            ("http://u:@h?x@y", "u:", "http://h?x@y"),
            ("http://token@h/", "token:", "http://h/"),
        ] {
            let mut left = url.to_owned();
            let taken = take_user(&mut left);
            assert_eq!(
                (taken.as_deref(), left.as_str()),
                (Some(user.as_bytes()), rest)
            );
        }
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
            "http://u:50%@h/",
            "http://u:50%zz@h/",
        ] {
            assert!(check_url(url).is_err(), "{url}");
        }
        for url in [
            "http://localhost:9090/-/reload",
            "https://[::1]/",
            "http://user:p%40ss@h/",
            "unix:/run/a.sock:/x",
        ] {
            assert_eq!(check_url(url), Ok(()), "{url}");
        }
    }
}
