//! Calls over HTTP, all of which must be answered well.
//!
//! In: the calls, and for which version. Out: how it ended. What has succeeded for
//! a version is not called again for it, and a call that is not answered in its
//! time stays open.

use super::command::Context;
use super::http::{Call, NoAnswer};
use super::under_way::{Attempt, Calling};
use super::{Actor, Aim};
use tidings_supervise::Took;

impl Actor {
    pub(super) fn call_all(
        &mut self,
        aim: Aim,
        last: Option<Attempt>,
        calls: &[Call],
        context: &Context,
    ) -> Took {
        let goes_on = self.calling.is_some();
        let began = last.as_ref().map(|last| (last.began, last.count));
        let mut attempt = self.before_first(last, (aim, self.proof_timeout), None, context);
        if let (true, Some((began, count))) = (goes_on, began) {
            (attempt.began, attempt.count) = (began, count);
        }
        let mut done = match self.called.take() {
            Some((of, done)) if of == aim => done,
            _ => Vec::new(),
        };
        for (index, call) in calls.iter().enumerate() {
            if done.contains(&index) {
                continue;
            }
            if index > 0 && self.interrupt.is_on() {
                // Whoever is told now is told once more at once.
                return Took::Unverified("there is newer content".into());
            }
            if let Err(took) = self.call(index, call) {
                self.called = Some((aim, done));
                if self.calling.is_some() {
                    attempt.limit = call.manner.timeout;
                    self.under_way = Some(attempt);
                }
                return took;
            }
            done.push(index);
        }
        // An answer with the status that was asked for is proof in itself.
        match self.proved(&attempt.before, context) {
            Some(seen) => self.judge(seen, attempt, context),
            None => Took::Applied,
        }
    }

    /// Where no answer comes in its time the call stays open.
    fn call(&mut self, index: usize, call: &Call) -> Result<(), Took> {
        let same = self.calling.take().filter(|calling| calling.index == index);
        let mut calling = same.unwrap_or_else(|| Calling::begin(index, call, &self.interrupt));
        let shown = call.shown();
        let Some(answered) = calling.answer_within(call.manner.timeout) else {
            self.journal
                .called(&shown, None, false, calling.began.elapsed());
            self.calling = Some(calling);
            return Err(Took::Unverified(format!("{shown} did not answer in time")));
        };
        let status = answered.as_ref().ok().map(|(status, _)| *status);
        let accepted = status.is_some_and(|status| call.accepts(status));
        self.journal
            .called(&shown, status, accepted, calling.began.elapsed());
        match answered {
            Ok(_) if accepted => Ok(()),
            Ok((status, quote)) => Err(Took::Rejected(
                format!("{shown} answered {status}\n{quote}")
                    .trim_end()
                    .into(),
            )),
            Err(NoAnswer::NotUp(why)) => Err(Took::NotUp(why)),
            Err(NoAnswer::Unmade(why)) => Err(Took::Rejected(why)),
            Err(NoAnswer::Failed(why)) => Err(Took::Unverified(why)),
        }
    }
}

impl NoAnswer {
    /// Either way, the sentence.
    pub(crate) fn sentence(self) -> String {
        match self {
            Self::NotUp(why) | Self::Unmade(why) | Self::Failed(why) => why,
        }
    }
}
