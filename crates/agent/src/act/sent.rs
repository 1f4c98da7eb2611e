//! What the agent sends along with a call and no log may show, though the answer may
//! repeat it: queries, passwords, tokens, values of headers, bodies. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;

/// What is shown instead.
const MASK: &str = "***";
/// A text that is shorter is masked as a word alone: it would make others unreadable.
const SHORT: usize = 4;

/// All that was sent and may be secret.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent(Vec<String>);

impl Sent {
    /// The query of an address, and each value of it.
    pub(super) fn query(&mut self, query: &str) {
        self.text(query);
        for pair in query.split('&') {
            let value = pair.split_once('=').map_or(pair, |(_, value)| value);
            self.text(value);
            self.text(&percent_decode_str(value).decode_utf8_lossy());
        }
    }

    /// What an address says of who calls, as it is written there.
    pub(super) fn user(&mut self, written: &str) {
        self.pair(written);
    }

    /// The value of the header `Authorization`.
    pub(super) fn authorization(&mut self, value: &str) {
        let (scheme, secret) = value.split_once(' ').unwrap_or(("", value));
        self.text(secret);
        if let ("Basic", Ok(pair)) = (scheme, STANDARD.decode(secret)) {
            self.text(secret.trim_end_matches('='));
            self.pair(&String::from_utf8_lossy(&pair));
        }
    }

    /// The value of any other header: what follows a scheme is one too.
    pub(super) fn header(&mut self, value: &str) {
        self.text(value);
        self.authorization(value);
    }

    fn pair(&mut self, pair: &str) {
        self.text(pair);
        pair.split(':').for_each(|part| self.text(part));
    }

    /// As it is, and as a page or a document writes it.
    pub(super) fn text(&mut self, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let quoted = serde_json::to_string(text).unwrap_or_default();
        self.0.push(quoted.trim_matches('"').to_owned());
        self.0.push(in_html(text, "&#39;"));
        self.0.push(in_html(text, "&#x27;"));
        self.0.push(text.to_owned());
        // The longest first: one may be part of another.
        self.0
            .sort_unstable_by(|one, other| (other.len(), other).cmp(&(one.len(), one)));
        self.0.dedup();
    }

    /// A text without it. `is_cut`: it may end amid what would be masked.
    pub(super) fn masked(&self, text: &str, is_cut: bool) -> String {
        let mut text = text.to_owned();
        for secret in &self.0 {
            text = without(&text, secret);
        }
        if is_cut {
            let begun = self
                .0
                .iter()
                .filter_map(|secret| begun_at(&text, secret))
                .min();
            if let Some(at) = begun {
                text.replace_range(at.., MASK);
            }
        }
        text
    }
}

fn in_html(text: &str, apostrophe: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', apostrophe)
}

fn without(text: &str, secret: &str) -> String {
    let (mut shown, mut from) = (String::new(), 0);
    for (at, found) in text.match_indices(secret) {
        let end = at + found.len();
        let is_in_word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
        let is_part =
            is_in_word(text[..at].chars().next_back()) || is_in_word(text[end..].chars().next());
        if secret.len() < SHORT && is_part {
            continue;
        }
        shown.push_str(&text[from..at]);
        shown.push_str(MASK);
        from = end;
    }
    shown + &text[from..]
}

/// Where the end of a text is the beginning of a secret.
fn begun_at(text: &str, secret: &str) -> Option<usize> {
    let mut starts = text.char_indices().map(|(at, _)| at);
    starts.find(|at| secret.starts_with(&text[*at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_masked_however_it_is_repeated() {
        let mut sent = Sent::default();
        sent.query("a=1&token=S3%2BCR&x=y%20z9");
        sent.user("us%40er:pa%2Fss");
        sent.authorization(&format!("Basic {}", STANDARD.encode("us@er:pa/ss")));
        sent.header("Token he\"ader<1>");
        for text in [
            "Cannot POST /r?a=1&token=S3%2BCR&x=y%20z9",
            "Cannot POST /r?a=1&amp;token=S3%2BCR&amp;x=y%20z9",
            "token S3+CR, and y z9",
            "Basic dXNAZXI6cGEvc3M=",
            "authorization: basic dXNAZXI6cGEvc3M",
            "user us@er with pa/ss or us%40er:pa%2Fss",
            "{\"x\": \"Token he\\\"ader<1>\"}",
            "<p>he&quot;ader&lt;1&gt;</p>",
        ] {
            let shown = sent.masked(text, false);
            for secret in ["S3", "y%20", "y z9", "dXNA", "us@", "us%", "pa", "ader"] {
                let is_shown = shown.contains(secret) && secret != "pa" || shown.contains("pa/s");
                assert!(!is_shown, "{secret}: {shown}");
            }
            assert!(shown.contains(MASK), "{shown}");
        }
        assert_eq!(sent.masked("11 of 1, maps", false), "11 of ***, maps");
    }

    #[test]
    fn what_is_cut_amid_a_secret_shows_nothing_of_it() {
        let mut sent = Sent::default();
        sent.authorization("Bearer abcdefgh");
        assert_eq!(sent.masked("got abcdef", true), "got ***");
        assert_eq!(sent.masked("got abcdef", false), "got abcdef");
        assert_eq!(sent.masked("got abcdefgh", true), "got ***");
        assert_eq!(sent.masked("", true), "");
    }
}
