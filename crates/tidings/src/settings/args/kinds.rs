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
