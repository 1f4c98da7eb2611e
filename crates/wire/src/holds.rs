//! `POST /holds`: does this file hold the value with this digest, and was it taken?
//!
//! The controller asks, and the agent answers with yes or no, a word and a line for
//! people: never content, and no digest that it was not told.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::Digest;

/// Where it is asked.
pub const PATH: &str = "/holds";
/// The header with the token. The API server's proxy keeps `Authorization` for itself.
pub const TOKEN_HEADER: &str = "Tidings-Token";
/// No question is longer, in bytes of JSON: a thousand files take about as much.
pub const LONGEST_QUESTION: usize = 256 << 10;
/// No question names more files.
pub const MOST_FILES: usize = 1000;
/// No answer's text is longer, in bytes.
pub const LONGEST_TEXT: usize = 256;
/// No answer is longer, in bytes of JSON, and nobody need read more of one.
pub const LONGEST_ANSWER: usize = 4 << 10;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// All of them must be as they are said to be.
    pub files: Vec<FileAsked>,
}

/// One file, and what is meant to be in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileAsked {
    /// In the agent's own container.
    pub path: String,
    /// What the file is made of: `configmap/NAMESPACE/NAME`.
    pub source: String,
    /// The key of that.
    pub key: String,
    /// What the file holds then.
    pub digest: Wanted,
}

/// What a file is meant to hold. It has to be said: what is left out is an error, and
/// not taken for a file that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The value with this digest; in JSON the digest.
    Value(Digest),
    /// There is no such file; in JSON `null`.
    Absent,
    /// Whatever it is, or nothing; in JSON `"*"`. So are named files of sources that do
    /// not count.
    Any,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// All files are what they are meant to be.
    pub holds: bool,
    /// Whether that was taken.
    pub outcome: Standing,
    /// The agent's way of acting restarts the program.
    pub restarts: bool,
    /// One line for people: of a check that refuses its last, else why it is so. Empty
    /// where there is no more to say.
    pub text: String,
}

/// Whether the program has what the files contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It proved that it has, or has started with it.
    Applied,
    /// It, or a check, refused.
    Rejected,
    /// It was told, and nothing shows whether it obeyed; or it can never be shown.
    Unverified,
    /// Nothing speaks against it, and it waits for its word (`--paced`).
    Held,
    /// None of these yet.
    Pending,
}

impl Standing {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Rejected => "rejected",
            Self::Unverified => "unverified",
            Self::Held => "held",
            Self::Pending => "pending",
        }
    }
}

impl Serialize for Wanted {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(digest) => digest.serialize(to),
            Self::Absent => to.serialize_unit(),
            Self::Any => to.serialize_str("*"),
        }
    }
}

impl<'de> Deserialize<'de> for Wanted {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader)
    }
}

struct Reader;

impl Visitor<'_> for Reader {
    type Value = Wanted;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a digest, null or \"*\"")
    }

    fn visit_unit<E: Error>(self) -> Result<Wanted, E> {
        Ok(Wanted::Absent)
    }

    /// What is no digest may be a value that somebody wrote in its place: it is not
    /// repeated.
    fn visit_str<E: Error>(self, text: &str) -> Result<Wanted, E> {
        if text == "*" {
            return Ok(Wanted::Any);
        }
        let digest = Digest::parse(text).map(Wanted::Value);
        digest.ok_or_else(|| E::invalid_value(Unexpected::Other("another text"), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(digest: &str) -> Result<Question, String> {
        let file = r#""path":"/etc/app/k","source":"configmap/ns/app","key":"k""#;
        let text = format!(r#"{{"files":[{{{file}{digest}}}]}}"#);
        serde_json::from_str(&text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_question_is_written_and_read() {
        let digest = Digest::of_parts(&[b"x"]);
        for (wanted, written) in [
            (Wanted::Value(digest), format!("\"{digest}\"")),
            (Wanted::Absent, "null".to_owned()),
            (Wanted::Any, "\"*\"".to_owned()),
        ] {
            let question = asked(&format!(r#","digest":{written}"#)).unwrap();
            assert_eq!(question.files[0].digest, wanted);
            let again = serde_json::to_string(&question).unwrap();
            assert!(again.ends_with(&format!("\"digest\":{written}}}]}}")));
        }
    }

    #[test]
    fn what_is_not_said_is_not_taken_for_absent() {
        assert!(asked("").unwrap_err().contains("missing field `digest`"));
        for wrong in ["\"hunter2\"", "7", "[]", "true", "\"\""] {
            let error = asked(&format!(r#","digest":{wrong}"#)).unwrap_err();
            assert!(error.contains("a digest, null or \"*\""), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn an_answer_has_the_words_of_the_design() {
        let answer = Answer {
            holds: true,
            outcome: Standing::Applied,
            restarts: false,
            text: String::new(),
        };
        let text = r#"{"holds":true,"outcome":"applied","restarts":false,"text":""}"#;
        assert_eq!(serde_json::to_string(&answer).unwrap(), text);
        for word in ["applied", "rejected", "unverified", "held", "pending"] {
            let read: Standing = serde_json::from_str(&format!("\"{word}\"")).unwrap();
            assert_eq!(read.word(), word);
        }
        let more = text.replace('}', ",\"newer\":1}");
        assert_eq!(serde_json::from_str::<Answer>(&more).unwrap(), answer);
    }
}
