//! `deploy/`: what `tidings manifests` prints, as files, each a kustomize base.

use clap::{CommandFactory, FromArgMatches};
use tidings::cli::manifests;
use tidings::settings::args::{Cli, Command};

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
    let words = ["tidings", "manifests"].iter().chain(options);
    let matches = Cli::command().get_matches_from(words);
    let Command::Manifests(args) = Cli::from_arg_matches(&matches).unwrap().command else {
        unreachable!("that is the command");
    };
    manifests::printed(&args, &matches).unwrap()
}
