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

/// Nor is it tried again and again.
#[test]
fn a_record_that_is_refused_holds_up_no_other() {
    const REFUSED: usize = 1;
    let mut simulation = Simulation::new(1);
    simulation.world.refused = Some(REFUSED);
    for content in 1..=3 {
        simulation.change(0, content);
        for _ in 0..1_000 {
            simulation.step();
        }
    }
    let version = simulation.world.version;
    for i in (0..WORKLOADS).filter(|i| *i != REFUSED) {
        let pods = &simulation.world.workloads[i];
        assert_eq!(pods.content, simulation.world.content_of(i), "w{i}");
    }
    assert_eq!(simulation.world.workloads[REFUSED].rolls.len(), 0);
    assert!(version < 200, "{version} writes");
    let failed = simulation
        .control
        .problems()
        .filter(|r| *r == Reason::Failed);
    assert_eq!(failed.count(), 1);
    // As soon as it is taken again it is like the others.
    simulation.world.refused = None;
    simulation.calm();
    simulation.change(0, 9);
    simulation.calm();
    simulation.judge(|_| true);
}
