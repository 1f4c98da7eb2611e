//! Puts the rooms together, in the order that leaves no gap: the watch is set
//! and the files are looked at before anything is started.

mod beat;
mod beginning;
pub(crate) mod descriptors;
mod places;

use crate::act::prove::Interrupt;
use crate::act::{Actor, ReloadMethod};
use crate::child::Child;
use crate::cli::settings::Settings;
use crate::ending::Ending;
use crate::ending::exits::{Failure, leave, leave_at_once};
use crate::engine::changed_names::ChangedNames;
use crate::engine::first_look;
use crate::engine::worker::{Job, Worker};
use crate::engine::{self, Engine, Input};
use crate::inquiry::Inquiry;
use crate::inquiry::known::{Knowledge, Turn};
use crate::inquiry::token::Tokens;
use crate::log::{log, written_out};
use crate::memory::{Mark, Memory, Stamp};
use crate::proc;
use crate::reaper::Reaper;
use crate::render::{Modes, Rendering};
use crate::report::journal::Journal;
use crate::report::port::Port;
use crate::signals::{self, Wanted};
use crate::watch::Watch;
use crate::watch::place::Place;
use beat::Beat;
use beginning::{begin, ends_us};
use std::cell::RefCell;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Builder;
use std::time::Instant;
use tidings_supervise::{Event, OnChange, State, Version};

/// Threads of the agent need little.
const STACK: usize = 256 * 1024;

/// Does what the settings say, to the end, and returns the exit code.
pub(crate) fn work(settings: &Settings) -> u8 {
    let enough = descriptors::suffice(settings.renders.len()).map_err(Failure::Start);
    let result = enough.and_then(|()| {
        if settings.once {
            once(settings)
        } else {
            serve(settings)
        }
    });
    result.unwrap_or_else(|failure| failure.say())
}

/// Renders and checks, for an init container.
fn once(settings: &Settings) -> Result<u8, Failure> {
    places::any(settings).map_err(Failure::Start)?;
    let reaper = Arc::new(Reaper::default());
    // As a command that must have succeeded before others start.
    let ending = Ending::new(true, &reaper);
    let (inputs, _received) = channel();
    hear_signals(Wanted::Ends, &reaper, &ending, inputs)?;
    let actor = actor(settings, &reaper, &Arc::default());
    let prepared = actor.prepare(&crate::act::command::Context::default());
    let result = prepared.map(|_| 0).map_err(Failure::Start);
    ending.code().map_or(result, Ok)
}

fn serve(settings: &Settings) -> Result<u8, Failure> {
    let reaper = Arc::new(Reaper::default());
    let ending = Ending::new(settings.policy.supervises, &reaper);
    let result = turn(settings, &reaper, &ending);
    reaper.close();
    ending.code().map_or(result, Ok)
}

fn turn(settings: &Settings, reaper: &Arc<Reaper>, ending: &Arc<Ending>) -> Result<u8, Failure> {
    let supervises = settings.policy.supervises;
    let (inputs, received) = channel();
    // First of all: whatever comes next may take its time.
    hear_signals(wanted(supervises), reaper, ending, inputs.clone())?;
    if supervises {
        adopt_orphans();
    }
    let listener = settings.listen.as_deref().map(Port::bind).transpose();
    let listener = listener.map_err(Failure::Start)?;
    let journal = Arc::new(Journal::default());
    let mut watch = begin_to_watch(settings, &journal)?;
    let known = may_be_asked(settings, &mut watch);

    let child = supervises.then(|| supervised(settings, reaper));
    let actor = actor(settings, reaper, &journal);
    let rendered_anew = render_first(&actor, supervises)?;
    journal.watching();

    let memory = first_look::memory(settings, ends_us(settings))?;
    say_who_is_hidden(settings, &journal);
    let beginning = begin(settings, rendered_anew, &watch, memory.as_deref());
    journal.had(&beginning.kept);
    let policy = settings.policy.clone();
    let (state, effects) = State::new(policy, beginning.now.version, beginning.known);
    let known = known.inspect(|known| known.begins(&state));
    let (jobs, asked) = channel();
    beginning.ask(&jobs, &inputs);
    let engine = Engine {
        state,
        began: Instant::now(),
        child,
        jobs,
        interrupt: Arc::clone(&actor.interrupt),
        journal: Arc::clone(&journal),
        inputs: inputs.clone(),
        names: ChangedNames::default(),
        acted_on: ChangedNames::default(),
        generations: Vec::new(),
        stamp: beginning.now.stamp,
        told: false,
        tried: Stamp::default(),
        known: known.clone(),
        news: Turn::default(),
    };
    let inquiry = known.map(|known| inquiry(settings, watch.places(), known, inputs.clone()));
    let renders = actor.renders.clone();
    let worker = Worker::new(actor, memory.clone(), ends_us(settings));
    let is_over = work_off(worker, asked, inputs.clone());
    let beat = keep_watching(watch, renders, &journal, &inputs);
    if let Some(listener) = listener {
        let is_alive = move || beat.is_recent() && engine::answers(&inputs);
        open_port(settings, listener, &journal, (Box::new(is_alive), inquiry));
    }
    if let Err(code) = ending.hand_over() {
        return Ok(code);
    }
    let end = engine.run(effects, &received);
    ending.end_all(&is_over);
    if let (Some(memory), Some(taken)) = (memory, &end.taken) {
        end_marked(end.code, &memory, taken, ending);
    }
    Ok(end.code)
}

/// Orphans of the child come to us, not to somebody who does not wait.
fn adopt_orphans() {
    if std::process::id() != 1 {
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    }
}

/// The mark says that the agent has ended with its code, and who is killed has not. So
/// nothing that takes its time is left between the two.
/// Returns where it ends in another way.
fn end_marked(code: u8, memory: &Memory, taken: &Mark, ending: &Ending) {
    written_out();
    if ending.decide().is_err() {
        return;
    }
    let not_kept = memory.keep_last(taken, || leave_at_once(code));
    memory.say_if_not_kept(&not_kept);
}

/// What is returned hangs up when no job is left and none can come.
fn work_off(worker: Worker, jobs: Receiver<Job>, inputs: Sender<Input>) -> Receiver<()> {
    let (over, is_over) = channel();
    spawn("worker", move || {
        worker.work(&jobs, |event| inputs.send(Input::Event(event)).is_ok());
        drop(over);
    });
    is_over
}

fn wanted(supervises: bool) -> Wanted {
    if supervises {
        Wanted::All
    } else {
        Wanted::Ends
    }
}

fn supervised(settings: &Settings, reaper: &Arc<Reaper>) -> Child {
    let pid = Arc::clone(&settings.child);
    let (command, grace) = (settings.command.clone(), settings.policy.grace);
    Child::new(command, pid, grace, Arc::clone(reaper))
}

fn hear_signals(
    wanted: Wanted,
    reaper: &Arc<Reaper>,
    ending: &Arc<Ending>,
    inputs: Sender<Input>,
) -> Result<(), Failure> {
    let caught = signals::catch(wanted).map_err(|error| Failure::Start(error.to_string()))?;
    let (reaper, ending) = (Arc::clone(reaper), Arc::clone(ending));
    spawn("signals", move || {
        signals::pass_on(caught, &reaper, |signal| {
            ending.hear(signal);
            // Until the loop turns they wait, and there may never be one.
            let _ = inputs.send(Input::Event(Event::Signal(signal)));
        });
    });
    Ok(())
}

/// The watch, set, and the first look, taken.
fn begin_to_watch(settings: &Settings, journal: &Journal) -> Result<Watch, Failure> {
    let places = places::find(settings, journal).map_err(Failure::Start)?;
    let mut watch = Watch::begin(places, settings.poll).map_err(Failure::Start)?;
    journal.began(&watch.look());
    watch.notes().iter().for_each(|note| log(note));
    journal.watch_said(&watch.said());
    Ok(watch)
}

/// What the controller is answered from, where it may ask.
fn may_be_asked(settings: &Settings, watch: &mut Watch) -> Option<Arc<Knowledge>> {
    settings.poke_file.as_ref()?;
    watch.tell_contents();
    let look = watch.look();
    let contents = look.contents.unwrap_or_default();
    Some(Arc::new(Knowledge::at_first(look.version, &contents)))
}

fn inquiry(
    settings: &Settings,
    places: Vec<Place>,
    known: Arc<Knowledge>,
    inputs: Sender<Input>,
) -> Inquiry {
    let file = settings.poke_file.clone().unwrap_or_default();
    let release = move |version| {
        let _ = inputs.send(Input::Event(Event::Released(version)));
    };
    let release: Box<dyn Fn(Version) + Send> = Box::new(release);
    Inquiry {
        tokens: RefCell::new(Tokens::of(file)),
        places,
        known,
        restarts: settings.policy.on_change != OnChange::Tell,
        release: settings.policy.paced.then_some(release),
    }
}

fn actor(settings: &Settings, reaper: &Arc<Reaper>, journal: &Arc<Journal>) -> Actor {
    let rendering = |render| Rendering::of(render, settings.filter.follow);
    Actor {
        method: settings.method.clone(),
        asked: settings.asked.clone(),
        check: settings.check.clone(),
        proof: settings.proof.clone(),
        renders: settings.renders.iter().map(rendering).collect(),
        command_timeout: settings.command_timeout,
        proof_timeout: settings.prove_timeout,
        reaper: Arc::clone(reaper),
        interrupt: Arc::new(Interrupt::default()),
        journal: Arc::clone(journal),
        called: None,
        died: None,
        under_way: None,
        older: 0,
        calling: None,
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
        Err(why) if supervises => Err(Failure::Start(why)),
        // Killed, since the agent was told to end.
        Err(_) if actor.reaper.is_closed() => Ok(true),
        Err(why) => {
            log(&why.lines().collect::<Vec<_>>().join(" | "));
            Ok(true)
        }
    }
}

/// A process is to be told, or asked, and nothing can be seen; or only the sidecar's own.
fn say_who_is_hidden(settings: &Settings, journal: &Journal) {
    let names = settings.asked.is_some() || matches!(settings.method, ReloadMethod::Signal(_));
    if let Some(why) = proc::blindness().filter(|_| names) {
        journal.hindered(why);
    } else if names && !settings.policy.supervises && proc::nobody_else() {
        journal.hindered("the process cannot be seen: the processes of this pod's containers are not shared; set shareProcessNamespace: true, or use --http, --exec or `run`");
    }
}

/// The returned number is the watch's pulse: milliseconds since its start.
fn keep_watching(
    mut watch: Watch,
    renders: Vec<Rendering>,
    journal: &Arc<Journal>,
    inputs: &Sender<Input>,
) -> Beat {
    let beat = Beat::new(watch.slowest());
    let (beating, journal, inputs) = (beat.clone(), Arc::clone(journal), inputs.clone());
    let mut modes = Modes::default();
    spawn("watch", move || {
        loop {
            let look = watch.wait();
            beating.now();
            journal.watch_said(&watch.said());
            let left = |render: &Rendering| render.is_at_its_place().err();
            journal.astray(renders.iter().filter_map(left).collect());
            watch.notes().iter().for_each(|note| log(note));
            if look.is_some_and(|look| inputs.send(Input::Observed(look)).is_err()) {
                return;
            }
            if modes.have_changed(&renders) && inputs.send(Input::Modes).is_err() {
                return;
            }
        }
    });
    beat
}

fn open_port(
    settings: &Settings,
    listener: TcpListener,
    journal: &Arc<Journal>,
    (is_alive, inquiry): (Box<dyn Fn() -> bool + Send>, Option<Inquiry>),
) {
    journal.show();
    let port = Port {
        journal: Arc::clone(journal),
        names: settings.names,
        metrics_path: settings.metrics_path.clone(),
        is_alive,
        inquiry,
    };
    spawn("port", move || port.serve(&listener));
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) {
    let thread = Builder::new().name(name.into()).stack_size(STACK);
    if let Err(error) = thread.spawn(body) {
        // Half an agent is worse than none: let it be started again.
        leave(Failure::Start(format!("no thread can be started: {error}")).say());
    }
}
