//! `tidings inject`, as people run it: the real program over manifests of the shapes that
//! charts have, without a cluster. What is printed for each is in `printed`.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod checks;
mod in_place;

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use rstest::rstest;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/inject")
        .join(name)
}

fn manifest(name: &str) -> String {
    std::fs::read_to_string(folder("manifests").join(name)).unwrap()
}

/// Runs `tidings` with these words and this on standard input: code, stdout, stderr.
fn tidings(args: &[&str], input: &str) -> (i32, String, String) {
    let mut command = Command::cargo_bin("tidings").unwrap();
    let command = command.current_dir(folder("manifests")).args(args);
    let output = command.write_stdin(input).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (code, text(output.stdout), text(output.stderr))
}

/// What is printed is what lies in the folder `printed`; `TIDINGS_PRINTED=write` lays it
/// there, to be looked at.
fn is_as_printed(name: &str, text: &str) {
    let path = folder("printed").join(name);
    if std::env::var_os("TIDINGS_PRINTED").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let printed = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, printed, "{}", path.display());
}

const ALL: [&str; 5] = [
    "nginx.yaml",
    "prometheus.yaml",
    "haproxy.yaml",
    "coredns.yaml",
    "fluent-bit.yaml",
];

#[rstest]
fn only_what_is_needed_is_added(
    #[values(
        "nginx.yaml",
        "prometheus.yaml",
        "haproxy.yaml",
        "coredns.yaml",
        "fluent-bit.yaml"
    )]
    file: &str,
) {
    let (code, diff, said) = tidings(&["inject", "-f", file, "--diff"], "");
    assert_eq!(code, 0, "{said}");
    is_as_printed(&format!("{file}.diff"), &format!("{said}{diff}"));
    let (_, patch, _) = tidings(&["inject", "-f", file, "-o", "kustomize"], "");
    is_as_printed(&format!("{file}.patch.yaml"), &patch);
    // Every line is there still, but for the one to which JSON is added, and what was empty.
    let (_, after, _) = tidings(&["inject", "-f", file], "");
    let before = manifest(file);
    let gone = before.lines().filter(|line| !after.contains(*line)).count();
    assert!(gone <= 10, "{gone} lines are gone");
}

#[test]
fn a_second_time_there_is_nothing_to_do() {
    for file in ALL {
        let (_, once, _) = tidings(&["inject", "-f", file], "");
        let (code, twice, said) = tidings(&["inject", "-f", "-"], &once);
        assert_eq!(
            (code, twice.as_str(), said.as_str()),
            (0, once.as_str(), ""),
            "{file}"
        );
    }
}

/// An installation that can carry out what is written; with the defaults lint notes that it
/// cannot.
const HOT: &str = "--methods=hot,rollout,notify";

#[test]
fn lint_is_content_with_what_comes_out() {
    for file in ALL {
        let (_, injected, _) = tidings(&["inject", "-f", file], "");
        let words = ["lint", "-f", "-", "-o", "json", HOT];
        let (_, report, said) = tidings(&words, &injected);
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let found = report["findings"].as_array().unwrap().iter();
        // HAProxy's has a variable, which `hot` cannot bring, and lint notes that.
        let is_left =
            |find: &&serde_json::Value| file != "haproxy.yaml" || find["rule"] != "method-cannot";
        let wrong: Vec<_> = found.filter(is_left).collect();
        assert!(wrong.is_empty(), "{file}: {wrong:?}{said}");
    }
}

#[test]
fn a_directory_is_one_stream_and_what_is_no_object_is_left_out() {
    let (code, out, said) = tidings(&["inject", "-f", "."], "");
    assert_eq!(code, 0, "{said}");
    assert_eq!(said.matches("agent").count(), 5, "{said}");
    let (code, _, said) = tidings(&["inject", "-f", "-"], &out);
    assert_eq!((code, said.as_str()), (0, ""));
}

/// As `kubectl get -o json` prints it.
#[test]
fn a_list_in_json_stays_one() {
    let list = r#"{
  "apiVersion": "v1", "kind": "List",
  "items": [
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}},
    {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
     "spec": {"template": {"spec": {
       "containers": [{"name": "web", "image": "nginx",
         "volumeMounts": [{"name": "config", "mountPath": "/etc/nginx/conf.d"}]}],
       "volumes": [{"name": "config", "configMap": {"name": "web"}}]}}}}
  ]
}
"#;
    let (code, once, said) = tidings(&["inject", "-f", "-"], list);
    assert_eq!(code, 0, "{said}");
    let json: serde_json::Value = serde_json::from_str(&once).unwrap();
    let web = &json["items"][1]["spec"]["template"]["spec"];
    assert_eq!(web["initContainers"][0]["name"], "tidings-agent");
    let (code, twice, said) = tidings(&["inject", "-f", "-"], &once);
    assert_eq!((code, twice, said.as_str()), (0, once, ""));
}

#[test]
fn one_workload_can_be_named() {
    let all = format!(
        "{}---\n{}",
        manifest("haproxy.yaml"),
        manifest("coredns.yaml")
    );
    let (code, out, said) = tidings(&["inject", "-f", "-", "deploy/coredns"], &all);
    assert_eq!(code, 0, "{said}");
    assert!(out.starts_with(&manifest("haproxy.yaml")));
    assert!(said.starts_with("deployment/coredns (<stdin>:"), "{said}");
    let (code, out, said) = tidings(&["inject", "-f", "-", "deploy/proxy"], &all);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(
        said.contains("there is no deployment/proxy in these files"),
        "{said}"
    );
}

#[test]
fn what_cannot_be_done_ends_with_one_and_leaves_the_rest_as_it_is() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: alone}\n";
    let (code, out, said) = tidings(&["inject", "-f", "-"], pod);
    assert_eq!((code, out.as_str()), (0, pod));
    assert!(
        said.contains("pod/alone (<stdin>:1): left as it is: a Pod alone"),
        "{said}"
    );

    let unknown =
        manifest("nginx.yaml").replace("nginxinc/nginx-unprivileged:1.28", "example.test/app");
    let (code, out, said) = tidings(&["inject", "-f", "-"], &unknown);
    assert_eq!((code, out), (1, unknown));
    assert!(
        said.contains("container web: how its program takes a change is not known"),
        "{said}"
    );

    let nginx = manifest("nginx.yaml");
    let number = nginx.replacen(
        "      - name: web\n",
        "      - name: web\n        env: [{name: A, value: 1}]\n",
        1,
    );
    assert_ne!(number, nginx);
    let (code, out, said) = tidings(&["inject", "-f", "-"], &number);
    assert_eq!((code, out), (2, number));
    assert!(
        said.contains("web in its containers cannot be read: invalid type: integer `1`"),
        "{said}"
    );

    let (code, _, said) = tidings(&["inject", "-f", "-"], "kind: {{ .Values.kind }}\n  x: 1\n");
    assert_eq!(code, 2);
    assert!(said.contains("render it first"), "{said}");
}

#[test]
fn what_an_alias_stands_for_is_patched_instead() {
    let text = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
        - name: nginx
          image: nginx
          volumeMounts: &mounts
            - {name: config, mountPath: /etc/nginx/conf.d}
        - name: other
          image: other
          command: [other]
          volumeMounts: *mounts
      volumes:
        - {name: config, configMap: {name: web}}
";
    let args = [
        "inject",
        "-f",
        "-",
        "--container",
        "other",
        "--preset",
        "vector",
    ];
    let (code, out, said) = tidings(&args, text);
    assert_eq!((code, out.as_str()), (1, text));
    assert!(said.contains("take `-o kustomize`"), "{said}");
    let (code, patch, _) = tidings(&[&args[..], &["-o", "kustomize"]].concat(), text);
    assert_eq!(code, 0);
    assert!(patch.contains("- name: other\n"), "{patch}");
}

/// A `kind: List` with this many of these.
fn list_of(number: usize, item: &str) -> String {
    let mut text = String::from("apiVersion: v1\nkind: List\nitems:\n");
    for n in 0..number {
        let item = item.replace("name: web\n", &format!("name: web-{n}\n"));
        for (line, text_of) in item.lines().enumerate() {
            text.push_str(if line == 0 { "- " } else { "  " });
            text.push_str(text_of);
            text.push('\n');
        }
    }
    text + "metadata: {}\n"
}

const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers:
        - name: nginx
          image: nginx
          volumeMounts: [{name: config, mountPath: /etc/nginx/conf.d}]
      volumes:
        - {name: config, configMap: {name: web}}
";

#[test]
fn items_of_a_list_are_written_as_if_each_stood_alone() {
    let (code, alone, _) = tidings(
        &["inject", "-f", "-"],
        &WEB.replace("name: web\n", "name: web-1\n"),
    );
    assert_eq!(code, 0);
    let (code, out, said) = tidings(&["inject", "-f", "-"], &list_of(3, WEB));
    assert_eq!(code, 0, "{said}");
    let indented = alone.trim_end().replace('\n', "\n  ");
    assert!(out.contains(&indented), "{out}");
    assert!(out.ends_with("metadata: {}\n"), "{out}");
    let (_, again, _) = tidings(&["inject", "-f", "-"], &out);
    assert_eq!(again, out);
}

#[test]
fn one_whose_text_cannot_be_edited_keeps_no_other_from_it() {
    let odd =
        WEB.replace("[{name: config, mountPath", "&m [{name: config, mountPath") + "  x: *m\n";
    let texts: Vec<_> = (0..9)
        .map(|n| if n == 4 { odd.clone() } else { WEB.to_owned() })
        .collect();
    let (_, out, said) = tidings(&["inject", "-f", "-"], &texts.join("---\n"));
    assert_eq!(said.matches("take `-o kustomize`").count(), 1, "{said}");
    assert_eq!(said.matches("is started by an agent").count(), 8, "{said}");
    assert_eq!(out.matches("name: tidings-memory\n").count(), 8, "{said}");
}

#[test]
fn a_byte_order_mark_stays_where_it_was() {
    let marked = format!("\u{feff}{WEB}");
    let (code, plain, _) = tidings(&["inject", "-f", "-"], WEB);
    assert_eq!(code, 0);
    let (code, out, said) = tidings(&["inject", "-f", "-"], &marked);
    assert_eq!((code, out), (0, format!("\u{feff}{plain}")), "{said}");
}

#[test]
fn an_image_is_something() {
    let (code, _, said) = tidings(&["inject", "-f", "-", "--image", ""], WEB);
    assert_eq!(code, 2);
    assert!(said.contains("--image is empty"), "{said}");
}

#[rstest]
#[case(
    "apiVersion: apps/v1\nkind: ReplicaSet\n",
    "ReplicaSet is none of the kinds"
)]
#[case(
    "apiVersion: example.test/v1\nkind: Widget\n",
    "Widget is none of the kinds"
)]
fn what_makes_pods_and_is_not_followed_is_left_as_it_is(#[case] head: &str, #[case] expect: &str) {
    let text = WEB.replace("apiVersion: apps/v1\nkind: Deployment\n", head);
    let (code, out, said) = tidings(&["inject", "-f", "-"], &text);
    assert_eq!((code, out), (0, text));
    assert!(
        said.contains("left as it is") && said.contains(expect),
        "{said}"
    );
}
