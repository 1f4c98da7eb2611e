//! A question as it comes over the port.
//!
//! In: bytes. Out: what is asked, as `tidings_wire::holds::Question` is written; read by
//! hand, since what a derived reader adds to the binary is more than all of this.

use serde_json::Value;
use tidings_wire::digest::Digest;
use tidings_wire::holds::{FileAsked, MOST_FILES, Question, Wanted};

/// # Errors
/// One sentence on what is no question. What is written in it is not repeated.
pub(super) fn read(body: &[u8]) -> Result<Question, String> {
    let text = std::str::from_utf8(body).unwrap_or_default();
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    let files = value.get("files").and_then(Value::as_array);
    let files = files.ok_or("this is no question: it is a JSON object with files")?;
    if files.is_empty() || files.len() > MOST_FILES {
        return Err(format!("a question is of one file to {MOST_FILES}"));
    }
    let files: Option<Vec<FileAsked>> = files.iter().map(file).collect();
    let files = files.ok_or("of a file path, source, key and digest are said, each a text; instead of a digest null or \"*\"")?;
    Ok(Question { files })
}

fn file(value: &Value) -> Option<FileAsked> {
    let text = |name| value.get(name)?.as_str().map(str::to_owned);
    Some(FileAsked {
        path: text("path")?,
        source: text("source")?,
        key: text("key")?,
        digest: wanted(value.get("digest")?)?,
    })
}

/// What is left out is no `null`.
fn wanted(value: &Value) -> Option<Wanted> {
    match value {
        Value::Null => Some(Wanted::Absent),
        Value::String(text) if text == "*" => Some(Wanted::Any),
        Value::String(text) => Digest::parse(text).map(Wanted::Value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(digest: &str) -> String {
        let file = format!(r#""path":"/x","source":"configmap/ns/app","key":"k"{digest}"#);
        format!(r#"{{"files":[{{{file}}}]}}"#)
    }

    #[test]
    fn what_is_written_is_read_and_by_the_derived_reader_too() {
        for digest in ["null", "\"*\"", "\"7c0fc8d3fc0a1fb9997feeb612b60de4\""] {
            let text = question(&format!(r#","digest":{digest},"newer":1"#));
            let derived: Question = serde_json::from_str(&text).unwrap();
            assert_eq!(read(text.as_bytes()), Ok(derived));
        }
    }

    #[test]
    fn what_is_not_said_is_an_error_and_what_is_wrong_is_not_repeated() {
        for wrong in [
            "",
            r#","digest":7"#,
            r#","digest":"hunter2""#,
            r#","digest":[]"#,
        ] {
            let error = read(question(wrong).as_bytes()).unwrap_err();
            assert!(error.starts_with("of a file"), "{error}");
            assert!(!error.contains("hunter2"));
        }
        for body in [
            &b"\xff"[..],
            b"",
            b"[]",
            b"{\"files\":{}}",
            b"{\"files\":[]}",
        ] {
            assert!(read(body).is_err());
        }
    }
}
