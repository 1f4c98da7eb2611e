//! What people wrote, as they can be shown it in a sentence on what is wrong with it.
//!
//! An address may hold a password, a header or a body a token, and an argument that
//! is out of its place may be any of these: only plain words are shown.

use std::path::Path;

/// Nobody wants to read more of it.
const LONGEST: usize = 64;
/// Of a file (NAME_MAX, limits.h).
const LONGEST_NAME: usize = 255;

const HIDDEN: &str = "what is written (not shown: it may hold a password)";

/// In quotes, or words in its place.
pub(crate) fn quoted(value: &str) -> String {
    if is_plain(value) {
        format!("{value:?}")
    } else {
        HIDDEN.into()
    }
}

/// The same for the name of an option, without quotes.
pub(crate) fn option(name: &str) -> &str {
    if is_plain(name) { name } else { HIDDEN }
}

/// A sentence of a reader that does not know that the value may be secret.
pub(crate) fn hidden(sentence: &str, value: &str) -> String {
    sentence.replace(&format!("{value:?}"), &quoted(value))
}

/// The name of a command: a path is shown whatever it is made of.
pub(crate) fn command(name: &str) -> &str {
    if name.starts_with('/') || has_plain_letters(name) {
        name
    } else {
        HIDDEN
    }
}

/// The name of a file with a secret: whoever writes the secret in its place shall not
/// find it in the log.
pub(crate) fn file(path: &Path, option: &str) -> String {
    let name = path.to_string_lossy();
    let begins_as_path = ["/", "./", "../"].iter().any(|dir| name.starts_with(dir));
    if begins_as_path && !is_secret(&name) {
        return name.into_owned();
    }
    format!("the file of {option} (not shown: what is written may be the secret itself)")
}

/// Whether it is no name of a file, but what belongs into one: a token (JWT, RFC 7519),
/// a header's value, a key in PEM, or just too long for a name.
pub(crate) fn is_secret(text: &str) -> bool {
    let lower = text.trim_start().to_ascii_lowercase();
    let begins = ["-----begin", "bearer ", "basic "];
    text.contains(char::is_control)
        || begins.iter().any(|word| lower.starts_with(word))
        || text.split('/').any(|part| part.len() > LONGEST_NAME)
        || is_token(text)
}

fn is_token(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || "-_=".contains(c);
    let is_part = |part: &str| !part.is_empty() && part.chars().all(is_letter);
    let parts: Vec<&str> = text.split('.').collect();
    // `{"` in base64.
    [3, 5].contains(&parts.len()) && text.starts_with("eyJ") && parts.into_iter().all(is_part)
}

/// An address where something else was expected, or what is left of one.
pub(crate) fn is_address(value: &str) -> bool {
    value.contains("://") || value.starts_with("unix:") || names_a_caller(value)
}

/// `user:password@`, whatever the slashes before it. No path begins like this.
fn names_a_caller(value: &str) -> bool {
    let is_path = value.starts_with(['/', '.']) && !value.starts_with("//");
    let caller = value.rsplit_once('@').map_or("", |(caller, _)| caller);
    // `sshd: root@pts/0` is the name of a process.
    !is_path && caller.contains(':') && !caller.contains(char::is_whitespace)
}

fn is_plain(value: &str) -> bool {
    value.len() <= LONGEST && has_plain_letters(value)
}

fn has_plain_letters(value: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || "._,/+-* ".contains(c);
    value.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_known_by_what_is_left_of_them() {
        for text in [
            "http://h",
            "HTTP://h",
            "unix:/s:/x",
            "u:p@h",
            "u:p@h:80/x",
            "u:p/q@h",
            "https:/u:p@h/x",
            "//u:p@h/x",
            ":p@h",
            "tcp:u:p@h",
        ] {
            assert!(is_address(text), "{text}");
        }
        for text in [
            "/etc/u:p@h",
            "./u:p@h",
            "../u:p@h",
            "sshd: root@pts/0",
            "getty@tty1",
            "a:b",
            "//etc/app",
            "",
        ] {
            assert!(!is_address(text), "{text}");
        }
    }

    #[test]
    fn a_secret_in_the_place_of_its_file_is_known_and_else_not_shown() {
        let long = "a".repeat(256);
        for text in [
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln",
            "eyJhbGciOiJub25lIn0.e30.x",
            "-----BEGIN PRIVATE KEY-----\nMIG",
            "bearer abc",
            "Basic dTpw",
            "/a\nb",
            long.as_str(),
        ] {
            assert!(is_secret(text), "{text}");
            assert!(!file(text.as_ref(), "--key").contains(text));
        }
        for text in ["hunter2", "ab/cd+ef==", "token", "secrets/token", "~/x"] {
            assert!(!is_secret(text), "{text}");
            let shown = file(text.as_ref(), "--key");
            assert!(shown.starts_with("the file of --key"), "{shown}");
        }
        for text in ["/run/token", "./x", "../eyJ.json", "/etc/a b"] {
            assert_eq!(file(text.as_ref(), "--key"), text);
        }
    }

    #[test]
    fn commands_are_shown_if_they_can_be_such() {
        let long = "nix/".repeat(40);
        for name in ["nginx", "a b", "/opt/a:b@c=1/x", long.as_str()] {
            assert_eq!(command(name), name);
        }
        assert_eq!(command("Authorization: x"), HIDDEN);
    }
}
