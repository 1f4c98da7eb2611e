//! How the program ends.
//!
//! Goes in: what happened. Comes out: an exit code, and for an error one
//! sentence on stderr with its causes below it.

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

use anyhow::Context;

use super::grants::grants;
use tidings_shared::plain::{escaped, is_odd};

use crate::api::ApiError;

/// The exit codes of every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Done; for `why`, `status` and `wait`: in step; for `lint` and `stale`: nothing was
    /// found; for `impact`: nothing would change for any workload.
    Done,
    /// For `why` and `status`: neither in step nor unknown; for `wait`: failed.
    NotInStep,
    /// For `lint` and `stale`: something was found; for `inject`: not all that could be was
    /// done.
    Found,
    /// For `approve`, `reject`, `resume`, `pause` and `unpause`: nothing was said.
    NotSaid,
    /// For `impact`: something would change for a workload.
    Touches,
    /// Wrong usage, something failed; for `why` and `status`: not known; for `lint`, `stale`,
    /// `impact` and `inject`: not all could be read.
    Error,
    /// For `wait`: neither in step nor failed when the time was over.
    TimedOut,
    /// A signal ended what goes on until it is told to stop, as shells have it.
    Interrupted,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::NotInStep | Self::Found | Self::NotSaid => 1,
            Self::Error => 2,
            Self::TimedOut => 3,
            Self::Touches => 10,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The text for an error: `error: …`, then what caused it, and what grants a right that
/// is missing.
pub fn describe(error: &anyhow::Error) -> String {
    let mut lines = String::new();
    for (depth, cause) in error.chain().enumerate() {
        let begin = if depth == 0 {
            "error: "
        } else {
            "  caused by: "
        };
        let refusal = cause.downcast_ref().and_then(ApiError::refusal);
        if let Some(refusal) = refusal.filter(|refusal| refusal.is_by_right()) {
            let _ = write!(lines, "{begin}{refusal}\n  {}", grants([refusal]));
        } else {
            // It may quote what others wrote, a name of the kubeconfig say.
            let cause = cause.to_string();
            let cause = escaped(&cause, |c| c != '\n' && is_odd(c));
            let _ = writeln!(lines, "{begin}{cause}");
        }
    }
    lines
}

/// What a command has to say.
#[derive(Debug, PartialEq, Eq)]
pub struct Printed {
    /// What was asked for, on stdout.
    pub out: String,
    /// What is said about it, on stderr.
    pub err: String,
    /// How it ended.
    pub exit: Exit,
}

/// Prints on standard output. `false`: its reader has seen enough (`| head`), which is no
/// error.
pub fn print(text: &[u8]) -> anyhow::Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true).context("cannot print"),
    }
}

/// Says something on stderr.
#[allow(clippy::print_stderr)]
pub fn note(text: &str) {
    eprint!("{text}");
}

/// Prints how it ended, and turns it into the program's exit code.
#[allow(clippy::print_stderr)]
pub fn conclude(result: Result<Exit, anyhow::Error>) -> ExitCode {
    let exit = result.unwrap_or_else(|error| {
        eprint!("{}", describe(&error));
        Exit::Error
    });
    exit.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Refusal;

    #[test]
    fn an_error_says_what_and_then_why() {
        let error = Err::<(), _>(anyhow::anyhow!("permission denied"))
            .context("cannot read the kubeconfig")
            .unwrap_err();
        insta::assert_snapshot!(describe(&error), @r"
        error: cannot read the kubeconfig
          caused by: permission denied
        ");
    }

    #[test]
    fn a_right_that_is_missing_is_named_with_the_command_that_grants_it() {
        let refusal = ApiError::Forbidden(Refusal {
            verb: "get",
            resource: "deployments.apps".to_owned(),
            namespace: Some("stage".into()),
            message: "deployments.apps \"web\" is forbidden: User \"alice\" cannot get it"
                .to_owned(),
        });
        let error = anyhow::Error::from(refusal).context("cannot read deployment/web");
        insta::assert_snapshot!(describe(&error), @r#"
        error: cannot read deployment/web
          caused by: not allowed to get deployments.apps in namespace stage: deployments.apps "web" is forbidden: User "alice" cannot get it
          grant it: kubectl create role tidings-get-be9498 --verb=get --resource=deployments.apps --resource-name=web -n stage && kubectl create rolebinding tidings-get-be9498 --role=tidings-get-be9498 --user=alice -n stage
        "#);
    }

    #[test]
    fn codes_are_those_of_the_help() {
        assert_eq!(
            [
                Exit::Done,
                Exit::NotInStep,
                Exit::Error,
                Exit::TimedOut,
                Exit::Interrupted
            ]
            .map(Exit::code),
            [0, 1, 2, 3, 130]
        );
    }
}
