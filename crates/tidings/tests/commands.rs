//! The real program, without a cluster.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use assert_cmd::Command;

fn tidings(args: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("tidings")
        .unwrap()
        .args(args)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (code, text(output.stdout), text(output.stderr))
}

#[test]
fn options_that_make_no_sense_end_with_one_sentence() {
    let args = ["controller", "--namespaces=a", "--namespaces-to-ignore=b"];
    let (code, out, err) = tidings(&args);
    assert_eq!((code, out.as_str()), (2, ""));
    assert_eq!(
        err,
        "error: --namespaces already says which namespaces are watched: \
         leave out --namespaces or --namespaces-to-ignore\n"
    );
}

#[test]
fn a_word_that_cannot_be_read_names_its_option() {
    let (code, _, err) = tidings(&["controller", "--settle=soon"]);
    assert_eq!(code, 2);
    assert!(
        err.contains("--settle") && err.contains("is not a time such as"),
        "{err}"
    );
}

#[test]
fn options_alone_are_the_controllers() {
    let (code, _, err) = tidings(&["--log-format=", "--log-level=warning", "--settle=soon"]);
    assert_eq!(code, 2);
    assert!(err.contains("--settle"), "{err}");
}

#[test]
fn an_option_that_reloader_may_have_and_we_have_not_says_where_to_look() {
    let (code, _, err) = tidings(&["--from-a-later-version"]);
    assert_eq!(code, 2);
    assert!(err.contains("'--from-a-later-version'"), "{err}");
    assert!(err.contains("docs/migrating-from-reloader.md"), "{err}");
}

#[test]
fn help_shows_examples() {
    for command in ["controller", "why", "manifests", "completion"] {
        let (code, out, _) = tidings(&[command, "--help"]);
        assert_eq!(code, 0);
        assert!(out.contains("Examples:"), "{command}");
    }
}

#[test]
fn manifests_take_the_options_of_the_controller() {
    let (code, out, _) = tidings(&["manifests", "--settle=5s", "--context=mine", "--image=x:1"]);
    assert_eq!(code, 0);
    assert!(
        out.contains(r#"- "--settle=5s""#) && out.contains(r#"image: "x:1""#),
        "{out}"
    );
    assert!(!out.contains("mine"), "{out}");
}

#[test]
fn variables_set_options() {
    let output = Command::cargo_bin("tidings")
        .unwrap()
        .env("TIDINGS_NAMESPACES", "stage,prod")
        .arg("manifests")
        .output()
        .unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.contains(r#"- "--namespaces=stage,prod""#), "{out}");
}

#[test]
fn completion_is_printed() {
    assert!(tidings(&["completion", "bash"]).1.contains("complete -F"));
}
