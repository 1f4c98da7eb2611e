//! What becomes of the requests of a ladder, at the API server and at agents.

use tidings_core::ladder::{
    Acted, AgentAnswer, Event, PokeMark, RestartMark, RestartStage, Unlisted,
};
use tidings_core::method::Method;
use tidings_core::refs::Name;

use crate::cluster::{Agent, Resizes};
use crate::controller::{Reply, Request, number};
use crate::life::{Happening, Life};

impl Life {
    pub(crate) fn arrives(&mut self, term: u32, n: u64, request: &Request) {
        let lost = self.weather.lost && self.chance.once_in(8);
        let (event, takes) = match request {
            Request::List if lost => (Event::Listed(Err(Unlisted::Failed)), 5_000),
            Request::List => (Event::Listed(Ok(self.cluster.list(self.now))), 15),
            Request::Look(uid) if lost => (Event::Looked(uid.clone(), None), 5_000),
            Request::Look(uid) => {
                let mut pods = self.cluster.list(self.now).into_iter();
                (
                    Event::Looked(uid.clone(), pods.find(|pod| pod.uid == *uid)),
                    2,
                )
            }
            Request::Act(uid, token, method) => {
                let acted = match method {
                    Method::RestartInPlace => self.restart(n, uid, lost),
                    Method::Evict => self.evict(uid),
                    _ => self.act(n, uid, token),
                };
                match acted {
                    Acted::Done { .. } | Acted::Evicted if lost => {
                        (Event::Acted(uid.clone(), Acted::Failed), 5_000)
                    }
                    acted => (Event::Acted(uid.clone(), acted), 5),
                }
            }
            Request::Ask(uid, _) if lost => {
                (Event::Answered(uid.clone(), AgentAnswer::Silent), 1_000)
            }
            Request::Ask(uid, token) => {
                let answer = self.ask(uid, token);
                let takes = if answer == AgentAnswer::Silent {
                    1_000
                } else {
                    2
                };
                (Event::Answered(uid.clone(), answer), takes)
            }
        };
        let takes = takes + self.chance.between(0, 10);
        self.at(takes, Happening::Replies(term, Reply(n, event)));
    }

    fn act(&mut self, n: u64, uid: &Name, token: &Name) -> Acted {
        if self.forbidden {
            return Acted::Forbidden("pods may not be patched".to_owned());
        }
        let Some(pod) = self.cluster.pods.get_mut(uid) else {
            return Acted::Gone;
        };
        pod.mark = Some(PokeMark {
            number: number(n),
            token: token.clone(),
        });
        let (deaths, node) = (pod.deaths, pod.node);
        if self.weather.nodes && self.chance.once_in(20) {
            self.lose(node);
        }
        let sync = self.chance.between(100, 300);
        self.at(sync, Happening::Sync(uid.clone(), true));
        Acted::Done {
            token: Some(token.clone()),
            deaths,
        }
    }

    /// What gets lost may be the answer, or the resize that follows the note.
    fn restart(&mut self, n: u64, uid: &Name, lost: bool) -> Acted {
        if self.forbidden {
            return Acted::Forbidden("pods may not be patched".to_owned());
        }
        let is_half = lost && self.chance.once_in(2);
        let Some(pod) = self.cluster.pods.get_mut(uid) else {
            return Acted::Gone;
        };
        let deaths = pod.deaths;
        let done = Acted::Done {
            token: None,
            deaths,
        };
        let before = pod.restart.take().filter(|mark| mark.number == number(n));
        let mark = pod.restart.insert(before.unwrap_or(RestartMark {
            number: number(n),
            stage: RestartStage::Noted,
        }));
        if mark.stage != RestartStage::Noted || is_half {
            return done;
        }
        mark.stage = match pod.resizes {
            Resizes::Refused => return Acted::Refused("exceeded quota".to_owned()),
            Resizes::Deferred => RestartStage::Refused("Deferred: later".to_owned()),
            Resizes::Ignored | Resizes::Well => RestartStage::Asked,
        };
        let (resizes, node) = (pod.resizes, pod.node);
        if self.weather.nodes && self.chance.once_in(20) {
            self.lose(node);
        }
        if resizes == Resizes::Well {
            let takes = self.chance.between(100, 400);
            self.at(takes, Happening::Replaced(uid.clone()));
        }
        done
    }

    /// That of one that is being deleted is accepted, and does nothing.
    fn evict(&mut self, uid: &Name) -> Acted {
        let (forbidden, holds) = (self.forbidden, self.budget_holds);
        self.budget_held = false;
        match self.cluster.pods.get_mut(uid) {
            _ if forbidden => Acted::Forbidden("pods may not be evicted".to_owned()),
            None => Acted::Gone,
            Some(pod) if pod.going => Acted::Evicted,
            Some(_) if holds => {
                self.budget_held = true;
                Acted::Held("web needs 3".to_owned())
            }
            Some(pod) => {
                pod.going = true;
                self.evicted(uid);
                Acted::Evicted
            }
        }
    }

    fn ask(&mut self, uid: &Name, token: &Name) -> AgentAnswer {
        let value = self.controller.wanted();
        let (now, restarts) = (self.now, self.restarts);
        let flaky = !self.chance.once_in(3);
        let gone = &self.cluster.gone;
        let Some(pod) = self.cluster.pods.get_mut(uid) else {
            return AgentAnswer::Silent;
        };
        let mute = pod.agent == Agent::Mute || (pod.agent == Agent::Flaky && flaky);
        if mute || !pod.started || gone[pod.node].is_some() {
            return AgentAnswer::Silent;
        }
        let (answer, releases) = pod.answer(token, value, restarts, now);
        if releases {
            self.bring(uid);
        }
        answer
    }
}
