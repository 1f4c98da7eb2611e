//! What an agent's answer means to a ladder.

use http::StatusCode;
use tidings_core::ladder::{AgentAnswer, Taken};
use tidings_shared::plain::plain;
use tidings_wire::holds::Answer as Told;

/// Characters of an agent's sentence that are kept.
const SENTENCE: usize = 200;

/// An answer of the agent in this container.
pub(super) fn meaning(container: &str, status: StatusCode, body: &[u8]) -> AgentAnswer {
    match status.as_u16() {
        200 => match serde_json::from_slice(body) {
            Ok(told) => said(&told),
            Err(_) => AgentAnswer::Silent,
        },
        401 | 429 => AgentAnswer::NoToken,
        404 | 405 => AgentAnswer::Cannot(format!(
            "what listens in {container} is no agent that answers questions: it wants \
             --poke-file, or a newer version"
        )),
        400 | 411 | 413 => AgentAnswer::Cannot(format!(
            "the agent in {container} does not understand the question ({status})"
        )),
        _ => AgentAnswer::Silent,
    }
}

fn said(told: &Told) -> AgentAnswer {
    let text = sentence(&told.text);
    match (told.holds, told.outcome) {
        (true, outcome) => AgentAnswer::Holds {
            outcome,
            restarts: told.restarts,
            text,
        },
        (false, Taken::Unverified) => AgentAnswer::Cannot(text),
        (false, _) => AgentAnswer::Other,
    }
}

/// It comes from a pod, and is shown on the workload.
fn sentence(text: &str) -> String {
    plain(text).chars().take(SENTENCE).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn heard(status: u16, body: &str) -> AgentAnswer {
        let status = StatusCode::from_u16(status).unwrap();
        meaning("nginx", status, body.as_bytes())
    }

    fn json(holds: bool, outcome: &str) -> String {
        format!(
            r#"{{"holds":{holds},"outcome":"{outcome}","restarts":true,"text":"a \u001b[31mb"}}"#
        )
    }

    #[rstest]
    #[case("applied", Taken::Applied)]
    #[case("rejected", Taken::Rejected)]
    #[case("unverified", Taken::Unverified)]
    #[case("held", Taken::Held)]
    #[case("pending", Taken::Pending)]
    fn words_are_outcomes(#[case] word: &str, #[case] outcome: Taken) {
        let text = r"a \u{1b}[31mb".to_owned();
        let expected = AgentAnswer::Holds {
            outcome,
            restarts: true,
            text,
        };
        assert_eq!(heard(200, &json(true, word)), expected);
    }

    #[test]
    fn what_holds_something_else_has_not_refused_it() {
        for word in ["applied", "rejected", "pending"] {
            assert_eq!(heard(200, &json(false, word)), AgentAnswer::Other);
        }
    }

    #[rstest]
    #[case(401, "")]
    #[case(429, "")]
    fn tokens_wear_out(#[case] status: u16, #[case] body: &str) {
        assert_eq!(heard(status, body), AgentAnswer::NoToken);
    }

    #[rstest]
    #[case(200, "<html>")]
    #[case(200, "{}")]
    #[case(302, "")]
    #[case(503, "")]
    fn what_makes_no_sense_is_silence(#[case] status: u16, #[case] body: &str) {
        assert_eq!(heard(status, body), AgentAnswer::Silent);
    }

    #[test]
    fn who_cannot_be_asked_says_why() {
        let unwatched = heard(200, &json(false, "unverified"));
        assert!(matches!(unwatched, AgentAnswer::Cannot(why) if why.starts_with("a ")));
        for (status, said) in [
            (404, "--poke-file"),
            (405, "--poke-file"),
            (413, "understand"),
        ] {
            assert!(matches!(heard(status, "x"), AgentAnswer::Cannot(why) if why.contains(said)));
        }
    }
}
