//! The words of `tidings impact`.

use std::path::PathBuf;

use clap::Args;

use super::InstallationArgs;
use crate::settings::values::{ImpactForm, one_namespace};

pub(super) const EXAMPLES: &str = "\
Examples:
  tidings impact -f configmap.yaml -n stage
  kustomize build overlays/prod | tidings impact -n prod -f -
  tidings impact configmap/app -n stage            as if all of it changed
  tidings impact configmap/app=LOG_LEVEL,PORT -n stage   as if these keys changed
  tidings impact -f manifests/ -n stage -o markdown > comment.md

Only keys that differ from what is there count. Nothing is written, no content is shown.

Exit codes: 0 nothing would change for any workload, 10 something would, 2 not all could be
read, or error.";

/// All options of `tidings impact`.
#[derive(Clone, Debug, Args)]
pub struct ImpactArgs {
    /// A ConfigMap or Secret that is there, as if all of it changed, or only these keys; may be
    /// given again.
    #[arg(
        value_name = "KIND/NAME[=KEY,…]",
        required_unless_present = "files",
        conflicts_with = "files"
    )]
    pub sources: Vec<String>,
    /// A manifest that would be applied, a directory of them (.yaml, .yml, .json, and those
    /// below it), or - for standard input; may be given again.
    #[arg(short = 'f', long = "file", value_name = "PATH")]
    pub files: Vec<PathBuf>,
    /// The namespace of objects that name none; else the context's.
    #[arg(short, long, value_name = "NS", value_parser = one_namespace)]
    pub namespace: Option<String>,
    /// A table for eyes, JSON or YAML for programs, or Markdown for a comment on a pull request.
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    pub output: ImpactForm,
    /// The installation that is asked about.
    #[command(flatten)]
    pub installation: InstallationArgs,
}
