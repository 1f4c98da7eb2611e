//! Workloads that are to be restarted in place: a policy, a CPU request where somebody says
//! how much, and no agent.

use crate::tidings;

const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web # served by two teams
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: app
          image: example.test/app:1
          envFrom: [{configMapRef: {name: env}}]
          resources:
            requests: {memory: 64Mi}
            limits: {memory: 64Mi}
        - name: other # uses nothing
          image: example.test/other:1
";

const INJECT: [&str; 5] = ["inject", "-f", "-", "--method", "restart-in-place,rollout"];

fn with_cpu() -> Vec<&'static str> {
    [&INJECT[..], &["--cpu-request", "50m"]].concat()
}

#[test]
fn how_much_cpu_is_asked_of_people() {
    let (code, out, said) = tidings(&INJECT, WEB);
    assert_eq!((code, &*out), (1, WEB), "{said}");
    assert!(said.contains("container app asks for no CPU"), "{said}");
    assert!(said.contains("--cpu-request"), "{said}");
    let (code, _, said) = tidings(&[&INJECT[..], &["--cpu-request", "1m"]].concat(), WEB);
    assert_eq!(code, 2);
    assert!(said.contains("less than 2m"), "{said}");
}

#[test]
fn what_is_written_is_all_that_it_takes() {
    let (code, once, said) = tidings(&with_cpu(), WEB);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("app is started again in place"), "{said}");
    for line in WEB.lines().filter(|line| line.contains('#')) {
        assert!(once.contains(line), "{once}");
    }
    assert_eq!(once.matches("RestartContainer").count(), 1, "{once}");
    assert!(!once.contains("tidings-agent"), "{once}");
    let (code, twice, said) = tidings(&with_cpu(), &once);
    assert_eq!((code, twice, said.as_str()), (0, once.clone(), ""));
    let methods = "--methods=restart-in-place,rollout,notify";
    let (code, report, _) = tidings(&["lint", "-f", "-", methods], &once);
    assert_eq!(code, 0, "{report}");
}

#[test]
fn a_patch_for_kustomize_has_no_more() {
    let words = [&with_cpu()[..], &["-o", "kustomize"]].concat();
    let (code, patch, said) = tidings(&words, WEB);
    assert_eq!(code, 0, "{said}");
    assert!(
        patch.contains("RestartContainer") && patch.contains("50m"),
        "{patch}"
    );
    assert!(!patch.contains("other"), "{patch}");
}
