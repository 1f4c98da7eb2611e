//! `deploy/`: what `tidings manifests` prints, as files, each a kustomize base.

use assert_cmd::Command;

use crate::{File, ORIGIN};

/// A folder of `deploy/`.
struct Variant {
    folder: &'static str,
    options: &'static [&'static str],
}

const VARIANTS: [Variant; 3] = [
    Variant {
        folder: "cluster",
        options: &[],
    },
    Variant {
        folder: "namespaced",
        options: &["--namespaces=default"],
    },
    Variant {
        folder: "ha",
        options: &["--replicas=2"],
    },
];

pub(crate) fn files() -> Vec<File> {
    VARIANTS.iter().flat_map(Variant::files).collect()
}

impl Variant {
    fn files(&self) -> [File; 2] {
        let Self { folder, options } = self;
        let command = [&["tidings", "manifests"], *options].concat().join(" ");
        let head = format!("# `{command}`\n# {ORIGIN}.\n");
        let base = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n\
                    resources: [tidings.yaml]\n";
        [
            File::new(
                format!("deploy/{folder}/tidings.yaml"),
                head + &printed(options),
            ),
            File::new(
                format!("deploy/{folder}/kustomization.yaml"),
                format!("# {ORIGIN}.\n{base}"),
            ),
        ]
    }
}

fn printed(options: &[&str]) -> String {
    let mut command = Command::cargo_bin("tidings").unwrap();
    let output = command.arg("manifests").args(options).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
