//! The commands that grant what was refused.
//!
//! Goes in: what the API server refused. Comes out: for each namespace and verb a Role with
//! exactly that, and its binding, as kubectl makes them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use tidings_core::digest::Digest;
use tidings_core::refs::Name;
use tidings_shared::plain::plain;

use crate::api::Refusal;

/// So many commands are shown; the others differ by their namespaces.
const SHOWN: usize = 3;
/// Who is refused, where that is not told.
const SOMEBODY: &str = "NAME";

/// What one Role is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Duty {
    namespace: Option<Name>,
    verb: &'static str,
    user: String,
    /// The resource, where it is one of certain names.
    named: Option<String>,
}

/// What it permits.
#[derive(Debug, Default)]
struct Granted {
    resources: BTreeSet<String>,
    names: BTreeSet<String>,
}

/// A line for each command; nothing where nothing was refused.
pub fn grants<'a>(refused: impl IntoIterator<Item = &'a Refusal>) -> String {
    let mut duties: BTreeMap<Duty, Granted> = BTreeMap::new();
    for refusal in refused {
        let name = object(&refusal.message);
        let duty = Duty {
            namespace: refusal.namespace.clone(),
            verb: refusal.verb,
            user: user(&refusal.message).to_owned(),
            named: name.map(|_| refusal.resource.clone()),
        };
        let extent = duties.entry(duty).or_default();
        extent.resources.insert(refusal.resource.clone());
        extent.names.extend(name.map(ToOwned::to_owned));
    }
    let more = duties.len().saturating_sub(SHOWN);
    let shown = duties.iter().take(SHOWN);
    let lines = shown.map(|(duty, extent)| format!("grant it: {}\n", command(duty, extent)));
    let rest = (more > 0).then(|| format!("and so on, {more} more\n"));
    lines.chain(rest).collect()
}

fn command(duty: &Duty, extent: &Granted) -> String {
    let cluster = if duty.namespace.is_none() {
        "cluster"
    } else {
        ""
    };
    let within = duty.namespace.as_ref();
    let within = within.map_or_else(String::new, |namespace| format!(" -n {namespace}"));
    let resources: Vec<_> = extent.resources.iter().map(String::as_str).collect();
    let names = extent.names.iter();
    let names: Vec<_> = names
        .map(|name| format!(" --resource-name={name}"))
        .collect();
    let names = names.concat();
    let resources = resources.join(",");
    let role = role(duty, &resources, &names);
    let (verb, user) = (duty.verb, quoted(&duty.user));
    format!(
        "kubectl create {cluster}role {role} --verb={verb} --resource={resources}{names}{within} && \
         kubectl create {cluster}rolebinding {role} --{cluster}role={role} --user={user}{within}"
    )
}

/// A name that no other Role of these commands has: who follows one may need the next.
fn role(duty: &Duty, resources: &str, names: &str) -> String {
    let parts = [duty.user.as_str(), resources, names].map(str::as_bytes);
    let digest = Digest::of_parts(&parts).to_string();
    format!("tidings-{}-{}", duty.verb, &digest[..6])
}

/// As one word of a shell, whatever is in it: it is the name that somebody gave himself.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "@%+=:,./_-".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", plain(word).replace('\'', r"'\''"))
}

/// Whom the API server names: `User "alice" cannot list resource …` (`apiserver`'s
/// `responsewriters.ForbiddenStatusError`).
fn user(message: &str) -> &str {
    let behind = message.split_once("User \"").map(|(_, rest)| rest);
    let name = behind.and_then(|rest| rest.split_once("\" cannot"));
    name.map_or(SOMEBODY, |(name, _)| name)
}

/// By its name, where it is one object: `secrets "db" is forbidden: …`.
fn object(message: &str) -> Option<&str> {
    let what = message.split(" is forbidden").next()?;
    what.split_once(" \"")?.1.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(verb: &'static str, resource: &str, namespace: Option<&str>, name: &str) -> Refusal {
        let quoted = if name.is_empty() {
            String::new()
        } else {
            format!(" \"{name}\"")
        };
        Refusal {
            verb,
            resource: resource.to_owned(),
            namespace: namespace.map(Name::from),
            message: format!(
                "{resource}{quoted} is forbidden: User \"alice\" cannot {verb} resource \
                 \"{resource}\" in API group \"\" in the namespace \"stage\""
            ),
        }
    }

    #[test]
    fn what_is_refused_in_a_namespace_is_one_role() {
        let all = [
            refusal("list", "pods", Some("stage"), ""),
            refusal("list", "secrets", Some("stage"), ""),
        ];
        assert_eq!(
            grants(&all),
            "grant it: kubectl create role tidings-list-0204f4 --verb=list --resource=pods,secrets \
             -n stage && kubectl create rolebinding tidings-list-0204f4 \
             --role=tidings-list-0204f4 --user=alice -n stage\n"
        );
    }

    #[test]
    fn no_more_is_granted_than_was_refused() {
        let all = [
            refusal("get", "secrets", Some("stage"), "db"),
            refusal("get", "secrets", Some("stage"), "tls"),
        ];
        let said = grants(&all);
        let exactly = "--resource=secrets --resource-name=db --resource-name=tls -n stage";
        assert!(said.contains(exactly), "{said}");
        assert_eq!(said.lines().count(), 1);
    }

    /// Who follows one, and is then refused the next, follows that, too.
    #[test]
    fn each_role_has_a_name_of_its_own() {
        let role = |refusal: Refusal| {
            let said = grants(&[refusal]);
            let (_, behind) = said.split_once("role ").unwrap();
            behind.split(' ').next().unwrap().to_owned()
        };
        let pods = role(refusal("list", "pods", Some("stage"), ""));
        let secrets = role(refusal("list", "secrets", Some("stage"), ""));
        let one = role(refusal("get", "secrets", Some("stage"), "db"));
        let other = role(refusal("get", "secrets", Some("stage"), "tls"));
        assert!(
            pods != secrets && one != other,
            "{pods} {secrets} {one} {other}"
        );
        assert_eq!(pods, role(refusal("list", "pods", Some("stage"), "")));
    }

    #[test]
    fn everywhere_is_a_role_of_the_cluster_and_many_are_counted() {
        let all = [refusal("list", "pods", None, "")];
        let said = grants(&all);
        assert!(
            said.contains("kubectl create clusterrole tidings-list-e339e0 "),
            "{said}"
        );
        assert!(
            said.contains("--clusterrole=tidings-list-e339e0 --user=alice\n"),
            "{said}"
        );
        let places = ["a", "b", "c", "d", "e"];
        let many = places.map(|place| refusal("list", "pods", Some(place), ""));
        assert!(grants(&many).ends_with("and so on, 2 more\n"));
        assert_eq!(grants(&[]), "");
    }

    #[test]
    fn a_name_is_one_word_of_a_shell() {
        assert_eq!(
            quoted("system:serviceaccount:ns:a"),
            "system:serviceaccount:ns:a"
        );
        assert_eq!(quoted("alice@example.org"), "alice@example.org");
        assert_eq!(quoted("oidc#Alice B"), "'oidc#Alice B'");
        assert_eq!(quoted("x'; rm -rf $HOME #"), r"'x'\''; rm -rf $HOME #'");
        assert_eq!(quoted("$(id)"), "'$(id)'");
    }

    #[test]
    fn who_is_not_told_is_anybody() {
        let unnamed = Refusal {
            message: "no".to_owned(),
            ..refusal("list", "pods", None, "")
        };
        assert!(grants(&[unnamed]).contains("--user=NAME"));
    }
}
