//! `restart-in-place`: containers are started again by a resize, and looked at until others
//! run and the pod is Ready.

use crate::method::Method;
use crate::settle::Millis;
use crate::state::Number;

use super::messages::SeenPod;
use super::resize::{RestartMark, RestartStage};
use super::visit::{Errand, FIRST_QUESTION, Next, Renewed, Rung, Visit};

pub(super) static RUNG: Rung = Rung {
    method: Method::RestartInPlace,
    // One whose containers do not run is begun, too: the change may mend it, and with
    // another CPU request it is started at once, whatever its back-off.
    reaches: |pod| pod.node_ready,
    late: |pod| pod.started && pod.node_ready,
    carries,
    // Their containers have started with what is there.
    renewed: Renewed::Spared,
    begin,
    acted: |_, now| Next::At(now + FIRST_QUESTION, Errand::Look),
    answered: |visit, now, _| visit.look_again(now),
    looked,
};

fn carries(pod: &SeenPod, number: Number) -> bool {
    mark(pod).is_some_and(|mark| mark.number == number)
}

fn mark(pod: &SeenPod) -> Option<&RestartMark> {
    pod.restart.as_ref()
}

/// Where it is noted and not asked for yet, who noted it may be gone.
fn begin(visit: &mut Visit, number: Number, now: Millis) -> Next {
    let is_asked = mark(&visit.pod).is_some_and(|mark| mark.is_asked_for(number));
    visit.sent = visit.sent || is_asked;
    let errand = if visit.sent {
        Errand::Look
    } else {
        Errand::Act
    };
    Next::At(now, errand)
}

fn looked(visit: &mut Visit, number: Number, now: Millis) -> Next {
    let ours = mark(&visit.pod).filter(|mark| mark.number == number);
    let stage = ours.map(|mark| mark.stage.clone());
    let is_asked = stage == Some(RestartStage::Asked);
    // Its kubelet does it, whatever anybody wants now.
    visit.pending = is_asked && visit.pod.node_ready;
    match stage {
        Some(RestartStage::Restarted) if visit.pod.ready => Next::Through,
        Some(RestartStage::Refused(why)) => {
            Next::Ends(format!("the node of {}: {why}", visit.pod.name))
        }
        _ => visit.look_again(now),
    }
}
