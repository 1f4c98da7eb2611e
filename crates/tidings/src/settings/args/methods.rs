//! The options of the methods by which a change reaches pods.

use clap::Args;
use tidings_core::method::Methods;

use crate::agents::AgentsBy;
use crate::settings::values::methods;

/// How a change reaches pods.
#[derive(Clone, Debug, Args)]
pub struct MethodArgs {
    /// The methods that the installation has the rights for: `hot` and `poke` list and patch
    /// pods, `restart-in-place` resizes them besides, `evict` evicts them. One that is not named is passed, and the next of a workload's list is taken.
    #[arg(long, value_name = "LIST", env = "TIDINGS_METHODS", default_value = "rollout,notify", value_parser = Methods::enabled)]
    pub methods: Methods,
    /// The methods of a workload that does not set `tidings.dev/method`, the gentlest first.
    #[arg(long, value_name = "LIST", env = "TIDINGS_METHOD", default_value = "rollout", value_parser = methods)]
    pub method: Methods,
    /// How the agents in pods are asked: at their pods' addresses, or through the API
    /// server's proxy, which wants the right to create `pods/proxy`.
    #[arg(
        long,
        value_name = "WAY",
        env = "TIDINGS_AGENTS_BY",
        default_value = "address",
        ignore_case = true
    )]
    pub agents_by: AgentsBy,
}
