//! The kinds of workload, one row each.
//!
//! Watching, patching, the RBAC rules, `--help` and the reference page follow
//! from this table; a new kind is a new row. Kinds that only one cluster has
//! come as rows of text ([`Kind::read`]) and are then like the others. The only
//! error is a row that cannot be read: a sentence.

use std::sync::Arc;

/// How the kind keeps the history of its pod template. The age of the current
/// revision is the age of the oldest pod that can have been made from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revision {
    /// The ReplicaSet whose annotation `deployment.kubernetes.io/revision`
    /// equals the Deployment's.
    ReplicaSet,
    /// The ControllerRevision with the highest `revision` owned by the workload.
    ControllerRevision,
    /// In no way that tells an age.
    Untold,
}

/// How the kind's pods come to run with what is there now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Renewal {
    /// Its controller replaces them when the pod template changes.
    Template,
    /// Like `Template`, and also when `spec.restartAt` is later than they are
    /// (Argo Rollouts, `docs/features/restart.md` there).
    TemplateOrRestartAt,
    /// They are replaced by nobody: one more run is made beside those that the
    /// schedule makes.
    Run,
    /// The template cannot be changed: the object is deleted and made again.
    Recreate,
}

impl Renewal {
    /// The same for people.
    pub fn doc(self) -> &'static str {
        match self {
            Self::Template => "Its pod template is marked; its controller replaces the pods.",
            Self::TemplateOrRestartAt => {
                "As a Deployment, or by `spec.restartAt` where its rollout-strategy is `restart`. With a `workloadRef` the template that it refers to is marked."
            }
            Self::Run => {
                "One more Job is made from it, once for each roll. Not while it is suspended; its concurrencyPolicy holds."
            }
            Self::Recreate => {
                "A Job that has not ended is deleted and made again. One that a CronJob made is left to it."
            }
        }
    }
}

/// When a kind is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Watched {
    /// Every cluster has it.
    Always,
    /// Where an option asks for it, perhaps before its API is there.
    OnDemand(AskedBy),
    /// Where a row of text tells of it.
    Told,
}

/// What asks for a kind that only some clusters have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AskedBy {
    /// The option.
    pub option: &'static str,
    /// What it is called in the option's help.
    pub called: &'static str,
}

/// One kind of workload.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// API group.
    pub group: &'static str,
    /// API version.
    pub version: &'static str,
    /// `kind` in manifests.
    pub api_kind: &'static str,
    /// The resource in URLs and RBAC.
    pub plural: &'static str,
    /// The word for it in commands, reports and metrics.
    pub word: &'static str,
    /// The short form that `kubectl` knows.
    pub short: &'static str,
    /// Where its pod template is, field by field.
    pub template: &'static [&'static str],
    /// Where its pod template's history is found.
    pub revision: Revision,
    /// How its pods come to run with what is there now.
    pub renewal: Renewal,
    /// When it is watched.
    pub watched: Watched,
}

const TEMPLATE: &[&str] = &["spec", "template"];

/// Every kind that Tidings knows by itself.
pub static KINDS: &[Kind] = &[
    Kind {
        group: "apps",
        version: "v1",
        api_kind: "Deployment",
        plural: "deployments",
        word: "deployment",
        short: "deploy",
        template: TEMPLATE,
        revision: Revision::ReplicaSet,
        renewal: Renewal::Template,
        watched: Watched::Always,
    },
    Kind {
        group: "apps",
        version: "v1",
        api_kind: "StatefulSet",
        plural: "statefulsets",
        word: "statefulset",
        short: "sts",
        template: TEMPLATE,
        revision: Revision::ControllerRevision,
        renewal: Renewal::Template,
        watched: Watched::Always,
    },
    Kind {
        group: "apps",
        version: "v1",
        api_kind: "DaemonSet",
        plural: "daemonsets",
        word: "daemonset",
        short: "ds",
        template: TEMPLATE,
        revision: Revision::ControllerRevision,
        renewal: Renewal::Template,
        watched: Watched::Always,
    },
    Kind {
        group: "batch",
        version: "v1",
        api_kind: "CronJob",
        plural: "cronjobs",
        word: "cronjob",
        short: "cj",
        template: &["spec", "jobTemplate", "spec", "template"],
        revision: Revision::Untold,
        renewal: Renewal::Run,
        watched: Watched::Always,
    },
    Kind {
        group: "batch",
        version: "v1",
        api_kind: "Job",
        plural: "jobs",
        word: "job",
        short: "job",
        template: TEMPLATE,
        revision: Revision::Untold,
        renewal: Renewal::Recreate,
        watched: Watched::Always,
    },
    Kind {
        group: "argoproj.io",
        version: "v1alpha1",
        api_kind: "Rollout",
        plural: "rollouts",
        word: "rollout",
        short: "ro",
        template: TEMPLATE,
        revision: Revision::Untold,
        renewal: Renewal::TemplateOrRestartAt,
        watched: Watched::OnDemand(AskedBy {
            option: "is-Argo-Rollouts",
            called: "Argo Rollouts",
        }),
    },
    Kind {
        group: "apps.openshift.io",
        version: "v1",
        api_kind: "DeploymentConfig",
        plural: "deploymentconfigs",
        word: "deploymentconfig",
        short: "dc",
        template: TEMPLATE,
        revision: Revision::Untold,
        renewal: Renewal::Template,
        watched: Watched::OnDemand(AskedBy {
            option: "is-openshift",
            called: "OpenShift's DeploymentConfigs",
        }),
    },
];

impl Kind {
    /// Reads one of Tidings' own kinds as people write it: `deploy`,
    /// `deployment`, `Deployments`.
    pub fn parse(text: &str) -> Option<&'static Kind> {
        KINDS.iter().find(|kind| kind.is_called(text))
    }

    /// Reads a kind from a row: `group/version/Kind:path.to.template`, such as
    /// `example.org/v1/Worker:spec.workers.template`. Where the plural of its
    /// resource is not what `kubectl` would guess, it follows the kind:
    /// `example.org/v1/Index=indices:spec.template`. The row is kept for the life
    /// of the program, so rows are read at its start only.
    pub fn read(row: &str) -> Result<&'static Kind, String> {
        let wrong = || {
            format!(
                "{row:?} is not a kind of workload such as \
                 example.org/v1/Worker:spec.template, or with its plural \
                 example.org/v1/Index=indices:spec.template"
            )
        };
        let (name, path) = row.trim().split_once(':').ok_or_else(wrong)?;
        let [group, version, kind] = parts(name, '/').try_into().map_err(|_| wrong())?;
        let (kind, plural) = match kind.split_once('=') {
            Some((kind, plural)) => (kind, plural.to_owned()),
            None => (kind, guess_plural(kind)),
        };
        let path = parts(path, '.');
        let names = [group, version, kind, &plural];
        if !names.into_iter().all(is_name) || path.len() < 2 || !path.iter().all(|p| is_field(p)) {
            return Err(wrong());
        }
        if path[0] != "spec" {
            return Err(format!("{row:?}: the pod template must be below spec"));
        }
        Ok(keep(Kind {
            group: keep_text(group),
            version: keep_text(version),
            api_kind: keep_text(kind),
            plural: keep_text(&plural),
            word: keep_text(&kind.to_ascii_lowercase()),
            short: keep_text(&kind.to_ascii_lowercase()),
            template: Vec::leak(path.into_iter().map(keep_text).collect()),
            revision: Revision::Untold,
            renewal: Renewal::Template,
            watched: Watched::Told,
        }))
    }

    /// Those of Tidings' own kinds that an option asks for, with what asks for them.
    pub fn on_demand() -> impl Iterator<Item = (&'static Kind, AskedBy)> {
        KINDS.iter().filter_map(|kind| match kind.watched {
            Watched::OnDemand(demand) => Some((kind, demand)),
            Watched::Always | Watched::Told => None,
        })
    }

    /// `apps/v1`, or `v1` for the core group.
    pub fn api_version(&self) -> String {
        match self.group {
            "" => self.version.to_owned(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// The first of Tidings' own kinds that is rolled in this way.
    pub fn of_renewal(renewal: Renewal) -> Option<&'static Kind> {
        KINDS.iter().find(|kind| kind.renewal == renewal)
    }

    /// Whether its runs come to an end by themselves.
    pub fn ends(&self) -> bool {
        matches!(self.renewal, Renewal::Run | Renewal::Recreate)
    }

    /// Whether its own controller says when a rollout takes too long: a Deployment's
    /// `progressDeadlineSeconds`, and a Rollout's.
    pub fn has_deadline(&self) -> bool {
        self.revision == Revision::ReplicaSet || self.renewal == Renewal::TemplateOrRestartAt
    }

    /// As `kubectl` has it: the word alone, with its group, or with version and group.
    fn is_called(&self, text: &str) -> bool {
        let (word, of) = text.split_once('.').unwrap_or((text, self.group));
        let version = of.split_once('.').filter(|(v, _)| *v == self.version);
        let group = version.map_or(of, |(_, group)| group);
        let words = [self.word, self.short, self.plural];
        group == self.group && words.iter().any(|own| own.eq_ignore_ascii_case(word))
    }
}

fn parts(text: &str, separator: char) -> Vec<&str> {
    text.split(separator).map(str::trim).collect()
}

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    !text.is_empty() && text.chars().all(plain)
}

fn is_field(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric())
}

/// As `UnsafeGuessKindToResource` of `k8s.io/apimachinery` does.
fn guess_plural(kind: &str) -> String {
    let word = kind.to_ascii_lowercase();
    match word.as_bytes().last() {
        Some(b's') => word + "es",
        Some(b'y') => word[..word.len() - 1].to_owned() + "ies",
        _ => word + "s",
    }
}

fn keep_text(text: &str) -> &'static str {
    String::leak(text.to_owned())
}

fn keep(kind: Kind) -> &'static Kind {
    Box::leak(Box::new(kind))
}

/// The kinds that an installation rolls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kinds(Arc<[&'static Kind]>);

impl Default for Kinds {
    /// Those that every cluster has.
    fn default() -> Self {
        let always = KINDS.iter().filter(|kind| kind.watched == Watched::Always);
        Self::new(always)
    }
}

impl Kinds {
    /// These kinds, each once.
    pub fn new(kinds: impl IntoIterator<Item = &'static Kind>) -> Self {
        let mut all: Vec<&'static Kind> = Vec::new();
        for kind in kinds {
            if !all.iter().any(|known| same_resource(known, kind)) {
                all.push(kind);
            }
        }
        Self(all.into())
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &'static Kind> + '_ {
        self.0.iter().copied()
    }

    /// Reads one of these kinds, or of those that Tidings knows by itself, as
    /// people write it.
    pub fn parse(&self, text: &str) -> Option<&'static Kind> {
        let own = self.iter().find(|kind| kind.is_called(text));
        own.or_else(|| Kind::parse(text))
    }

    /// The kind whose objects live under `plural.group`: one of these, or of those
    /// that Tidings knows by itself.
    pub fn of_resource(&self, plural: &str, group: &str) -> Option<&'static Kind> {
        let all = self.iter().chain(KINDS);
        let mut all = all.filter(|kind| kind.plural == plural && kind.group == group);
        all.next()
    }
}

fn same_resource(a: &Kind, b: &Kind) -> bool {
    (a.group, a.plural) == (b.group, b.plural)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn words_name_one_kind_each() {
        for kind in KINDS {
            for word in [kind.word, kind.short, kind.plural, kind.api_kind] {
                assert_eq!(Kind::parse(word), Some(kind), "{word}");
            }
            let found = Kinds::default().of_resource(kind.plural, kind.group);
            assert_eq!(found, Some(kind));
        }
    }

    #[test]
    fn a_row_makes_a_kind_like_the_others() {
        let worker = Kind::read("example.org/v1/Worker:spec.pool.podTemplate").unwrap();
        assert_eq!(worker.plural, "workers");
        assert_eq!(worker.template, ["spec", "pool", "podTemplate"]);
        let index = Kind::read("example.org/v1/Index=indices:spec.template").unwrap();
        let kinds = Kinds::new(KINDS.iter().chain([worker, index, worker]));
        assert_eq!(kinds.iter().count(), KINDS.len() + 2);
        assert_eq!(kinds.parse("worker"), Some(worker));
        assert_eq!(kinds.parse("deploy"), Some(&KINDS[0]));
        for word in ["workers.example.org", "Worker.v1.example.org"] {
            assert_eq!(kinds.parse(word), Some(worker), "{word}");
        }
        assert_eq!(kinds.parse("deployments.v1.apps"), Some(&KINDS[0]));
        for word in ["worker.example.com", "deploy.example.org", "worker.", ".v1"] {
            assert_eq!(kinds.parse(word), None, "{word}");
        }
        assert_eq!(kinds.of_resource("indices", "example.org"), Some(index));
    }

    #[rstest]
    #[case("example.org/v1/Worker", "is not a kind")]
    #[case("v1/Worker:spec.template", "is not a kind")]
    #[case("example.org/v1/Worker:spec", "is not a kind")]
    #[case("example.org/v1/Worker:spec.templates[0]", "is not a kind")]
    #[case("example.org/v1/Wor ker:spec.template", "is not a kind")]
    #[case("example.org/v1/Worker:metadata.annotations", "must be below spec")]
    fn a_row_that_cannot_be_read_is_said(#[case] row: &str, #[case] said: &str) {
        assert!(Kind::read(row).unwrap_err().contains(said));
    }

    #[rstest]
    #[case("Gateway", "gatewaies")]
    #[case("Ingress", "ingresses")]
    #[case("Worker", "workers")]
    fn plurals_are_guessed_as_kubectl_does(#[case] kind: &str, #[case] plural: &str) {
        assert_eq!(guess_plural(kind), plural);
    }
}
