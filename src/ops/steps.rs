//! Tells the steps of a build from its log, on the way to whoever shows them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::event::{Event, Listener};
use crate::executor::steps;

/// Passes events on, and those of steps before the lines of the log that tell of them.
pub(super) struct Steps {
    listener: Arc<dyn Listener>,
    state: Mutex<State>,
}

struct State {
    /// None is begun.
    fresh: steps::Steps,
    steps: steps::Steps,
    current: Option<Current>,
    /// Of the last line of the log.
    last: Option<Moment>,
}

struct Current {
    step: steps::Step,
    since: Moment,
    cached: bool,
}

/// By the node's clock, if the kubelet told, and by ours.
#[derive(Clone, Copy)]
struct Moment(Option<Timestamp>, Instant);

impl Moment {
    fn since(self, begin: Self) -> Duration {
        let by_node = self.0.zip(begin.0).and_then(|(end, begin)| end.duration_since(begin).try_into().ok());
        by_node.unwrap_or_else(|| self.1.saturating_duration_since(begin.1))
    }
}

impl Steps {
    /// Of a build of this Dockerfile, as the executor has it.
    pub(super) fn of(dockerfile: &str, listener: Arc<dyn Listener>) -> Self {
        let fresh = steps::Steps::of(dockerfile);
        Self { listener, state: Mutex::new(State { steps: fresh.clone(), fresh, current: None, last: None }) }
    }
}

impl Listener for Steps {
    fn event(&self, event: Event) {
        let told = self.state.lock().unwrap_or_else(PoisonError::into_inner).event(&event);
        told.into_iter().chain([event]).for_each(|event| self.listener.event(event));
    }
}

impl State {
    fn event(&mut self, event: &Event) -> Vec<Event> {
        match event {
            Event::Again { .. } => {
                self.steps = self.fresh.clone();
                self.current = None;
                vec![]
            }
            Event::Log { said, time, .. } => {
                let now = Moment(*time, Instant::now());
                self.last = Some(now);
                said.as_ref().map_or_else(Vec::new, |said| self.said(said, now))
            }
            // The cluster takes its time to say so: the log's end is nearer.
            Event::Built { .. } => self.last.and_then(|last| self.end(last)).into_iter().collect(),
            _ => vec![],
        }
    }

    fn said(&mut self, said: &str, now: Moment) -> Vec<Event> {
        if let Some(current) = &mut self.current {
            current.cached |= said.starts_with("Found cached layer");
        }
        self.steps.said(said).map_or_else(Vec::new, |step| self.begin(step, now))
    }

    /// What is said again is the same step.
    fn begin(&mut self, step: steps::Step, now: Moment) -> Vec<Event> {
        if self.current.as_ref().is_some_and(|current| current.step == step) {
            return vec![];
        }
        let ended = self.end(now);
        self.current = Some(Current { step: step.clone(), since: now, cached: false });
        ended.into_iter().chain([Event::StepStarted { step }]).collect()
    }

    fn end(&mut self, now: Moment) -> Option<Event> {
        let Current { step, since, cached } = self.current.take()?;
        Some(Event::StepEnded { step, took: now.since(since), cached })
    }
}
