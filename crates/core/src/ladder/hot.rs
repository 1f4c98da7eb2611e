//! `hot`: the kubelet is woken by a poke, and the agents are asked until they say what
//! became of the content.

use crate::method::Method;
use crate::settle::Millis;
use crate::state::Number;

use super::Taken;
use super::messages::{AgentAnswer, SeenPod};
use super::visit::{Errand, FIRST_QUESTION, Next, Renewed, Rung, Visit};

pub(super) static RUNG: Rung = Rung {
    method: Method::Hot,
    reaches: |pod| pod.started && pod.node_ready,
    late: |pod| pod.started && pod.node_ready,
    carries: SeenPod::is_poked,
    renewed: Renewed::Asked,
    begin,
    acted: |_, now| Next::At(now + FIRST_QUESTION, Errand::Ask),
    answered,
    looked: |visit, _, now| visit.ask_again(now),
};

/// A pod that carries the number was poked before, by us or in an earlier term: it is
/// asked first.
fn begin(visit: &mut Visit, number: Number, now: Millis) -> Next {
    let mark = visit.pod.mark.as_ref();
    let ours = mark.filter(|mark| mark.number == number);
    let token = ours.map(|mark| mark.token.clone());
    visit.token = visit.token.take().or(token);
    visit.sent = visit.token.is_some();
    let errand = visit.token.as_ref().map_or(Errand::Act, |_| Errand::Ask);
    Next::At(now, errand)
}

fn answered(visit: &mut Visit, now: Millis, answer: AgentAnswer) -> Next {
    visit.pending = false;
    match answer {
        AgentAnswer::Holds { outcome, text, .. } => match outcome {
            Taken::Applied => Next::Through,
            Taken::Rejected => Next::Rejected(text),
            Taken::Unverified => Next::Ends(format!(
                "the agent of {} has brought it, and nothing proves it",
                visit.pod.name
            )),
            Taken::Held => visit.ask_again(now),
            Taken::Pending => {
                visit.pending = true;
                visit.ask_again(now)
            }
        },
        AgentAnswer::Cannot(how) => Next::Ends(format!("{}: {how}", visit.pod.name)),
        AgentAnswer::NoToken => visit.renew(now),
        AgentAnswer::Other => visit.act_again(now),
        AgentAnswer::Silent => visit.ask_again(now),
    }
}
