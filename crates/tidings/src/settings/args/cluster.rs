//! Which cluster, and as whom: kubectl's options, as kubectl spells them.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::settings::values::time_or_seconds;

/// Which cluster to speak to.
#[derive(Clone, Debug, Args)]
pub struct KubeconfigArgs {
    /// The kubeconfig file; else $KUBECONFIG, ~/.kube/config, or the pod's own account.
    #[arg(long, value_name = "FILE", env = "TIDINGS_KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig; else its current one.
    #[arg(long, value_name = "NAME", env = "TIDINGS_CONTEXT")]
    pub context: Option<String>,
}

/// Which cluster a command speaks to, as whom, and how long it waits.
#[derive(Clone, Debug, Args)]
pub struct ClusterArgs {
    /// Which kubeconfig.
    #[command(flatten)]
    pub kubeconfig: KubeconfigArgs,
    /// The cluster of the kubeconfig, by its name there; else the context's.
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// The user of the kubeconfig, by its name there; else the context's.
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Ask as this user, such as alice or system:serviceaccount:NAMESPACE:NAME, if one may
    /// impersonate him.
    #[arg(long = "as", value_name = "USER")]
    pub as_user: Option<String>,
    /// Ask as a member of this group; may be given again.
    #[arg(long = "as-group", value_name = "GROUP", requires = "as_user")]
    pub as_groups: Vec<String>,
    /// How long to wait for one answer, such as 5s or 1m, a number alone being seconds; 0: 30s.
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = time_or_seconds)]
    pub request_timeout: Duration,
}
