//! The options that choose kinds of workload.

use clap::{ArgAction, Args};
use tidings_core::kinds::Kind;

use crate::settings::values::{KindRows, built_in_kind, kinds_of_file, yes_or_no};

/// Which kinds of workload are rolled besides those that every cluster has.
#[derive(Clone, Debug, Args)]
pub struct KindArgs {
    /// Do not roll these kinds: built-in ones in the plural, such as `jobs,cronjobs`.
    #[arg(long, value_name = "KIND,…", env = "TIDINGS_IGNORED_WORKLOAD_TYPES", value_delimiter = ',', value_parser = built_in_kind)]
    pub ignored_workload_types: Vec<&'static Kind>,
    /// Also roll Argo Rollouts.
    #[arg(long = "is-Argo-Rollouts", alias = "is-argo-rollouts", value_name = "BOOL", env = "TIDINGS_IS_ARGO_ROLLOUTS", default_value_t = false, default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set, value_parser = yes_or_no)]
    pub is_argo_rollouts: bool,
    /// Also roll OpenShift's DeploymentConfigs.
    #[arg(long, value_name = "BOOL", env = "TIDINGS_IS_OPENSHIFT", default_value_t = false, default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set, value_parser = yes_or_no)]
    pub is_openshift: bool,
    /// Also roll these kinds of custom resources: group/version/Kind:path.to.template, such as
    /// `example.org/v1/Worker:spec.template`, where the plural is not the usual one
    /// `example.org/v1/Index=indices:spec.template`.
    #[arg(long, value_name = "ROW,…", env = "TIDINGS_CUSTOM_WORKLOADS", value_delimiter = ',', value_parser = Kind::read)]
    pub custom_workloads: Vec<&'static Kind>,
    /// The same from a file: a row a line, and comments after #.
    #[arg(long, value_name = "FILE", env = "TIDINGS_CUSTOM_WORKLOADS_FILE", value_parser = kinds_of_file)]
    pub custom_workloads_file: Option<KindRows>,
}

impl KindArgs {
    /// Whether an option asks for a kind; none where there is no such option.
    pub fn asks(&self, option: &str) -> Option<bool> {
        match option {
            "is-Argo-Rollouts" => Some(self.is_argo_rollouts),
            "is-openshift" => Some(self.is_openshift),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};
    use tidings_core::kinds::{KINDS, Watched};

    use crate::settings::args::{Cli, Command};

    #[test]
    fn every_kind_on_demand_has_its_option() {
        let cli = Cli::parse_from(["tidings", "controller"]);
        let Command::Controller(args) = cli.command else {
            unreachable!("that is the command");
        };
        let controller = Cli::command()
            .find_subcommand("controller")
            .unwrap()
            .clone();
        let options: Vec<_> = controller
            .get_arguments()
            .filter_map(|a| a.get_long())
            .collect();
        for kind in KINDS {
            if let Watched::OnDemand(option) = kind.watched {
                let option = option.unwrap();
                assert_eq!(args.scope.kinds.asks(option), Some(false), "{option}");
                assert!(options.contains(&option), "{option}");
            }
        }
    }
}
