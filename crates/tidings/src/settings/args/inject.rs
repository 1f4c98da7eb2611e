//! The options of `tidings inject`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use tidings_core::inject::CpuRequest;
use tidings_core::method::Methods;
use tidings_shared::preset::PRESETS;

use crate::settings::values::{InjectForm, WayWord, methods, workload};

pub(super) const EXAMPLES: &str = "\
Examples:
  tidings inject -f web.yaml | kubectl apply -f -
  tidings inject -f manifests/ --diff                    what would be written
  helm template web charts/web | tidings inject -f - deploy/web
  tidings inject -f app.yaml --preset nginx --container proxy
  tidings inject -f base/ deploy/web -o kustomize > hot.yaml
  tidings inject -f app.yaml --method restart-in-place,rollout --cpu-request 50m

What is there keeps its comments, order and form; a second time nothing is changed. Nothing is
guessed: a program that is not known is named, with what to write.

Exit codes: 0 done, or there was nothing to do; 1 a workload that could have an agent has none,
or a file of a directory cannot be read; 2 one that was named cannot.";

/// All options of `tidings inject`.
#[derive(Clone, Debug, Args)]
pub struct InjectArgs {
    /// The workload, such as deploy/web; else all of the files.
    #[arg(value_name = "KIND/NAME", value_parser = workload)]
    pub workload: Option<String>,
    /// A manifest, a directory of them (.yaml, .yml, .json, and those below it), or - for
    /// standard input; may be given again.
    #[arg(short = 'f', long = "file", value_name = "PATH", required = true)]
    pub files: Vec<PathBuf>,
    /// The methods that it is prepared for, and that are listed on it where nothing is said of
    /// them; else those that it lists, and `hot, rollout`. `restart-in-place` takes a
    /// resizePolicy and a CPU request, and no agent.
    #[arg(long, value_name = "LIST", value_parser = methods)]
    pub method: Option<Methods>,
    /// How much CPU a container is to ask for that asks for none, such as 50m, where
    /// `restart-in-place` is listed: it is never guessed.
    #[arg(long, value_name = "QUANTITY", value_parser = CpuRequest::parse)]
    pub cpu_request: Option<CpuRequest>,
    /// How the program takes a change, as the agent knows it (docs/presets.md); else by its
    /// command or image.
    #[arg(long, value_name = "NAME", hide_possible_values = true, value_parser = PossibleValuesParser::new(PRESETS.iter().map(|preset| preset.name)))]
    pub preset: Option<String>,
    /// The container with the program, where several mount ConfigMaps or Secrets.
    #[arg(long, value_name = "NAME")]
    pub container: Option<String>,
    /// How the agent comes to the program; else supervisor, if it is told by a signal and its
    /// command is known.
    #[arg(long = "as", value_name = "WAY")]
    pub way: Option<WayWord>,
    /// The agent's image.
    #[arg(long, value_name = "IMAGE", default_value = concat!("tidings-agent:", env!("CARGO_PKG_VERSION")))]
    pub image: String,
    /// Have new files checked when they come, and taken when the controller says so: one pod
    /// first, and not before a gate is passed.
    #[arg(long)]
    pub paced: bool,
    /// Print what differs, and nothing else.
    #[arg(long, conflicts_with = "output")]
    pub diff: bool,
    /// The manifests, or a patch for kustomize with what is added.
    #[arg(short, long, value_name = "FORM", default_value = "yaml")]
    pub output: InjectForm,
}
