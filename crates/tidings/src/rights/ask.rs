//! Asks at the start whether the API server permits what will be needed.
//!
//! Goes in: the table of rights ([`super::table`]). Comes out: the first right
//! that is missing, as a sentence that names the line to add. Where only some of
//! several namespaces refuse, that is said and the others go on; so are rights
//! without which only a method cannot be taken.
//!
//! Error policy: at the start somebody looks on, so an API server that cannot be
//! reached, or does not know us, ends the program. A question that it cannot
//! answer is no answer; the requests themselves will tell.

use futures::StreamExt;
use serde::Deserialize;
use serde_json::json;
use tidings_core::refs::Name;

use super::table::{Extent, PolicyRule, Reach, advice, rules};
use crate::api::{self, ApiClient, ApiError, Call, Place, Verb};

/// Questions under way at once.
const AT_ONCE: usize = 8;

/// One right: a verb on a resource, somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Right {
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    namespace: Option<Name>,
    /// The table says that it must hold in each of several namespaces.
    one_of_many: bool,
    /// Whether nothing goes without it.
    is_vital: bool,
}

impl Right {
    /// `secrets`, `deployments.apps`
    fn named(&self) -> String {
        match self.group {
            "" => self.resource.to_owned(),
            group => format!("{}.{group}", self.resource),
        }
    }
}

/// Rights that are missing.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Without it the controller cannot do anything; a sentence.
    pub fatal: Option<String>,
    /// Without these some namespaces are left out; a sentence each.
    pub partial: Vec<String>,
    /// Without these methods that are enabled cannot be taken; a sentence each.
    pub of_methods: Vec<String>,
}

/// Asks for every right of the table without which something would not go. The error:
/// nobody is there who could answer, or the credentials are not known.
pub async fn missing(api: &ApiClient, extent: &Extent) -> Result<Missing, ApiError> {
    let rights = rights(&rules(extent), extent);
    let asked = futures::stream::iter(rights).map(|right| async {
        let refused = is_refused(api, &right).await;
        (right, refused)
    });
    let answers: Vec<_> = asked.buffered(AT_ONCE).collect().await;
    let mut known = Vec::new();
    for (right, refused) in answers {
        match refused {
            Ok(refused) => known.push((right, refused)),
            Err(error @ (ApiError::Unreachable(_) | ApiError::Unauthenticated(_))) => {
                return Err(error);
            }
            Err(error) => tracing::debug!(%error, "rights cannot be asked for"),
        }
    }
    Ok(judge(&known))
}

fn rights(rules: &[PolicyRule], extent: &Extent) -> Vec<Right> {
    let watched: Vec<Option<Name>> = match &extent.namespaces {
        Some(names) => names.iter().cloned().map(Some).collect(),
        None => vec![None],
    };
    let own = vec![Some(extent.own_namespace.clone())];
    let everywhere = vec![None];
    let mut rights = Vec::new();
    // A dry run keeps its records in memory.
    let asked = |rule: &&PolicyRule| match rule.scope {
        Reach::Own => rule.is_vital && !extent.dry_run,
        // What is not vital there is for methods.
        Reach::Watched | Reach::Cluster => true,
    };
    for rule in rules.iter().filter(asked) {
        let places = match rule.scope {
            Reach::Own => &own,
            Reach::Watched => &watched,
            Reach::Cluster => &everywhere,
        };
        for (namespace, verb) in places
            .iter()
            .flat_map(|p| rule.verbs.iter().map(move |v| (p, *v)))
        {
            rights.push(Right {
                verb,
                group: rule.group,
                resource: rule.resource,
                namespace: namespace.clone(),
                one_of_many: places.len() > 1,
                is_vital: rule.is_vital,
            });
        }
    }
    rights
}

/// A right that all namespaces refuse is fatal; one that some refuse is not.
fn judge(answers: &[(Right, bool)]) -> Missing {
    let refused = |(_, refused): &&(Right, bool)| *refused;
    let everywhere = |right: &Right| {
        let kind = |r: &Right| (r.verb, r.resource, r.one_of_many);
        let same = answers.iter().filter(|(r, _)| kind(r) == kind(right));
        !right.one_of_many || same.clone().all(|(_, refused)| *refused)
    };
    let mut missing = Missing::default();
    for (right, _) in answers.iter().filter(refused) {
        let sentence = advice(right.verb, &right.named(), right.namespace.as_deref());
        if !right.is_vital {
            missing.of_methods.push(sentence);
        } else if everywhere(right) {
            missing.fatal.get_or_insert(sentence);
        } else {
            missing.partial.push(sentence);
        }
    }
    missing
}

#[derive(Deserialize)]
struct Review {
    status: ReviewStatus,
}

#[derive(Deserialize)]
struct ReviewStatus {
    allowed: bool,
}

async fn is_refused(api: &ApiClient, right: &Right) -> Result<bool, ApiError> {
    let whole = (right.resource, "");
    let (resource, subresource) = right.resource.split_once('/').unwrap_or(whole);
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": { "resourceAttributes": {
            "namespace": right.namespace.as_deref().unwrap_or(""),
            "verb": right.verb,
            "group": right.group,
            "resource": resource,
            "subresource": subresource,
        }},
    });
    let place = Place::new("authorization.k8s.io", "v1", "selfsubjectaccessreviews");
    let question = Call::new(Verb::Create, place).body(review.to_string());
    let answer = api.read(&question).await?;
    Ok(!api::read::<Review>(&answer)?.status.allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(verb: &'static str, namespace: &str, one_of_many: bool) -> Right {
        let namespace = (!namespace.is_empty()).then(|| namespace.into());
        Right {
            verb,
            group: "",
            resource: "secrets",
            namespace,
            one_of_many,
            is_vital: true,
        }
    }

    #[test]
    fn what_is_refused_everywhere_is_fatal() {
        let missing = judge(&[
            (right("list", "", false), true),
            (right("get", "", false), false),
        ]);
        assert!(missing.fatal.unwrap().contains("list secrets"));
        let both = judge(&[
            (right("list", "a", true), true),
            (right("list", "b", true), true),
        ]);
        assert!(both.fatal.is_some());
    }

    #[test]
    fn one_namespace_of_several_is_left_out() {
        let missing = judge(&[
            (right("list", "a", true), true),
            (right("list", "b", true), false),
        ]);
        assert_eq!(missing.fatal, None);
        assert!(missing.partial[0].contains("namespace a"));
    }

    #[test]
    fn without_a_right_of_a_method_everything_else_goes() {
        let nodes = Right {
            resource: "nodes",
            is_vital: false,
            ..right("get", "", false)
        };
        let missing = judge(&[(nodes, true)]);
        assert_eq!((missing.fatal, missing.partial), (None, Vec::new()));
        assert!(missing.of_methods[0].contains("get nodes"));
    }
}
