//! Row 18: what the controller takes beside 200 pods of 20 workloads that go hot, and in a
//! change of all of them, beside one that has no methods but rollout and notify.
//!
//! The pods are objects of a played kubelet: a real one takes 110. One server at all
//! addresses of this machine stands for their agents, and says that everything is applied.

use std::time::Instant;

use anyhow::{Result, ensure};
use http::Response;
use http_body_util::Full;
use hyper::body::Bytes;
use rig::answering::serve;
use rig::fixtures::{TestNamespace, Workload, config_map, deployment};
use rig::kubelet::LOCAL;
use rig::process::Tidings;
use rig::{Options, wait_until};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::{MEMORY, count};
use crate::figure::{Bar, Figure, Spread, Unit};
use crate::lab::{self, LIMIT, Lab, say};
use crate::rows::memory::{REST, Taken, forget_peak};

const POKE: &str = "tidings.dev/poke";
const WORKLOADS: usize = 20;
const PODS_OF_EACH: u32 = 10;
/// How often a controller is started, each way in turns.
const ROUNDS: usize = 3;
/// What more it may take, in megabytes.
const MORE: f64 = 1.0;

/// What one controller took.
struct Run {
    resting: Taken,
    after: Taken,
}

pub(super) async fn measure() -> Result<Vec<Figure>> {
    say("row 18: memory beside 200 pods of 20 workloads");
    let lab = Lab::with_nodes(2, Options::default().controller_qps).await?;
    let listener = TcpListener::bind("0.0.0.0:0").await?;
    let port = listener.local_addr()?.port();
    let agents = tokio::spawn(serve(listener, |_, _| async { applied() }));
    let namespace = prepare(&lab, port).await?;
    let (mut floors, mut ours) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        floors.push(run(&lab, &namespace, &FLOOR, 2 * round + 1).await?);
        ours.push(run(&lab, &namespace, &HOT, 2 * round + 2).await?);
    }
    agents.abort();
    Ok(figures(&floors, &ours))
}

/// Every file holds what is asked for, and every program has it.
fn applied() -> Response<Full<Bytes>> {
    let answer = json!({"holds": true, "outcome": "applied", "restarts": false, "text": ""});
    Response::new(Full::new(Bytes::from(answer.to_string())))
}

async fn prepare(lab: &Lab, port: u16) -> Result<TestNamespace> {
    let namespace = lab.namespace("hot").await?;
    namespace
        .apply(config_map("app", &[("site.conf", "0")]))
        .await?;
    let all = (0..WORKLOADS).map(|n| web(&format!("web-{n}"), port).into());
    lab.create(&namespace, all).await?;
    all_run(&namespace).await?;
    say("  all pods run");
    Ok(namespace)
}

async fn all_run(namespace: &TestNamespace) -> Result<()> {
    for n in 0..WORKLOADS {
        let workload = format!("deployment/web-{n}");
        namespace.rolled_out(&workload, LIMIT).await?;
    }
    Ok(())
}

fn web(name: &str, port: u16) -> Workload {
    let mount = |name: &str, path: &str| json!({"name": name, "mountPath": path});
    let token = json!({"fieldPath": format!("metadata.annotations['{POKE}']")});
    let poke = json!({"items": [{"path": "poke", "fieldRef": token}]});
    deployment(name)
        .replicas(PODS_OF_EACH)
        .pod(&json!({
            "containers": [
                {"name": "main", "image": "rig.example/app:1",
                    "volumeMounts": [mount("app", "/etc/app")]},
                {"name": "agent", "image": "rig.example/agent:1",
                    "ports": [{"name": "tidings", "containerPort": port}],
                    "volumeMounts": [mount("app", "/watched"), mount("poke", "/poke")]},
            ],
            "volumes": [
                {"name": "app", "configMap": {"name": "app"}},
                {"name": "poke", "downwardAPI": poke},
            ],
        }))
        .annotate_pods(LOCAL, "yes")
        .annotate("tidings.dev/reload", "auto")
        .annotate("tidings.dev/method", "hot, rollout")
}

/// How a controller brings a change, and how that is seen to be over.
struct Way {
    options: &'static [&'static str],
    metric: &'static str,
    labels: &'static [&'static str],
}

/// With the methods that are enabled by default all pods are replaced.
const FLOOR: Way = Way {
    options: &[],
    metric: "tidings_rolls_total",
    labels: &["result=\"done\""],
};
const HOT: Way = Way {
    options: &["--methods=hot,rollout,notify"],
    metric: "tidings_methods_total",
    labels: &["method=\"hot\"", "result=\"proven\""],
};

/// Brings a change to all pods.
async fn run(lab: &Lab, namespace: &TestNamespace, way: &Way, value: usize) -> Result<Run> {
    let tidings = lab.tidings(way.options).await?;
    let resting = rested(lab, namespace, &tidings).await?;
    forget_peak(&tidings)?;
    let start = Instant::now();
    let map = config_map("app", &[("site.conf", &value.to_string())]);
    namespace.apply(map).await?;
    brought(&tidings, way).await?;
    let seconds = start.elapsed().as_secs_f64();
    say(&format!("  {} after {seconds:.1} s", way.metric));
    sleep(REST).await;
    let after = Taken::now(&tidings)?;
    lab::end(tidings).await?;
    all_run(namespace).await?;
    Ok(Run { resting, after })
}

async fn rested(lab: &Lab, namespace: &TestNamespace, tidings: &Tidings) -> Result<Taken> {
    lab.recorded(namespace, WORKLOADS).await?;
    sleep(REST).await;
    Taken::now(tidings)
}

async fn brought(tidings: &Tidings, way: &Way) -> Result<()> {
    wait_until("all to have it", LIMIT, async || {
        let times = tidings.metric(way.metric, way.labels).await?;
        ensure!(times >= count(WORKLOADS), "{times} of {WORKLOADS}");
        Ok(())
    })
    .await
}

/// Each beside what the other one takes at the same time.
fn figures(floors: &[Run], ours: &[Run]) -> Vec<Figure> {
    let of = |what: &str, taken: fn(&Run) -> f64, anonymous: fn(&Run) -> f64| {
        let [floor, tidings] = [floors, ours].map(|runs| spread(runs, taken));
        let [less, more] = [floors, ours].map(|runs| spread(runs, anonymous).median);
        Figure {
            floor: Some(floor),
            bar: Some(Bar::AtMost(floor.median + MORE)),
            note: format!(
                "the floor has no methods but rollout; anonymous, resting: {less:.1} MB, {more:.1} MB"
            ),
            ..Figure::new(MEMORY, what, Unit::Megabytes, tidings)
        }
    };
    vec![
        of(
            "memory beside 200 pods of 20 workloads that go hot, resting",
            |run| run.resting.resting,
            |run| run.resting.anonymous,
        ),
        of(
            "the same, resting after a change of all",
            |run| run.after.resting,
            |run| run.after.anonymous,
        ),
        of(
            "the same, peak in a change of all",
            |run| run.after.peak,
            |run| run.after.anonymous,
        ),
    ]
}

fn spread(runs: &[Run], taken: fn(&Run) -> f64) -> Spread {
    Spread::of(&runs.iter().map(taken).collect::<Vec<_>>())
}
