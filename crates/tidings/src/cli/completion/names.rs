//! Names that complete a word, from the cluster that the command line so far means.
//!
//! Goes in: the beginning of a word, and the words of this process. Comes out: candidates;
//! none where the cluster is not to be reached within [`PATIENCE`], or does not let us ask:
//! somebody waits with his finger on a key, and an error would be written over his line.

use std::ffi::OsStr;
use std::time::Duration;

use clap_complete::engine::CompletionCandidate;
use tidings_core::index::{Stream, StreamOf};
use tidings_core::kinds::{KINDS, Kind, Watched};
use tidings_core::refs::Name;
use tokio::time::timeout;

use crate::api::connect::{self, Connect};
use crate::api::page::{self, METADATA_LIST, Page};
use crate::api::{ApiClient, Call, Place, Verb};

/// So long somebody waits for a list of names.
const PATIENCE: Duration = Duration::from_secs(1);
/// Nobody chooses among more.
const MOST: &str = "500";

/// `deployment/`, and behind the slash the names of the kind.
pub(super) fn workloads(word: &OsStr) -> Vec<CompletionCandidate> {
    let word = word.to_string_lossy();
    let Some((kind, name)) = word.split_once('/') else {
        let always = KINDS.iter().filter(|kind| kind.watched == Watched::Always);
        let words = always.map(|kind| format!("{}/", kind.word));
        return candidates(words, &word);
    };
    let said = SoFar::on_the_command_line();
    let names = Kind::parse(kind).map(|kind| of_cluster(&said, Choices::Workloads(kind)));
    let names = names.unwrap_or_default().into_iter();
    let names = names.filter(|found| found.starts_with(name));
    candidates(names.map(|found| format!("{kind}/{found}")), &word)
}

/// Those of the cluster.
pub(super) fn namespaces(word: &OsStr) -> Vec<CompletionCandidate> {
    let names = of_cluster(&SoFar::on_the_command_line(), Choices::Namespaces);
    candidates(names.into_iter(), &word.to_string_lossy())
}

/// Those of the kubeconfig.
pub(super) fn contexts(word: &OsStr) -> Vec<CompletionCandidate> {
    of_kubeconfig(connect::contexts, word)
}

/// Its clusters.
pub(super) fn clusters(word: &OsStr) -> Vec<CompletionCandidate> {
    of_kubeconfig(connect::clusters, word)
}

/// Its users.
pub(super) fn users(word: &OsStr) -> Vec<CompletionCandidate> {
    of_kubeconfig(connect::users, word)
}

fn of_kubeconfig(names: fn(&Connect) -> Vec<String>, word: &OsStr) -> Vec<CompletionCandidate> {
    let said = SoFar::on_the_command_line();
    candidates(names(&said.connect).into_iter(), &word.to_string_lossy())
}

fn candidates(names: impl Iterator<Item = String>, begin: &str) -> Vec<CompletionCandidate> {
    let names = names.filter(|name| name.starts_with(begin));
    names.map(CompletionCandidate::new).collect()
}

/// What is asked of the cluster.
enum Choices {
    Namespaces,
    Workloads(&'static Kind),
}

/// What the words so far say of the cluster.
#[derive(Debug, PartialEq, Eq)]
struct SoFar {
    connect: Connect,
    namespace: Option<Name>,
}

impl SoFar {
    fn on_the_command_line() -> Self {
        let words: Vec<_> = std::env::args_os()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let mut said = Self::by(&words);
        let connect = &mut said.connect;
        if connect.kubeconfig.is_none() {
            connect.kubeconfig = variable("TIDINGS_KUBECONFIG").map(Into::into);
        }
        if connect.context.is_none() {
            connect.context = variable("TIDINGS_CONTEXT");
        }
        said
    }

    /// The line is not finished, so it is not clap that reads it.
    fn by(words: &[String]) -> Self {
        let value = |options: &[&str]| value_of(words, options);
        Self {
            connect: Connect {
                kubeconfig: value(&["--kubeconfig"]).map(Into::into),
                context: value(&["--context"]),
                cluster: value(&["--cluster"]),
                user: value(&["--user"]),
                as_user: value(&["--as"]),
                answer: Some(PATIENCE),
                ..Connect::default()
            },
            namespace: value(&["--namespace", "-n"]).map(Name::from),
        }
    }
}

/// The value that the last of these options has: behind `=`, in the next word, or, of a
/// short one, behind it.
fn value_of(words: &[String], options: &[&str]) -> Option<String> {
    let pairs = words
        .iter()
        .zip(words.iter().skip(1).map(Some).chain([None]));
    let value = |(word, next): (&String, Option<&String>)| {
        let rest = options
            .iter()
            .find_map(|option| word.strip_prefix(option))?;
        match rest.strip_prefix('=') {
            Some(value) => Some(value.to_owned()),
            None if rest.is_empty() => next.cloned(),
            None => Some(rest.to_owned()).filter(|_| !word.starts_with("--")),
        }
    };
    let value = pairs.filter_map(value).last();
    value.filter(|value| !value.is_empty())
}

/// No error is shown.
fn of_cluster(said: &SoFar, asked: Choices) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let Ok(runtime) = { runtime }.enable_all().build() else {
        return Vec::new();
    };
    let names = runtime.block_on(async { timeout(PATIENCE, list(said, asked)).await });
    // A plugin that hangs is not waited for.
    runtime.shutdown_background();
    names.ok().flatten().unwrap_or_default()
}

async fn list(said: &SoFar, asked: Choices) -> Option<Vec<String>> {
    let api = ApiClient::of_command(&said.connect).await.ok()?;
    let place = match asked {
        Choices::Namespaces => Place::core("namespaces"),
        Choices::Workloads(kind) => {
            let own = || Name::from(api.default_namespace());
            Place::stream(&Stream {
                of: StreamOf::Workloads(kind),
                namespace: Some(said.namespace.clone().unwrap_or_else(own)),
            })
        }
    };
    let call = Call::new(Verb::List, place).accept(METADATA_LIST);
    let json = api.read(&call.with("limit", MOST)).await.ok()?;
    let page = Page::read(&json).ok()?;
    let names = page.items.iter();
    let names = names.filter_map(|item| Some(page::meta(item).ok()?.name));
    Some(names.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> SoFar {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        SoFar::by(&words)
    }

    #[test]
    fn the_words_so_far_say_which_cluster() {
        let read = said("tidings why --context=a --kubeconfig k -n stage --as bob deploy/");
        assert_eq!(read.connect.context.as_deref(), Some("a"));
        assert_eq!(read.connect.kubeconfig, Some("k".into()));
        assert_eq!(read.connect.as_user.as_deref(), Some("bob"));
        assert_eq!(read.namespace, Some("stage".into()));
        assert_eq!(said("tidings why -nstage").namespace, Some("stage".into()));
        assert_eq!(said("tidings why --namespaces x").namespace, None);
        assert_eq!(said("tidings why -n").namespace, None);
        assert_eq!(said("tidings why --as-group g").connect.as_user, None);
    }

    #[test]
    fn kinds_are_known_without_a_cluster() {
        let found = workloads(OsStr::new("d"));
        let found = found.iter().map(|c| c.get_value().to_string_lossy());
        assert!(found.collect::<Vec<_>>().contains(&"deployment/".into()));
    }
}
