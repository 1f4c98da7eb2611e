//! Containers that are started again in their pods when what they use changes: what a
//! template must have for that.
//!
//! Goes in: the pod's spec, how its containers see what they use, the wish. Comes out: edits
//! of a [`Draft`]: a `resizePolicy` by which another CPU request starts a container again,
//! and, where it asks for none and somebody says how much, that request. How much it is is
//! never guessed: the scheduler keeps it free for the container.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::uses::{Resizing, Seeing, millicores};

use super::edit::{Draft, PathStep, keys};
use super::injection::{Injection, is_agent};
use super::pod::{command_line, is_windows, list, word};
use super::{Cannot, InjectPlan};

/// How much CPU a container is to ask for, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpuRequest(String);

impl CpuRequest {
    /// Reads a quantity such as `50m` or `0.1`. Of less than two thousandths of a core there is
    /// no other that is near.
    pub fn parse(text: &str) -> Result<Self, String> {
        match millicores(&text.into()) {
            None => Err("it is no amount of CPU, such as 50m or 0.1".to_owned()),
            Some(0 | 1) => Err("it is less than 2m, of which none is near".to_owned()),
            Some(_) => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for CpuRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A container that is to be started again, and where it is written.
struct Spot<'a> {
    list: &'static str,
    item: usize,
    container: &'a Value,
    seeing: &'a Seeing,
}

impl<'a> Injection<'a> {
    /// Prepares every container that uses a ConfigMap or Secret while the pod runs.
    pub(super) fn prepare_in_place(
        &self,
        draft: &mut Draft,
        plan: &mut InjectPlan,
    ) -> Result<(), Cannot> {
        if is_windows(self.spec) {
            let why = "its nodes run Windows, where no pod is resized".to_owned();
            return Err(Cannot::by_nature(why));
        }
        let places: Vec<_> = self.restarted().collect();
        if places.is_empty() {
            let why = "no container that runs uses a ConfigMap or Secret".to_owned();
            return Err(Cannot::by_nature(why));
        }
        let mut names = Vec::new();
        for place in places {
            let is_new = self.prepare(&place, draft).map_err(Cannot::from)?;
            names.extend(is_new.then(|| place.seeing.name.to_string()));
        }
        if !names.is_empty() {
            let verb = if names.len() == 1 { "is" } else { "are" };
            plan.add_done(&format!(
                "{} {verb} started again in place",
                names.join(" and ")
            ));
        }
        Ok(())
    }

    /// Those that use something, but for agents that only watch files for others.
    fn restarted(&self) -> impl Iterator<Item = Spot<'a>> {
        let (spec, layout) = (self.spec, self.layout);
        let lists = ["initContainers", "containers"].into_iter();
        let all = lists.flat_map(move |key| {
            let items = list(spec, key).iter().enumerate();
            items.map(move |(item, container)| (key, item, container))
        });
        let all = all.filter_map(move |(list, item, container)| {
            let mut seen = layout.containers.iter();
            let seeing = seen.find(|seeing| *seeing.name == *word(container, "name"))?;
            Some(Spot {
                list,
                item,
                container,
                seeing,
            })
        });
        all.filter(|place| {
            let uses = !place.seeing.ends && !place.seeing.uses.is_empty();
            uses && !only_watches(place.container)
        })
    }

    /// Whether something is written for it.
    fn prepare(&self, place: &Spot<'_>, draft: &mut Draft) -> Result<bool, String> {
        let (container, name) = (place.container, &place.seeing.name);
        if place.seeing.resizing == Resizing::Restarts {
            return Ok(false);
        }
        let mut at = keys(self.wish.kind.template);
        at.extend(["spec", place.list].map(|key| PathStep::Key(key.to_owned())));
        at.push(PathStep::Item(place.item));
        let below = |key: &str| [&*at, &[PathStep::Key(key.to_owned())]].concat();
        let mut policies = list(container, "resizePolicy").iter();
        match policies.find(|policy| word(policy, "resourceName") == "cpu") {
            Some(policy) if word(policy, "restartPolicy") != RESTARTS => {
                return Err(format!(
                    "container {name}: its resizePolicy for cpu says otherwise: write {RESTARTS} \
                     there"
                ));
            }
            Some(_) => {}
            None => draft.add(&below("resizePolicy"), vec![policy()]),
        }
        if !asks_for_cpu(container) {
            let cpu = self.wish.cpu.as_ref().filter(|_| !has_cpu(container));
            let cpu = cpu.ok_or_else(|| {
                format!(
                    "container {name} asks for no CPU, of which restart-in-place takes a \
                     thousandth of a core: write resources.requests.cpu of 2m or more, or say \
                     how much with --cpu-request"
                )
            })?;
            let mut requests = below("resources");
            requests.push(PathStep::Key("requests".to_owned()));
            let asks = Map::from_iter([("cpu".to_owned(), cpu.to_string().into())]);
            draft.put(&requests, asks);
        }
        Ok(true)
    }
}

const RESTARTS: &str = "RestartContainer";

fn policy() -> Value {
    json!({"resourceName": "cpu", "restartPolicy": RESTARTS})
}

fn cpu_of<'a>(container: &'a Value, of: &str) -> Option<&'a Value> {
    container["resources"][of]
        .get("cpu")
        .filter(|cpu| !cpu.is_null())
}

/// Whether it asks for enough of it; where it does not say so, what it may use counts, as the
/// API server has it.
fn asks_for_cpu(container: &Value) -> bool {
    let asks = cpu_of(container, "requests").or_else(|| cpu_of(container, "limits"));
    asks.and_then(millicores).is_some_and(|cpu| cpu > 1)
}

/// Whether something is written of how much it asks for.
fn has_cpu(container: &Value) -> bool {
    ["requests", "limits"]
        .iter()
        .any(|of| cpu_of(container, of).is_some())
}

/// Whether it is an agent beside a program, and starts none itself.
fn only_watches(container: &Value) -> bool {
    let starts = command_line(container).any(|word| word == "run");
    is_agent(container) && !starts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_much_cpu_is_read_strictly() {
        for text in ["50m", "0.1", "2", "2m"] {
            assert_eq!(CpuRequest::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "1m", "0", "fifty", "-1", "50Mi"] {
            assert!(CpuRequest::parse(text).is_err(), "{text}");
        }
    }
}
