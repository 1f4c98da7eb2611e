//! The `tidings` program: reads the command line and hands over.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{CommandFactory, FromArgMatches};
use tidings::cli::exit::{self, Exit, Printed};
use tidings::cli::implicit::{self, Words};
use tidings::cli::informed::{self, CommandLine, Informed};
use tidings::cli::inject::inject;
use tidings::cli::lint::lint;
use tidings::cli::people::{pause::pause, word::say as say_word};
use tidings::cli::plugin::CalledAs;
use tidings::cli::take_over::take_over;
use tidings::cli::{completion, history, impact, manifests, stale, status, wait, why};
use tidings::dashboard;
use tidings::settings::args::{Cli, Command};
use tidings::settings::{
    ControllerSettings, DashboardSettings, HistorySettings, ImpactSettings, InjectSettings,
    LintSettings, PauseSettings, StaleSettings, StatusSettings, Surroundings, TakeOverSettings,
    WaitSettings, WhySettings, WordSettings, told,
};

use tidings_core::word::Say;

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
    let matches = called
        .name(Cli::command())
        .try_get_matches_from(words.clone());
    let matches = matches.unwrap_or_else(|wrong| advise(wrong).exit());
    exit::conclude(run(&CommandLine { words, matches }, &around))
}

fn run(line: &CommandLine, around: &Surroundings) -> anyhow::Result<Exit> {
    let matches = &line.matches;
    match &Cli::from_arg_matches(matches)?.command {
        Command::Controller(args) => {
            let mut settings = ControllerSettings::new(args, around)?;
            let given = matches.subcommand_matches("controller");
            settings.told = given.map_or_else(Vec::new, |given| told::words(given, around));
            let runtime = runtime()?;
            let ended = runtime.block_on(tidings::run::start::controller(settings));
            // A loop that is too busy to end is not waited for.
            runtime.shutdown_background();
            ended.map(|()| Exit::Done)
        }
        Command::Lint(args) => {
            let (text, exit) = lint(&LintSettings::new(args, around)?)?;
            print(text.as_bytes())?;
            Ok(exit)
        }
        Command::Inject(args) => say(&inject(&InjectSettings::new(args)?)?),
        Command::Manifests(args) => print(manifests::printed(args, matches)?.as_bytes()),
        Command::Completion { shell } => {
            print(&completion::script(*shell).context("cannot write the script")?)
        }
        Command::Why(_)
        | Command::Status(_)
        | Command::Wait(_)
        | Command::Stale(_)
        | Command::Impact(_)
        | Command::History(_)
        | Command::Dashboard(_)
        | Command::Approve(_)
        | Command::Reject(_)
        | Command::Resume(_)
        | Command::Pause(_)
        | Command::Unpause(_)
        | Command::TakeOver(_) => runtime()?.block_on(ask(line, around)),
    }
}

/// Commands about what is installed in a cluster.
async fn ask(line: &CommandLine, around: &Surroundings) -> anyhow::Result<Exit> {
    let Informed {
        api,
        cli,
        note,
        as_reloader,
        is_guessed,
    } = informed::inform(line, around).await?;
    exit::note(&note);
    match &cli.command {
        Command::Why(args) => say(&why::ask::ask(api, WhySettings::new(args, around)?).await?),
        Command::Status(args) => {
            let settings = StatusSettings::new(args, around)?;
            if settings.watch {
                return status::follow::follow(api, settings).await;
            }
            say(&status::ask::status(api, settings).await?)
        }
        Command::Wait(args) => say(&wait::ask::wait(api, WaitSettings::new(args, around)?).await?),
        Command::Stale(args) => {
            say(&stale::ask::ask(api, StaleSettings::new(args, around)?).await?)
        }
        Command::Impact(args) => {
            let mut settings = ImpactSettings::new(args, around)?;
            if as_reloader {
                settings.installation = settings.installation.as_reloader();
            }
            settings.installation.is_guessed = is_guessed;
            say(&impact::ask::ask(api, settings).await?)
        }
        Command::History(args) => {
            say(&history::ask::ask(api, HistorySettings::new(args, around)?).await?)
        }
        Command::Dashboard(args) => {
            drop(api);
            let mut settings = DashboardSettings::new(args, around)?;
            settings.installation.is_guessed = is_guessed;
            dashboard::start::dashboard(settings).await
        }
        Command::Approve(args) => say(&say_word(api, WordSettings::approve(args, around)?).await?),
        Command::Reject(args) => {
            let settings = WordSettings::new(Say::Reject, args, around)?;
            say(&say_word(api, settings).await?)
        }
        Command::Resume(args) => {
            let settings = WordSettings::new(Say::Resume, args, around)?;
            say(&say_word(api, settings).await?)
        }
        Command::Pause(args) => say(&pause(api, PauseSettings::pause(args, around)?).await?),
        Command::Unpause(args) => say(&pause(api, PauseSettings::unpause(args, around)?).await?),
        Command::TakeOver(args) => {
            let settings = TakeOverSettings::new(args, around)?;
            print(take_over(api, settings).await?.as_bytes())
        }
        _ => bail!("that is asked of no cluster"),
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

fn print(text: &[u8]) -> anyhow::Result<Exit> {
    exit::print(text).map(|_| Exit::Done)
}
