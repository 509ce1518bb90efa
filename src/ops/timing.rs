//! Takes down when things happen, on their way to whoever shows them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::event::{Event, Listener};
use crate::timeline::{Recorder, Timeline};

/// Passes events on and keeps their times.
pub(super) struct Timing {
    listener: Arc<dyn Listener>,
    recorder: Mutex<Recorder>,
    started: Timestamp,
}

impl Timing {
    /// Begins now.
    pub(super) fn start(listener: Arc<dyn Listener>) -> Self {
        Self { listener, recorder: Mutex::new(Recorder::new(Instant::now())), started: Timestamp::now() }
    }

    /// Pulling the pod's images took so long.
    pub(super) fn pulled(&self, took: Duration) {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner).pulled(took);
    }

    /// What it went into; `ahead` is how far other builds found the node's clock to be ahead, in seconds.
    pub(super) fn timeline(&self, ahead: Option<f64>) -> Timeline {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner).timeline(self.started, ahead)
    }
}

impl Listener for Timing {
    fn event(&self, event: Event) {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner).event(Instant::now(), &event);
        self.listener.event(event);
    }
}
