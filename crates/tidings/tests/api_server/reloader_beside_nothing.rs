//! Where no Tidings is installed and stakater/Reloader is, `impact` and `stale` go by its
//! options, and say so.

use clap::CommandFactory;
use serde_json::{Value, json};
use tidings::cli::informed::{CommandLine, Informed, inform_by};
use tidings::settings::args::{Cli, Command};

use crate::fake::{Answer, CONFIG_MAPS, DEPLOYMENTS, Fake};

async fn informed(command: &str, deployments: Answer) -> Informed {
    let nothing = json!({"metadata": {"resourceVersion": "1"}, "items": []});
    let fake = Fake::new().at(CONFIG_MAPS, [Answer::json(&nothing)]);
    let fake = fake.at(DEPLOYMENTS, [deployments]);
    let words: Vec<_> = command.split(' ').map(Into::into).collect();
    let matches = Cli::command().get_matches_from(&words);
    let line = CommandLine { words, matches };
    inform_by(
        fake.api(),
        &line,
        &tidings::settings::Surroundings::default(),
    )
    .await
    .unwrap()
}

fn reloader(args: &[&str]) -> Value {
    let container = json!({"image": "ghcr.io/stakater/reloader:v1.4.21", "args": args});
    json!({
        "metadata": {"name": "reloader-reloader", "namespace": "reloader"},
        "spec": {"template": {"spec": {"containers": [container]}}},
    })
}

fn listed(items: &[Value]) -> Answer {
    Answer::json(&json!({"metadata": {"resourceVersion": "1"}, "items": items}))
}

const IMPACT: &str = "tidings impact configmap/app -n stage";

#[tokio::test]
async fn its_options_are_taken_and_what_tidings_would_do_is_said() {
    let all = listed(&[reloader(&["--auto-reload-all=true"])]);
    let informed = informed(IMPACT, all).await;
    let Command::Impact(args) = &informed.cli.command else {
        panic!("another command");
    };
    assert!(args.installation.rules.auto_reload_all);
    let told = "(deployment/reloader-reloader in reloader, with --auto-reload-all=true) would do";
    assert!(informed.note.contains(told), "{}", informed.note);
    assert!(
        informed.note.contains("\nTidings would do it once"),
        "{}",
        informed.note
    );
}

#[tokio::test]
async fn what_is_given_goes_first() {
    let all = listed(&[reloader(&["--auto-reload-all=true"])]);
    let informed = informed(&format!("{IMPACT} --auto-reload-all=false"), all).await;
    let Command::Impact(args) = &informed.cli.command else {
        panic!("another command");
    };
    assert!(!args.installation.rules.auto_reload_all);
}

#[tokio::test]
async fn that_it_may_not_be_looked_for_is_said_and_nothing_where_it_is_not() {
    let refused = informed("tidings stale -A", Answer::status(403, "no RBAC")).await;
    let told = "whether stakater/Reloader runs here is not known (list on deployments.apps is";
    assert!(refused.note.contains(told), "{}", refused.note);
    assert_eq!(informed("tidings stale -A", listed(&[])).await.note, "");
    let two = [reloader(&[]), reloader(&["--reload-on-create=true"])];
    let several = informed("tidings stale -A", listed(&two)).await.note;
    assert!(several.contains("runs more than once"), "{several}");
}
