//! The `tidings` program: reads the command line and hands over.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use tidings::cli::exit::{self, Exit, Printed};
use tidings::cli::implicit::{self, Words};
use tidings::cli::lint::lint;
use tidings::cli::plugin::CalledAs;
use tidings::cli::take_over::take_over;
use tidings::cli::why::ask;
use tidings::cli::{completion, impact, manifests, stale, status, wait};
use tidings::settings::args::{Cli, Command};
use tidings::settings::{
    ControllerSettings, ImpactSettings, LintSettings, StaleSettings, StatusSettings, Surroundings,
    TakeOverSettings, WaitSettings, WhySettings,
};

/// Requests wait for the API server far more than they work.
const WORKERS: usize = 2;

fn main() -> ExitCode {
    let mut words = std::env::args_os();
    let called = CalledAs::by(&words.next().unwrap_or_default());
    if called == CalledAs::Completer {
        return exit::conclude(complete_plugin(words.collect()));
    }
    completion::answer();
    let around = Surroundings::look();
    let Words { words, implied } =
        implicit::complete(std::env::args_os(), around.pod_namespace.is_some());
    let advise = |wrong| {
        if implied {
            implicit::advise(wrong)
        } else {
            wrong
        }
    };
    let matches = called.name(Cli::command()).try_get_matches_from(words);
    let matches = matches.unwrap_or_else(|wrong| advise(wrong).exit());
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|wrong| wrong.exit());
    exit::conclude(run(&cli.command, &matches, &around))
}

fn run(command: &Command, matches: &ArgMatches, around: &Surroundings) -> anyhow::Result<Exit> {
    match command {
        Command::Controller(args) => {
            let settings = ControllerSettings::new(args, around)?;
            let runtime = runtime()?;
            let ended = runtime.block_on(tidings::run::start::controller(settings));
            // A loop that is too busy to end is not waited for.
            runtime.shutdown_background();
            ended.map(|()| Exit::Done)
        }
        Command::Why(args) => {
            let settings = WhySettings::new(args, around)?;
            say(&runtime()?.block_on(ask::why(settings))?)
        }
        Command::Status(args) => {
            let settings = StatusSettings::new(args, around)?;
            if settings.watch {
                return runtime()?.block_on(status::follow::follow(settings));
            }
            say(&runtime()?.block_on(status::ask::status(settings))?)
        }
        Command::Wait(args) => {
            let settings = WaitSettings::new(args, around)?;
            say(&runtime()?.block_on(wait::ask::wait(settings))?)
        }
        Command::Stale(args) => {
            let settings = StaleSettings::new(args, around)?;
            say(&runtime()?.block_on(stale::ask::stale(settings))?)
        }
        Command::Impact(args) => {
            let settings = ImpactSettings::new(args, around)?;
            say(&runtime()?.block_on(impact::ask::impact(settings))?)
        }
        Command::Lint(args) => {
            let (text, exit) = lint(&LintSettings::new(args, around)?)?;
            print(text.as_bytes())?;
            Ok(exit)
        }
        Command::TakeOver(args) => {
            let settings = TakeOverSettings::new(args, around)?;
            print(runtime()?.block_on(take_over(settings))?.as_bytes())
        }
        Command::Manifests(args) => print(manifests::printed(args, matches)?.as_bytes()),
        Command::Completion { shell } => {
            print(&completion::script(*shell).context("cannot write the script")?)
        }
    }
}

fn complete_plugin(words: Vec<OsString>) -> anyhow::Result<Exit> {
    let answer = completion::answer_kubectl(words).context("cannot complete this")?;
    print(answer.as_bytes())
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .context("cannot start")
}

fn say(said: &Printed) -> anyhow::Result<Exit> {
    print(said.out.as_bytes())?;
    exit::note(&said.err);
    Ok(said.exit)
}

/// A reader that has seen enough (`| head`) is no error.
fn print(text: &[u8]) -> anyhow::Result<Exit> {
    match std::io::stdout().lock().write_all(text) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(e).context("cannot print"),
        _ => Ok(Exit::Done),
    }
}
