//! `tidings manifests`: everything that an installation needs, as YAML.
//!
//! Goes in: the controller's settings, the options as they were given, and what
//! to run. Comes out: documents for `kubectl apply -f -`, the same for the same
//! input. Pure.

pub mod approvers;

use clap::{ArgMatches, Command, CommandFactory};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde_json::{Value, json};

use self::approvers::{API_VERSION, Approvers};
use crate::cli::yaml::{self, NOTE};
use crate::rights::{self, PolicyRule, Reach, Viewer};
use crate::settings::args::{Cli, ManifestsArgs};
use crate::settings::selector::Selector;
use crate::settings::surroundings::RELOADER_DEPLOYMENT_NAME;
use crate::settings::{ControllerSettings, Namespaces, Surroundings, given};

/// What to run besides the settings.
#[derive(Clone, Debug)]
pub struct Run {
    /// The container image.
    pub image: String,
    /// How many replicas.
    pub replicas: u16,
    /// Of which namespaces the pods may reach the admin port, if that is to be limited.
    pub scraped_from: Option<Selector>,
    /// The groups who may say people's words, if that is to be limited.
    pub approvers: Vec<String>,
    /// The controller's options that were given.
    pub given: Given,
}

/// Options that were given.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// In the words of the command line.
    pub options: Vec<String>,
    /// The variables of those whose values may hold a token, and their names.
    pub secrets: Vec<(String, String)>,
}

/// Options that concern whoever prints the manifests, not the pod.
const NOT_IN_A_POD: [&str; 3] = ["kubeconfig", "context", "own_namespace"];
/// The API group of roles.
const RBAC: &str = "rbac.authorization.k8s.io";
/// Of a user without a name or rights.
const NOBODY: u32 = 65534;

/// What `tidings manifests` prints.
pub fn printed(args: &ManifestsArgs, matches: &ArgMatches) -> anyhow::Result<String> {
    let settings = ControllerSettings::new(&args.controller, &in_a_cluster())?;
    if let Some(viewer) = args.viewer {
        return Ok(viewers(&settings, viewer));
    }
    let matches = matches.subcommand_matches("manifests");
    let run = Run {
        image: args.image.clone(),
        replicas: args.replicas,
        scraped_from: args.network_policy.clone(),
        approvers: args.approvers.clone(),
        given: matches.map(given).unwrap_or_default(),
    };
    Ok(render(&settings, &run))
}

/// The controller's options that were given.
pub fn given(matches: &ArgMatches) -> Given {
    let cli = Cli::command();
    let controller = cli.find_subcommand("controller").into_iter();
    let mut all = Given::default();
    for arg in controller.flat_map(Command::get_arguments) {
        let id = arg.get_id().as_str();
        if arg.is_hide_env_values_set() {
            let long = arg.get_long().filter(|_| given::is_given(matches, id));
            let variable = arg.get_env().map(|name| name.to_string_lossy());
            let both = variable.zip(long);
            all.secrets
                .extend(both.map(|(name, long)| (name.into_owned(), long.to_owned())));
        } else if !NOT_IN_A_POD.contains(&id) {
            all.options.extend(given::word(matches, arg));
        }
    }
    all
}

/// Where the printed Deployment will run.
pub fn in_a_cluster() -> Surroundings {
    Surroundings {
        pod_namespace: Some("tidings".into()),
        ..Surroundings::default()
    }
}

/// All documents.
pub fn render(settings: &ControllerSettings, run: &Run) -> String {
    let names = Names::of(settings);
    let rules = rights::rules(&settings.extent());
    let mut documents = vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": names.namespace}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": names.meta()}),
    ];
    documents.extend(permissions(settings, &names, &rules));
    documents.push(deployment(settings, &names, run));
    documents.extend(disruption_budget(&names, run));
    documents.extend(network_policy(settings, &names, run));
    documents.extend(approvers(settings, &names, run));
    yaml::documents(&documents)
}

/// The role for whoever looks at this installation, to be bound by whoever applies it.
fn viewers(settings: &ControllerSettings, viewer: Viewer) -> String {
    let names = Names::of(settings);
    let suffix = match viewer {
        Viewer::WithoutSecrets => "viewer",
        Viewer::WithSecrets => "viewer-with-secrets",
    };
    let name = format!("{}-{suffix}", names.instance);
    let rules = rights::viewer(&settings.extent(), viewer);
    let rules = rules.iter().map(|of| match of.scope {
        Reach::Watched | Reach::Cluster => rule(of),
        Reach::Own => {
            let mut named = rule(of);
            named["resourceNames"] = json!([names.instance]);
            named
        }
    });
    let rules = noted_once(rules.collect());
    let role = json!({
        "apiVersion": format!("{RBAC}/v1"),
        "kind": "ClusterRole",
        "metadata": names.meta_in(&name, None),
        "rules": rules,
    });
    yaml::documents(&[role])
}

struct Names<'a> {
    instance: &'a str,
    namespace: &'a str,
}

impl<'a> Names<'a> {
    fn of(settings: &'a ControllerSettings) -> Self {
        Self {
            instance: &settings.installation.rules.instance,
            namespace: &settings.installation.own_namespace,
        }
    }

    fn labels(&self) -> Value {
        json!({
            "app.kubernetes.io/name": "tidings",
            "app.kubernetes.io/instance": self.instance,
        })
    }

    fn meta(&self) -> Value {
        self.meta_in(self.instance, Some(self.namespace))
    }

    fn meta_in(&self, name: &str, namespace: Option<&str>) -> Value {
        let mut meta = json!({"name": name, "labels": self.labels()});
        if let Some(namespace) = namespace {
            meta["namespace"] = namespace.into();
        }
        meta
    }
}

/// The roles, each followed by its binding.
fn permissions(
    settings: &ControllerSettings,
    names: &Names<'_>,
    rules: &[PolicyRule],
) -> Vec<Value> {
    let of = |scope| rules.iter().filter(move |rule| rule.scope == scope);
    let cluster: Vec<_> = of(Reach::Cluster).map(rule).collect();
    let everywhere = matches!(settings.installation.namespaces, Namespaces::All { .. });
    let further = cluster.iter().filter(|_| everywhere).cloned();
    let watched = noted_once(of(Reach::Watched).map(rule).chain(further).collect());
    let own = noted_once(of(Reach::Own).map(rule).collect());
    let mut documents = Vec::new();
    match &settings.installation.namespaces {
        Namespaces::All { .. } => documents.extend(role(names, names.instance, None, &watched)),
        Namespaces::Only(namespaces) => {
            for namespace in namespaces {
                documents.extend(role(names, names.instance, Some(namespace), &watched));
            }
            // Another installation may watch other namespaces.
            let name = format!("{}-{}-cluster", names.instance, names.namespace);
            let of_nodes = (!cluster.is_empty()).then(|| role(names, &name, None, &cluster));
            documents.extend(of_nodes.into_iter().flatten());
        }
    }
    let name = format!("{}-records", names.instance);
    documents.extend(role(names, &name, Some(names.namespace), &own));
    documents
}

fn rule(rule: &PolicyRule) -> Value {
    json!({
        NOTE: rule.why,
        "apiGroups": [rule.group],
        "resources": [rule.resource],
        "verbs": rule.verbs,
    })
}

/// Rules with the same purpose follow each other: it is said at the first.
fn noted_once(mut rules: Vec<Value>) -> Vec<Value> {
    let mut last = Value::Null;
    for rule in rules.iter_mut().filter_map(Value::as_object_mut) {
        let note = rule.get(NOTE).cloned().unwrap_or_default();
        if note == last {
            rule.remove(NOTE);
        }
        last = note;
    }
    rules
}

fn role(names: &Names<'_>, name: &str, namespace: Option<&str>, rules: &[Value]) -> [Value; 2] {
    let kind = namespace.map_or("ClusterRole", |_| "Role");
    let meta = names.meta_in(name, namespace);
    let subject = json!({
        "kind": "ServiceAccount",
        "name": names.instance,
        "namespace": names.namespace,
    });
    [
        json!({
            "apiVersion": format!("{RBAC}/v1"),
            "kind": kind,
            "metadata": meta,
            "rules": rules,
        }),
        json!({
            "apiVersion": format!("{RBAC}/v1"),
            "kind": format!("{kind}Binding"),
            "metadata": meta,
            "roleRef": {"apiGroup": RBAC, "kind": kind, "name": name},
            "subjects": [subject],
        }),
    ]
}

fn deployment(settings: &ControllerSettings, names: &Names<'_>, run: &Run) -> Value {
    let mut deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": names.meta(),
        "spec": {
            "replicas": run.replicas,
            "selector": {"matchLabels": names.labels()},
            "template": {
                "metadata": {"labels": names.labels()},
                "spec": {
                    "serviceAccountName": names.instance,
                    "securityContext": {
                        "runAsNonRoot": true,
                        "runAsUser": NOBODY,
                        "runAsGroup": NOBODY,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [container(settings, run)],
                },
            },
        },
    });
    if run.replicas > 1 {
        deployment["spec"]["template"]["spec"]["affinity"] = apart(names);
    }
    deployment
}

/// Rather not two replicas on one node.
fn apart(names: &Names<'_>) -> Value {
    let term = json!({
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": names.labels()},
    });
    let preferred = json!([{"weight": 100, "podAffinityTerm": term}]);
    json!({"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}})
}

/// Of several replicas, nodes that are drained take one at a time.
fn disruption_budget(names: &Names<'_>, run: &Run) -> Option<Value> {
    let budget = json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": names.meta(),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": names.labels()}},
    });
    (run.replicas > 1).then_some(budget)
}

/// The kubelet's probes need no rule: what comes from a pod's own node is let in.
fn network_policy(settings: &ControllerSettings, names: &Names<'_>, run: &Run) -> Option<Value> {
    let from = LabelSelector::from(run.scraped_from.clone()?);
    let port = |_| {
        json!({
            "from": [{"namespaceSelector": from}],
            "ports": [{"port": "admin", "protocol": "TCP"}],
        })
    };
    let ingress: Vec<_> = settings.listen.iter().map(port).collect();
    Some(json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": names.meta(),
        "spec": {
            "podSelector": {"matchLabels": names.labels()},
            "policyTypes": ["Ingress"],
            "ingress": ingress,
        },
    }))
}

/// The policy by which only some may say people's words, and its binding.
fn approvers(settings: &ControllerSettings, names: &Names<'_>, run: &Run) -> Vec<Value> {
    if run.approvers.is_empty() {
        return Vec::new();
    }
    let Names {
        instance,
        namespace,
    } = names;
    let approvers = Approvers {
        groups: &run.approvers,
        kinds: &settings.installation.kinds,
        account: format!("system:serviceaccount:{namespace}:{instance}"),
        namespaces: settings.installation.named().map(Vec::from_iter),
    };
    let name = format!("{instance}-approvers");
    let document = |kind, spec| {
        json!({
            "apiVersion": API_VERSION,
            "kind": kind,
            "metadata": names.meta_in(&name, None),
            "spec": spec,
        })
    };
    vec![
        document("ValidatingAdmissionPolicy", approvers.policy()),
        document("ValidatingAdmissionPolicyBinding", approvers.binding(&name)),
    ]
}

fn container(settings: &ControllerSettings, run: &Run) -> Value {
    let args = ["controller".to_owned()]
        .into_iter()
        .chain(run.given.options.clone())
        // Kubernetes puts variables in the place of `$(NAME)`, but not of `$$(NAME)`.
        .map(|arg| arg.replace("$(", "$$("));
    let field = |name, path| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
    let mut env = vec![
        field("POD_NAME", "metadata.name"),
        field("POD_NAMESPACE", "metadata.namespace"),
    ];
    env.extend(run.given.secrets.iter().map(|of| secret(settings, of)));
    if settings.observed.is_some() {
        let instance = &*settings.installation.rules.instance;
        env.push(json!({"name": RELOADER_DEPLOYMENT_NAME, "value": instance}));
    }
    let mut container = json!({
        "name": "tidings",
        "image": run.image,
        "args": args.collect::<Vec<_>>(),
        "env": env,
        "resources": {
            "requests": {"cpu": "10m", "memory": "32Mi"},
            "limits": {"memory": "128Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
    });
    if let Some(address) = settings.listen {
        let probe = |path| json!({"httpGet": {"path": path, "port": "admin"}});
        container["ports"] = json!([{"name": "admin", "containerPort": address.port()}]);
        container["livenessProbe"] = probe("/livez");
        container["readinessProbe"] = probe("/readyz");
    }
    container
}

/// A variable from a Secret that whoever installs it makes.
fn secret(settings: &ControllerSettings, (variable, key): &(String, String)) -> Value {
    let name = format!("{}-notify", settings.installation.rules.instance);
    json!({
        NOTE: format!("it may hold a token, so it is not printed: put it into the Secret {name}"),
        "name": variable,
        "valueFrom": {"secretKeyRef": {"name": name, "key": key}},
    })
}

#[cfg(test)]
mod tests;
