//! `poke`: the kubelet is woken, and once more for the case that it knew only what was
//! there before. What the program makes of it nobody is told.

use crate::method::Method;
use crate::settle::Millis;

use super::messages::SeenPod;
use super::visit::{Errand, Next, Renewed, Rung, Visit};

/// Between the two.
const AGAIN: Millis = 2_000;

pub(super) static RUNG: Rung = Rung {
    method: Method::Poke,
    // The API server takes it, wherever the pod is; there is nothing to be late with.
    reaches: |_| true,
    late: |_| true,
    carries: SeenPod::is_poked,
    renewed: Renewed::Asked,
    begin: |visit, _, now| match visit.acts {
        0 => Next::At(now, Errand::Act),
        _ => Next::At(now + AGAIN, Errand::Act),
    },
    acted,
    answered: |visit, now, _| acted(visit, now),
    looked: |visit, _, now| acted(visit, now),
};

fn acted(visit: &mut Visit, now: Millis) -> Next {
    match visit.acts {
        0 | 1 => Next::At(now + AGAIN, Errand::Act),
        _ => Next::Through,
    }
}
