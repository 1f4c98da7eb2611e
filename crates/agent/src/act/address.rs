//! Addresses to call: `http`, `https`, and `unix:/socket:/path`.

use super::unix;
use percent_encoding::percent_decode_str;
use std::io::ErrorKind;
use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;
use ureq::http::Uri;

/// How long a connection may take when only its being possible matters.
const KNOCK: Duration = Duration::from_secs(2);

/// The address as people may see it: without who calls (a name may be a token)
/// and without what follows a question mark or a hash.
pub(super) fn shown(url: &str) -> String {
    let mut shown = url.to_owned();
    take_user(&mut shown);
    let end = shown.find(['?', '#']).unwrap_or(shown.len());
    shown.truncate(end);
    shown
}

/// Whether an address is one of this very machine, whoever answers there.
pub(crate) fn is_loopback(url: &str) -> bool {
    let mut url = url.to_owned();
    take_user(&mut url);
    let uri = url.parse::<Uri>().ok();
    let uri = uri.filter(|uri| uri.scheme().is_some());
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
    let number = host.trim_start_matches('[').trim_end_matches(']').parse();
    host.eq_ignore_ascii_case("localhost")
        || number.is_ok_and(|number: IpAddr| number.to_canonical().is_loopback())
}

/// Where `user:password` begins and ends in an address.
fn user_in(url: &str) -> Option<(usize, usize)> {
    let start = url.find("://")? + 3;
    let end = url[start..].find(['/', '?', '#']);
    let end = end.map_or(url.len(), |end| start + end);
    Some((start, start + url[start..end].rfind('@')?))
}

/// What an address says of who calls, as it is written; or nothing.
pub(crate) fn user_of(url: &str) -> &str {
    user_in(url).map_or("", |(start, at)| &url[start..at])
}

/// Whether somebody listens there, found out without asking for anything.
pub(super) fn is_up(url: &str) -> bool {
    let (socket, url) = split_unix(url);
    if let Some(socket) = socket {
        // Who has no time just now is there all the same.
        let connected = unix::connect(&socket, KNOCK);
        return connected.map_or_else(|error| error.kind() == ErrorKind::TimedOut, |_| true);
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

/// `http://u:pa/ss@host` is the path `/ss@host` at the port `pa` of `u`.
fn hides_a_password(uri: &Uri) -> bool {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    uri.path().contains('@') && authority.contains(':') && !authority.contains('@')
}

/// It names a host, and a port that is one, or none.
fn is_whole(uri: &Uri) -> bool {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = uri.host().unwrap_or_default();
    let after = authority.rsplit_once(host).map_or("", |(_, after)| after);
    !host.is_empty() && (after.is_empty() || uri.port_u16().is_some_and(|port| port != 0))
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
            "{:?} names no socket; write unix:/run/app.sock:/path",
            shown(url)
        )),
        _ if user_in(&inner).is_some_and(|(start, at)| !is_well_escaped(&inner[start..at])) => {
            let shown = shown(&inner);
            Err(format!(
                "{shown:?}: a percent sign in user or password is written %25"
            ))
        }
        Ok(uri) if hides_a_password(&uri) => Err(format!(
            "the address at {:?} has an @ in its path: a slash in user or password is written %2F, an @ in a path %40",
            uri.scheme_str().unwrap_or_default()
        )),
        Ok(uri) if is_whole(&uri) && matches!(uri.scheme_str(), Some("http" | "https")) => Ok(()),
        // Not shown: a password may be what is wrong with it.
        _ => Err(
            "it is no address; write http://HOST[:PORT]/, https://HOST[:PORT]/ or unix:/socket:/path"
                .into(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        for (url, expected) in [
            ("http://u:p@h:1/x", "http://h:1/x"),
            ("http://token@h:1/x", "http://h:1/x"),
            ("http://h/a@b", "http://h/a@b"),
            ("http://h/x?token=a@b", "http://h/x"),
            ("http://h?a#b", "http://h"),
            ("http://h#a?b", "http://h"),
            ("unix:/run/a.sock:/x?token", "unix:/run/a.sock:/x"),
        ] {
            assert_eq!(shown(url), expected);
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for url in [
            "https://localhost:9090/",
            "https://LOCALHOST/",
            "https://127.0.0.1/x",
            "https://127.9.9.9:1",
            "https://[::1]:9/",
            "https://[::ffff:127.0.0.1]/",
            "https://user:p@127.0.0.1/",
        ] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "https://localhost.evil.example/",
            "https://127.0.0.1.evil.example/",
            "https://127.evil.example/",
            "https://127.0.0.1@evil.example/",
            "https://localhost@evil.example",
            "https://[::1]@evil.example/",
            "https://localhost:x@evil.example/",
            "https://evil.example/localhost",
            "https://evil.example?@localhost",
            "https://10.0.0.1/",
            "https://[::2]/",
            "127.0.0.1",
            "",
        ] {
            assert!(!is_loopback(url), "{url}");
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
            "http://u:secret/ss@host",
            "http://u:80/secret@host",
            "http://h:secret/",
            "http://h:/secret",
            "http://h:0/",
            "http://h:99999/",
            "http://:80/secret",
            "ftp://u:secret@x/?secret",
            "unix:relative?secret:/x?secret",
        ] {
            let why = check_url(url).unwrap_err();
            assert!(!why.contains("secret") || url.ends_with("/secret"), "{why}");
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
