//! What `tidings inject` was told, validated.

use std::path::PathBuf;

use tidings_core::inject::{CpuRequest, Placement};
use tidings_core::kinds::{KINDS, Kind, Kinds};
use tidings_core::method::Methods;
use tidings_core::refs::Name;
use tidings_shared::preset::{self, Preset};

use super::args::InjectArgs;
use super::values::InjectForm;
use super::{Misuse, workload};

/// All that `tidings inject` needs to know.
#[derive(Clone, Debug)]
pub struct InjectSettings {
    /// The files, directories, or `-`.
    pub paths: Vec<PathBuf>,
    /// The workload, if it is one.
    pub workload: Option<(&'static Kind, Name)>,
    /// The methods that it is prepared for, where that was said.
    pub methods: Option<Methods>,
    /// How much CPU those ask for that ask for none.
    pub cpu: Option<CpuRequest>,
    /// How its program takes a change.
    pub preset: Option<&'static Preset>,
    /// The container with it.
    pub container: Option<String>,
    /// How the agent comes to it.
    pub way: Option<Placement>,
    /// The agent's image.
    pub image: String,
    /// Whether new files wait for a word.
    pub paced: bool,
    /// What is printed.
    pub output: InjectForm,
    /// Whether only what differs is.
    pub diff: bool,
}

impl InjectSettings {
    /// Checks the options of `tidings inject` together.
    pub fn new(args: &InjectArgs) -> Result<Self, Misuse> {
        let kinds = Kinds::new(KINDS);
        if args.image.trim().is_empty() {
            return Err(Misuse(
                "--image is empty: name the agent's image".to_owned(),
            ));
        }
        let named = args.workload.as_ref();
        Ok(Self {
            paths: args.files.clone(),
            workload: named.map(|text| workload(&kinds, text)).transpose()?,
            methods: args.method,
            cpu: args.cpu_request.clone(),
            preset: args.preset.as_deref().and_then(preset::named),
            container: args.container.clone(),
            way: args.way.map(Into::into),
            image: args.image.clone(),
            paced: args.paced,
            output: args.output,
            diff: args.diff,
        })
    }
}
