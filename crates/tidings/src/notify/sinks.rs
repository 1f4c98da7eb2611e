//! Who is told, one row each: how a roll is written for them.
//!
//! Goes in: a [`RollMessage`], and what the installation adds to each. Comes out: the
//! body of a POST, and of which type it is. Pure; sending, retries and metrics are
//! the same for all. A new sink is a file and a row.

mod raw;
mod slack;
mod structured;
mod text;

use super::RollMessage;

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Its media type.
    pub media: &'static str,
    /// Its bytes.
    pub body: String,
}

impl Payload {
    /// A JSON value.
    pub fn json(value: &serde_json::Value) -> Self {
        Self {
            media: "application/json",
            body: value.to_string(),
        }
    }
}

/// Writes a roll down. The second is what the installation adds, or empty.
pub type Render = fn(&RollMessage, &str) -> Payload;

/// One sink.
#[derive(Debug)]
pub struct Sink {
    /// The word for it in options and metrics.
    pub word: &'static str,
    /// For people.
    pub render: Render,
    /// For programs (`--alert-structured`), where the sink takes any body.
    pub structured: Option<Render>,
}

/// All sinks, the usual one first: whatever takes a text, which is told where none is chosen; incoming
/// webhooks of Slack, Microsoft Teams and Google Chat.
pub static SINKS: &[Sink] = &[
    Sink {
        word: "raw",
        render: raw::render,
        structured: Some(structured::render),
    },
    Sink {
        word: "slack",
        render: slack::render,
        structured: None,
    },
    Sink {
        word: "teams",
        render: text::render,
        structured: None,
    },
    Sink {
        word: "gchat",
        render: text::render,
        structured: None,
    },
];

impl Sink {
    /// The sink of this word.
    pub fn parse(word: &str) -> Option<&'static Self> {
        let same = |sink: &&Sink| sink.word.eq_ignore_ascii_case(word);
        SINKS.iter().find(same)
    }

    /// The one that is told where none is chosen.
    pub fn usual() -> &'static Self {
        &SINKS[0]
    }

    /// The words of the others.
    pub fn others() -> Vec<&'static str> {
        SINKS[1..].iter().map(|sink| sink.word).collect()
    }
}

/// Reloader's message: its sentences, after what the installation adds.
fn message(roll: &RollMessage, added: &str) -> String {
    match added {
        "" => roll.sentences(),
        added => format!("{added} : {}", roll.sentences()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::notify::roll::tests::roll;

    fn rendered(word: &str, added: &str) -> String {
        let mut one_source = roll();
        let changes = &mut Arc::make_mut(&mut one_source.roll).changes;
        *changes = changes[1..2].to_vec();
        let Payload { media, body } = (Sink::parse(word).unwrap().render)(&one_source, added);
        format!("{media}\n{body}")
    }

    #[test]
    fn bodies_are_reloaders() {
        insta::assert_snapshot!(rendered("slack", "prod"), @r#"
        application/json
        {"attachments":[{"author_name":"Reloader","color":"good","text":"prod : Reloader detected changes in *app* of type *CONFIGMAP* in namespace *stage*. Hence reloaded *web* of type *Deployment* in namespace *stage*"}]}
        "#);
        let text = rendered("teams", "");
        insta::assert_snapshot!(text, @r#"
        application/json
        {"text":"Reloader detected changes in *app* of type *CONFIGMAP* in namespace *stage*. Hence reloaded *web* of type *Deployment* in namespace *stage*"}
        "#);
        assert_eq!(rendered("gchat", ""), text);
        insta::assert_snapshot!(rendered("raw", "prod"), @r"
        text/plain
        prod : Reloader detected changes in app of type CONFIGMAP in namespace stage. Hence reloaded web of type Deployment in namespace stage
        ");
    }

    #[test]
    fn programs_get_the_facts() {
        let Payload { body, .. } = structured::render(&roll(), "prod");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        insta::assert_snapshot!(serde_json::to_string_pretty(&body).unwrap(), @r#"
        {
          "additionalInfo": "prod",
          "because": "configmap/app (a, b), secret/db",
          "changes": [
            {
              "by": null,
              "keys": [],
              "kind": "Secret",
              "name": "db",
              "namespace": "stage",
              "what": "changed"
            },
            {
              "by": "kubectl-edit",
              "keys": [
                "a"
              ],
              "kind": "ConfigMap",
              "name": "app",
              "namespace": "stage",
              "what": "changed"
            },
            {
              "by": "kubectl-edit",
              "keys": [
                "b"
              ],
              "kind": "ConfigMap",
              "name": "app",
              "namespace": "stage",
              "what": "changed"
            }
          ],
          "instance": "tidings",
          "reason": "Changed",
          "roll": 3,
          "text": "Reloader detected changes in app of type CONFIGMAP in namespace stage. Hence reloaded web of type Deployment in namespace stage\nReloader detected changes in db of type SECRET in namespace stage. Hence reloaded web of type Deployment in namespace stage",
          "time": "2026-01-02T03:04:05Z",
          "workload": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": "web",
            "namespace": "stage"
          }
        }
        "#);
    }
}
