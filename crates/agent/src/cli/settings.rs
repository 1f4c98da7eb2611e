//! What was said, looked at together: either [`Settings`] that make sense, or
//! one sentence. A preset fills in what was not said.

use super::low_args::{AtStart, LowArgs};
use super::values::{ProofArg, moves};
use crate::act::address::{check_url, user_of};
use crate::act::command::split;
use crate::act::http::Call;
use crate::act::prove::Proof;
use crate::act::signal::Target;
use crate::act::{Message, ReloadMethod, Vouched};
use crate::proc::{Among, ChildNumber};
use crate::render::{Render, in_order};
use crate::report::journal::MetricNames;
use crate::watch::glob::Filter;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tidings_shared::preset::{self, Preset, Reload};
use tidings_supervise::action::Signal;
use tidings_supervise::{Backoff, OnChange, Policy};

/// Everything that was decided at the start.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Empty: find the mounts.
    pub(crate) watch: Vec<PathBuf>,
    pub(crate) filter: Filter,
    pub(crate) poll: Duration,
    pub(crate) method: ReloadMethod,
    /// Whose start tells what it has read, where `method` does not name it.
    pub(crate) asked: Option<Target>,
    pub(crate) check: Option<Vec<String>>,
    pub(crate) command_timeout: Duration,
    pub(crate) proof: Option<Proof>,
    pub(crate) prove_timeout: Duration,
    pub(crate) renders: Vec<Render>,
    pub(crate) at_start: AtStart,
    /// A folder that outlives the agent.
    pub(crate) memory: Option<PathBuf>,
    /// What is watched and rendered, and how it is acted upon, in words: tells agents
    /// apart that share the folder.
    pub(crate) task: Vec<OsString>,
    pub(crate) once: bool,
    pub(crate) listen: Option<String>,
    /// Where the token is of whoever may ask.
    pub(crate) poke_file: Option<PathBuf>,
    /// The command of `run`; empty for `watch`.
    pub(crate) command: Vec<OsString>,
    /// Its process.
    pub(crate) child: ChildNumber,
    /// Whose metric names are served.
    pub(crate) names: MetricNames,
    /// Where they are served.
    pub(crate) metrics_path: String,
    pub(crate) policy: Policy,
}

impl LowArgs {
    /// Settings of `run`, for this command.
    ///
    /// # Errors
    /// One sentence.
    pub(crate) fn run(self, command: Vec<OsString>) -> Result<Settings, String> {
        if command.is_empty() {
            return Err("run needs a command: tidings-agent run [options] -- CMD [ARG…]".into());
        }
        if command[0].is_empty() {
            return Err("the command has no name: its first word is empty".into());
        }
        self.settle(command)
    }

    /// Settings of `watch`.
    ///
    /// # Errors
    /// One sentence.
    pub(crate) fn watch_only(self) -> Result<Settings, String> {
        self.settle(Vec::new())
    }

    fn settle(self, command: Vec<OsString>) -> Result<Settings, String> {
        let supervises = !command.is_empty();
        self.agree()?;
        let manner_is_pair = self.cert.is_some() == self.key.is_some();
        if !manner_is_pair {
            return Err("--cert and --key belong together".into());
        }
        let child = ChildNumber::default();
        let (method, on_change) = self.reload_method(supervises.then_some(&child))?;
        let check = self.check.clone().or_else(|| self.preset_check());
        let proof = self.proof(&method)?;
        let policy = self.policy(supervises, on_change, check.is_some());
        let asked = self.named(among(supervises));
        Ok(Settings {
            poll: self.poll.unwrap_or(Duration::from_secs(10)),
            command_timeout: self.command_timeout.unwrap_or(Duration::from_secs(10)),
            prove_timeout: self.prove_timeout.unwrap_or(Duration::from_secs(5)),
            watch: self.watch,
            filter: self.filter,
            method,
            check,
            proof,
            renders: in_order(&self.renders)?,
            at_start: self.at_start,
            asked,
            memory: self.memory,
            task: Vec::new(),
            once: self.once,
            listen: self.listen,
            poke_file: self.poke_file,
            command,
            child,
            names: MetricNames::Own,
            metrics_path: "/metrics".into(),
            policy,
        })
    }

    /// At most one way may be asked for.
    fn agree(&self) -> Result<(), String> {
        let asked: Vec<&str> = [
            ("--signal", self.signal.is_some()),
            ("--http", !self.http.is_empty()),
            ("--exec", self.exec.is_some()),
            ("--await", self.awaits),
            ("--on-change restart", self.restart),
            ("--exit-code", self.exit_code.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, is)| is.then_some(name))
        .collect();
        one_of(&asked)?;
        for [(one, is), (other, is_too)] in self.pairs() {
            if is && is_too {
                one_of(&[one, other])?;
            }
        }
        Ok(())
    }

    /// Of each two, and whether they are said, the other would be unused.
    fn pairs(&self) -> [[(&'static str, bool); 2]; 6] {
        let basic = ("--basic-file", self.manner.basic.is_some());
        let bearer = ("--bearer-file", self.manner.bearer.is_some());
        let header = ("--header Authorization", self.has_authorization());
        let user = ("user and password in the address", self.names_a_user());
        let process = ("--process", !self.process.is_empty());
        let pid_file = ("--pid-file", self.pid_file.is_some());
        let ca = ("--ca", self.manner.ca.is_some());
        let insecure = ("--insecure", self.manner.insecure);
        [
            [process, pid_file],
            [basic, bearer],
            [header, basic],
            [header, bearer],
            [header, user],
            [ca, insecure],
        ]
    }

    fn has_authorization(&self) -> bool {
        let mut names = self.manner.headers.iter().map(|(name, _)| name);
        names.any(|name| name.eq_ignore_ascii_case("authorization"))
    }

    fn names_a_user(&self) -> bool {
        self.http.iter().any(|url| !user_of(url).is_empty())
    }

    /// `child`: the one that is supervised, if one is.
    fn reload_method(&self, child: Option<&ChildNumber>) -> Choice {
        if self.restart {
            return Ok(restart(child));
        }
        if let Some(code) = self.exit_code {
            return Ok((ReloadMethod::Elsewhere, OnChange::Exit(code)));
        }
        if let Some(argv) = &self.exec {
            return Ok((ReloadMethod::Exec(argv.clone()), OnChange::Tell));
        }
        if !self.http.is_empty() {
            return Ok((ReloadMethod::Http(self.calls(&self.http)), OnChange::Tell));
        }
        if self.awaits {
            return Ok((ReloadMethod::Await, OnChange::Tell));
        }
        if let Some(signal) = self.signal {
            return self.by_signal(signal, child, self.vouched);
        }
        match self.preset {
            Some(preset) => self.by_preset(preset, child),
            None if self.once => Ok((ReloadMethod::Elsewhere, OnChange::Tell)),
            None if child.is_some() || !self.process.is_empty() || self.pid_file.is_some() => {
                self.by_signal(Signal::HUP, child, self.vouched)
            }
            None => Err(
                "say what to do on a change: --signal, --http, --exec, --await, --exit-code or --preset"
                    .into(),
            ),
        }
    }

    fn by_signal(&self, signal: Signal, child: Option<&ChildNumber>, vouched: Vouched) -> Choice {
        let preset = self.preset.map(|preset| preset.process).unwrap_or_default();
        let target = if let Some(target) = self.named(among(child.is_some())) {
            target
        } else if let Some(child) = child {
            Target::Child(Arc::clone(child))
        } else if !preset.is_empty() {
            let names = preset.iter().map(|&name| name.to_owned());
            Target::Named(names.collect(), Among::All)
        } else {
            return Err(
                "say which process gets the signal: --process NAME or --pid-file FILE".into(),
            );
        };
        let message = Message {
            signal,
            target,
            vouched,
        };
        Ok((ReloadMethod::Signal(message), OnChange::Tell))
    }

    /// The process that the command line names.
    fn named(&self, among: Among) -> Option<Target> {
        let names = Some(&self.process).filter(|names| !names.is_empty());
        let by_name = || names.map(|names| Target::Named(names.clone(), among));
        self.pid_file.clone().map(Target::PidFile).or_else(by_name)
    }

    fn by_preset(&self, preset: &Preset, child: Option<&ChildNumber>) -> Choice {
        match preset.reload {
            Reload::Signal(name) => {
                let vouched = self.vouched.max(Vouched::Table);
                self.by_signal(Signal::parse(name)?, child, vouched)
            }
            Reload::Http(method, url) => {
                let mut calls = self.calls(&[url.to_owned()]);
                for call in &mut calls {
                    method.clone_into(&mut call.manner.method);
                }
                Ok((ReloadMethod::Http(calls), OnChange::Tell))
            }
            Reload::ByItself => Ok((ReloadMethod::Await, OnChange::Tell)),
            Reload::Restart if child.is_some() => Ok(restart(child)),
            Reload::Restart => Err(format!(
                "{} reads its configuration only when it starts; use `tidings-agent run --preset {}`, or --exit-code",
                preset.name, preset.name
            )),
        }
    }

    fn calls(&self, urls: &[String]) -> Vec<Call> {
        let mut manner = self.manner.clone();
        manner.client = self.cert.clone().zip(self.key.clone());
        let call = |url: &String| Call {
            url: url.clone(),
            manner: manner.clone(),
        };
        urls.iter().map(call).collect()
    }

    fn preset_check(&self) -> Option<Vec<String>> {
        let preset = self.preset.filter(|preset| !preset.check.is_empty())?;
        split(preset.check).ok()
    }

    fn proof(&self, method: &ReloadMethod) -> Result<Option<Proof>, String> {
        match &self.proof {
            Some(ProofArg::Nothing) => return Ok(None),
            Some(ProofArg::This(proof)) => return Ok(Some(*proof.clone())),
            None => {}
        }
        // A preset's proof is of the preset's own way.
        let own_way =
            self.signal.is_none() && self.http.is_empty() && self.exec.is_none() && !self.awaits;
        let Some(preset) = self.preset.filter(|_| own_way) else {
            return match method {
                ReloadMethod::Await => Err("--await only looks: say with --prove at what".into()),
                _ => Ok(None),
            };
        };
        Ok(match preset.proof {
            preset::Proof::Children if matches!(method, ReloadMethod::Signal(_)) => {
                Some(Proof::Children)
            }
            preset::Proof::Moves(url, stamp, good) => {
                check_url(url)?;
                let good = good.map(|good| format!("#{good}")).unwrap_or_default();
                Some(moves(&format!("{url}#{stamp}{good}"))?)
            }
            _ => None,
        })
    }

    fn policy(&self, supervises: bool, on_change: OnChange, checks: bool) -> Policy {
        let quiet = self.quiet.unwrap_or(Duration::from_millis(200));
        let lays_a_mark = self.memory.is_some() && matches!(on_change, OnChange::Exit(_));
        Policy {
            supervises,
            on_change,
            on_failed_restart: self.on_failed_restart,
            paced: self.paced,
            prepares: checks || !self.renders.is_empty() || lays_a_mark,
            quiet,
            cap: self.cap.unwrap_or(Duration::from_secs(2)).max(quiet),
            settle_first: self.settle_first,
            stop: self.stop.unwrap_or(Signal::TERM),
            grace: self.grace.unwrap_or(Duration::from_secs(10)),
            backoff: Backoff {
                first: self.retry.unwrap_or(Duration::from_secs(1)),
                longest: self.retry_longest.unwrap_or(Duration::from_secs(30)),
                attempts: self.retries,
            },
            until_up: Duration::from_secs(1),
        }
    }
}

/// How the process is told, and what the state machine does.
type Choice = Result<(ReloadMethod, OnChange), String>;

/// It is the child alone that is started again.
fn restart(child: Option<&ChildNumber>) -> (ReloadMethod, OnChange) {
    let child = child.map(Arc::clone).unwrap_or_default();
    let method = ReloadMethod::Restart(Target::Child(child));
    (method, OnChange::Restart)
}

/// A sidecar is in another container than its process.
fn among(supervises: bool) -> Among {
    if supervises { Among::Own } else { Among::All }
}

fn one_of(asked: &[&str]) -> Result<(), String> {
    if asked.len() > 1 {
        return Err(format!("choose one of {}", asked.join(" and ")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_preset(preset: &str) -> LowArgs {
        let mut args = LowArgs::default();
        args.preset(preset).unwrap();
        args
    }

    #[test]
    fn every_preset_works_under_run_and_most_under_watch() {
        for preset in preset::PRESETS {
            let run = of_preset(preset.name).run(vec!["x".into()]);
            assert!(run.is_ok(), "{}", preset.name);
            let watch = of_preset(preset.name).watch_only();
            assert_eq!(
                watch.is_err(),
                preset.reload == Reload::Restart,
                "{}",
                preset.name
            );
        }
    }

    #[test]
    fn what_is_said_overrules_the_preset() {
        let mut said = of_preset("nginx");
        said.check("true").unwrap();
        said.signal("USR1").unwrap();
        let settings = said.run(vec!["x".into()]).unwrap();
        assert_eq!(settings.check, Some(vec!["true".to_owned()]));
        assert!(settings.proof.is_none());
        assert!(
            matches!(settings.method, ReloadMethod::Signal(Message { signal, .. }) if signal.number() == 10)
        );
    }

    #[test]
    fn two_ways_at_once_are_refused() {
        let mut said = LowArgs::default();
        said.signal("HUP").unwrap();
        said.http("http://localhost/").unwrap();
        assert!(said.watch_only().unwrap_err().contains("choose one"));
    }

    #[test]
    fn who_waits_says_for_what() {
        let mut said = LowArgs::default();
        said.awaits().unwrap();
        assert!(said.watch_only().unwrap_err().contains("--prove"));
        let settings = of_preset("coredns-reload").watch_only().unwrap();
        assert!(matches!(settings.method, ReloadMethod::Await) && settings.proof.is_some());
    }

    #[test]
    fn watch_without_a_target_is_refused() {
        assert!(LowArgs::default().watch_only().is_err());
        let mut said = LowArgs::default();
        said.signal("HUP").unwrap();
        assert!(said.watch_only().unwrap_err().contains("--process"));
    }
}
