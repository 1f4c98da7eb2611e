//! Credentials are those that are valid now: what is rotated on disk, and what a plugin
//! tells anew, counts at once, also where the old is refused before anybody has looked.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use tidings::api::connect::{Connect, Idle, connect};
use tidings::api::{ApiClient, ApiError, Place};

use crate::guarded::{Authority, Guarded};

async fn api(way: &Connect, idle: Idle) -> ApiClient {
    ApiClient::from(connect(way, idle).await.unwrap())
}

async fn ask(api: &ApiClient) -> Result<(), ApiError> {
    api.get(Place::core("pods")).await.map(drop)
}

/// What was done lately may be done again.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_token_that_ends_its_line_and_is_rotated() {
    let server = Guarded::start(&Authority::new(), "one").await;
    server.write("token", "one\n");
    let api = api(&server.way("{tokenFile: token}"), Idle::Long).await;
    ask(&api).await.unwrap();
    for token in ["two", "three", "four"] {
        server.write("token", &format!(" {token}\r\n"));
        server.knows(token);
        ask(&api).await.unwrap();
    }
}

/// As the kubelet replaces what it mounts.
#[tokio::test]
async fn a_token_behind_a_link() {
    let server = Guarded::start(&Authority::new(), "one").await;
    let link = |to: &str| {
        std::os::unix::fs::symlink(to, server.path("..tmp")).unwrap();
        std::fs::rename(server.path("..tmp"), server.path("token")).unwrap();
    };
    server.write("..1", "one");
    link("..1");
    let api = api(&server.way("{tokenFile: token}"), Idle::Long).await;
    ask(&api).await.unwrap();
    server.write("..2", "two");
    server.knows("two");
    link("..2");
    ask(&api).await.unwrap();
}

/// Nobody has to be refused for that.
#[tokio::test]
async fn a_token_that_is_rotated_is_seen_by_itself() {
    let server = Guarded::start(&Authority::new(), "one").await;
    server.write("token", "one");
    let api = api(&server.way("{tokenFile: token}"), Idle::Long).await;
    ask(&api).await.unwrap();
    server.write("token", "two");
    let known = async {
        while server.asked().last().unwrap() != "two" {
            let _ = ask(&api).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let known = tokio::time::timeout(Duration::from_secs(30), known);
    known.await.unwrap();
}

#[tokio::test]
async fn what_is_half_written_is_not_used() {
    let server = Guarded::start(&Authority::new(), "one").await;
    server.write("token", "one");
    let api = api(&server.way("{tokenFile: token}"), Idle::Never).await;
    server.write("token", "");
    server.write("ca", "-----BEGIN CERT");
    for _ in 0..3 {
        pass(2).await;
        ask(&api).await.unwrap();
    }
    std::fs::remove_file(server.path("token")).unwrap();
    pass(2).await;
    ask(&api).await.unwrap();
}

#[tokio::test]
async fn an_authority() {
    let (before, after) = (Authority::new(), Authority::new());
    let server = Guarded::start(&before, "one").await;
    let api = api(&server.way("{token: one}"), Idle::Never).await;
    ask(&api).await.unwrap();
    server.is_of(&after);
    let error = ask(&api).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    server.write("ca", &after.pem);
    ask(&api).await.unwrap();
}

#[tokio::test]
async fn a_client_certificate() {
    let authority = Authority::new();
    let (before, after) = (authority.identity(), authority.identity());
    let server = Guarded::start(&authority, &before.cert).await;
    server.write("crt", &before.cert);
    server.write("key", &before.key);
    let api = api(
        &server.way("{client-certificate: crt, client-key: key}"),
        Idle::Long,
    )
    .await;
    ask(&api).await.unwrap();
    // One after the other: in between they do not go together.
    server.write("crt", &after.cert);
    pass(2).await;
    ask(&api).await.unwrap();
    server.write("key", &after.key);
    server.knows(&after.cert);
    ask(&api).await.unwrap();
}

/// The kubeconfig itself, where it holds them.
#[tokio::test]
async fn a_kubeconfig_that_is_written_anew() {
    let server = Guarded::start(&Authority::new(), "one").await;
    let api = api(&server.way("{token: one}"), Idle::Long).await;
    ask(&api).await.unwrap();
    server.knows("two");
    server.way("{token: two}");
    ask(&api).await.unwrap();
}

#[tokio::test]
async fn a_kubeconfig_for_another_cluster_is_not_followed() {
    let server = Guarded::start(&Authority::new(), "one").await;
    let other = Guarded::start(&Authority::new(), "one").await;
    let api = api(&server.way("{token: one}"), Idle::Never).await;
    ask(&api).await.unwrap();
    other.way("{token: one}");
    std::fs::copy(other.path("kubeconfig"), server.path("kubeconfig")).unwrap();
    for _ in 0..3 {
        pass(2).await;
        ask(&api).await.unwrap();
    }
    assert!(other.asked().is_empty());
    assert_eq!(server.asked().len(), 4);
}

/// Writes a plugin that runs this.
fn plugin(server: &Guarded, script: &str) -> Connect {
    let path = server.path("plugin");
    std::fs::write(&path, format!("#!/bin/sh\ncd \"${{0%/*}}\"\n{script}")).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o700)).unwrap();
    let version = "client.authentication.k8s.io/v1";
    server.way(&format!(
        "{{exec: {{apiVersion: {version}, command: ./plugin, interactiveMode: Never}}}}"
    ))
}

const TELL: &str =
    r#"echo '{"kind":"ExecCredential","status":{"token":"'$(cat word)'"'"$(cat until)"'}}'"#;

#[tokio::test]
async fn a_plugin_is_asked_again_when_its_word_is_refused() {
    let server = Guarded::start(&Authority::new(), "one").await;
    server.write("word", "one");
    server.write("until", "");
    let api = api(&plugin(&server, TELL), Idle::Long).await;
    ask(&api).await.unwrap();
    server.write("word", "two");
    server.knows("two");
    pass(11).await;
    ask(&api).await.unwrap();
}

#[tokio::test]
async fn a_plugin_is_asked_again_before_its_word_runs_out() {
    let server = Guarded::start(&Authority::new(), "one").await;
    server.write("word", "one");
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(50);
    server.write("until", &format!(r#","expirationTimestamp":"{soon}""#));
    let api = api(&plugin(&server, TELL), Idle::Long).await;
    // Nobody waits for it, while what it said holds.
    plugin(&server, "touch asked; sleep 1000");
    pass(11).await;
    ask(&api).await.unwrap();
    let asked = async {
        while !server.path("asked").exists() {
            ask(&api).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let asked = tokio::time::timeout(Duration::from_secs(30), asked);
    asked.await.unwrap();
    ask(&api).await.unwrap();
}

#[tokio::test]
async fn a_plugin_gives_a_certificate() {
    let authority = Authority::new();
    let (before, after) = (authority.identity(), authority.identity());
    let server = Guarded::start(&authority, &before.cert).await;
    let tell = |identity: &crate::guarded::Identity| {
        let status = serde_json::json!({"kind": "ExecCredential", "status": {
            "clientCertificateData": identity.cert, "clientKeyData": identity.key}});
        server.write("told", &status.to_string());
    };
    tell(&before);
    let api = api(&plugin(&server, "cat told"), Idle::Long).await;
    ask(&api).await.unwrap();
    tell(&after);
    server.knows(&after.cert);
    pass(11).await;
    ask(&api).await.unwrap();
}

async fn says(way: &Connect, expected: &str) {
    let error = connect(way, Idle::Long).await.err().unwrap().to_string();
    assert!(error.contains(expected), "{error}");
    assert!(!error.contains("t0ken"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_gives_no_credentials_is_named() {
    let server = Guarded::start(&Authority::new(), "one").await;
    says(&plugin(&server, "sleep 1000"), "did not answer within 30 s").await;
    tokio::time::resume();
    says(&plugin(&server, "echo t0ken; exit 3"), "plugin` failed").await;
    says(&plugin(&server, "echo t0ken"), "no credentials").await;
    says(&plugin(&server, "yes t0ken"), "plugin` failed").await;
    server.write("token", "\n");
    says(&server.way("{tokenFile: token}"), "empty").await;
    says(&server.way("{token: \"t0ken\\nt0ken\"}"), "more than one").await;
}

#[tokio::test]
async fn who_is_not_known_is_told_so() {
    let server = Guarded::start(&Authority::new(), "one").await;
    let api = api(&server.way("{token: t0ken}"), Idle::Long).await;
    let error = ask(&api).await.unwrap_err();
    let said = error.to_string();
    assert!(said.contains("does not accept our credentials"), "{said}");
    assert!(!said.contains("Role"), "{said}");
    assert!(error.refusal().is_none() && error.is_transient());
}
