//! What is decided, as scenarios: commands of [`super::world`] and, after `=>`,
//! what follows from them.

mod between;
mod changes;
mod classes;
mod climb;
mod environment;
mod first;
mod fuse;
mod gates;
mod lab;
mod methods;
mod operators;
mod people;
mod people_model;
mod presence;
mod proof;
mod runs;
mod standing;
mod swap;
mod town;
mod train;
mod train_model;
mod withdraw;

use super::world::World;
use super::{Act, Verdict};

/// Runs a scenario line by line: commands, then the decision that they must lead
/// to. It is carried out, and after that there is nothing more to do. After
/// `crash:` only the intent is written, after `half:` the roll is not noted yet.
fn check(scenario: &str) {
    let mut world = World::new();
    for line in scenario.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let (commands, expect) = line.split_once("=>").unwrap_or((line, ""));
        world.run(commands);
        let Some((how, expect)) = how(expect.trim()) else {
            continue;
        };
        let verdict = world.decide();
        assert_eq!(show(&verdict), expect, "in {line:?} of {scenario}");
        match how {
            "crash" => world.write_down(&verdict.act),
            "half" => world.carry_out(&verdict.act),
            _ => {
                world.carry_out(&verdict.act);
                world.rests();
            }
        }
    }
}

fn how(expect: &str) -> Option<(&str, &str)> {
    let all = (!expect.is_empty()).then_some(("", expect));
    let how = expect.split_once(": ");
    how.filter(|(how, _)| ["crash", "half"].contains(how))
        .or(all)
}

fn show(verdict: &Verdict) -> String {
    let act = match &verdict.act {
        Act::Nothing => "Nothing",
        Act::Read(_) => "Read",
        Act::Ask(_) => "Ask",
        Act::Forget => "Forget",
        Act::Note(_) => "Note",
        Act::Record(_) => "Record",
        Act::Roll(..) => "Roll",
        Act::Resume(_) => "Resume",
        Act::Unpause => "Unpause",
    };
    // Times are in the way of reading a scenario.
    let particulars = verdict.text.split("; not before").next().unwrap();
    let text = format!("{act} {} {particulars}", verdict.reason);
    text.trim().to_owned()
}
