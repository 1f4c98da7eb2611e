//! Single events in the simulated cluster, one after the other as they are told here.

use super::*;

/// It may be made again around its pods.
#[test]
fn what_went_while_nobody_looked_is_remembered_for_an_hour() {
    let mut simulation = Simulation::new(1);
    simulation.calm();
    let recorded = |simulation: &Simulation| simulation.world.has_record(0);
    simulation.world.workloads[0].gone = true;
    simulation.start();
    let until = simulation.now + KEPT_FOR_PODS;
    while simulation.now < until - 1_000 {
        assert!(recorded(&simulation));
        simulation.step();
        simulation.now += 1_000;
    }
    simulation.calm();
    assert!(!recorded(&simulation));
}

/// Two installations decide about one change, and the other one is quicker.
#[test]
fn what_another_rolled_since_the_decision_is_left_alone() {
    let mut simulation = Simulation::new(1);
    simulation.calm();
    simulation.world.change(0, 1);
    let change = simulation.world.source_fact(0);
    simulation.facts[1].push_back(change);
    let decided = |requests: &[Effect]| requests.iter().any(|r| matches!(r, Effect::Write(_)));
    while !decided(&simulation.requests) {
        simulation.step();
    }
    for i in 0..WORKLOADS {
        simulation.world.version += 1;
        simulation.world.workloads[i].version = simulation.world.version;
        simulation.world.workloads[i].mark = Some("other/1".to_owned());
        let fact = simulation.world.workload_fact(i, How::Event);
        simulation.control.take(simulation.now, Input::Fact(fact));
    }
    simulation.calm();
    let rolls = simulation
        .world
        .workloads
        .iter()
        .map(|pods| pods.rolls.len());
    assert_eq!(rolls.sum::<usize>(), 0);
}

/// Each answer to a reading comes when the source has changed again.
#[test]
fn what_changes_more_quickly_than_it_is_read_is_rolled_for() {
    let mut simulation = Simulation::new(1);
    simulation.calm();
    for content in 1..=200 {
        simulation.now += 5;
        simulation.change(0, content);
        while !simulation.facts.iter().all(VecDeque::is_empty) {
            simulation.deliver_fact();
        }
        simulation.turn();
        while !simulation.answers.is_empty() {
            simulation.answer();
        }
        simulation.turn();
        while !simulation.requests.is_empty() {
            simulation.serve();
        }
    }
    let rolls = simulation.world.workloads[0].rolls.len();
    assert!(rolls > 2, "{rolls} rolls");
    simulation.calm();
    simulation.judge(|_| true);
}

/// Lives for so many milliseconds.
fn live(simulation: &mut Simulation, millis: u64) {
    let until = simulation.now + millis;
    while simulation.now < until {
        simulation.step();
    }
}

fn failed(simulation: &Simulation) -> usize {
    let problems = simulation.control.problems();
    problems.filter(|r| *r == Reason::Failed).count()
}

/// Nor is it tried again and again, and what was decided of it is done when it is taken:
/// once.
#[test]
fn a_record_that_is_refused_holds_up_no_other() {
    const REFUSED: usize = 0;
    let mut simulation = Simulation::new(1);
    simulation.calm();
    simulation.world.refuses = Refuses::Of(REFUSED);
    for content in 1..=3 {
        simulation.change(0, content);
        live(&mut simulation, 20_000);
    }
    for i in (0..WORKLOADS).filter(|i| *i != REFUSED) {
        let pods = &simulation.world.workloads[i];
        assert_eq!(pods.content, simulation.world.content_of(i), "w{i}");
    }
    assert_eq!(simulation.world.workloads[REFUSED].rolls.len(), 0);
    let asked = simulation.world.asked;
    assert!(asked < 60, "{asked} writes");
    assert_eq!(failed(&simulation), 1);
    simulation.world.refuses = Refuses::Nothing;
    simulation.calm();
    simulation.judge(|_| true);
    assert_eq!(simulation.world.workloads[REFUSED].rolls.len(), 1);
}

/// All records are in one object that takes nothing, for minutes: it is asked less and
/// less often, and what changes meanwhile is rolled once afterwards.
fn outlasts(refuses: Refuses, mend: impl FnOnce(&mut World)) {
    let mut simulation = Simulation::new(1);
    simulation.calm();
    simulation.world.refuses = refuses;
    for content in 1..=2 {
        (0..SOURCES).for_each(|source| simulation.change(source, content));
        live(&mut simulation, 30_000);
    }
    assert_eq!(failed(&simulation), WORKLOADS);
    simulation.world.asked = 0;
    live(&mut simulation, 120_000);
    let asked = simulation.world.asked;
    assert!((1..=5).contains(&asked), "{asked} writes in two minutes");
    mend(&mut simulation.world);
    live(&mut simulation, 70_000);
    simulation.calm();
    simulation.judge(|_| true);
    let rolls = simulation.world.workloads.iter();
    assert!(rolls.map(|pods| pods.rolls.len()).all(|rolls| rolls == 1));
    assert_eq!(failed(&simulation), 0);
}

#[test]
fn a_change_while_the_records_are_immutable_is_rolled_when_they_are_deleted() {
    outlasts(Refuses::Changes, |world| {
        world.state.clear();
        world.refuses = Refuses::Nothing;
    });
}

#[test]
fn a_change_while_a_webhook_refuses_the_records_is_rolled_when_it_takes_them() {
    for code in [400, 413, 422] {
        outlasts(Refuses::All(code), |world| world.refuses = Refuses::Nothing);
    }
}

/// A cache lags behind, or somebody took their labels away.
#[test]
fn a_change_while_down_is_rolled_where_the_list_lacks_the_records() {
    for rolled_before in [0, 1] {
        let mut simulation = Simulation::new(1);
        simulation.calm();
        if rolled_before > 0 {
            (0..SOURCES).for_each(|source| simulation.change(source, 1));
            simulation.calm();
        }
        (0..SOURCES).for_each(|source| simulation.world.change(source, 2));
        simulation.lacks_records = true;
        simulation.start();
        simulation.calm();
        simulation.judge(|_| true);
        let rolls = simulation.world.workloads.iter();
        let rolls: Vec<_> = rolls.map(|pods| pods.rolls.len()).collect();
        assert_eq!(rolls, [rolled_before + 1; WORKLOADS]);
    }
}
