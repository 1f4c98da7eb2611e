//! The options that choose kinds of workload.

use clap::error::Error;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueHint};
use tidings_core::kinds::{AskedBy, Kind};

use crate::settings::values::{KindRows, built_in_kind, kinds_of_file, yes_or_no};

/// Which kinds of workload are rolled besides those that every cluster has.
#[derive(Clone, Debug, Args)]
pub struct KindArgs {
    /// Do not roll these kinds: built-in ones in the plural, such as `jobs,cronjobs`.
    #[arg(long, value_name = "KIND,…", env = "TIDINGS_IGNORED_WORKLOAD_TYPES", value_delimiter = ',', value_parser = built_in_kind)]
    pub ignored_workload_types: Vec<&'static Kind>,
    /// Those that only some clusters have.
    #[command(flatten)]
    pub on_demand: OnDemandArgs,
    /// Also roll these kinds of custom resources: group/version/Kind:path.to.template, such as
    /// `example.org/v1/Worker:spec.template`, where the plural is not the usual one
    /// `example.org/v1/Index=indices:spec.template`.
    #[arg(long, value_name = "ROW,…", env = "TIDINGS_CUSTOM_WORKLOADS", value_delimiter = ',', value_parser = Kind::read)]
    pub custom_workloads: Vec<&'static Kind>,
    /// The same from a file: a row a line, and comments after #.
    #[arg(long, value_name = "FILE", env = "TIDINGS_CUSTOM_WORKLOADS_FILE", value_hint = ValueHint::FilePath, value_parser = kinds_of_file)]
    pub custom_workloads_file: Option<KindRows>,
}

/// One option for each kind of core's table that only some clusters have: those that
/// are asked for.
#[derive(Clone, Debug, Default)]
pub struct OnDemandArgs(pub Vec<&'static Kind>);

fn id(demand: &AskedBy) -> String {
    demand.option.replace('-', "_").to_lowercase()
}

/// Names are kept for the life of the program, as clap wants them.
fn keep(name: String) -> &'static str {
    String::leak(name)
}

fn option(demand: &AskedBy) -> Arg {
    let id = id(demand);
    let variable = format!("TIDINGS_{}", id.to_uppercase());
    let option = Arg::new(keep(id))
        .long(demand.option)
        .value_name("BOOL")
        .env(keep(variable))
        .default_value("false")
        .default_missing_value("true")
        .num_args(0..=1)
        .require_equals(true)
        .action(ArgAction::Set)
        .value_parser(yes_or_no)
        .help(format!("Also roll {}", demand.called));
    match demand.option.to_lowercase() {
        lower if lower == demand.option => option,
        lower => option.alias(keep(lower)),
    }
}

impl Args for OnDemandArgs {
    fn augment_args(command: Command) -> Command {
        let options = Kind::on_demand().map(|(_, demand)| option(&demand));
        options.fold(command, Command::arg)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for OnDemandArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let asked = |demand: &AskedBy| matches.get_one(&id(demand)) == Some(&true);
        let kinds = Kind::on_demand().filter(|(_, demand)| asked(demand));
        Ok(Self(kinds.map(|(kind, _)| kind).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
