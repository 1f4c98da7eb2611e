//! The words of the command line, as clap reads them.
//!
//! Goes in: arguments and `TIDINGS_*` variables. Comes out: raw values, each
//! readable by itself; whether they make sense together is [`super`]'s. The doc
//! comments here are the texts of `--help` and of the reference page.

use clap::{ArgAction, Args, Parser, Subcommand};
use tidings_core::refs::SourceKind;

use super::selector::{self, Selector};
use super::values::{ListForm, Shell, dns_label, one_namespace, source_kind, workload, yes_or_no};
use crate::rights::Viewer;

mod cluster;
mod dashboard;
mod history;
mod impact;
mod inject;
mod installation;
mod kinds;
mod lint;
mod manner;
mod methods;
mod names;
mod notify;
mod pause;
mod reloader;
mod rules;
mod run;
mod stale;
mod status;
mod wait;
mod words;

pub use cluster::{ClusterArgs, KubeconfigArgs};
pub use dashboard::DashboardArgs;
pub use history::HistoryArgs;
pub use impact::ImpactArgs;
pub use inject::InjectArgs;
pub use installation::InstallationArgs;
pub use kinds::KindArgs;
pub use lint::LintArgs;
pub use manner::MannerArgs;
pub use methods::MethodArgs;
pub use names::NameArgs;
pub use notify::NotifyArgs;
pub use pause::{PauseArgs, PausedArgs};
pub use reloader::ReloaderArgs;
pub use rules::RuleArgs;
pub use run::{PlainArgs, RunArgs};
pub use stale::StaleArgs;
pub use status::StatusArgs;
pub use wait::WaitArgs;
pub use words::{ApproveArgs, WordArgs};

/// Rolls Kubernetes workloads when a ConfigMap or Secret that they use changes.
#[derive(Debug, Parser)]
#[command(name = "tidings", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch a cluster and roll what is stale.
    #[command(after_help = CONTROLLER_EXAMPLES)]
    Controller(Box<ControllerArgs>),
    /// Say what a workload uses, whether it is in step, and why.
    #[command(after_help = WHY_EXAMPLES)]
    Why(Box<WhyArgs>),
    /// Say how all workloads stand that are opted in, and go on saying it.
    #[command(after_help = status::EXAMPLES)]
    Status(Box<StatusArgs>),
    /// Wait until workloads have what their sources hold, as a pipeline does.
    #[command(after_help = wait::EXAMPLES)]
    Wait(Box<WaitArgs>),
    /// Say which pods run with older data than what is there now; nothing need be installed.
    #[command(after_help = stale::EXAMPLES)]
    Stale(Box<StaleArgs>),
    /// Say which workloads would be rolled by applying this; nothing need be installed.
    #[command(after_help = impact::EXAMPLES)]
    Impact(Box<ImpactArgs>),
    /// Say what has become of a workload, roll by roll; nothing need be installed.
    #[command(after_help = history::EXAMPLES)]
    History(Box<HistoryArgs>),
    /// Show all of this in a browser, on this machine only; nothing need be installed.
    #[command(after_help = dashboard::EXAMPLES)]
    Dashboard(Box<DashboardArgs>),
    /// Let what waits for approval be brought.
    #[command(after_help = words::APPROVE_EXAMPLES)]
    Approve(Box<ApproveArgs>),
    /// Say that what waits must not be brought.
    #[command(after_help = words::REJECT_EXAMPLES)]
    Reject(Box<WordArgs>),
    /// Let go on what was stopped.
    #[command(after_help = words::RESUME_EXAMPLES)]
    Resume(Box<WordArgs>),
    /// Let all rolls wait: of a workload, of a namespace, or of everything.
    #[command(after_help = pause::PAUSE_EXAMPLES)]
    Pause(Box<PauseArgs>),
    /// End a pause.
    #[command(after_help = pause::UNPAUSE_EXAMPLES)]
    Unpause(Box<PausedArgs>),
    /// Say what is wrong with manifests, or different under Tidings, without a cluster.
    #[command(after_help = lint::EXAMPLES)]
    Lint(Box<LintArgs>),
    /// Add the agent to manifests, so that changes of mounted files need no new pods.
    #[command(after_help = inject::EXAMPLES)]
    Inject(Box<InjectArgs>),
    /// Let this installation roll a workload that another one rolled before.
    #[command(after_help = TAKE_OVER_EXAMPLES)]
    TakeOver(Box<TakeOverArgs>),
    /// Print everything that an installation with these options needs, as YAML.
    #[command(after_help = MANIFESTS_EXAMPLES)]
    Manifests(Box<ManifestsArgs>),
    /// Print a completion script for a shell.
    #[command(after_help = COMPLETION_EXAMPLES)]
    Completion {
        /// Which shell.
        shell: Shell,
    },
}

const CONTROLLER_EXAMPLES: &str = "\
Examples:
  tidings controller --dry-run                     say what would be rolled, write nothing
  tidings controller --namespaces stage,prod       only these namespaces
  tidings controller --namespace-selector env=prod --auto-reload-all
  tidings controller --context staging --listen off   from a laptop";

const WHY_EXAMPLES: &str = "\
Examples:
  tidings why deploy/web -n stage
  tidings why -n stage                  one line a workload
  tidings why -A -l team=shop           of all namespaces, those with this label
  tidings why sts/db -n prod -o json

Exit codes: 0 in step, 1 stale, waiting, rolling or failed, 2 something is unknown, or error.";

const TAKE_OVER_EXAMPLES: &str = "\
Examples:
  tidings take-over deploy/web -n stage
  tidings take-over sts/db --instance blue

Nothing is rolled by it: the next change is this installation's.";

const MANIFESTS_EXAMPLES: &str = "\
Examples:
  tidings manifests --image example.test/tidings:1 | kubectl apply -f -
  tidings manifests --namespaces stage,prod --image example.test/tidings:1 > tidings.yaml
  tidings manifests --dry-run --resources-to-ignore secrets
  tidings manifests --viewer | kubectl apply -f -    a role for whoever only looks
  kubectl create rolebinding dev --clusterrole=tidings-viewer --group=dev -n stage
  tidings manifests --image example.test/tidings:1 --approvers ops | kubectl apply -f -";

const COMPLETION_EXAMPLES: &str = "\
Examples:
  tidings completion bash > /etc/bash_completion.d/tidings
  tidings completion zsh > \"${fpath[1]}/_tidings\"
  tidings completion fish > ~/.config/fish/completions/tidings.fish";

/// All options of `tidings controller`.
#[derive(Clone, Debug, Args)]
pub struct ControllerArgs {
    /// Which cluster.
    #[command(flatten, next_help_heading = "Cluster")]
    pub cluster: KubeconfigArgs,
    /// What is watched.
    #[command(flatten, next_help_heading = "What is watched")]
    pub scope: ScopeArgs,
    /// What is rolled.
    #[command(flatten, next_help_heading = "What is rolled")]
    pub rules: RuleArgs,
    /// How it runs.
    #[command(flatten, next_help_heading = "How it runs")]
    pub run: RunArgs,
    /// What is told elsewhere.
    #[command(flatten, next_help_heading = "What is told elsewhere")]
    pub notify: NotifyArgs,
    /// What a Deployment of Reloader may ask for besides.
    #[command(flatten, next_help_heading = "Reloader's own")]
    pub reloader: ReloaderArgs,
}

/// Which namespaces and sources are watched.
#[derive(Clone, Debug, Args)]
pub struct ScopeArgs {
    /// Watch only these namespaces, with permissions in these only.
    #[arg(long, value_name = "NS,…", env = "TIDINGS_NAMESPACES", value_delimiter = ',', value_parser = dns_label)]
    pub namespaces: Vec<String>,
    /// Watch all namespaces but these.
    #[arg(long, value_name = "NS,…", env = "TIDINGS_NAMESPACES_TO_IGNORE", value_delimiter = ',', value_parser = dns_label)]
    pub namespaces_to_ignore: Vec<String>,
    /// Roll only in namespaces whose labels match, such as `env=prod,team in (a,b)`; given more
    /// than once, all must match.
    #[arg(long, value_name = "SELECTOR", env = "TIDINGS_NAMESPACE_SELECTOR", value_parser = selector::parse)]
    pub namespace_selector: Vec<Selector>,
    /// Watch only the ConfigMaps and Secrets whose labels match; given more than once, all must
    /// match.
    #[arg(long, value_name = "SELECTOR", env = "TIDINGS_RESOURCE_LABEL_SELECTOR", value_parser = selector::parse)]
    pub resource_label_selector: Vec<Selector>,
    /// Do not watch this kind of source: `configmaps` or `secrets`.
    #[arg(long, value_name = "KIND", env = "TIDINGS_RESOURCES_TO_IGNORE", value_delimiter = ',', value_parser = source_kind)]
    pub resources_to_ignore: Vec<SourceKind>,
    /// Watch what the Secrets Store CSI driver has mounted, and roll what uses a
    /// SecretProviderClass when it is rotated.
    #[arg(long, value_name = "BOOL", env = "TIDINGS_ENABLE_CSI_INTEGRATION", default_value_t = false, default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set, value_parser = yes_or_no)]
    pub enable_csi_integration: bool,
    /// Which kinds of workload.
    #[command(flatten)]
    pub kinds: KindArgs,
}

/// Which installation.
#[derive(Clone, Debug, Args)]
pub struct HomeArgs {
    /// The name of this installation, a DNS label. Two that share a cluster need two names.
    #[arg(long, value_name = "NAME", env = "TIDINGS_INSTANCE", default_value = "tidings", value_parser = dns_label)]
    pub instance: String,
    /// The namespace of the records and the Lease [default: the pod's own in a cluster, else
    /// `tidings`].
    #[arg(long, value_name = "NS", env = "TIDINGS_OWN_NAMESPACE", value_parser = dns_label)]
    pub own_namespace: Option<String>,
}

/// All options of `tidings take-over`.
#[derive(Clone, Debug, Args)]
pub struct TakeOverArgs {
    /// The workload, such as deploy/web, sts/db or ds/agent.
    #[arg(value_parser = workload)]
    pub workload: String,
    /// Its namespace; else that of the kubeconfig's context.
    #[arg(short, long, value_name = "NS", value_parser = one_namespace)]
    pub namespace: Option<String>,
    /// Which kinds there are.
    #[command(flatten, next_help_heading = "Kinds (as the controller was started)")]
    pub kinds: KindArgs,
    /// Which cluster.
    #[command(flatten, next_help_heading = "Cluster")]
    pub cluster: ClusterArgs,
    /// Which installation takes it over.
    #[command(flatten, next_help_heading = "Installation")]
    pub home: HomeArgs,
}

/// All options of `tidings why`.
#[derive(Clone, Debug, Args)]
pub struct WhyArgs {
    /// The workload, such as `deploy/web`; else all of the namespace, one line each.
    #[arg(value_name = "KIND/NAME", value_parser = workload)]
    pub workload: Option<String>,
    /// The namespace; else the context's.
    #[arg(short, long, value_name = "NS", value_parser = one_namespace, conflicts_with = "all_namespaces")]
    pub namespace: Option<String>,
    /// All workloads of all namespaces, one line each.
    #[arg(short = 'A', long, conflicts_with = "workload")]
    pub all_namespaces: bool,
    /// Of several, only those whose labels match, such as `app=web,tier in (a,b)`.
    #[arg(short = 'l', long, value_name = "SELECTOR", value_parser = selector::parse, conflicts_with = "workload")]
    pub selector: Option<Selector>,
    /// A table for eyes (wide: nothing is cut), JSON or YAML for programs, or names of workloads.
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    pub output: ListForm,
    /// Print rows only, where there is one for each workload.
    #[arg(long)]
    pub no_headers: bool,
    /// The installation that is asked about.
    #[command(flatten)]
    pub installation: InstallationArgs,
}

/// All options of `tidings manifests`.
#[derive(Clone, Debug, Args)]
pub struct ManifestsArgs {
    /// Print, instead of an installation, the ClusterRole that whoever asks `stale`, `impact`,
    /// `status`, `why`, `wait` and `history` needs, and the page. RBAC knows no right to
    /// metadata alone, so without-secrets (which --viewer alone means) has nothing of Secrets,
    /// and what needs them is said to be unknown; with-secrets reads every one.
    #[arg(long, value_name = "WHAT", num_args = 0..=1, require_equals = true, default_missing_value = "without-secrets", conflicts_with_all = ["image", "replicas", "network_policy", "approvers"])]
    pub viewer: Option<Viewer>,
    /// The container image to run.
    #[arg(long, value_name = "IMAGE", default_value = concat!("tidings:", env!("CARGO_PKG_VERSION")))]
    pub image: String,
    /// How many replicas; one leads, the others stand by.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=10))]
    pub replicas: u16,
    /// Print a NetworkPolicy too: from other pods only those of namespaces whose labels match
    /// reach the admin port, such as `kubernetes.io/metadata.name=monitoring`, and nobody any
    /// other; the kubelet always does. What goes out is left open.
    #[arg(long, value_name = "SELECTOR", value_parser = selector::parse)]
    pub network_policy: Option<Selector>,
    /// Print a ValidatingAdmissionPolicy too: only members of this group may approve, reject
    /// and resume, each under their own name; may be given more than once. (Who may patch a
    /// workload may write any annotation on it otherwise, a pipeline's account too.) It needs
    /// Kubernetes 1.30.
    #[arg(long, value_name = "GROUP", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub approvers: Vec<String>,
    /// The controller's own options.
    #[command(flatten)]
    pub controller: ControllerArgs,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_controller_option_has_its_variable() {
        let cli = Cli::command();
        let controller = cli.find_subcommand("controller").unwrap();
        for arg in controller.get_arguments() {
            let expected = format!("TIDINGS_{}", arg.get_id().as_str().to_uppercase());
            let variable = arg.get_env().map(|v| v.to_string_lossy().into_owned());
            assert_eq!(variable, Some(expected));
        }
    }

    #[test]
    fn every_command_has_examples() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string);
            assert!(help.unwrap().starts_with("Examples:"), "{command}");
        }
    }

    #[test]
    fn booleans_are_written_in_three_ways() {
        let dry_run = |args: &[&str]| {
            let words = ["tidings", "controller"].iter().chain(args);
            let Command::Controller(args) = Cli::try_parse_from(words).unwrap().command else {
                unreachable!()
            };
            args.run.plain.dry_run
        };
        assert!(!dry_run(&[]));
        assert!(dry_run(&["--dry-run"]));
        assert!(dry_run(&["--dry-run=true"]));
        assert!(!dry_run(&["--dry-run=false"]));
    }
}
