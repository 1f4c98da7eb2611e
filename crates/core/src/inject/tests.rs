//! Injection, as whoever reads the manifest afterwards sees it.

use rstest::rstest;
use serde_json::{Value, json};
use tidings_shared::preset::named;

use super::pod::list;
use super::*;
use crate::compare::{Change as SourceChange, What};
use crate::ladder::{Wish as LadderWish, choose};
use crate::method::Methods;
use crate::refs::{Name, SourceKind, SourceRef};

mod in_place;

/// A Deployment with one container that mounts `configmap/web` at `/etc/app`.
fn deployment(container: &Value) -> Value {
    let mut container = container.clone();
    container["name"] = json!("app");
    container["volumeMounts"] = json!([{"name": "config", "mountPath": "/etc/app"}]);
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"template": {"spec": {
            "containers": [container],
            "volumes": [{"name": "config", "configMap": {"name": "web"}}]}}}})
}

fn nginx() -> Value {
    deployment(&json!({"image": "nginx:1.28"}))
}

/// The same with something at a place of the pod's spec.
fn with(mut object: Value, key: &str, value: Value) -> Value {
    object["spec"]["template"]["spec"][key] = value;
    object
}

fn wished(object: &Value, of: impl FnOnce(&mut InjectWish<'_>)) -> Result<InjectPlan, Cannot> {
    let mut wish = InjectWish {
        kind: Kind::parse("deployment").unwrap(),
        object,
        methods: None,
        cpu: None,
        image: "tidings-agent:1",
        preset: None,
        container: None,
        way: None,
        paced: false,
        restricted: false,
        texts: &|_| None,
    };
    of(&mut wish);
    plan(&wish)
}

fn planned(object: &Value) -> Result<InjectPlan, Cannot> {
    wished(object, |_| {})
}

fn after(object: &Value, plan: &InjectPlan) -> Value {
    let mut object = object.clone();
    for edit in &plan.edits {
        edit.apply(&mut object);
    }
    object
}

/// The pod's spec after an injection that can be done.
fn injected(object: &Value, of: impl FnOnce(&mut InjectWish<'_>)) -> Value {
    let plan = wished(object, of).unwrap();
    after(object, &plan)["spec"]["template"]["spec"].clone()
}

#[test]
fn what_is_told_by_a_signal_is_started_by_the_agent() {
    let object = nginx();
    let plan = planned(&object).unwrap();
    let done = "nginx in container app is started by an agent";
    assert_eq!(plan.done.as_deref(), Some(done));
    let after = after(&object, &plan);
    let annotations = &after["metadata"]["annotations"];
    assert_eq!(
        *annotations,
        json!({"tidings.dev/reload": "auto", "tidings.dev/method": "hot, rollout"})
    );
    let spec = &after["spec"]["template"]["spec"];
    let app = &spec["containers"][0];
    assert_eq!(
        app["command"],
        json!([
            "/tidings/bin/tidings-agent",
            "run",
            "--preset=nginx",
            "--watch=/etc/app",
            "--memory=/tidings/memory",
            "--listen=:9533",
            "--poke-file=/tidings/poke/poke",
            "--",
            "/docker-entrypoint.sh"
        ])
    );
    assert_eq!(app["args"], json!(["nginx", "-g", "daemon off;"]));
    assert_eq!(
        app["ports"],
        json!([{"name": "tidings", "containerPort": 9533}])
    );
    assert_eq!(app["securityContext"], Value::Null);
    let own = &spec["initContainers"][0];
    assert_eq!(
        own["args"],
        json!(["install", "/tidings/bin/tidings-agent"])
    );
    assert_eq!(own["restartPolicy"], Value::Null);
    assert_eq!(spec["shareProcessNamespace"], Value::Null);
}

#[test]
fn a_command_that_is_written_follows_the_agent() {
    let container = json!({"image": "own/proxy", "command": ["haproxy"], "args": ["-W", "-db", "-f", "/etc/app/h.cfg"]});
    let spec = injected(&deployment(&container), |_| {});
    let app = &spec["containers"][0];
    let command: Vec<_> = list(app, "command")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(
        command.contains(&"--check=haproxy -c -f /etc/app/h.cfg"),
        "{command:?}"
    );
    assert_eq!(command[command.len() - 2..], ["--", "haproxy"]);
    assert_eq!(app["args"], json!(["-W", "-db", "-f", "/etc/app/h.cfg"]));
}

#[test]
fn what_has_an_address_is_called_from_beside() {
    let container = json!({"image": "prom/prometheus:v3", "args": ["--web.enable-lifecycle"],
        "ports": [{"containerPort": 9533}]});
    let object = deployment(&container);
    let spec = injected(&object, |wish| wish.paced = true);
    let own = &spec["initContainers"][0];
    assert_eq!(own["restartPolicy"], "Always");
    assert_eq!(
        own["args"],
        json!([
            "watch",
            "--preset=prometheus",
            "--watch=/etc/app",
            "--memory=/tidings/memory",
            "--listen=:9534",
            "--poke-file=/tidings/poke/poke",
            "--paced"
        ])
    );
    assert_eq!(own["ports"][0]["containerPort"], 9534);
    assert_eq!(
        own["volumeMounts"][0],
        json!({"name": "config", "mountPath": "/etc/app"})
    );
    assert_eq!(spec["shareProcessNamespace"], Value::Null);
    assert_eq!(
        spec["containers"][0],
        object["spec"]["template"]["spec"]["containers"][0]
    );
}

/// Users of the pod and of the container, and what the agent beside it gets of its own.
#[rstest]
#[case(json!(null), json!({"runAsUser": 99}), json!({"runAsUser": 99, "runAsNonRoot": true}))]
#[case(json!({"runAsUser": 99}), json!(null), json!({"runAsNonRoot": true}))]
#[case(json!({"runAsUser": 7}), json!({"runAsUser": 99, "runAsGroup": 98}), json!({"runAsUser": 99, "runAsGroup": 98, "runAsNonRoot": true}))]
#[case(json!(null), json!({"runAsUser": 0}), json!({"runAsUser": 0, "runAsNonRoot": false}))]
fn who_is_signalled_from_beside_has_the_agents_user(
    #[case] of_pod: Value,
    #[case] own: Value,
    #[case] expect: Value,
) {
    let container = json!({"image": "own/nginx", "securityContext": own});
    let object = with(deployment(&container), "securityContext", of_pod);
    let spec = injected(&object, |_| {});
    assert_eq!(spec["shareProcessNamespace"], true);
    let agent = &spec["initContainers"][0];
    let words: Vec<_> = list(agent, "args")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(words.starts_with(&[
        "watch",
        "--signal=HUP",
        "--process=nginx",
        "--prove=children"
    ]));
    let context = agent["securityContext"].as_object().unwrap();
    let users = context.iter().filter(|(key, _)| key.starts_with("runAs"));
    let users: Map<_, _> = users
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    assert_eq!(Value::Object(users), expect);
    assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}));
    assert_eq!(context["allowPrivilegeEscalation"], false);
}

#[test]
fn an_agent_that_signals_nobody_is_never_root() {
    let container = json!({"image": "prometheus", "args": ["--web.enable-lifecycle"]});
    let root = with(
        deployment(&container),
        "securityContext",
        json!({"runAsUser": 0}),
    );
    let spec = injected(&root, |_| {});
    assert_eq!(
        spec["initContainers"][0]["securityContext"]["runAsUser"],
        65534
    );
}

fn sub_path() -> Value {
    let mut object = nginx();
    let mounts = json!([{"name": "config", "mountPath": "/etc/app/a", "subPath": "a"}]);
    object["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = mounts;
    object
}

fn in_environment() -> Value {
    let env = json!({"image": "nginx", "envFrom": [{"configMapRef": {"name": "env"}}]});
    with(deployment(&json!({})), "containers", json!([env]))
}

fn two_programs() -> Value {
    let mut object = nginx();
    let spec = &mut object["spec"]["template"]["spec"];
    let mut other = spec["containers"][0].clone();
    other["name"] = json!("other");
    spec["containers"] = json!([spec["containers"][0], other]);
    object
}

#[rstest]
#[case(
    sub_path(),
    false,
    "mounts configmap/web by subPath, which never follows a change"
)]
#[case(in_environment(), true, "has configmap/env in its environment only")]
#[case(with(nginx(), "volumes", json!([])), true, "no container mounts a ConfigMap or Secret")]
#[case(with(nginx(), "os", json!({"name": "windows"})), true, "run Windows")]
#[case(
    two_programs(),
    false,
    "containers app and other mount ConfigMaps or Secrets: say with --container"
)]
#[case(deployment(&json!({"image": "example.test/app"})), false, "container app: how its program takes a change is not known: say it with --preset")]
#[case(deployment(&json!({"image": "own/nginx"})), false, "its command is not written, so that nothing but its image can start it: write command and args as the image has them; from beside, an agent needs the program's user, which is not written")]
#[case(deployment(&json!({"image": "own/nginx", "command": ["sh", "-c", "nginx"]})), false, "its command is a shell")]
#[case(deployment(&json!({"image": "nginx", "args": ["sh", "-c", "nginx"]})), false, "its command is a shell")]
#[case(deployment(&json!({"image": "nginx", "command": ["/start.sh"]})), false, "its command is start.sh, and how that takes a change is not known: say it with --preset")]
#[case(deployment(&json!({"image": "nginx", "command": ["tini", "--", "nginx"]})), false, "through tini, which is a process of its own: let its command be the program, or write the agent by hand with --process")]
#[case(deployment(&json!({"image": "nginx", "ports": [{"name": "tidings", "containerPort": 80}]})), false, "a port is called tidings, which the agent needs: call it otherwise")]
#[case(with(deployment(&json!({"image": "own/nginx", "securityContext": {"runAsUser": 1}})), "hostPID", json!(true)), false, "its processes are the node's (hostPID)")]
#[case(with(deployment(&json!({"image": "own/nginx", "securityContext": {"runAsUser": 1}})), "shareProcessNamespace", json!(false)), false, "shareProcessNamespace is false")]
#[case(deployment(&json!({"image": "unbound", "securityContext": {"runAsUser": 1}})), false, "what checks its files is in its own container only")]
#[case(deployment(&json!({"image": "own/dnsmasq"})), false, "from beside, dnsmasq reads its files only when it starts")]
#[case(deployment(&json!({"image": "coredns/coredns"})), false, "add its ConfigMap (-f)")]
#[case(deployment(&json!({"image": "prom/prometheus"})), false, "prometheus needs --web.enable-lifecycle in its args")]
#[case(deployment(&json!({"image": "nats", "command": ["nats-server", "-m", "8223"]})), false, "-m has it listen elsewhere than where --preset nats finds it")]
#[case(deployment(&json!({"image": "nats", "command": ["nats-server"]})), false, "nats needs http_port: 8222 in its configuration, or -m 8222 in its command, or add the ConfigMap")]
#[case(deployment(&json!({"image": "own/app", "command": ["gunicorn", "-b", ":$(PORT)", "app:app"]})), false, "its command has :$(PORT), for which no check is known")]
#[case(with(nginx(), "initContainers", json!([{"name": "tidings-agent", "image": "tidings-agent:1"}])), false, "has an agent that cannot be asked (no container sees the annotation tidings.dev/poke)")]
#[case(with(nginx(), "initContainers", json!([{"name": "r", "image": "jimmidyson/configmap-reload:v1"}])), false, "container r is configmap-reload, in whose place the agent comes")]
#[case(with(nginx(), "volumes", json!([{"name": "config", "configMap": {"name": "web"}}, {"name": "tidings-poke"}])), false, "a volume is called tidings-poke")]
fn what_cannot_be_done_is_said_with_what_to_write(
    #[case] object: Value,
    #[case] is_its_nature: bool,
    #[case] said: &str,
) {
    let cannot = planned(&object).unwrap_err();
    assert!(cannot.why.contains(said), "{}", cannot.why);
    assert_eq!(cannot.cause == CannotCause::Nature, is_its_nature);
}

#[test]
fn jobs_end_by_themselves() {
    let job = Kind::parse("cronjob").unwrap();
    let cannot = wished(&nginx(), |wish| wish.kind = job).unwrap_err();
    assert!(
        cannot.cause == CannotCause::Nature && cannot.why.contains("CronJob"),
        "{}",
        cannot.why
    );
}

/// As people write it who do not quote; the API server refuses each.
#[rstest]
#[case(deployment(&json!({"image": "nginx", "env": [{"name": "A", "value": 1}]})), "app in its containers cannot be read: invalid type: integer `1`, expected a string")]
#[case(with(nginx(), "volumes", json!([{"name": "config", "configMap": "web"}])), "config in its volumes cannot be read")]
#[case(with(nginx(), "containers", json!("app")), "its pod template cannot be read")]
fn a_pod_that_cannot_be_read_is_not_one_without_sources(#[case] object: Value, #[case] said: &str) {
    let cannot = planned(&object).unwrap_err();
    assert_eq!(cannot.cause, CannotCause::Unread);
    assert!(cannot.why.contains(said), "{}", cannot.why);
}

#[test]
fn root_is_refused_where_it_would_not_be_admitted() {
    let object = deployment(&json!({"image": "own/nginx", "securityContext": {"runAsUser": 0}}));
    let cannot = wished(&object, |wish| wish.restricted = true).unwrap_err();
    assert!(
        cannot.why.contains("enforces \"restricted\""),
        "{}",
        cannot.why
    );
    let plan = planned(&object).unwrap();
    assert!(
        plan.notes
            .iter()
            .any(|note| note.contains("the agent is root"))
    );
}

#[test]
fn what_is_said_overrules_what_is_recognised() {
    let object = two_programs();
    let spec = injected(&object, |wish| {
        (wish.container, wish.preset) = (Some("other"), named("vector"));
        wish.way = Some(Placement::Supervisor);
    });
    let command: Vec<_> = list(&spec["containers"][1], "command").iter().collect();
    assert!(command.contains(&&json!("--preset=vector")), "{command:?}");
    assert_eq!(
        spec["containers"][0],
        object["spec"]["template"]["spec"]["containers"][0]
    );
}

#[test]
fn what_the_agent_does_not_bring_is_said() {
    let mut object = two_programs();
    let spec = &mut object["spec"]["template"]["spec"];
    spec["initContainers"] = json!([{"name": "first",
        "volumeMounts": [{"name": "config", "mountPath": "/in"}]}]);
    spec["containers"][0]["env"] = json!([{"name": "A",
        "valueFrom": {"configMapKeyRef": {"name": "env", "key": "A"}}}]);
    let plan = wished(&object, |wish| wish.container = Some("app")).unwrap();
    let notes = plan.notes.join("\n");
    for said in [
        "configmap/env is in the environment of app: its changes are rolled out",
        "the init container first has read configmap/web when the pod started",
        "other mounts configmap/web too, and is told of no change",
    ] {
        assert!(notes.contains(said), "{notes}");
    }
}

#[rstest]
#[case(json!({"tidings.dev/reload": "configmap/web"}), &["tidings.dev/method"])]
#[case(json!({"reloader.stakater.com/auto": "true"}), &["tidings.dev/method"])]
#[case(json!({"tidings.dev/method": "rollout"}), &["tidings.dev/reload"])]
#[case(json!({"tidings.dev/reload": "off", "tidings.dev/method": "hot"}), &[])]
fn what_people_wrote_stands(#[case] annotations: Value, #[case] added: &[&str]) {
    for place in ["/metadata", "/spec/template/metadata"] {
        let mut object = nginx();
        object["spec"]["template"]["metadata"] = json!({});
        object.pointer_mut(place).unwrap()["annotations"] = annotations.clone();
        let after = after(&object, &planned(&object).unwrap());
        let own = after["metadata"]["annotations"].as_object();
        let before = object["metadata"]["annotations"].as_object();
        let new = own
            .into_iter()
            .flatten()
            .filter(|(key, _)| before.is_none_or(|before| !before.contains_key(*key)));
        let new: Vec<_> = new.map(|(key, _)| key.as_str()).collect();
        assert_eq!(new, added);
    }
}

fn corefile(name: &str) -> Option<Vec<String>> {
    (name == "web").then(|| vec![".:53 {\n  prometheus :9153\n  reload\n}\n".to_owned()])
}

/// Each program that can be injected: what comes out is what `hot` asks for, and a second
/// time nothing is left to do.
#[test]
fn what_comes_out_goes_hot_and_stays() {
    let containers = [
        json!({"image": "nginx"}),
        json!({"image": "haproxy:3.2"}),
        json!({"image": "own/nginx", "securityContext": {"runAsUser": 101}}),
        json!({"image": "prom/prometheus", "args": ["--web.enable-lifecycle"]}),
        json!({"image": "coredns/coredns:1.13", "args": ["-conf", "/etc/app/Corefile"]}),
        json!({"image": "fluent/fluent-bit", "args": ["-Y", "-H"]}),
        json!({"image": "own/app", "command": ["dnsmasq", "--keep-in-foreground"]}),
    ];
    for container in containers {
        let object = deployment(&container);
        let of_texts = |wish: &mut InjectWish<'_>| wish.texts = &corefile;
        let after = after(&object, &wished(&object, of_texts).unwrap());
        let again = wished(&after, |wish| wish.texts = &corefile).unwrap();
        assert_eq!(again, InjectPlan::default(), "{container}");
        let change = SourceChange {
            source: SourceRef::new(SourceKind::ConfigMap, "shop", "web"),
            what: What::Changed,
            keys: [Name::from("app.conf")].into(),
            version: Some(2),
            dated: true,
            by: None,
        };
        let choice = choose(&LadderWish {
            kind: Kind::parse("deployment").unwrap(),
            changes: &[change],
            layout: Some(&Layout::read(after["spec"]["template"].clone())),
            ports: None,
            listed: Methods::read(HOT).0,
            enabled: Methods::all(),
        });
        assert_eq!(
            choice.rungs.to_string(),
            HOT,
            "{container}: {:?}",
            choice.passed
        );
    }
}

fn written(text: &'static str) -> impl Fn(&str) -> Option<Vec<String>> {
    move |name| (name == "web").then(|| vec![text.to_owned()])
}

/// What the ConfigMap says of where it listens.
#[rstest]
#[case(
    "fluent-bit",
    "[SERVICE]\n  Hot_Reload On\n  HTTP_Server On\n  HTTP_Port 2020 # its own\n",
    ""
)]
#[case(
    "fluent-bit",
    "[SERVICE]\n  Hot_Reload On\n  HTTP_Server On\n  HTTP_Port 2021\n",
    "http_port has it listen elsewhere"
)]
#[case(
    "fluent-bit",
    "service:\n  hot_reload: on\n  http_server: 'on'\n  http_port: 2021\n",
    "http_port has it listen elsewhere"
)]
#[case("nats", "http: localhost:8222\n", "")]
#[case("nats", "http_port: 8223\n", "http_port has it listen elsewhere")]
#[case(
    "nats",
    "monitor_port = 9222\n",
    "monitor_port has it listen elsewhere"
)]
#[case("nats", "port: 4222\n", "nats needs http_port: 8222")]
fn an_address_that_files_move_is_not_guessed(
    #[case] preset: &'static str,
    #[case] text: &'static str,
    #[case] said: &str,
) {
    let command = json!([if preset == "nats" {
        "nats-server"
    } else {
        "fluent-bit"
    }]);
    let object = deployment(&json!({"image": "own/app", "command": command}));
    let texts: &'static _ = Box::leak(Box::new(written(text)));
    let planned = wished(&object, |wish| wish.texts = texts);
    match planned {
        Ok(_) => assert_eq!(said, "", "{text}"),
        Err(cannot) => assert!(
            !said.is_empty() && cannot.why.contains(said),
            "{}",
            cannot.why
        ),
    }
}

/// The program's user, the mode of the files, and whether somebody else may not read them.
#[rstest]
#[case(json!({"runAsUser": 0}), 0o400, true)]
#[case(json!(null), 0o400, true)]
#[case(json!({"runAsUser": 7}), 0o400, false)]
#[case(json!({"runAsUser": 0}), 0o444, false)]
fn files_that_only_root_may_read_are_told_of(
    #[case] context: Value,
    #[case] mode: i64,
    #[case] is_told: bool,
) {
    let container = json!({"image": "prom/prometheus", "args": ["--web.enable-lifecycle"],
        "securityContext": context});
    let volumes = json!([{"name": "config", "secret": {"secretName": "web", "defaultMode": mode}}]);
    let object = with(deployment(&container), "volumes", volumes);
    let notes = planned(&object).unwrap().notes.join("\n");
    assert_eq!(
        notes.contains("the agent must be able to"),
        is_told,
        "{notes}"
    );
}
