//! `tidings why -n` of a namespace that is not there says so, and does not say that
//! all is in step; who may not ask for namespaces is told what there is.

use clap::Parser;
use serde_json::json;
use tidings::cli::exit::Exit;
use tidings::cli::why::ask::ask;
use tidings::settings::WhySettings;
use tidings::settings::args::{Cli, Command};
use tidings::settings::surroundings::Surroundings;

use crate::fake::{Answer, Fake, page};

fn settings() -> WhySettings {
    let cli = Cli::try_parse_from(["tidings", "why", "-n", "staeg"]).unwrap();
    let Command::Why(args) = cli.command else {
        panic!("another command");
    };
    WhySettings::new(&args, &Surroundings::default()).unwrap()
}

/// A cluster in which nothing is in that namespace, and that answers so about it: it is
/// asked what the namespace sets, and whether it is there.
fn cluster(namespace: Answer) -> Fake {
    let path = "/api/v1/namespaces/staeg";
    let lease = "/apis/coordination.k8s.io/v1/namespaces/tidings/leases/tidings";
    let fake = Fake::new().at(lease, [Answer::missing("tidings")]);
    let records = "/api/v1/namespaces/tidings/secrets";
    let own = "/api/v1/namespaces/tidings";
    let mut fake = fake
        .at(own, [Answer::missing("tidings")])
        .at(path, [namespace.clone(), namespace])
        .at(records, [page(1, "", &[])]);
    for kind in settings().installation.kinds.iter() {
        let list = json!({"metadata": {"resourceVersion": "1"}, "items": []});
        let (group, version, plural) = (kind.group, kind.version, kind.plural);
        let path = format!("/apis/{group}/{version}/namespaces/staeg/{plural}");
        fake = fake.at(&path, [Answer::json(&list)]);
    }
    fake
}

#[tokio::test]
async fn that_it_is_not_there() {
    let fake = cluster(Answer::missing("staeg"));
    let error = ask(fake.api(), settings()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no namespace staeg; `kubectl get namespaces` shows which are"
    );
}

#[tokio::test]
async fn and_not_where_it_is_there_or_may_not_be_asked_for() {
    let there = Answer::json(&json!({"metadata": {"name": "staeg", "resourceVersion": "1"}}));
    for answer in [there, Answer::status(403, "no RBAC")] {
        let said = ask(cluster(answer).api(), settings()).await.unwrap();
        let text = said.out + &said.err;
        assert_eq!(said.exit, Exit::Done, "{text}");
        assert!(text.contains("0 in step"), "{text}");
        assert!(text.contains("nobody leads: there is no Lease"), "{text}");
    }
}
