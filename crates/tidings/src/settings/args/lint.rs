//! The options of `tidings lint`.

use std::path::PathBuf;

use clap::Args;

use super::{RuleArgs, ScopeArgs};
use crate::settings::values::{Output, one_namespace};

pub(super) const EXAMPLES: &str = "\
Examples:
  tidings lint -f manifests/                  mistakes in the annotations
  tidings lint --migrate -f manifests/        what would be different under Tidings
  helm template web charts/web | tidings lint --migrate -f -
  kustomize build overlays/prod | tidings lint -f -
  kubectl get deploy,sts,ds,cm -A -o json | tidings lint -f - -o json

Of a directory, templates of charts are counted and not linted. What stands in values or
patches (HelmRelease, Application, kustomization) is counted: lint what is rendered of it.

Exit codes: 0 nothing (or notes only), 1 mistakes or differences, or a file of a directory
that cannot be read, 2 one that was named cannot.";

/// All options of `tidings lint`.
#[derive(Clone, Debug, Args)]
pub struct LintArgs {
    /// A manifest, a directory of them (.yaml, .yml, .json, and those below it), or - for
    /// standard input; may be given again.
    #[arg(short = 'f', long = "file", value_name = "PATH", required = true)]
    pub files: Vec<PathBuf>,
    /// Say what would be different under Tidings, for what belongs to Reloader, wave,
    /// configmapcontroller, configmap-reload or prometheus-config-reloader; say no more.
    #[arg(long)]
    pub migrate: bool,
    /// The namespace of objects that name none.
    #[arg(short, long, value_name = "NS", default_value = "default", value_parser = one_namespace)]
    pub namespace: String,
    /// A report for eyes, or JSON or YAML for programs.
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    pub output: Output,
    /// What the controller watches.
    #[command(
        flatten,
        next_help_heading = "What the controller watches (as it is started)"
    )]
    pub scope: ScopeArgs,
    /// What the controller rolls.
    #[command(
        flatten,
        next_help_heading = "What the controller rolls (as it is started)"
    )]
    pub rules: RuleArgs,
}
