//! What a kubeconfig may say of the server and the user counts as it does for kubectl.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tidings::api::connect::{Connect, Idle, connect};
use tidings::api::{ApiClient, ApiError, Place};

use crate::guarded::{Authority, Guarded, Identity};

async fn ask(way: &Connect) -> Result<(), ApiError> {
    let api = ApiClient::from(connect(way, Idle::Never).await.unwrap());
    api.get(Place::core("pods")).await.map(drop)
}

async fn says(way: &Connect, expected: &str) {
    let error = connect(way, Idle::Never).await.err().unwrap().to_string();
    assert!(error.contains(expected), "{error}");
    assert!(!error.contains("s3cret"), "{error}");
}

#[tokio::test]
async fn a_password_counts_before_a_token() {
    let pair = BASE64_STANDARD.encode("me:s3cret");
    let server = Guarded::start(&Authority::new(), &format!("Basic {pair}")).await;
    let way = server.way("{username: me, password: s3cret, token: other}");
    ask(&way).await.unwrap();
}

#[tokio::test]
async fn a_token_of_openid_connect() {
    let server = Guarded::start(&Authority::new(), "one").await;
    let of = |provider: &str, config: &str| {
        server.way(&format!(
            "{{auth-provider: {{name: {provider}, config: {{{config}}}}}}}"
        ))
    };
    ask(&of("oidc", "id-token: one")).await.unwrap();
    says(
        &of("oidc", "client-secret: s3cret"),
        "`oidc` gives no token",
    )
    .await;
    says(&of("gcp", "cmd-path: s3cret"), "`gcp` gives no token").await;
}

#[tokio::test]
async fn a_server_by_another_name() {
    let server = Guarded::start(&Authority::new(), "one").await;
    let by = |more: &str| {
        let cluster = format!("certificate-authority: ca{more}");
        server.way_by("localhost", &cluster, "{token: one}")
    };
    let error = ask(&by("")).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    ask(&by(", tls-server-name: 127.0.0.1")).await.unwrap();
    says(&by(", tls-server-name: a b"), "`a b` is no name").await;
}

#[tokio::test]
async fn a_server_that_may_be_anybody() {
    let server = Guarded::start(&Authority::new(), "one").await;
    let by = |cluster: &str| server.way_by("localhost", cluster, "{token: one}");
    ask(&by("insecure-skip-tls-verify: true")).await.unwrap();
    // Nobody in the system's list has signed it.
    let unsigned = connect(&by("insecure-skip-tls-verify: false"), Idle::Never).await;
    let Ok(client) = unsigned else { return };
    let asked = ApiClient::from(client).get(Place::core("pods")).await;
    asked.unwrap_err();
}

#[tokio::test]
async fn a_certificate_within_the_kubeconfig() {
    let authority = Authority::new();
    let Identity { cert, key } = authority.identity();
    let server = Guarded::start(&authority, &cert).await;
    let [crt, encoded] = [&cert, &key].map(|pem| BASE64_STANDARD.encode(pem));
    let user = |text: String| server.way(&format!("{{{text}}}"));
    let whole = format!("client-certificate-data: {crt}, client-key-data: {encoded}");
    ask(&user(whole)).await.unwrap();
    let half = format!("client-certificate-data: {crt}");
    says(&user(half), "there is only one").await;
    let plain = format!("client-certificate-data: {crt}, client-key-data: s3cret!");
    says(&user(plain), "the client's key is not in base64").await;
    let none = BASE64_STANDARD.encode("s3cret");
    let none = format!("client-certificate-data: {crt}, client-key-data: {none}");
    says(&user(none), "the client's key is not PEM").await;
    let file = format!("client-certificate-data: {crt}, client-key: nowhere");
    says(&user(file), "nowhere: No such file").await;
}
