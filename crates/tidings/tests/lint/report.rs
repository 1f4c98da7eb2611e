//! What is printed, and how the program ends.

use super::{json, lint};

const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: stage
  annotations:
    reloader.stakater.com/auto: \"true\"
    configmap.reloader.stakater.com/relaod: app
spec:
  template:
    spec:
      containers:
        - name: main
          env:
            - name: LEVEL
              valueFrom: {configMapKeyRef: {name: app, key: LEVEL}}
";

#[test]
fn for_eyes_rule_by_rule() {
    let (code, out, err) = lint(&["--migrate", "-f", "-"], WEB);
    assert_eq!((code, err.as_str()), (1, ""));
    insta::assert_snapshot!(out, @r#"
    mistake: unknown-key
      Neither program reads it; neither says so on the object.
      → Write the key that was meant.
        <stdin>:8  stage/Deployment/web  configmap.reloader.stakater.com/relaod: did you mean configmap.reloader.stakater.com/reload?

    differs: only-used-keys
      Reloader rolls when any key of it changes; Tidings only when one of these does.
      → Nothing to do: no container reads the others.
        <stdin>:1  stage/Deployment/web  configmap/app: LEVEL

    1 file, 1 object: 1 mistake, 1 that differ, 0 notes
    "#);
}

#[test]
fn for_programs_in_json() {
    let report = json(&["--migrate", "-f", "-"], WEB);
    let report = serde_json::to_string_pretty(&report).unwrap();
    insta::assert_snapshot!(report, @r#"
    {
      "findings": [
        {
          "file": "<stdin>",
          "level": "mistake",
          "line": 8,
          "object": {
            "kind": "Deployment",
            "name": "web",
            "namespace": "stage"
          },
          "rule": "unknown-key",
          "text": "configmap.reloader.stakater.com/relaod: did you mean configmap.reloader.stakater.com/reload?"
        },
        {
          "file": "<stdin>",
          "level": "differs",
          "line": 1,
          "object": {
            "kind": "Deployment",
            "name": "web",
            "namespace": "stage"
          },
          "rule": "only-used-keys",
          "text": "configmap/app: LEVEL"
        }
      ],
      "rules": [
        {
          "advice": "Write the key that was meant.",
          "id": "unknown-key",
          "level": "mistake",
          "meaning": "Neither program reads it; neither says so on the object."
        },
        {
          "advice": "Nothing to do: no container reads the others.",
          "id": "only-used-keys",
          "level": "differs",
          "meaning": "Reloader rolls when any key of it changes; Tidings only when one of these does."
        }
      ],
      "summary": {
        "differs": 1,
        "files": 1,
        "mistakes": 1,
        "notes": 0,
        "objects": 1,
        "skipped": 0,
        "templates": 0,
        "unseen": 0
      },
      "templates": [],
      "unread": []
    }
    "#);
}

#[test]
fn what_is_in_order_ends_with_0() {
    let ours = WEB.replace(
        "reloader.stakater.com/auto: \"true\"",
        "tidings.dev/reload: auto",
    );
    let ours = ours.replace("    configmap.reloader.stakater.com/relaod: app\n", "");
    for args in [&["-f", "-"][..], &["--migrate", "-f", "-"]] {
        let (code, out, _) = lint(args, &ours);
        assert_eq!(code, 0, "{out}");
        assert_eq!(
            out,
            "1 file, 1 object: 0 mistakes, 0 that differ, 0 notes\n"
        );
    }
}

#[test]
fn notes_alone_end_with_0_mistakes_with_1() {
    let named = WEB.replace(
        "reloader.stakater.com/auto: \"true\"",
        "tidings.dev/reload: configmap/none",
    );
    let named = named.replace("    configmap.reloader.stakater.com/relaod: app\n", "");
    let (code, out, _) = lint(&["-f", "-"], &named);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("note: NothingMatches"), "{out}");
    let misspelled = WEB.replace("reloader.stakater.com/auto", "tidings.dev/relaod");
    let (code, out, _) = lint(&["-f", "-"], &misspelled);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("did you mean tidings.dev/reload?"), "{out}");
}

#[test]
fn what_cannot_be_read_ends_with_2_and_the_rest_is_read() {
    let broken = format!("{WEB}---\nkind: Secret\nstringData: {{p: hunter2\n  x\n");
    let (code, out, _) = lint(&["--migrate", "-f", "-", "-f", "none.yaml"], &broken);
    assert_eq!(code, 2, "{out}");
    for said in [
        "unknown-key",
        "cannot read <stdin>:",
        "cannot read none.yaml: No such file",
    ] {
        assert!(out.contains(said), "{said} is not in\n{out}");
    }
    assert!(!out.contains("hunter2"), "{out}");
}

#[test]
fn objects_of_the_wrong_shape_are_said() {
    let wrong = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, annotations: {tidings.dev/reload: auto}}, spec: {template: {spec: {containers: 3}}}}";
    let (code, out, _) = lint(&["-f", "-"], wrong);
    assert_eq!(code, 2);
    assert!(
        out.contains("Deployment web has not the shape of a Deployment"),
        "{out}"
    );
    assert!(!out.contains("NotReadHere"), "{out}");
}

#[test]
fn a_name_that_nothing_has_gets_the_nearest_one() {
    let text = format!(
        "{}---\n{{apiVersion: v1, kind: ConfigMap, metadata: {{name: app, namespace: stage}}}}\n",
        WEB.replace(
            "reloader.stakater.com/auto: \"true\"",
            "tidings.dev/reload: configmap/apq"
        )
    );
    let (_, out, _) = lint(&["-f", "-"], &text);
    assert!(out.contains("did you mean configmap/app?"), "{out}");
}

#[test]
fn passwords_in_addresses_are_not_shown() {
    let (_, out, _) = lint(&["--migrate", "-f", "sidecars.yaml"], "");
    assert!(!out.contains("hunter2"), "{out}");
    insta::assert_snapshot!(out, @r"
    differs: configmap-reload
      It calls before new files are linked, waits for an answer for ever, and forgets a change that its target refused. The agent calls when the files are whole, gives each call 10 s, tries until it is taken, and reports identical content as no change.
      → Take the agent's image: its own words are below; or leave the arguments as they are.
        sidecars.yaml:11  default/Deployment/alertmanager  reload: tidings-agent watch --watch=/etc/config --http=http://127.0.0.1:9093/-/reload --basic-file=FILE --expect=200 --listen=:9533

    differs: configmap-reload-option
      The agent takes configmap-reload's options under its name and goes by all but these.
      → Remove it.
        sidecars.yaml:16  default/Deployment/alertmanager  --webhook-retries: the agent never gives up
        sidecars.yaml:17  default/Deployment/alertmanager  --webhook-statuscode: neither has it; did you mean --webhook-status-code?

    differs: prometheus-config-reloader
      It waits for 1 s of quiet, is blind to further changes of --config-file until --watch-interval, and recovers late from a broken file. The agent acts on the first change, sees each, and takes a mended file at once.
      → Take the agent's image: its own words are below; or leave the arguments as they are.
        sidecars.yaml:25  default/Pod/prometheus-0  init-config-reloader: tidings-agent watch --render=/etc/prometheus/config/prometheus.yaml.gz=/etc/prometheus/config_out/prometheus.env.yaml --listen=:8081 --once
        sidecars.yaml:33  default/Pod/prometheus-0  config-reloader: tidings-agent watch --watch=/etc/prometheus/rules --signal=HUP --signal-is-handled --process=prometheus --prove=moves=http://127.0.0.1:9090/api/v1/status/runtimeinfo#data.lastConfigTime#data.reloadConfigSuccess

    differs: prometheus-config-reloader-option
      The agent takes prometheus-config-reloader's options under its name and goes by all but these.
      → Remove it.
        sidecars.yaml:38  default/Pod/prometheus-0  --log-level: the agent has one form of log
        sidecars.yaml:39  default/Pod/prometheus-0  --web-config-file: only one that asks for tls_server_config or basic_auth_users: the agent's own port then stays closed, since it has neither

    1 file, 3 objects: 0 mistakes, 7 that differ, 0 notes
    ");
}

#[test]
fn without_files_it_says_what_to_give() {
    let (code, _, err) = lint(&[], "");
    assert_eq!(code, 2);
    assert!(err.contains("--file <PATH>"), "{err}");
}

#[test]
fn the_options_of_the_controller_count() {
    let none = WEB.replace("    reloader.stakater.com/auto: \"true\"\n", "");
    let none = none.replace(
        "    configmap.reloader.stakater.com/relaod: app\n",
        "    team: web\n",
    );
    assert_eq!(lint(&["-f", "-"], &none).0, 0);
    let uses_nothing = none.replace(
        "configMapKeyRef: {name: app, key: LEVEL}",
        "fieldRef: {fieldPath: metadata.name}",
    );
    let (code, out, _) = lint(&["-f", "-", "--auto-reload-all"], &uses_nothing);
    assert!(code == 1 && out.contains("UsesNothing"), "{out}");
    let (_, out, _) = lint(&["--migrate", "-f", "-", "--auto-reload-all"], &none);
    assert!(out.contains("differs: only-used-keys"), "{out}");
    assert_eq!(lint(&["--migrate", "-f", "-"], &none).0, 0);
}

#[test]
fn renamed_annotations_are_read_and_named_as_they_are_written() {
    let renamed = WEB.replace(
        "reloader.stakater.com/auto: \"true\"",
        "example.org/follow: \"yes\"",
    );
    let option = "--auto-annotation=example.org/follow";
    let (_, out, _) = lint(&["--migrate", "-f", "-", option], &renamed);
    assert!(
        out.contains("<stdin>:7  stage/Deployment/web  example.org/follow: \"yes\""),
        "{out}"
    );
    let (_, out, _) = lint(&["-f", "-", option], &renamed);
    assert!(out.contains("<stdin>:7"), "{out}");
}

#[test]
fn lists_without_end_are_said() {
    let many = "a.*,".repeat(200);
    let many = WEB.replace("relaod: app", &format!("reload: '{many}'"));
    let (_, out, _) = lint(&["--migrate", "-f", "-"], &many);
    assert!(out.contains("reload: more than 100 patterns"), "{out}");
}

#[test]
fn what_a_cluster_has_is_no_manifest() {
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": [{
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "uid": "u", "resourceVersion": "7",
            "annotations": {"reloader.stakater.com/auto": "true"}},
        "spec": {"template": {"spec": {"containers": [{"name": "main",
            "envFrom": [{"configMapRef": {"name": "app"}}],
            "env": [{"name": "STAKATER_APP_CONFIGMAP",
                "value": "da39a3ee5e6b4b0d3255bfef95601890afd80709"}]}]}}},
    }]});
    let list = serde_json::to_string_pretty(&list).unwrap();
    assert_eq!(lint(&["--migrate", "-f", "-"], &list).0, 0);
    let manifest = list.replace("\"uid\"", "\"other\"");
    let (code, out, _) = lint(&["--migrate", "-f", "-"], &manifest);
    assert!(code == 1 && out.contains("variables-in-manifest"), "{out}");
}

/// A repository with a chart in it: what cannot be linted is said, and nobody is stopped.
#[test]
fn templates_and_values_of_a_repository_are_counted_and_said() {
    let root = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let ours = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
    write("cm.yaml", ours);
    write("chart/Chart.yaml", "name: chart\n");
    write(
        "chart/values.yaml",
        "podAnnotations: {tidings.dev/reload: auto}\n",
    );
    let template = "annotations:\n  {{ x }}\n  reloader.stakater.com/auto: \"true\"\n";
    write("chart/templates/web.yaml", template);
    write("elsewhere/web.yaml", template);
    let at = |name: &str| root.path().join(name).display().to_string();

    let (code, out, err) = lint(&["-f", &at("")], "");
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    for said in [
        "chart/templates\n",
        "elsewhere\n",
        "3 files, 1 object: 0 mistakes",
        "3 annotations stand in values, patches or templates",
        "helm template",
    ] {
        assert!(out.contains(said), "{said} is not in\n{out}");
    }
    let report = json(&["-f", &at("")], "");
    assert_eq!(report["summary"]["templates"], 2);
    assert_eq!(report["templates"][0], at("chart/templates/web.yaml"));

    // What is asked for by name is answered for, and so is what holds nothing else.
    assert_eq!(lint(&["-f", &at("elsewhere/web.yaml")], "").0, 2);
    assert_eq!(lint(&["-f", &at("elsewhere")], "").0, 2);
    write("broken.yaml", "a: [\n");
    let (code, out, _) = lint(&["-f", &at("")], "");
    assert!(code == 1 && out.contains("broken.yaml"), "{code} {out}");
}

#[test]
fn the_annotations_that_are_not_rendered_yet_are_counted() {
    let (_, out, _) = lint(&["-f", "everybody.yaml"], "");
    for said in [
        "2 annotations: helm template CHART -f VALUES, with its values",
        "3 annotations: argocd app manifests NAME",
        "1 annotation: kustomize build DIRECTORY",
        "8 annotations stand in values, patches or templates",
    ] {
        assert!(out.contains(said), "{said} is not in\n{out}");
    }
}
