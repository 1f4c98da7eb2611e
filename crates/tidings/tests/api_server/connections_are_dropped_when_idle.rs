//! A connection that is not used is closed soon, with its buffers; and whoever
//! cannot be connected is told what to do.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tidings::api::connect::{Connect, Idle, connect};
use tidings::api::{ApiClient, Place};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn kubeconfig(folder: &TempDir, cluster: &str) -> Connect {
    let text = format!(
        "{{apiVersion: v1, kind: Config, current-context: c, \
         clusters: [{{name: c, cluster: {{{cluster}}}}}], \
         users: [{{name: c, user: {{token: t0ken}}}}], \
         contexts: [{{name: c, context: {{cluster: c, user: c, namespace: mine}}}}]}}"
    );
    let path = folder.path().join("kubeconfig");
    std::fs::write(&path, text).unwrap();
    Connect {
        kubeconfig: Some(path),
        ..Connect::default()
    }
}

const POD: &str = r#"{"apiVersion":"v1","metadata":{"name":"p","namespace":"mine"}}"#;

/// Answers one request on a connection; returns what was asked, in lower case.
async fn answer(connection: &mut TcpStream) -> String {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        connection.read_buf(&mut asked).await.unwrap();
    }
    let length = POD.len();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{POD}");
    connection.write_all(answer.as_bytes()).await.unwrap();
    String::from_utf8(asked).unwrap().to_lowercase()
}

#[tokio::test]
async fn and_used_again_until_then() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let folder = TempDir::new().unwrap();
    let options = kubeconfig(&folder, &format!("server: \"http://{address}\""));
    let client = ApiClient::from(connect(&options, Idle::Short).await.unwrap());
    assert_eq!(client.default_namespace(), "mine");
    let serve = async {
        let (mut connection, _) = listener.accept().await.unwrap();
        let asked = answer(&mut connection).await;
        answer(&mut connection).await;
        let idle = Instant::now();
        connection.read_to_end(&mut Vec::new()).await.unwrap();
        (asked, idle.elapsed())
    };
    let ask = async {
        for _ in 0..2 {
            let place = Place::core("pods").within("mine").named("p");
            assert_eq!(client.get(place).await.unwrap(), POD);
        }
    };
    let ((asked, idle), ()) = tokio::join!(serve, ask);
    assert!(idle < Duration::from_secs(5), "{idle:?}");
    assert!(asked.contains("user-agent: tidings/"), "{asked}");
    assert!(asked.contains("authorization: bearer t0ken"), "{asked}");
    assert!(!asked.contains("accept-encoding"), "{asked}");
}

/// A watch on a connection that was used before would keep what that has carried.
#[tokio::test]
async fn and_those_for_watches_are_used_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let folder = TempDir::new().unwrap();
    let options = kubeconfig(&folder, &format!("server: \"http://{address}\""));
    let client = ApiClient::from(connect(&options, Idle::Never).await.unwrap());
    let serve = async {
        for _ in 0..3 {
            let (mut connection, _) = listener.accept().await.unwrap();
            answer(&mut connection).await;
            connection.read_to_end(&mut Vec::new()).await.unwrap();
        }
    };
    let ask = async {
        for _ in 0..3 {
            let place = Place::core("pods").within("mine").named("p");
            assert_eq!(client.get(place).await.unwrap(), POD);
        }
    };
    tokio::join!(serve, ask);
}

#[tokio::test]
async fn nobody_listens() {
    let folder = TempDir::new().unwrap();
    let options = kubeconfig(&folder, "server: \"http://127.0.0.1:9\"");
    let client = ApiClient::from(connect(&options, Idle::Short).await.unwrap());
    let error = client.get(Place::core("pods")).await.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
    assert!(error.is_transient());
}

async fn says(options: &Connect, expected: &str) {
    let error = connect(options, Idle::Short)
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains(expected), "{error}");
}

#[tokio::test]
async fn a_kubeconfig_that_cannot_be_used_is_named() {
    let missing = Connect {
        kubeconfig: Some(PathBuf::from("no/such/file")),
        ..Connect::default()
    };
    says(&missing, "no/such/file").await;
    let folder = TempDir::new().unwrap();
    let server = "server: \"http://127.0.0.1:9\"";
    let mut other = kubeconfig(&folder, server);
    other.context = Some("elsewhere".to_owned());
    says(&other, "--context").await;
    let proxied = format!("{server}, proxy-url: \"http://127.0.0.1:3128\"");
    says(&kubeconfig(&folder, &proxied), "proxy-url").await;
}
