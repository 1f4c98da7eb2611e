//! Puts the rooms together, in the order that leaves no gap: the watch is set
//! and the files are looked at before anything is started.

use crate::act::prove::Hurry;
use crate::act::signal::Target;
use crate::act::{Actor, Means};
use crate::child::Child;
use crate::cli::draft::AtStart;
use crate::cli::settings::{Settings, Way, Whom};
use crate::engine::{self, Engine, Input, Job};
use crate::journal::{Journal, log};
use crate::nursery::Nursery;
use crate::places;
use crate::port::Port;
use crate::signals::{self, Wanted};
use crate::watch::Watch;
use signal_hook::iterator::Signals;
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::Builder;
use std::time::{Duration, Instant};
use tidings_core::supervise::{Event, State};

/// A failure at the start that is not the command line's fault.
const FAILED: u8 = 1;
/// The command line cannot be followed here.
const USAGE: u8 = 2;

/// How far the watch may fall behind its poll before it counts as stuck.
const LATE: Duration = Duration::from_secs(10);

/// Threads of the agent need little.
const STACK: usize = 256 * 1024;

/// Does what the settings say, to the end, and returns the exit code.
pub(crate) fn work(settings: &Settings) -> u8 {
    let result = if settings.once {
        once(settings)
    } else {
        serve(settings)
    };
    result.unwrap_or_else(|(code, sentence)| {
        log(&sentence);
        code
    })
}

type Failure = (u8, String);

/// Renders and checks, for an init container.
fn once(settings: &Settings) -> Result<u8, Failure> {
    let nursery = Arc::new(Nursery::default());
    let caught = signals::catch(Wanted::Ends).map_err(|error| (FAILED, error.to_string()))?;
    let reaper = Arc::clone(&nursery);
    spawn("signals", move || {
        signals::pass_on(caught, &reaper, |signal| {
            std::process::exit(signal.exit_code().into())
        });
    });
    let actor = actor(settings, Means::Elsewhere, &nursery, &Arc::default());
    let prepared = actor.prepare(&crate::act::command::Context::default());
    prepared.map(|_| 0).map_err(|why| (FAILED, why))
}

fn serve(settings: &Settings) -> Result<u8, Failure> {
    let supervises = settings.policy.supervises;
    let wanted = if supervises {
        Wanted::All
    } else {
        Wanted::Ends
    };
    let caught = signals::catch(wanted).map_err(|error| (FAILED, error.to_string()))?;
    if supervises && std::process::id() != 1 {
        // Orphans of the child come to us, not to somebody who does not wait.
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    }
    let listener = settings.listen.as_deref().map(Port::bind).transpose();
    let listener = listener.map_err(|sentence| (USAGE, sentence))?;
    let journal = Arc::new(Journal::default());
    let watch = begin_to_watch(settings, &journal)?;

    let nursery = Arc::new(Nursery::default());
    let (inputs, received) = channel();
    hear_signals(caught, &nursery, &inputs);
    let child = supervises.then(|| Child::new(settings.command.clone(), Arc::clone(&nursery)));
    let means = means(settings, child.as_ref());
    let actor = actor(settings, means, &nursery, &journal);
    let rendered_anew = render_first(&actor, supervises)?;

    let (state, effects) = State::new(settings.policy.clone(), watch.look().version);
    let (jobs, asked) = channel();
    look_first(settings, rendered_anew, &watch, &jobs, &inputs);
    let engine = Engine {
        state,
        began: Instant::now(),
        child,
        jobs,
        hurry: Arc::clone(&actor.hurry),
        journal: Arc::clone(&journal),
        inputs: inputs.clone(),
        names: BTreeSet::new(),
        acted_on: BTreeSet::new(),
        generations: Vec::new(),
    };
    let answering = inputs.clone();
    spawn("worker", move || engine::work(actor, &asked, &answering));
    let beat = keep_watching(watch, &journal, &inputs);
    if let Some(listener) = listener {
        open_port(settings, listener, &journal, inputs, beat);
    }
    Ok(engine.run(effects, &received))
}

fn hear_signals(caught: Signals, nursery: &Arc<Nursery>, inputs: &Sender<Input>) {
    let (reaper, inputs) = (Arc::clone(nursery), inputs.clone());
    spawn("signals", move || {
        signals::pass_on(caught, &reaper, |signal| {
            // The loop is there as long as the process.
            let _ = inputs.send(Input::Event(Event::Signal(signal)));
        });
    });
}

/// The watch, set, and the first look, taken.
fn begin_to_watch(settings: &Settings, journal: &Journal) -> Result<Watch, Failure> {
    let usage = |sentence| (USAGE, sentence);
    let places = places::find(settings).map_err(usage)?;
    let watch = Watch::begin(places, settings.poll).map_err(usage)?;
    journal.began(&watch.look());
    places::warn_of_unreadable(&watch);
    Ok(watch)
}

fn means(settings: &Settings, child: Option<&Child>) -> Means {
    match &settings.way {
        Way::Signal {
            signal,
            whom,
            known_to_be_handled,
        } => Means::Signal {
            signal: *signal,
            target: target(whom, child),
            known_to_be_handled: *known_to_be_handled,
        },
        Way::Http(calls) => Means::Http(calls.clone()),
        Way::Exec(argv) => Means::Exec(argv.clone()),
        Way::Itself | Way::Nothing => Means::Elsewhere,
    }
}

fn target(whom: &Whom, child: Option<&Child>) -> Target {
    match whom {
        Whom::Child => Target::Child(child.map(Child::pid).unwrap_or_default()),
        Whom::Named(names) => Target::Named(names.clone()),
        Whom::PidFile(file) => Target::PidFile(file.clone()),
    }
}

fn actor(
    settings: &Settings,
    means: Means,
    nursery: &Arc<Nursery>,
    journal: &Arc<Journal>,
) -> Actor {
    Actor {
        means,
        check: settings.check.clone(),
        proof: settings.proof.clone(),
        renders: settings.renders.clone(),
        command_timeout: settings.command_timeout,
        proof_timeout: settings.prove_timeout,
        nursery: Arc::clone(nursery),
        hurry: Arc::new(Hurry::default()),
        journal: Arc::clone(journal),
        called: None,
    }
}

/// The files must be there before the child reads them. A sidecar goes on
/// without: the state machine tries again.
fn render_first(actor: &Actor, supervises: bool) -> Result<bool, Failure> {
    if actor.renders.is_empty() {
        return Ok(false);
    }
    match actor.prepare(&crate::act::command::Context::default()) {
        Ok(changed) => Ok(changed),
        Err(why) if supervises => Err((FAILED, why)),
        Err(why) => {
            log(&why.lines().collect::<Vec<_>>().join(" | "));
            Ok(true)
        }
    }
}

fn look_first(
    settings: &Settings,
    rendered_anew: bool,
    watch: &Watch,
    jobs: &Sender<Job>,
    inputs: &Sender<Input>,
) {
    let by_itself = matches!(settings.way, Way::Itself);
    if settings.policy.supervises || by_itself {
        return;
    }
    let always = rendered_anew || settings.at_start == AtStart::Always;
    // Both ends are held by this thread or by threads to come.
    if always {
        let _ = inputs.send(Input::Event(Event::MayBeOld));
    } else if settings.at_start == AtStart::Auto {
        let _ = jobs.send(Job::FirstLook(watch.changed_at()));
    }
}

/// The returned number is the watch's pulse: milliseconds since its start.
fn keep_watching(mut watch: Watch, journal: &Arc<Journal>, inputs: &Sender<Input>) -> Beat {
    let beat = Beat::new(watch.slowest());
    let (beating, journal, inputs) = (beat.clone(), Arc::clone(journal), inputs.clone());
    spawn("watch", move || {
        loop {
            let look = watch.wait();
            beating.now();
            journal.watch_said(&watch.said());
            if look.is_some_and(|look| inputs.send(Input::Look(look)).is_err()) {
                return;
            }
        }
    });
    beat
}

/// Shows that the watch still turns.
#[derive(Clone)]
struct Beat {
    began: Instant,
    last: Arc<AtomicU64>,
    slowest: Duration,
}

impl Beat {
    fn new(slowest: Duration) -> Self {
        Self {
            began: Instant::now(),
            last: Arc::default(),
            slowest,
        }
    }

    fn now(&self) {
        self.last
            .store(self.began.elapsed().as_secs(), Ordering::Relaxed);
    }

    fn is_recent(&self) -> bool {
        let last = Duration::from_secs(self.last.load(Ordering::Relaxed));
        self.began.elapsed().saturating_sub(last) < self.slowest + LATE
    }
}

fn open_port(
    settings: &Settings,
    listener: TcpListener,
    journal: &Arc<Journal>,
    inputs: Sender<Input>,
    beat: Beat,
) {
    let port = Port {
        journal: Arc::clone(journal),
        names: settings.names,
        metrics_path: settings.metrics_path.clone(),
        is_alive: Box::new(move || beat.is_recent() && engine::answers(&inputs)),
    };
    spawn("port", move || port.serve(&listener));
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) {
    let thread = Builder::new().name(name.into()).stack_size(STACK);
    if let Err(error) = thread.spawn(body) {
        // Half an agent is worse than none: let it be started again.
        log(&format!("no thread can be started: {error}"));
        std::process::exit(i32::from(FAILED));
    }
}
