//! Where the program runs, as far as settings depend on it.
//!
//! Goes in: the pod's files and variables. Comes out: [`Surroundings`]. Variables
//! that Reloader reads are rows of [`VARIABLES`]: its Deployments set them, and
//! they mean the same here. An option on the command line, or its own `TIDINGS_`
//! variable, goes first. What is empty is not set. Looking is the only I/O, and
//! nothing here fails.

use std::collections::BTreeMap;

use tidings_core::refs::Name;

/// Where Kubernetes tells a pod its namespace.
const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
/// Kubernetes sets it in every pod.
const IN_A_POD: &str = "KUBERNETES_SERVICE_HOST";

/// A variable of Reloader's.
#[derive(Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The option that goes first, if there is one.
    pub option: &'static str,
    /// What it means.
    pub doc: &'static str,
}

macro_rules! variables {
    ($($name:ident $option:literal $doc:literal)*) => {
        $(
            #[doc = $doc]
            pub const $name: &str = stringify!($name);
        )*
        /// All of Reloader's variables.
        pub static VARIABLES: &[Variable] = &[$(Variable {
            name: $name,
            option: $option,
            doc: $doc,
        }),*];
    };
}

variables! {
    KUBERNETES_NAMESPACE "--namespaces" "The only namespace that is watched."
    POD_NAME "" "The name of the pod, by which it holds the Lease."
    POD_NAMESPACE "--own-namespace" "The namespace of the pod, where its service account does not tell it."
    RELOADER_NAMESPACE "" "The namespace of the ConfigMap `reloader-meta-info`, with --reloader-observables; else the pod's own."
    RELOADER_DEPLOYMENT_NAME "" "The name of the Deployment that is written in it."
    METRICS_COUNT_BY_NAMESPACE "" "`enabled`: with --reloader-observables, rolls are also counted by namespace."
    ALERT_ON_RELOAD "--alert-on-reload" "`true`: tell of every roll."
    ALERT_SINK "--alert-sink" "Whom, by the words of --alert-sink; any other word is plain text."
    ALERT_WEBHOOK_URL "--alert-webhook-url" "Where that is."
    ALERT_WEBHOOK_PROXY "--alert-webhook-proxy" "The proxy by which to go there."
    ALERT_ADDITIONAL_INFO "--alert-additional-info" "What to put before each message."
}

/// Where the program runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The pod's namespace; `None` outside a cluster.
    pub pod_namespace: Option<Name>,
    /// Reloader's variables, those that are set.
    pub variables: BTreeMap<&'static str, String>,
}

impl Surroundings {
    /// Looks where the program runs.
    pub fn look() -> Self {
        let set = |row: &Variable| Some((row.name, std::env::var(row.name).ok()?));
        let mut found = Self {
            pod_namespace: None,
            variables: VARIABLES.iter().filter_map(set).collect(),
        };
        let told = std::fs::read_to_string(NAMESPACE_FILE).ok();
        let told = told.as_deref().map(str::trim).filter(|t| !t.is_empty());
        let in_a_pod = std::env::var_os(IN_A_POD).is_some();
        let namespace = told.or_else(|| found.variable(POD_NAMESPACE).filter(|_| in_a_pod));
        found.pod_namespace = namespace.map(Name::from);
        found
    }

    /// The value of one of Reloader's variables.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let value = self.variables.get(name)?.trim();
        (!value.is_empty()).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_empty_is_not_set() {
        let variables = [
            (POD_NAME, " a ".to_owned()),
            (POD_NAMESPACE, " ".to_owned()),
        ];
        let around = Surroundings {
            variables: variables.into(),
            ..Surroundings::default()
        };
        assert_eq!(around.variable(POD_NAME), Some("a"));
        assert_eq!(around.variable(POD_NAMESPACE), None);
        assert_eq!(around.variable(KUBERNETES_NAMESPACE), None);
    }
}
