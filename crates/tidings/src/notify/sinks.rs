//! Who is told, one row each: how a roll is written for them.
//!
//! Goes in: a [`RollMessage`], and what the installation adds to each. Comes out: the
//! body of a POST, and of which type it is. Pure; sending, retries and metrics are
//! the same for all. Names in it may be strangers' free text, and each sink reads
//! another markup: how they are escaped stands in its row. A new sink is a file and a
//! row.

mod raw;
mod slack;
mod structured;
mod text;

use tidings_shared::plain::plain;

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

/// Writes a roll down for a sink. The last is what the installation adds, or empty.
pub type Render = fn(&Sink, &RollMessage, &str) -> Payload;

/// Writes what strangers named so that it is shown as it is: neither markup nor a link,
/// and it calls nobody.
pub type Escape = fn(&str) -> String;

/// One sink.
#[derive(Debug)]
pub struct Sink {
    /// The word for it in options and metrics.
    pub word: &'static str,
    /// What makes bold on both sides of a name.
    pub bold: &'static str,
    /// How a name is written.
    pub escape: Escape,
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
        bold: "",
        escape: raw::escape,
        render: raw::render,
        structured: Some(structured::render),
    },
    Sink {
        word: "slack",
        bold: "*",
        escape: slack::escape,
        render: slack::render,
        structured: None,
    },
    Sink {
        word: "teams",
        bold: "*",
        escape: text::as_markdown,
        render: text::render,
        structured: None,
    },
    Sink {
        word: "gchat",
        bold: "*",
        escape: text::as_chat,
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
fn message(sink: &Sink, roll: &RollMessage, added: &str) -> String {
    let sentences = roll.sentences(|name| {
        let Sink { bold, escape, .. } = sink;
        format!("{bold}{}{bold}", escape(name))
    });
    match added {
        "" => sentences,
        added => format!("{added} : {sentences}"),
    }
}

/// In one line, and without what every messenger takes for a link or an address. What may
/// be a host is a valid name, and stays one.
fn inert(text: &str) -> String {
    let text = plain(text).replace("://", r":\u{2f}/");
    spelled(&text, |c| c == '@')
}

/// With these characters by their numbers, where nothing else takes their meaning away.
fn spelled(text: &str, means: impl Fn(char) -> bool) -> String {
    let mut spelled = String::with_capacity(text.len());
    for c in text.chars() {
        if means(c) {
            spelled.extend(c.escape_unicode());
        } else {
            spelled.push(c);
        }
    }
    spelled
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rstest::rstest;

    use super::*;
    use crate::notify::roll::tests::roll;

    fn rendered(word: &str, added: &str) -> String {
        let mut one_source = roll();
        let changes = &mut Arc::make_mut(&mut one_source.roll).changes;
        *changes = changes[1..2].to_vec();
        let sink = Sink::parse(word).unwrap();
        let Payload { media, body } = (sink.render)(sink, &one_source, added);
        format!("{media}\n{body}")
    }

    /// Free text, as in the pod templates of custom resources, and what it may mean.
    const STRANGE: &str =
        "<!channel> &lt; [a](https://e.example) a@e.example <users/all> *b* `c` ~d~ \n\u{1b}[2J \\";

    #[rstest]
    #[case(
        "raw",
        r"<!channel> &lt; [a](https://e.example) a@e.example <users/all> *b* `c` ~d~ \n\u{1b}[2J \"
    )]
    #[case(
        "slack",
        r"&lt;!channel&gt; &amp;lt; [a](https:\u{2f}/e.example) a\u{40}e.example &lt;users/all&gt; \u{2a}b\u{2a} \u{60}c\u{60} \u{7e}d\u{7e} \n\u{1b}[2J \"
    )]
    #[case(
        "teams",
        r"&lt;!channel&gt; &amp;lt; \[a\](https:\\u{2f}/e.example) a\\u{40}e.example &lt;users/all&gt; \*b\* \`c\` \~d\~ \\n\\u{1b}\[2J \\"
    )]
    #[case(
        "gchat",
        r"\u{3c}!channel\u{3e} &lt; \u{5b}a\u{5d}(https:\u{2f}/e.example) a\u{40}e.example \u{3c}users/all\u{3e} \u{2a}b\u{2a} \u{60}c\u{60} \u{7e}d\u{7e} \n\u{1b}\u{5b}2J \"
    )]
    fn each_sink_is_told_names_that_mean_nothing_to_it(#[case] word: &str, #[case] shown: &str) {
        assert_eq!((Sink::parse(word).unwrap().escape)(STRANGE), shown);
    }

    /// Whatever it is that holds them.
    #[test]
    fn no_text_of_strangers_reaches_a_sink_as_it_is() {
        let mut strange = roll();
        let roll = Arc::make_mut(&mut strange.roll);
        let name = "<!channel>\n@";
        roll.changes[0].source.name = name.into();
        (roll.key.name, roll.key.namespace) = (name.into(), name.into());
        let mut interrupted = strange.clone();
        let roll = Arc::make_mut(&mut interrupted.roll);
        (roll.because, roll.changes) = (name.to_owned(), Vec::new());
        for sink in SINKS {
            for strange in [&strange, &interrupted] {
                let text = message(sink, strange, "");
                assert!(
                    !text.contains(name) && !text.contains("<!channel>\n"),
                    "{text}"
                );
                assert!(text.contains(&(sink.escape)(name)), "{text}");
                let said = text
                    .lines()
                    .all(|line| line.starts_with("Reloader detected"));
                assert!(said, "{text}");
            }
        }
        let facts = structured::render(Sink::usual(), &strange, "").body;
        let facts: serde_json::Value = serde_json::from_str(&facts).unwrap();
        assert_eq!(facts["changes"][0]["name"], name);
        assert!(!facts["text"].as_str().unwrap().contains(name));
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
        let Payload { body, .. } = structured::render(Sink::usual(), &roll(), "prod");
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
