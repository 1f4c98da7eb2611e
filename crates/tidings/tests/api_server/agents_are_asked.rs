//! Agents are asked at their pods' addresses, or through the API server: each question has
//! a limit of time and of size, and what makes no sense is silence.

use std::sync::Arc;

use serde_json::json;
use tidings::agents::{Agents, AgentsBy, PodAddress};
use tidings_core::ladder::{Agent, AgentAnswer, Taken};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::fake::{Answer, Fake};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn agents(ports: &[u16]) -> Arc<[Agent]> {
    let agent = |port: &u16| Agent {
        container: format!("agent-{port}").into(),
        port: *port,
        questions: Vec::new(),
    };
    ports.iter().map(agent).collect()
}

fn pod(address: &str) -> PodAddress {
    PodAddress {
        namespace: "ns".into(),
        name: "web-x".into(),
        address: address.parse().ok(),
        on_this_machine: true,
    }
}

fn json_of(outcome: &str) -> String {
    json!({"holds": true, "outcome": outcome, "restarts": false, "text": ""}).to_string()
}

fn http(status: u16, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nLocation: http://10.0.0.1/\r\n\r\n{body}"
    )
}

fn holds(outcome: Taken) -> AgentAnswer {
    AgentAnswer::Holds {
        outcome,
        restarts: false,
        text: String::new(),
    }
}

/// Answers one question with these bytes. Returns its port, and what it was asked.
async fn agent(at: &str, answer: String) -> (u16, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind((at, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 4096];
        let length = stream.read(&mut asked).await.unwrap();
        stream.write_all(answer.as_bytes()).await.ok();
        if answer.is_empty() {
            std::future::pending::<()>().await;
        }
        String::from_utf8_lossy(&asked[..length]).into_owned()
    });
    (port, task)
}

async fn asked_at(at: &str, answer: String) -> (AgentAnswer, String) {
    let (port, task) = agent(at, answer).await;
    let way = Agents::new(Fake::new().api(), AgentsBy::Address);
    let said = way.ask(&pod(at), TOKEN, &agents(&[port])).await;
    (said, task.await.unwrap())
}

#[tokio::test]
async fn a_question_bears_the_token_to_either_family_of_addresses() {
    for (at, host) in [("127.0.0.1", "127.0.0.1:"), ("::1", "[::1]:")] {
        let (said, asked) = asked_at(at, http(200, &json_of("applied"))).await;
        assert_eq!(said, holds(Taken::Applied));
        assert!(asked.starts_with("POST /holds HTTP/1.1\r\n"), "{asked}");
        let asked = asked.to_lowercase();
        assert!(asked.contains(&format!("host: {host}")), "{asked}");
        assert!(asked.contains(&format!("tidings-token: {TOKEN}")));
        assert!(asked.contains("content-length: 12\r\n"), "{asked}");
    }
}

#[tokio::test]
async fn what_is_moved_or_too_long_is_not_taken_in() {
    let long = " ".repeat(65 << 10);
    for answer in [
        http(302, ""),
        http(200, &long),
        "garbage\r\n\r\n".to_owned(),
    ] {
        let (said, _) = asked_at("127.0.0.1", answer).await;
        assert_eq!(said, AgentAnswer::Silent);
    }
    assert_eq!(
        asked_at("127.0.0.1", http(401, "")).await.0,
        AgentAnswer::NoToken
    );
}

#[tokio::test]
async fn who_never_answers_has_said_nothing() {
    let (port, task) = agent("127.0.0.1", String::new()).await;
    let way = Agents::new(Fake::new().api(), AgentsBy::Address);
    let said = way.ask(&pod("127.0.0.1"), TOKEN, &agents(&[port])).await;
    assert_eq!(said, AgentAnswer::Silent);
    task.abort();
    let nowhere = way.ask(&pod(""), TOKEN, &agents(&[port])).await;
    assert_eq!(nowhere, AgentAnswer::Silent);
}

#[tokio::test]
async fn all_agents_of_a_pod_must_hold() {
    let (one, _) = agent("127.0.0.1", http(200, &json_of("applied"))).await;
    let (other, _) = agent("127.0.0.1", http(200, &json_of("pending"))).await;
    let way = Agents::new(Fake::new().api(), AgentsBy::Address);
    let said = way
        .ask(&pod("127.0.0.1"), TOKEN, &agents(&[one, other]))
        .await;
    assert_eq!(said, holds(Taken::Pending));
}

#[tokio::test]
async fn the_api_servers_own_answers_are_told_from_an_agents() {
    let place = "/api/v1/namespaces/ns/pods/web-x:9533/proxy/holds";
    let forbidden = r#"pods "web-x:9533" is forbidden: User cannot create"#;
    let fake = Fake::new().at(
        place,
        [
            Answer::ok().text(&json_of("applied")),
            Answer::status(403, forbidden),
            Answer::status(503, "error trying to reach service"),
            Answer::missing("web-x"),
        ],
    );
    let way = Agents::new(fake.api(), AgentsBy::Proxy);
    let mut said = Vec::new();
    for _ in 0..4 {
        said.push(way.ask(&pod(""), TOKEN, &agents(&[9533])).await);
    }
    assert_eq!(said[0], holds(Taken::Applied));
    assert!(matches!(&said[1], AgentAnswer::Cannot(why) if why.contains("pods/proxy")));
    assert_eq!(said[2..], [AgentAnswer::Silent, AgentAnswer::Silent]);
    let token = fake.asked()[0].headers["Tidings-Token"].clone();
    assert_eq!(token, TOKEN);
    assert!(!fake.asked()[0].uri.contains(TOKEN));
}
